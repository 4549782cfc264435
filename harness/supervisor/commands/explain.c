/*
 * explain: what a stop code means, why it happens and what to do. Also makes the reference page.
 *
 * All words about codes come from stop_code.def; here are only headings and the families' titles.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/common/suggest.h>
#include <harness/detector.h>
#include <harness/stop_code.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/workload.h>
#include <results/text/wrap.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MARKDOWN = 1000, COLUMNS = 80, WIDEST = 100, WORDS = 64, FAMILIES = 32 };

static const struct argp_option option_list[] = {
    {"markdown", KEY_MARKDOWN, NULL, 0, "as Markdown; without a code the whole reference page", 1},
    {0},
};

struct explain {
    const char *word[WORDS];
    unsigned words;
    bool markdown;
    unsigned columns;
};

static const struct {
    const char *name;
    const char *title;
} families[] = {
    {"heap", "What malloc hands out, and the allocator itself"},
    {"lock", "Mutexes, read-write locks, spin locks and their owners"},
    {"loader", "The dynamic loader and its lock"},
    {"module", "Shared objects that come and go"},
    {"exit", "The way out of the process"},
    {"thread", "What a thread leaves behind"},
    {"leak", "What grows from lap to lap, or can be reached no more"},
    {"hang", "Nothing moves, and no owner can be named"},
    {"crash", "Fatal signals"},
    {"state", "The program's own promises"},
    {"harness", "About rundown itself, never counted against the program"},
};

static const char *const severities[] = {
    [STOP_SEVERITY_NOTE] = "note",
    [STOP_SEVERITY_FINDING] = "finding",
    [STOP_SEVERITY_HARNESS] = "harness",
};

static const char *family_title(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strlen(families[i].name) == length && strncmp(families[i].name, name, length) == 0)
            return families[i].title;
    return "";
}

static const struct stop_code_entry *entry_at(int code)
{
    return stop_code_entry((enum stop_code)code);
}

/* --- which codes a word means ------------------------------------------------------------------
 */

static bool is_in_family(const struct stop_code_entry *entry, const char *family)
{
    size_t length = strlen(family);

    return strncmp(entry->slug, family, length) == 0 && entry->slug[length] == '.';
}

/* "0x103" descends in "0x103/0x104" as well. */
static bool descends_from(const struct stop_code_entry *entry, const char *ancestor)
{
    const char *at = entry->ancestor;
    size_t length = strlen(ancestor);

    for (; *at != 0; at += strcspn(at, "/"), at += *at == '/')
        if (strcspn(at, "/") == length && strncasecmp(at, ancestor, length) == 0)
            return true;
    return false;
}

static bool is_group_member(const struct stop_code_entry *entry, const char *word)
{
    return is_in_family(entry, word) || descends_from(entry, word);
}

static unsigned group_size(const char *word)
{
    unsigned count = 0;

    for (int code = 1; code < STOP_COUNT; code++)
        count += is_group_member(entry_at(code), word);
    return count;
}

__attribute__((noreturn)) static void refuse_code(const char *word)
{
    const char *names[FAMILIES + 1] = {NULL};
    const char *near = stop_code_nearest(word);

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        names[i] = families[i].name;
    if (strchr(word, '.') == NULL && suggest_nearest(word, names) != NULL)
        near = suggest_nearest(word, names);
    if (near != NULL)
        arguments_refuse("explain", "'%s' is no stop code; did you mean '%s'?", word, near);
    arguments_refuse("explain", "'%s' is no stop code; see rundown list stop-codes", word);
}

/* --- for the terminal --------------------------------------------------------------------------
 */

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (; list != NULL && *list != 0; list += strcspn(list, " |"), list += *list != 0)
        if (strcspn(list, " |") == length && strncmp(list, word, length) == 0)
            return true;
    return false;
}

static void print_part(const char *heading, const char *text, unsigned columns)
{
    printf("\n%s\n", heading);
    wrap_line(stdout, 2, 0, text, columns);
}

