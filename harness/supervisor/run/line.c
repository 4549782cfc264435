/*
 * line: replay lines, written and read.
 */
#include "line.h"

#include "lap_at.h"

#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/cli/usersite.h>

#include <harness/common/suggest.h>
#include <harness/injector.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

static void write_quoted(FILE *out, const char *name, const char *text)
{
    char *words[] = {(char *)text, NULL};
    char *quoted = text != NULL ? target_quote(words) : NULL;

    if (quoted != NULL)
        fprintf(out, " %s=%s", name, quoted + strlen("-- "));
    free(quoted);
}

char *line_format(const struct target *target, const struct plan *plan, int injector,
                  const struct abi_control *control)
{
    char check[HEAP_CHECK_BYTES];
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fprintf(out, "%s%sseed=0x%llx cycle=%llu inject=%s", target->head,
            target->head[0] != 0 ? " " : "", (unsigned long long)plan->seed,
            (unsigned long long)plan->cycle, injector_registry[injector]->name);
    if (plan->count > 0) {
        char point[PLAN_POINT_BYTES];
        char site[64];

        plan_point_format(&plan->strike[0], abi_site_name(control, plan->strike[0].site, site),
                          point);
        fprintf(out, "@%s", point);
        if (injector_registry[injector]->argument_name != NULL)
            fprintf(out, " argument=%lld", (long long)plan->strike[0].argument);
    }
    fprintf(out, " mode=%s", plan->mode == PLAN_CONTROLLED ? "controlled" : "free");
    if (plan->mode == PLAN_CONTROLLED && control->schedule_hash != 0)
        fprintf(out, " hash=0x%llx", (unsigned long long)control->schedule_hash);
    if (target->laps != 1 || target->usual_laps != 1)
        fprintf(out, " laps=%u", target->laps);
    if (target->lap_text != NULL)
        write_quoted(out, "lap-at", target->lap_text);
    if (target->lap_every != 0)
        fprintf(out, " lap-every=%u", target->lap_every);
    if (target->fresh)
        fputs(" fresh=1", out);
    if (target->probe && target->workload == NULL && target->uses == NULL)
        fputs(" probe=1", out);
    if (target->must_unload)
        fputs(" must-unload=1", out);
    if (target->reach)
        fputs(" reach=1", out);
    if (target->heap_check.options != 0)
        fprintf(out, " heap-check=%s", heap_check_format(&target->heap_check, check));
    if (target->deadline_s > 0)
        fprintf(out, " deadline=%.9g", target->deadline_s);
    if (target->held_long_s > 0)
        fprintf(out, " held-long=%.9g", target->held_long_s);
    if (target->recorder != RECORDER_USUAL)
        fprintf(out, " recorder=%s", target->recorder == RECORDER_NONE ? "none" : "lttng");
    write_quoted(out, "input", target->input);
    if (target->build[0] != 0)
        fprintf(out, " build=%s", target->build);
    if (target->tail[0] != 0)
        fprintf(out, " %s", target->tail);
    fclose(out);
    return text;
}

enum { VARIABLES = 64 };

/* --- reading ---------------------------------------------------------------------------- */

struct reader {
    struct line *line;
    char *workload;      /* "name,key=value,..." as target_workload takes it, or "module" */
    const char *library; /* words of a module */
    const char *use[USES_MOST + 1]; /* one too many, so that uses_open() can refuse it */
    unsigned uses;
    char where;
    uint32_t laps;
    uint32_t lap_every;
    const char *lap_at; /* a word of the line */
    bool fresh;
    bool probe;
    bool must_unload;
    bool reach;
    struct heap_check heap_check;
    double deadline_s;
    double held_long_s;
    enum target_recorder recorder;
    char *input;
    char *directory;
    char *variable[VARIABLES + 1];
    unsigned variables;
    bool have_cycle;
};

static int number(const char *name, const char *text, uint64_t *out, struct error *e)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    if (*text == 0 || *text == '-' || *end != 0 || errno != 0)
        return error_set(e, ERROR_USAGE, "replay line: %s: '%s' is not a number", name, text);
    return 0;
}

static int read_inject(struct reader *reader, char *value, struct error *e)
{
    struct line *line = reader->line;
    char *at = strchr(value, '@');
    const char *near;

    if (at != NULL)
        *at++ = 0;
    line->injector = injector_find(value);
    if (line->injector < 0) {
        const char *names[128] = {NULL};

        for (unsigned i = 0; i < injector_count() && i < 127; i++)
            names[i] = injector_registry[i]->name;
        near = suggest_nearest(value, names);
        return error_set(e, ERROR_USAGE, "replay line: inject: '%s' is unknown%s%s%s", value,
                         near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                         near != NULL ? "'?" : "");
    }
    if (at == NULL)
        return 0;
    line->struck = true;
    return plan_point_parse(at, usersite_find, NULL, &line->point, e);
}

static bool reads_module(const struct reader *reader)
{
    return reader->workload != NULL && strcmp(reader->workload, "module") == 0;
}

