/*
 * trend: the leak test over anybody's numbers, one value for each cycle.
 *
 * Reads a file or a pipe once, a value a line or one column of a table with a header, and judges
 * the series by results/stats alone: no condition of the verdict may be written here. Never says
 * "no leak": a series that shows none is worth what the smallest leak is that it would have shown.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/common/array.h>
#include <harness/common/suggest.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/options.h>
#include <results/stats/leak.h>
#include <results/text/amount.h>
#include <results/text/escape.h>
#include <results/text/json_write.h>
#include <results/text/opinion.h>
#include <results/text/opinion_json.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_KIND = 1000, KEY_QUANTUM, KEY_COLUMN, KEY_WHERE, KEY_UNIT, KEY_JSON };

enum {
    TREND_FORMAT = 1,
    WHERES = 8,
    COLUMNS = 1024,
    RECORD_BYTES = 1 << 16,
    SHOWN_BYTES = 80,
    SHOWN_AT_ONCE = 8,
    VALUES_MAX = 1 << 26,
    DIFFERENCES = 20,
};

static const uint64_t quantum_max = UINT64_C(1) << 38;

static const struct argp_option option_list[] = {
    {"kind", KEY_KIND, "KIND", 0,
     "how far the values can be trusted: exact (somebody counted), site (counted for one place), "
     "other (such as RSS; the default)",
     1},
    {"quantum", KEY_QUANTUM, "N", 0,
     "the values move in steps of N; default: the largest that fits them all", 1},
    {"column", KEY_COLUMN, "NAME", 0, "the column of a table whose first line names columns", 1},
    {"where", KEY_WHERE, "NAME=TEXT", 0, "only rows with this text in this column; repeatable", 1},
    {"unit", KEY_UNIT, "NAME", 0, "what the values count; default: bytes", 1},
    {"json", KEY_JSON, NULL, 0, "one JSON object, see docs/trend.md", 1},
    {0},
};

/* struct where - rows that are wanted. @at: column. */
struct where {
    char *column;
    const char *text;
    size_t at;
};

struct trend {
    const char *path; /* NULL: stdin */
    const char *column, *unit;
    enum stats_leak_kind kind;
    uint64_t quantum; /* 0: not given */
    struct where where[WHERES];
    size_t wheres;
    bool json;
};

/*
 * struct series - what was read.
 * @gap_line: of the first value that is missing, 0 if none is. @behind: values after it.
 */
struct series {
    long long *sample;
    size_t count, room;
    size_t gap_line, behind;
};

/* struct source - a text, record by record. @line: of the record's begin, from 1. */
struct source {
    FILE *in;
    const char *name;
    size_t line, next_line;
    char record[RECORD_BYTES];
    size_t length;
};

/* struct table - the columns of a text; without one it is a value a line. */
struct table {
    bool named;
    char separator;
    size_t column;
    char *field[COLUMNS + 1];
    size_t fields;
};

/* --- words of the command line ------------------------------------------------------------------
 */

static enum stats_leak_kind find_kind(const char *text)
{
    static const char *const names[] = {"exact", "site", "other", NULL};
    const char *near;

    for (int kind = STATS_LEAK_EXACT; kind <= STATS_LEAK_OTHER; kind++)
        if (strcmp(stats_leak_kind_name((enum stats_leak_kind)kind), text) == 0)
            return (enum stats_leak_kind)kind;
    near = suggest_nearest(text, names);
    if (near != NULL)
        arguments_refuse("trend", "--kind: '%s' is no kind; did you mean '%s'?", text, near);
    arguments_refuse("trend", "--kind: '%s' is no kind; write exact, site or other", text);
}

static void add_where(struct trend *trend, const char *text)
{
    const char *equal = strchr(text, '=');
    struct where *where = &trend->where[trend->wheres];

    if (equal == NULL || equal == text)
        arguments_refuse("trend", "--where: '%s' is no condition; write NAME=TEXT", text);
    if (trend->wheres == WHERES)
        arguments_refuse("trend", "--where: more than %d conditions; filter the table before",
                         WHERES);
    where->column = strndup(text, (size_t)(equal - text));
    if (where->column == NULL)
        arguments_refuse("trend", "out of memory");
    where->text = equal + 1;
    trend->wheres++;
}