static void print_detectors(const char *slug)
{
    bool any = false;

    for (unsigned i = 0; detector_registry[i] != NULL; i++) {
        if (!has_word(detector_registry[i]->codes, slug))
            continue;
        printf("%s%s", any ? ", " : "\nRaised by the detector\n  ", detector_registry[i]->name);
        any = true;
    }
    if (any)
        putchar('\n');
}

static void print_example(const struct workload *workload, const struct workload_variant *variant)
{
    bool none = variant->injectors == NULL || variant->injectors[0] == 0;

    printf("  rundown run --workload %s,variant=%s --inject %.*s\n", workload->name, variant->name,
           none ? 4 : (int)strcspn(variant->injectors, " "), none ? "none" : variant->injectors);
}

/* Shipped workloads that must show it: the quickest way to see one. */
static void print_examples(const char *slug)
{
    bool any = false;

    for (unsigned i = 0; workload_registry[i] != NULL; i++) {
        const struct workload_variant *variant = workload_registry[i]->variants;

        for (; variant != NULL && variant->name != NULL; variant++) {
            if (!variant->bad || !has_word(variant->codes, slug))
                continue;
            fputs(any ? "" : "\nSee it happen\n", stdout);
            print_example(workload_registry[i], variant);
            any = true;
        }
    }
}

static void print_entry(const struct stop_code_entry *entry, unsigned columns)
{
    printf("%s  (%s)\n", entry->slug, severities[entry->severity]);
    wrap_line(stdout, 2, 0, entry->meaning, columns);
    print_part("Why it happens", entry->cause, columns);
    print_part("What to do", entry->mend, columns);
    if (entry->ancestor[0] != 0)
        printf("\nDescends from\n  Application Verifier stop %s\n", entry->ancestor);
    print_detectors(entry->slug);
    print_examples(entry->slug);
}

static void print_line(const struct stop_code_entry *entry, unsigned columns)
{
    char *head;

    if (asprintf(&head, "%s (%s): %s", entry->slug, severities[entry->severity], entry->meaning) <
        0)
        return;
    wrap_line(stdout, 0, 4, head, columns);
    free(head);
}

static void print_group(const char *word, unsigned columns)
{
    const char *title = family_title(word, strlen(word));

    if (title[0] != 0)
        printf("%s: %s\n", word, title);
    else if (strncmp(word, "0x", 2) == 0)
        printf("Stop codes that descend from Application Verifier stop %s\n", word);
    for (int code = 1; code < STOP_COUNT; code++)
        if (is_group_member(entry_at(code), word))
            print_line(entry_at(code), columns);
}

/* --- Markdown ----------------------------------------------------------------------------------
 */

static bool is_code_word(const char *word, size_t length)
{
    char slug[64];

    if (memchr(word, '_', length) != NULL || memchr(word, '*', length) != NULL ||
        (length > 1 && word[0] == '-'))
        return true;
    if (length >= sizeof slug)
        return false;
    memcpy(slug, word, length);
    slug[length] = 0;
    return stop_code_find(slug) != STOP_NONE;
}

/* Words that belong to code stand in backquotes; that also keeps '_' from meaning emphasis. */
static void markdown_text(const char *text)
{
    while (*text != 0) {
        size_t length = strcspn(text, " "), core = length;

        while (core > 0 && strchr(".,;:()", text[core - 1]) != NULL)
            core--;
        if (core > 0 && is_code_word(text, core))
            printf("`%.*s`%.*s", (int)core, text, (int)(length - core), text + core);
        else
            printf("%.*s", (int)length, text);
        text += length;
        if (*text == ' ')
            putchar(*text++);
    }
}

static void markdown_entry(const struct stop_code_entry *entry)
{
    printf("### %s\n\n*%s*", entry->slug, severities[entry->severity]);
    if (entry->ancestor[0] != 0)
        printf(", descends from Application Verifier stop %s", entry->ancestor);
    fputs("\n\n", stdout);
    markdown_text(entry->meaning);
    fputs("\n\n**Why it happens.** ", stdout);
    markdown_text(entry->cause);
    fputs("\n\n**What to do.** ", stdout);
    markdown_text(entry->mend);
    fputs("\n\n", stdout);
}