/* What only modules have. */
static bool read_module_word(struct reader *reader, const char *word, const char *value)
{
    if (!reads_module(reader))
        return false;
    if (strcmp(word, "use") == 0) {
        if (reader->uses <= USES_MOST)
            reader->use[reader->uses++] = value;
        return true;
    }
    if (strcmp(word, "where") != 0)
        return false;
    reader->where = value[0] != 0 && value[1] == 0 ? value[0] : '?';
    return true;
}

/* What only programs have, and before their command. */
static bool read_program_word(struct reader *reader, const char *word, char *value)
{
    if (reader->workload != NULL)
        return false;
    if (strcmp(word, "dir") == 0) {
        reader->directory = value;
        return true;
    }
    if (strcmp(word, "env") != 0)
        return false;
    if (reader->variables < VARIABLES)
        reader->variable[reader->variables++] = value;
    return true;
}

static bool read_flag(struct reader *reader, const char *word, const char *value)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"fresh", &reader->fresh},
        {"probe", &reader->probe},
        {"must-unload", &reader->must_unload},
        {"reach", &reader->reach},
    };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(word, flags[i].name) == 0) {
            *flags[i].flag = strcmp(value, "1") == 0;
            return true;
        }
    return false;
}

static int read_seed(struct reader *reader, char *value, struct error *e)
{
    return number("seed", value, &reader->line->seed, e);
}

static int read_hash(struct reader *reader, char *value, struct error *e)
{
    return number("hash", value, &reader->line->hash, e);
}

static int read_cycle(struct reader *reader, char *value, struct error *e)
{
    reader->have_cycle = true;
    return number("cycle", value, &reader->line->cycle, e);
}

static int read_mode(struct reader *reader, char *value, struct error *e)
{
    reader->line->mode = strcmp(value, "controlled") == 0 ? PLAN_CONTROLLED : PLAN_FREE;
    if (reader->line->mode == PLAN_FREE && strcmp(value, "free") != 0)
        return error_set(e, ERROR_USAGE, "replay line: mode: '%s' is neither free nor controlled",
                         value);
    return 0;
}

static int read_argument(struct reader *reader, char *value, struct error *e)
{
    char *end;

    reader->line->point.argument = strtoll(value, &end, 0);
    if (*end != 0 || *value == 0)
        return error_set(e, ERROR_USAGE, "replay line: argument: '%s' is not a number", value);
    return 0;
}

static int number32(const char *name, const char *text, uint32_t *out, struct error *e)
{
    uint64_t n = 0;
    int code = number(name, text, &n, e);

    *out = (uint32_t)n;
    return code;
}

static int read_laps(struct reader *reader, char *value, struct error *e)
{
    return number32("laps", value, &reader->laps, e);
}

static int read_lap_every(struct reader *reader, char *value, struct error *e)
{
    return number32("lap-every", value, &reader->lap_every, e);
}

static int read_lap_at(struct reader *reader, char *value, struct error *e)
{
    reader->lap_at = value;
    return 0;
}

static int read_heap_check(struct reader *reader, char *value, struct error *e)
{
    return heap_check_parse(value, &reader->heap_check, e);
}

static int read_deadline(struct reader *reader, char *value, struct error *e)
{
    return options_duration("deadline", value, &reader->deadline_s, e);
}

static int read_held_long(struct reader *reader, char *value, struct error *e)
{
    return options_duration("held-long", value, &reader->held_long_s, e);
}

static int read_recorder(struct reader *reader, char *value, struct error *e)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "lttng") != 0)
        return error_set(e, ERROR_USAGE, "replay line: recorder: '%s' is neither none nor lttng",
                         value);
    reader->recorder = value[0] == 'n' ? RECORDER_NONE : RECORDER_LTTNG;
    return 0;
}

static int read_input(struct reader *reader, char *value, struct error *e)
{
    free(reader->input);
    reader->input = strdup(value);
    return 0;
}

static int read_build(struct reader *reader, char *value, struct error *e)
{
    snprintf(reader->line->build, sizeof reader->line->build, "%s", value);
    return 0;
}

/* Whatever else it is, it is an option of the workload. */
static int read_workload_option(struct reader *reader, const char *word, const char *value,
                                struct error *e)
{
    char *longer = NULL;

    if (reader->workload == NULL || reads_module(reader))
        return error_set(e, ERROR_USAGE, "replay line: '%s=%s' has no meaning here", word, value);
    if (asprintf(&longer, "%s,%s=%s", reader->workload, word, value) < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    free(reader->workload);
    reader->workload = longer;
    return 0;
}

static int read_value(struct reader *reader, const char *word, char *value, struct error *e)
{
    static const struct {
        const char *name;
        int (*read)(struct reader *reader, char *value, struct error *e);
    } words[] = {
        {"seed", read_seed},         {"hash", read_hash},
        {"cycle", read_cycle},       {"inject", read_inject},
        {"mode", read_mode},         {"argument", read_argument},
        {"laps", read_laps},         {"lap-every", read_lap_every},
        {"lap-at", read_lap_at},     {"heap-check", read_heap_check},
        {"deadline", read_deadline}, {"held-long", read_held_long},
        {"input", read_input},       {"build", read_build},
        {"recorder", read_recorder},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].name) == 0)
            return words[i].read(reader, value, e);
    return read_workload_option(reader, word, value, e);
}

