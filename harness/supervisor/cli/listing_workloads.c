/*
 * listing_workloads: the shipped workloads, and one that the user brings along, with all that may
 * be typed behind their names.
 *
 * A parameter stands as it would be typed with its default ("threads=4"), so that a line can be
 * copied and changed.
 */
#include <harness/supervisor/cli/listing.h>

#include <harness/supervisor/run/own.h>
#include <harness/workload.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 200, RANGE_BYTES = 64 };

/* What a workload without a list of variants has. */
static const struct workload_variant only_plain[] = {{.name = "plain", .summary = ""}, {0}};

/* One of the user's own, behind all shipped ones; NULL: there is none. */
static struct own *own;

static unsigned shipped(void)
{
    unsigned count = 0;

    while (workload_registry[count] != NULL)
        count++;
    return count;
}

static const struct workload *workload_at(unsigned index)
{
    unsigned count = shipped();

    if (index < count)
        return workload_registry[index];
    return index == count && own != NULL ? own_workload(own) : NULL;
}

static const char *workload_name(unsigned index)
{
    return workload_at(index) != NULL ? workload_at(index)->name : NULL;
}

static const char *workload_text(unsigned index)
{
    return workload_at(index)->summary;
}

int listing_own_workload(const char *path, const char *libdir, struct error *e)
{
    own_free(own);
    own = NULL;
    return own_open(path, libdir, &own, e) == 0 ? (int)shipped() : -1;
}

static const struct workload_variant *variants_of(const struct workload *workload)
{
    const struct workload_variant *variants = workload->variants;

    return variants != NULL && variants[0].name != NULL ? variants : only_plain;
}

static const char *reason(const struct workload *workload)
{
    if (own != NULL && workload == own_workload(own))
        return own_unavailable(own);
    return workload->unavailable != NULL ? workload->unavailable() : NULL;
}

/* --- for people --------------------------------------------------------------------------------
 */

static void parameter_words(const struct workload_parameter *parameter, char *word, char *range)
{
    snprintf(word, RANGE_BYTES, "%s=%lld", parameter->name, (long long)parameter->standard);
    snprintf(range, RANGE_BYTES, "%lld to %lld", (long long)parameter->low,
             (long long)parameter->high);
}

static void parameter_widths(const struct workload *workload, int *word_width, int *range_width)
{
    const struct workload_parameter *parameter = workload->parameters;
    char word[RANGE_BYTES], range[RANGE_BYTES];

    *word_width = *range_width = 0;
    for (; parameter != NULL && parameter->name != NULL; parameter++) {
        parameter_words(parameter, word, range);
        if ((int)strlen(word) > *word_width)
            *word_width = (int)strlen(word);
        if ((int)strlen(range) > *range_width)
            *range_width = (int)strlen(range);
    }
}

static void print_parameters(FILE *out, const struct workload *workload, unsigned columns)
{
    const struct workload_parameter *parameter = workload->parameters;
    char word[RANGE_BYTES], range[RANGE_BYTES], head[HEAD_BYTES];
    int word_width, range_width;

    parameter_widths(workload, &word_width, &range_width);
    for (; parameter != NULL && parameter->name != NULL; parameter++) {
        parameter_words(parameter, word, range);
        snprintf(head, sizeof head, "    %-*s  %-*s  ", word_width, word, range_width, range);
        listing_row(out, columns, head, parameter->help);
    }
}

/* "a b|c" becomes "a and b or c"; the caller frees. */
static char *spoken(const char *list, const char *for_blank)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (; *list != 0; list++) {
        if (*list == ' ')
            fputs(for_blank, out);
        else if (*list == '|')
            fputs(" or ", out);
        else
            fputc(*list, out);
    }
    return fclose(out) == 0 ? text : NULL;
}

static void print_expectation(FILE *out, const struct workload_variant *variant, unsigned columns,
                              const char *head)
{
    char *codes = spoken(variant->codes != NULL ? variant->codes : "", " and ");
    bool none = variant->injectors == NULL || variant->injectors[0] == 0;
    char *injectors = spoken(none ? "none" : variant->injectors, ", ");
    char *line;

    if (codes != NULL && injectors != NULL &&
        asprintf(&line, "must show %s under %s", codes, injectors) >= 0) {
        listing_row(out, columns, head, line);
        free(line);
    }
    free(codes);
    free(injectors);
}

static void print_remark(FILE *out, unsigned columns, const char *head, const char *what,
                         const char *value)
{
    char *line;

    if (value == NULL || asprintf(&line, "%s %s", what, value) < 0)
        return;
    listing_row(out, columns, head, line);
    free(line);
}