/* A heading's anchor: the slug without its dots. */
static void markdown_link(const struct stop_code_entry *entry)
{
    printf("| [%s](#", entry->slug);
    for (const char *c = entry->slug; *c != 0; c++)
        if (*c != '.')
            putchar(*c);
    printf(") | %s | ", severities[entry->severity]);
    markdown_text(entry->meaning);
    printf(" | %s |\n", entry->ancestor);
}

static void markdown_page(void)
{
    size_t family = 0;

    fputs("# Stop codes\n\n"
          "<!-- Made by `rundown explain --markdown` from "
          "harness/include/harness/stop_code.def: change it there. -->\n\n"
          "A stop code is the stable name of something that happened. A *finding* makes a cycle "
          "fail; a *note* is worth a line, and becomes a finding where the exit path waits for it "
          "or destroys what it uses, or where the workload declares it; *harness* codes are about "
          "rundown itself and are never counted against the program. Where one cycle has several, "
          "the first cause is its verdict. `rundown explain CODE` says what stands here, who "
          "raises the code, and which workload shows it.\n\n"
          "| code | severity | meaning | Application Verifier |\n|---|---|---|---|\n",
          stdout);
    for (int code = 1; code < STOP_COUNT; code++)
        markdown_link(entry_at(code));
    for (int code = 1; code < STOP_COUNT; code++) {
        const char *slug = entry_at(code)->slug;
        size_t length = strcspn(slug, ".");

        if (code == 1 || length != family || strncmp(slug, entry_at(code - 1)->slug, length) != 0)
            printf("%s## %.*s\n\n%s.\n\n", code == 1 ? "\n" : "", (int)length, slug,
                   family_title(slug, length));
        family = length;
        markdown_entry(entry_at(code));
    }
}

/* --- the command -------------------------------------------------------------------------------
 */

static void explain_word(const struct explain *explain, const char *word)
{
    int found = stop_code_find(word);

    if (found == STOP_NONE && !explain->markdown) {
        print_group(word, explain->columns);
        return;
    }
    for (int code = 1; code < STOP_COUNT; code++) {
        if (found != STOP_NONE ? code != found : !is_group_member(entry_at(code), word))
            continue;
        if (explain->markdown)
            markdown_entry(entry_at(code));
        else
            print_entry(entry_at(code), explain->columns);
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct explain *explain = state->input;

    switch (key) {
    case KEY_MARKDOWN:
        explain->markdown = true;
        return 0;
    case ARGP_KEY_ARG:
        if (explain->words == WORDS)
            arguments_refuse("explain", "'%s': more than %d codes; ask twice", text, WORDS);
        if (stop_code_find(text) == STOP_NONE && group_size(text) == 0)
            refuse_code(text);
        explain->word[explain->words++] = text;
        return 0;
    case ARGP_KEY_END:
        if (explain->words == 0 && !explain->markdown)
            arguments_refuse("explain", "a stop code is missing; see rundown list stop-codes");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static unsigned reading_columns(void)
{
    unsigned columns = arguments_columns();

    return columns == 0 ? COLUMNS : columns > WIDEST ? WIDEST : columns;
}

static int explain_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list,
        parse,
        "STOPCODE...",
        "Says what a stop code means, why it happens and what to do about it.\v"
        "STOPCODE is a code such as heap.lock-orphaned, a family such as heap, or a stop of "
        "Application Verifier such as 0x200, for what descends from it.\n\n"
        "Exit status: 0 explained, 2 no such code.",
        NULL,
        NULL,
        NULL};
    struct explain explain = {.columns = reading_columns()};

    arguments_parse("explain", &parser, argc, argv, 0, &explain);
    for (unsigned i = 0; i < explain.words; i++) {
        if (i > 0 && !explain.markdown)
            putchar('\n');
        explain_word(&explain, explain.word[i]);
    }
    if (explain.words == 0)
        markdown_page();
    return arguments_finish("explain", STATUS_GOOD);
}

const struct command command_explain = {"explain", "say what a stop code means", explain_main};
