/*
 * listing: prints a kind, and the kinds that need no more than a look into a table.
 */
#include <harness/supervisor/cli/listing.h>

#include <harness/agent_abi.h>
#include <harness/common/suggest.h>
#include <harness/detector.h>
#include <harness/report.h>
#include <harness/stop_code.h>
#include <harness/supervisor/cli/command.h>
#include <results/text/wrap.h>

#include <stdlib.h>
#include <string.h>

/* --- stop codes --------------------------------------------------------------------------------
 */

static const char *const severities[] = {
    [STOP_SEVERITY_NOTE] = "note",
    [STOP_SEVERITY_FINDING] = "finding",
    [STOP_SEVERITY_HARNESS] = "harness",
};

static const struct stop_code_entry *code_of(unsigned index)
{
    return stop_code_entry((enum stop_code)(index + 1));
}

static const char *code_name(unsigned index)
{
    return code_of(index) != NULL ? code_of(index)->slug : NULL;
}

static const char *code_tag(unsigned index)
{
    return severities[code_of(index)->severity];
}

static const char *code_text(unsigned index)
{
    return code_of(index)->meaning;
}

static void code_members(struct json_write *json, unsigned index)
{
    const struct stop_code_entry *entry = code_of(index);

    json_write_text(json, "severity", severities[entry->severity]);
    json_write_text(json, "cause", entry->cause);
    json_write_text(json, "mend", entry->mend);
    json_write_text(json, "ancestor", entry->ancestor);
}

static const struct listing listing_stop_codes = {
    .name = "stop-codes",
    .summary = "stable names of what can happen; rundown explain says more",
    .one = "stop code",
    .entry = code_name,
    .tag = code_tag,
    .text = code_text,
    .members = code_members,
};

/* --- sites -------------------------------------------------------------------------------------
 */

static const char *const families[] = {
    [FAMILY_NONE] = "none", [FAMILY_ALLOC] = "alloc",     [FAMILY_LOCK] = "lock",
    [FAMILY_WAIT] = "wait", [FAMILY_THREAD] = "thread",   [FAMILY_LOADER] = "loader",
    [FAMILY_EXIT] = "exit", [FAMILY_PROCESS] = "process", [FAMILY_USER] = "user",
};

static const char *site_name(unsigned index)
{
    char unused[64];

    return index + 1 < ABI_SITES ? abi_site_name(NULL, index + 1, unused) : NULL;
}

static const char *site_tag(unsigned index)
{
    return families[abi_site_family(index + 1)];
}

static const char *site_text(unsigned index)
{
    return abi_site_inside(index + 1) ? "at the entry, or instructions into the call"
                                      : "at the entry";
}

static void site_members(struct json_write *json, unsigned index)
{
    json_write_text(json, "family", site_tag(index));
    json_write_unsigned(json, "inside", (uint64_t)abi_site_inside(index + 1));
}

static const struct listing listing_sites = {
    .name = "sites",
    .summary = "named places where it may go wrong, besides user:NAME",
    .one = "site",
    .entry = site_name,
    .tag = site_tag,
    .text = site_text,
    .members = site_members,
};

/* --- detectors ---------------------------------------------------------------------------------
 */

static const char *detector_name(unsigned index)
{
    return detector_registry[index] != NULL ? detector_registry[index]->name : NULL;
}

static const char *detector_text(unsigned index)
{
    return detector_registry[index]->summary;
}

static void detector_details(FILE *out, unsigned index, unsigned columns)
{
    listing_row(out, columns, "    raises  ", detector_registry[index]->codes);
}

static void detector_members(struct json_write *json, unsigned index)
{
    char *codes = strdup(detector_registry[index]->codes);
    char *rest;

    json_write_open_array(json, "codes");
    for (char *code = codes ? strtok_r(codes, " ", &rest) : NULL; code != NULL;
         code = strtok_r(NULL, " ", &rest))
        json_write_text(json, NULL, code);
    json_write_close_array(json);
    free(codes);
}

static const struct listing listing_detectors = {
    .name = "detectors",
    .summary = "who judges the evidence, and the stop codes that each can raise",
    .one = "detector",
    .entry = detector_name,
    .text = detector_text,
    .details = detector_details,
    .members = detector_members,
};

/* --- formats, commands, lists -------------------------------------------------------------------
 */

static const char *format_name(unsigned index)
{
    return report_format_registry[index] != NULL ? report_format_registry[index]->name : NULL;
}

static const char *format_text(unsigned index)
{
    return report_format_registry[index]->summary;
}

static void format_details(FILE *out, unsigned index, unsigned columns)
{
    if (report_format_registry[index]->file != NULL)
        listing_row(out, columns, "    each run writes it as  ",
                    report_format_registry[index]->file);
}

static void format_members(struct json_write *json, unsigned index)
{
    if (report_format_registry[index]->file != NULL)
        json_write_text(json, "file", report_format_registry[index]->file);
    else
        json_write_null(json, "file");
}