static void print_numbers(FILE *out, const struct workload_variant *variant, unsigned columns,
                          const char *head)
{
    char count[16];

    snprintf(count, sizeof count, "%u", variant->laps);
    print_remark(out, columns, head, "laps in a cycle:", variant->laps != 0 ? count : NULL);
    snprintf(count, sizeof count, "%ums", variant->held_long_ms);
    print_remark(out, columns, head, "held long means", variant->held_long_ms != 0 ? count : NULL);
    snprintf(count, sizeof count, "%ums", variant->deadline_ms);
    print_remark(out, columns, head, "deadline:", variant->deadline_ms != 0 ? count : NULL);
}

static void print_variant(FILE *out, const struct workload_variant *variant, int width,
                          unsigned columns)
{
    char head[HEAD_BYTES];

    snprintf(head, sizeof head, "    variant=%-*s  %s  ", width, variant->name,
             variant->bad ? "bad  " : "clean");
    listing_row(out, columns, head, variant->summary);
    snprintf(head, sizeof head, "%*s", width + 21, "");
    if (variant->bad)
        print_expectation(out, variant, columns, head);
    print_remark(out, columns, head, "may break under", variant->tolerates);
    print_remark(out, columns, head, "sets", variant->environment);
    print_numbers(out, variant, columns, head);
}

static void workload_details(FILE *out, unsigned index, unsigned columns)
{
    const struct workload *workload = workload_at(index);
    const struct workload_variant *variants = variants_of(workload);
    int width = 0;

    print_parameters(out, workload, columns);
    for (unsigned i = 0; variants[i].name != NULL; i++)
        if ((int)strlen(variants[i].name) > width)
            width = (int)strlen(variants[i].name);
    for (unsigned i = 0; variants[i].name != NULL; i++)
        print_variant(out, &variants[i], width, columns);
    if (reason(workload) != NULL)
        listing_row(out, columns, "    not on this machine: ", reason(workload));
}

/* --- for programs ------------------------------------------------------------------------------
 */

static void optional_text(struct json_write *json, const char *name, const char *text)
{
    if (text != NULL)
        json_write_text(json, name, text);
    else
        json_write_null(json, name);
}

static void parameter_members(struct json_write *json, const struct workload_parameter *parameter)
{
    json_write_open_array(json, "parameters");
    for (; parameter != NULL && parameter->name != NULL; parameter++) {
        json_write_open_object(json, NULL);
        json_write_text(json, "name", parameter->name);
        json_write_text(json, "help", parameter->help);
        json_write_signed(json, "default", parameter->standard);
        json_write_signed(json, "low", parameter->low);
        json_write_signed(json, "high", parameter->high);
        json_write_close_object(json);
    }
    json_write_close_array(json);
}

static void variant_members(struct json_write *json, const struct workload_variant *variant)
{
    json_write_open_array(json, "variants");
    for (; variant->name != NULL; variant++) {
        json_write_open_object(json, NULL);
        json_write_text(json, "name", variant->name);
        json_write_text(json, "summary", variant->summary);
        json_write_text(json, "kind", variant->bad ? "bad" : "clean");
        json_write_text(json, "codes", variant->codes != NULL ? variant->codes : "");
        json_write_text(json, "injectors", variant->injectors != NULL ? variant->injectors : "");
        optional_text(json, "tolerates", variant->tolerates);
        optional_text(json, "environment", variant->environment);
        json_write_unsigned(json, "laps", variant->laps != 0 ? variant->laps : 1);
        if (variant->held_long_ms != 0)
            json_write_unsigned(json, "held_long_ms", variant->held_long_ms);
        if (variant->deadline_ms != 0)
            json_write_unsigned(json, "deadline_ms", variant->deadline_ms);
        json_write_close_object(json);
    }
    json_write_close_array(json);
}

static void workload_members(struct json_write *json, unsigned index)
{
    const struct workload *workload = workload_at(index);

    json_write_text(json, "source", workload->source != NULL ? workload->source : "");
    parameter_members(json, workload->parameters);
    variant_members(json, variants_of(workload));
    optional_text(json, "unavailable", reason(workload));
}

static void workload_words(FILE *out, unsigned index)
{
    const struct workload_parameter *parameter = workload_at(index)->parameters;
    const struct workload_variant *variant = variants_of(workload_at(index));

    for (; variant->name != NULL; variant++)
        fprintf(out, "variant=%s\n", variant->name);
    for (; parameter != NULL && parameter->name != NULL; parameter++)
        fprintf(out, "%s=\n", parameter->name);
}

const struct listing listing_workloads = {
    .name = "workloads",
    .summary = "code under stress: parameters, defaults, ranges, variants",
    .one = "workload",
    .entry = workload_name,
    .text = workload_text,
    .details = workload_details,
    .members = workload_members,
    .words = workload_words,
};