static int read_word(struct reader *reader, char *word, struct error *e)
{
    char *value = strchr(word, '=');

    if (reads_module(reader) && reader->library == NULL) {
        reader->library = word; /* whatever it looks like */
        return 0;
    }
    if (value == NULL || (reader->workload == NULL && word[0] == '/')) {
        if (reader->workload != NULL)
            return error_set(e, ERROR_USAGE, "replay line: '%s' is not of the form name=value",
                             word);
        reader->workload = strdup(word);
        return 0;
    }
    *value++ = 0;
    if (read_module_word(reader, word, value) || read_program_word(reader, word, value) ||
        read_flag(reader, word, value))
        return 0;
    return read_value(reader, word, value, e);
}

/* Splits as a shell does, without expanding anything. */
static int split(const char *text, wordexp_t *words, struct error *e)
{
    char *safe = NULL;
    size_t length;
    FILE *out = open_memstream(&safe, &length);
    int quoted = 0;
    int result;

    if (out == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    /* wordexp refuses some characters outside quotes; '?' and '*' stand for names here. */
    for (const char *at = text; *at != 0; at++) {
        if (!quoted && *at == '\\' && at[1] != 0) {
            fputc(*at++, out);
            fputc(*at, out);
            continue;
        }
        if (*at == '\'')
            quoted = !quoted;
        if (!quoted && strchr("?*[#~;&|<>(){}$`!", *at) != NULL)
            fputc('\\', out);
        if (!quoted && *at == '\n')
            continue;
        fputc(*at, out);
    }
    fclose(out);
    result = wordexp(safe, words, WRDE_NOCMD);
    free(safe);
    return result == 0 ? 0
                       : error_set(e, ERROR_USAGE, "replay line: it cannot be split into words");
}

static int find_module(const struct reader *reader, const char *libdir, struct error *e)
{
    char *host = target_host(libdir);
    struct uses *uses = NULL;
    int code;

    if (host == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (reader->library == NULL)
        code = error_set(e, ERROR_USAGE, "replay line: a path must follow 'module'");
    else
        code = uses_open(reader->library, reader->use, reader->uses, host, &uses, e);
    if (code == 0)
        code = target_module(uses, reader->where, libdir, &reader->line->target, e);
    uses_drop(uses);
    free(host);
    return code;
}

static int find_target(struct reader *reader, char **command, const char *libdir, struct error *e)
{
    struct line *line = reader->line;
    int code;

    if (reader->workload == NULL && *command == NULL)
        return error_set(e, ERROR_USAGE, "replay line: it names neither a workload nor a program");
    if (reader->workload != NULL && *command != NULL)
        return error_set(e, ERROR_USAGE, "replay line: it names both a workload and a program");
    if (reads_module(reader))
        code = find_module(reader, libdir, e);
    else
        code = reader->workload != NULL
                   ? target_workload(reader->workload, libdir, &line->target, e)
                   : target_program(command, &line->target, e);
    if (code == 0 && (reader->directory != NULL || reader->variables > 0))
        code = target_surround(line->target, reader->directory, reader->variable, e);
    if (code != 0)
        return code;
    if (reader->laps != 0)
        line->target->laps = reader->laps;
    if (reader->lap_at != NULL && (code = lap_at_set(line->target, reader->lap_at, e)) != 0)
        return code;
    if (reader->lap_every != 0 && (code = lap_every_set(line->target, reader->lap_every, e)) != 0)
        return code;
    line->target->fresh = reader->fresh;
    line->target->probe |= reader->probe;
    line->target->must_unload = reader->must_unload;
    line->target->reach = reader->reach;
    line->target->heap_check = reader->heap_check;
    if (reader->deadline_s > 0)
        line->target->deadline_s = reader->deadline_s;
    if (reader->held_long_s > 0)
        line->target->held_long_s = reader->held_long_s;
    line->target->recorder = reader->recorder;
    line->target->input = reader->input;
    reader->input = NULL;
    return 0;
}

int line_parse(const char *text, const char *libdir, struct line *out, struct error *e)
{
    struct reader reader = {.line = out, .where = 'a'};
    static char *nothing[] = {NULL};
    char **command = nothing;
    wordexp_t words;
    int code;

    memset(out, 0, sizeof *out);
    out->injector = injector_find("none");
    if ((code = split(text, &words, e)) != 0)
        return code;
    for (size_t i = 0; i < words.we_wordc && code == 0; i++) {
        if (strcmp(words.we_wordv[i], "--") == 0) {
            command = &words.we_wordv[i + 1];
            break;
        }
        code = read_word(&reader, words.we_wordv[i], e);
    }
    if (code == 0 && !reader.have_cycle)
        code = error_set(e, ERROR_USAGE, "replay line: it has no cycle=N");
    if (code == 0)
        code = find_target(&reader, command, libdir, e);
    wordfree(&words);
    free(reader.workload);
    free(reader.input);
    return code;
}

void line_free(struct line *line)
{
    target_free(line->target);
    line->target = NULL;
}