static void set_quantum(struct trend *trend, const char *text)
{
    struct error e;

    if (options_number("quantum", text, 1, quantum_max, &trend->quantum, &e) != 0)
        arguments_refuse("trend", "%s", e.text);
}

static void set_file(struct trend *trend, const char *text)
{
    static bool given;

    if (given)
        arguments_refuse("trend", "'%s': one FILE only; call it once for each series", text);
    given = true;
    trend->path = strcmp(text, "-") == 0 ? NULL : text;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct trend *trend = state->input;

    switch (key) {
    case KEY_KIND:
        trend->kind = find_kind(text);
        return 0;
    case KEY_QUANTUM:
        set_quantum(trend, text);
        return 0;
    case KEY_COLUMN:
        trend->column = text;
        return 0;
    case KEY_WHERE:
        add_where(trend, text);
        return 0;
    case KEY_UNIT:
        trend->unit = text;
        return 0;
    case KEY_JSON:
        trend->json = true;
        return 0;
    case ARGP_KEY_ARG:
        set_file(trend, text);
        return 0;
    case ARGP_KEY_END:
        if (trend->wheres > 0 && trend->column == NULL)
            arguments_refuse("trend", "--where: it needs a table; name the column by --column");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* For a message: no control characters, and not too long. Lives until SHOWN_AT_ONCE calls later. */
static const char *shown(const char *text, size_t length)
{
    static char ring[SHOWN_AT_ONCE][6 * SHOWN_BYTES + 1];
    static unsigned next;
    char *place = ring[next++ % SHOWN_AT_ONCE];
    char *safe = escape_terminal_copy(text, length < SHOWN_BYTES ? length : SHOWN_BYTES);

    snprintf(place, sizeof ring[0], "%s", safe != NULL ? safe : "?");
    free(safe);
    return place;
}

static const char *shown_word(const char *text)
{
    return shown(text, strlen(text));
}

static void source_open(struct source *source, const char *path)
{
    struct stat info;

    *source = (struct source){.in = stdin, .name = "stdin", .next_line = 1};
    if (path != NULL) {
        source->name = path;
        source->in = fopen(path, "re");
    }
    if (source->in == NULL)
        arguments_refuse("trend", "%s: %s; name a file of numbers", source->name, strerror(errno));
    if (fstat(fileno(source->in), &info) == 0 && S_ISDIR(info.st_mode))
        arguments_refuse("trend",
                         "%s: it is a directory; name a file of numbers (of a run: rundown report "
                         "DIR --format csv)",
                         source->name);
    if (path == NULL && isatty(STDIN_FILENO))
        fputs("rundown trend: type one value a line, and Control-D behind the last\n", stderr);
}

static void source_put(struct source *source, int byte)
{
    if (source->length == RECORD_BYTES - 1)
        arguments_refuse("trend", "%s:%zu: the line has more than %d bytes; name a file of numbers",
                         source->name, source->line, RECORD_BYTES - 1);
    source->record[source->length++] = (char)byte;
}

static void drop_mark(struct source *source)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (source->line == 1 && source->length >= 3 && memcmp(source->record, mark, 3) == 0) {
        source->length -= 3;
        memmove(source->record, source->record + 3, source->length);
    }
}

/* The next line, or lines where @quotes may hold line ends; false at the end. */
static bool source_next(struct source *source, bool quotes)
{
    bool quoted = false;
    int byte;

    source->line = source->next_line;
    source->length = 0;
    while ((byte = getc_unlocked(source->in)) != EOF) {
        source->next_line += byte == '\n';
        if (byte == '\n' && !quoted)
            break;
        quoted ^= quotes && byte == '"';
        source_put(source, byte);
    }
    if (byte == EOF && ferror(source->in))
        arguments_refuse("trend", "%s:%zu: %s", source->name, source->line, strerror(errno));
    if (quoted)
        arguments_refuse("trend", "%s:%zu: a quote is never closed", source->name, source->line);
    if (byte == EOF && source->length == 0)
        return false;
    drop_mark(source);
    if (source->length > 0 && source->record[source->length - 1] == '\r')
        source->length--;
    source->record[source->length] = 0;
    if (strlen(source->record) < source->length)
        arguments_refuse("trend", "%s:%zu: a zero byte; write it as plain text, not as UTF-16",
                         source->name, source->line);
    return true;
}

static bool is_blank(const struct source *source)
{
    return strspn(source->record, " \t") == source->length;
}

/* --- tables -------------------------------------------------------------------------------------
 */

/* One field from @text on, unquoted in its place; returns where the next begins, NULL at the end.
 */
static char *split_field(char *text, char separator, char **field)
{
    char *to = text += strspn(text, " "), *end = text;
    bool quoted = *text == '"';

    *field = text;
    for (end += quoted; *end != 0; end++) {
        if (quoted && end[0] == '"' && end[1] != '"')
            quoted = false;
        else if (!quoted && *end == separator)
            break;
        else
            *to++ = end[0] == '"' && end[1] == '"' ? *end++ : *end;
    }
    text = *end != 0 ? end + 1 : NULL;
    *to = 0;
    return text;
}

/* Blanks around it do not belong to a field. */
static char *trimmed(char *text)
{
    size_t length;

    while (isblank((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    return text;
}

static void split(const struct source *source, struct table *table, char *record)
{
    char *rest = record;

    for (table->fields = 0; rest != NULL; table->fields++) {
        if (table->fields == COLUMNS)
            arguments_refuse("trend", "%s:%zu: more than %d columns", source->name, source->line,
                             COLUMNS);
        rest = split_field(rest, table->separator, &table->field[table->fields]);
        table->field[table->fields] = trimmed(table->field[table->fields]);
    }
    table->field[table->fields] = NULL;
}

/* A comma, unless the header has another one and no comma. */
static char find_separator(const char *header)
{
    for (const char *separator = ",;\t"; *separator != 0; separator++)
        if (strchr(header, *separator) != NULL)
            return *separator;
    return ',';
}

static size_t find_column(const struct source *source, const struct table *table,
                          const char *option, const char *name)
{
    size_t found = table->fields;
    const char *near;

    for (size_t i = 0; i < table->fields; i++) {
        if (strcmp(table->field[i], name) != 0)
            continue;
        if (found < table->fields)
            arguments_refuse("trend", "%s:%zu: two columns are called '%s'; rename one",
                             source->name, source->line, shown_word(name));
        found = i;
    }
    if (found < table->fields)
        return found;
    near = suggest_nearest(name, (const char *const *)table->field);
    if (near != NULL)
        arguments_refuse("trend", "%s: '%s' is no column of %s; did you mean '%s'?", option,
                         shown_word(name), source->name, shown_word(near));
    arguments_refuse("trend", "%s: '%s' is no column of %s; its first line is '%s'", option,
                     shown_word(name), source->name, shown(source->record, source->length));
}

static void read_header(struct source *source, struct table *table, struct trend *trend)
{
    char copy[RECORD_BYTES];

    do {
        if (!source_next(source, true))
            arguments_refuse("trend", "%s: it is empty; give one value for each cycle",
                             source->name);
    } while (is_blank(source));
    memcpy(copy, source->record, source->length + 1);
    table->named = true;
    table->separator = find_separator(copy);
    split(source, table, copy);
    table->column = find_column(source, table, "--column", trend->column);
    for (size_t i = 0; i < trend->wheres; i++)
        trend->where[i].at = find_column(source, table, "--where", trend->where[i].column);
}

static bool is_wanted(const struct trend *trend, const struct table *table)
{
    for (size_t i = 0; i < trend->wheres; i++) {
        const struct where *where = &trend->where[i];

        if (where->at >= table->fields || strcmp(table->field[where->at], where->text) != 0)
            return false;
    }
    return true;
}

/* --- values -------------------------------------------------------------------------------------
 */

__attribute__((noreturn)) static void refuse_value(const struct source *source,
                                                   const struct table *table, const char *text,
                                                   const char *what)
{
    const char *mend = "";

    if (!table->named && strpbrk(text, ",;\t") != NULL)
        mend = "; if this is a table, name its column: --column NAME";
    else if (!table->named && source->line == 1 && !isdigit((unsigned char)*text))
        mend = "; if this names a column, say --column with that name";
    arguments_refuse("trend", "%s:%zu: '%s' %s%s", source->name, source->line, shown_word(text),
                     what, mend);
}

static long long read_value(const struct source *source, const struct table *table,
                            const char *text)
{
    static const char beyond[] = "is beyond 2^60; count in larger units";
    char *end;
    long long sample;
    double value;

    errno = 0;
    sample = strtoll(text, &end, 10);
    if (end != text && *end == 0) {
        if (errno != 0 || sample > STATS_LEAK_SAMPLE_MAX || sample < -STATS_LEAK_SAMPLE_MAX)
            refuse_value(source, table, text, beyond);
        return sample;
    }
    errno = 0;
    value = strtod(text, &end);
    if (end == text || *end != 0)
        refuse_value(source, table, text, "is not a number");
    if (!isfinite(value) && errno != ERANGE)
        refuse_value(source, table, text, "is not a finite number");
    if (fabs(value) > (double)STATS_LEAK_SAMPLE_MAX)
        refuse_value(source, table, text, beyond);
    if (stats_leak_sample(value, &sample) != 0)
        refuse_value(source, table, text,
                     "is not a whole number; count in smaller units, such as bytes");
    return sample;
}

static void add_sample(struct series *series, const struct source *source, long long sample)
{
    if (series->count == VALUES_MAX)
        arguments_refuse("trend", "%s:%zu: more than %d values; take every tenth", source->name,
                         source->line, VALUES_MAX);
    if (!ARRAY_ROOM(series->sample, series->count, series->room))
        arguments_refuse("trend", "out of memory after %zu values", series->count);
    series->sample[series->count++] = sample;
}

/* "NA" is how R writes a missing value. */
static void take(struct series *series, const struct source *source, const struct table *table,
                 const char *text)
{
    bool missing = *text == 0 || strcmp(text, "NA") == 0;

    if (missing && series->gap_line == 0)
        series->gap_line = source->line;
    else if (!missing && series->gap_line != 0)
        series->behind++;
    else if (!missing)
        add_sample(series, source, read_value(source, table, text));
}

static void take_row(struct series *series, const struct source *source, struct table *table,
                     const struct trend *trend)
{
    char copy[RECORD_BYTES];

    memcpy(copy, source->record, source->length + 1);
    split(source, table, copy);
    if (is_wanted(trend, table))
        take(series, source, table,
             table->column < table->fields ? table->field[table->column] : "");
}

static void refuse_nothing(const struct source *source, const struct trend *trend,
                           const struct series *series)
{
    if (series->gap_line != 0)
        arguments_refuse("trend", "%s:%zu: the first value is missing", source->name,
                         series->gap_line);
    if (trend->wheres > 0)
        arguments_refuse("trend", "%s: no row fits --where", source->name);
    arguments_refuse("trend", "%s: no value in it; give one for each cycle", source->name);
}

/* Empty lines at either end are nothing; between values they are a value that is missing. */
static void read_series(struct series *series, struct trend *trend)
{
    static struct source source;
    static struct table table;

    source_open(&source, trend->path);
    if (trend->column != NULL)
        read_header(&source, &table, trend);
    while (source_next(&source, table.named)) {
        if (is_blank(&source) && (series->count == 0 || trend->wheres > 0))
            continue;
        if (table.named)
            take_row(series, &source, &table, trend);
        else
            take(series, &source, &table, trimmed(source.record));
    }
    if (series->count == 0)
        refuse_nothing(&source, trend, series);
    if (series->behind == 0)
        series->gap_line = 0;
    if (source.in != stdin)
        fclose(source.in);
}

/* --- judging ------------------------------------------------------------------------------------
 */

static struct opinion judge(const struct series *series, const struct trend *trend)
{
    struct opinion opinion;

    opinion_form(&opinion, series->sample, series->count, trend->kind, (long long)trend->quantum);
    return opinion;
}

/* --- words --------------------------------------------------------------------------------------
 */

static char *verdict_text(const struct opinion *opinion, const struct trend *trend)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out != NULL)
        opinion_verdict(out, opinion, shown_word(trend->unit));
    if (out == NULL || fclose(out) != 0)
        arguments_refuse("trend", "out of memory");
    return text;
}

static void field(const char *name)
{
    printf("  %-11s ", name);
}

static void print_series(const struct trend *trend, const struct opinion *opinion)
{
    char count[AMOUNT_BYTES];

    field("series");
    printf("%s", trend->path != NULL ? shown_word(trend->path) : "stdin");
    if (trend->column != NULL)
        printf(", column %s", shown_word(trend->column));
    printf(": %s cycle%s, kind %s, in steps of %lld\n", amount_count(opinion->leak.cycles, count),
           opinion->leak.cycles == 1 ? "" : "s", stats_leak_kind_name(trend->kind),
           opinion->quantum);
}

static void print_slope(const struct opinion *opinion, const char *unit)
{
    const struct stats_leak *leak = &opinion->leak;
    char slope[AMOUNT_BYTES], low[AMOUNT_BYTES], high[AMOUNT_BYTES];

    field("slope");
    printf("%s %s/cycle, 95 %% interval %s to %s\n", opinion_signed(leak->slope.slope, slope), unit,
           opinion_signed(leak->slope.low, low), opinion_signed(leak->slope.high, high));
    field("growth");
    printf("%+lld %s over cycles %zu to %zu\n", leak->growth, unit, leak->floors.start[0],
           leak->floors.start[leak->floors.blocks] - 1);
    field("chance");
    printf("%.2g of such a rise without a trend\n", leak->chance.p);
    if (isfinite(leak->early_slope)) {
        field("before");
        printf("%s %s/cycle in the window before\n", opinion_signed(leak->early_slope, slope),
               unit);
    }
    field("floor");
    if (leak->quiet > 0)
        printf("no new one for %zu cycles\n", leak->quiet);
    else
        puts("a new one in the last block");
}

static void print_smallest(const struct opinion *opinion, const char *unit)
{
    char even[AMOUNT_BYTES], more[AMOUNT_BYTES];

    if (!opinion_is_bounded(opinion))
        return;
    field("smallest");
    printf("this series would have shown a leak of %s %s/cycle at even odds, of %s likely\n",
           opinion_bound(opinion->smallest.per_lap, even), unit,
           opinion_bound(opinion_likely(opinion), more));
}

static void print_outlook(const struct opinion *opinion)
{
    if (opinion->leak.verdict != STATS_LEAK_SUSPECT)
        return;
    field("next");
    printf("not proved, so the exit status is 0; %zu cycles would tell\n", opinion_needs(opinion));
}

static void print_history(const struct opinion *opinion, const struct series *series)
{
    if (opinion->trail.withdrawn_at != 0) {
        field("withdrawn");
        printf("it was a leak at %zu cycles, which %zu did not confirm\n", opinion->trail.leak_at,
               opinion->trail.withdrawn_at);
    }
    if (series->gap_line != 0) {
        field("ended");
        printf("line %zu has no value; the series ends there, and %zu behind it %s left out\n",
               series->gap_line, series->behind, series->behind == 1 ? "was" : "were");
    }
}

static size_t first_difference(const struct series *series)
{
    return series->count > DIFFERENCES ? series->count - DIFFERENCES : 1;
}

static void print_differences(const struct series *series)
{
    if (series->count < 2)
        return;
    field("last steps");
    for (size_t i = first_difference(series); i < series->count; i++) {
        long long step = series->sample[i] - series->sample[i - 1];

        printf(step != 0 ? "%s%+lld" : "%s%lld", i > first_difference(series) ? " " : "", step);
    }
    putchar('\n');
}

static void print_text(const struct trend *trend, const struct series *series,
                       const struct opinion *opinion)
{
    const char *unit = shown_word(trend->unit);

    opinion_verdict(stdout, opinion, unit);
    putchar('\n');
    print_series(trend, opinion);
    if (opinion->leak.verdict >= STATS_LEAK_CLEAN) {
        field("class");
        printf("%s: %s\n", stats_leak_class_name(opinion->leak.class),
               opinion_class_meaning(opinion->leak.class));
        print_slope(opinion, unit);
    }
    print_smallest(opinion, unit);
    print_outlook(opinion);
    print_history(opinion, series);
    print_differences(series);
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void json_text_or_null(struct json_write *json, const char *name, const char *text)
{
    if (text != NULL)
        json_write_text(json, name, text);
    else
        json_write_null(json, name);
}

static void json_count_or_null(struct json_write *json, const char *name, size_t count)
{
    if (count != 0)
        json_write_unsigned(json, name, count);
    else
        json_write_null(json, name);
}

static void json_differences(struct json_write *json, const struct series *series)
{
    json_write_open_array(json, "last_differences");
    for (size_t i = first_difference(series); i < series->count; i++)
        json_write_signed(json, NULL, series->sample[i] - series->sample[i - 1]);
    json_write_close_array(json);
}

static void print_json(const struct trend *trend, const struct series *series,
                       const struct opinion *opinion)
{
    struct json_write json = {.out = stdout};
    char *text = verdict_text(opinion, trend);

    json_write_open_object(&json, NULL);
    json_write_unsigned(&json, "format", TREND_FORMAT);
    json_write_text(&json, "verdict", opinion_word(opinion));
    json_write_text(&json, "text", text);
    json_text_or_null(&json, "file", trend->path);
    json_text_or_null(&json, "column", trend->column);
    json_write_text(&json, "kind", stats_leak_kind_name(trend->kind));
    json_write_text(&json, "unit", trend->unit);
    json_write_signed(&json, "quantum", opinion->quantum);
    json_write_unsigned(&json, "cycles", opinion->leak.cycles);
    json_count_or_null(&json, "cycles_needed", opinion_needs(opinion));
    opinion_json(&json, opinion);
    json_count_or_null(&json, "ended_at_line", series->gap_line);
    json_write_unsigned(&json, "behind_a_gap", series->behind);
    json_differences(&json, series);
    json_write_close_object(&json);
    putchar('\n');
    free(text);
}

/* --- the command --------------------------------------------------------------------------------
 */

static void trend_free(struct trend *trend, struct series *series)
{
    free(series->sample);
    for (size_t i = 0; i < trend->wheres; i++)
        free(trend->where[i].column);
}

static int trend_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list,
        parse,
        "[FILE]",
        "Says whether a series of numbers leaks: one value for each cycle, from FILE or from the "
        "standard input, one a line or a column of a table.\v"
        "A value is taken after each cycle, once it is quiet: bytes that are live, open "
        "descriptors, pages. Five cycles of warm-up are left out of the judgement.\n\n"
        "Exit status: 0 none was shown (a suspect too), 1 a leak, 2 not to be judged.",
        NULL,
        NULL,
        NULL};
    struct trend trend = {.unit = "bytes", .kind = STATS_LEAK_OTHER};
    struct series series = {0};
    struct opinion opinion;

    arguments_parse("trend", &parser, argc, argv, 0, &trend);
    read_series(&series, &trend);
    opinion = judge(&series, &trend);
    if (trend.json)
        print_json(&trend, &series, &opinion);
    else
        print_text(&trend, &series, &opinion);
    trend_free(&trend, &series);
    return arguments_finish("trend",
                            opinion.leak.verdict == STATS_LEAK_FOUND ? STATUS_FOUND : STATUS_GOOD);
}

const struct command command_trend = {"trend", "say whether a series of numbers leaks", trend_main};