static const struct listing listing_formats = {
    .name = "formats",
    .summary = "what rundown report can write",
    .one = "format",
    .entry = format_name,
    .text = format_text,
    .details = format_details,
    .members = format_members,
};

static const char *command_name(unsigned index)
{
    return command_registry[index] != NULL ? command_registry[index]->name : NULL;
}

static const char *command_text(unsigned index)
{
    return command_registry[index]->summary;
}

static const struct listing listing_commands = {
    .name = "commands",
    .summary = "what rundown can be told to do",
    .one = "command",
    .entry = command_name,
    .text = command_text,
};

static const char *list_name(unsigned index)
{
    return listings[index] != NULL ? listings[index]->name : NULL;
}

static const char *list_text(unsigned index)
{
    return listings[index]->summary;
}

static const struct listing listing_lists = {
    .name = "lists",
    .summary = "these names",
    .one = "list",
    .entry = list_name,
    .text = list_text,
};

const struct listing *const listings[] = {
    &listing_workloads,  &listing_injectors, &listing_detectors,
    &listing_stop_codes, &listing_sites,     &listing_formats,
    &listing_commands,   &listing_lists,     NULL,
};

/* --- finding -----------------------------------------------------------------------------------
 */

const struct listing *listing_find(const char *name)
{
    for (unsigned i = 0; listings[i] != NULL; i++)
        if (strcmp(listings[i]->name, name) == 0)
            return listings[i];
    return NULL;
}

int listing_index(const struct listing *listing, const char *entry)
{
    const char *name;

    for (unsigned i = 0; (name = listing->entry(i)) != NULL; i++)
        if (strcmp(name, entry) == 0)
            return (int)i;
    return -1;
}

const char *listing_nearest(const struct listing *listing, const char *entry)
{
    static const char *names[LISTING_NAMES + 1];
    unsigned count = 0;

    while (count < LISTING_NAMES && (names[count] = listing->entry(count)) != NULL)
        count++;
    names[count] = NULL;
    return suggest_nearest(entry, names);
}

/* --- printing ----------------------------------------------------------------------------------
 */

/* wrap_line() takes leading blanks for an indentation, and everything else for words. */
void listing_row(FILE *out, unsigned columns, const char *head, const char *text)
{
    size_t width = strlen(head);
    char *wrapped = NULL;
    size_t length;
    FILE *memory;

    if (*text == 0) {
        while (width > 0 && head[width - 1] == ' ')
            width--;
        fprintf(out, "%.*s\n", (int)width, head);
        return;
    }
    memory = open_memstream(&wrapped, &length);
    if (memory == NULL)
        return;
    wrap_line(memory, (unsigned)width, 0, text, columns);
    if (fclose(memory) == 0) {
        fputs(head, out);
        fputs(wrapped + width, out);
    }
    free(wrapped);
}

static int widest(const struct listing *listing, const char *(*word)(unsigned))
{
    int width = 0;

    for (unsigned i = 0; word != NULL && listing->entry(i) != NULL; i++)
        if ((int)strlen(word(i)) > width)
            width = (int)strlen(word(i));
    return width;
}

static void print_entry(const struct listing *listing, unsigned index, FILE *out, unsigned columns)
{
    int width = widest(listing, listing->entry), tag_width = widest(listing, listing->tag);
    char head[160];
    int length = snprintf(head, sizeof head, "%-*s  ", width, listing->entry(index));

    if (listing->tag != NULL && length < (int)sizeof head)
        snprintf(head + length, sizeof head - (size_t)length, "%-*s  ", tag_width,
                 listing->tag(index));
    listing_row(out, columns, head, listing->text(index));
    if (listing->details != NULL)
        listing->details(out, index, columns);
}

void listing_print(const struct listing *listing, int index, FILE *out, unsigned columns)
{
    for (unsigned i = 0; listing->entry(i) != NULL; i++)
        if (index < 0 || i == (unsigned)index)
            print_entry(listing, i, out, columns);
}

void listing_print_json(const struct listing *listing, int index, FILE *out)
{
    struct json_write json = {.out = out};

    fputs("[\n", out);
    for (unsigned i = 0; listing->entry(i) != NULL; i++) {
        if (index >= 0 && i != (unsigned)index)
            continue;
        json_write_open_object(&json, NULL);
        json_write_text(&json, "name", listing->entry(i));
        json_write_text(&json, "summary", listing->text(i));
        if (listing->members != NULL)
            listing->members(&json, i);
        json_write_close_object(&json);
        fputc('\n', out);
    }
    fputs("]\n", out);
}

void listing_print_names(const struct listing *listing, int index, FILE *out)
{
    if (index >= 0 && listing->words != NULL) {
        listing->words(out, (unsigned)index);
        return;
    }
    for (unsigned i = 0; listing->entry(i) != NULL; i++)
        if (index < 0 || i == (unsigned)index)
            fprintf(out, "%s\n", listing->entry(i));
}
