/*
 * runner: the program that workloads run in.
 *     rundown-target WORKLOAD [variant=V] [seed=N] [laps=N] [NAME=VALUE ...]
 *     rundown-target ./mine.so [...]             somebody's own
 *     rundown-target --describe ./mine.so        what it says of itself, for the supervisor
 *     rundown-target --try ./mine.so [...]       set-up alone
 *
 * To the harness it is a program like anybody's. The fork server forks at main's entry, so all
 * of a cycle lies in main; a shared object is loaded before, as if it were linked in.
 *
 * Exit status: perform.h. Answers of --describe and --try go to descriptor 3: pairs of texts, a
 * name and a value, each ended by a NUL; the last name is "end". "no" comes with why not.
 */
#include <harness/common/suggest.h>
#include <harness/common/workload_form.h>
#include <harness/target/perform.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES = 512, ANSWER_FD = 3 };

/* --- a workload in a shared object -------------------------------------------------------- */

static struct {
    const struct workload *workload;
    char folder[PATH_MAX];
    struct error e;
} own;

static bool is_path; /* the first argument names a shared object */
static int shipped;  /* the number of the workload that it names, or -1 */

static int load(const char *path)
{
    const struct workload_export *export;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int code;

    if (object == NULL)
        return error_set(&own.e, ERROR_USAGE, "%s", dlerror());
    export = dlsym(object, "rundown_workload_export");
    if (export == NULL)
        return error_set(&own.e, ERROR_USAGE,
                         "it is no workload: it has no RUNDOWN_WORKLOAD() of "
                         "<rundown/workload.h>");
    if ((code = workload_form_export(export, &own.e)) != 0)
        return code;
    snprintf(own.folder, sizeof own.folder, "%s", path);
    dirname(own.folder);
    own.workload = export->workload;
    return 0;
}

/*
 * A constructor's place: after those of libraries, before main and so before the fork. The
 * error waits for main. What is found out here costs no cycle anything: each page of code that a
 * cycle needs and the server does not is a fault.
 */
__attribute__((constructor)) static void load_early(int count, char **arguments)
{
    if (count < 2)
        return;
    is_path = strchr(arguments[1], '/') != NULL;
    if (is_path)
        load(arguments[1]);
    else
        shipped = workload_find(arguments[1]);
}

/* --- answers ------------------------------------------------------------------------------ */

static void pair(FILE *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    fputs(name, out);
    fputc(0, out);
    fputs(value, out);
    fputc(0, out);
}

static void pair_number(FILE *out, const char *name, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, value);
    pair(out, name, text);
}

static void describe_parameters(FILE *out, const struct workload_parameter *parameter)
{
    for (; parameter != NULL && parameter->name != NULL; parameter++) {
        pair(out, "parameter", parameter->name);
        pair(out, "help", parameter->help != NULL ? parameter->help : "");
        pair_number(out, "standard", parameter->standard);
        pair_number(out, "low", parameter->low);
        pair_number(out, "high", parameter->high);
    }
}

static void describe_variants(FILE *out, const struct workload_variant *variant)
{
    for (; variant != NULL && variant->name != NULL; variant++) {
        pair(out, "variant", variant->name);
        pair(out, "about", variant->summary != NULL ? variant->summary : "");
        if (variant->bad)
            pair(out, "bad", "1");
        pair(out, "codes", variant->codes);
        pair(out, "injectors", variant->injectors);
        pair(out, "environment", variant->environment);
        pair(out, "tolerates", variant->tolerates);
        pair_number(out, "laps", variant->laps);
        pair_number(out, "held-long", variant->held_long_ms);
        pair_number(out, "deadline", variant->deadline_ms);
    }
}

static void describe_workload(FILE *out, const struct workload *workload)
{
    pair(out, "name", workload->name);
    pair(out, "summary", workload->summary);
    pair(out, "source", workload->source);
    if (workload->modules)
        pair(out, "modules", "1");
    if (workload->unavailable != NULL)
        pair(out, "unavailable", workload->unavailable());
    describe_parameters(out, workload->parameters);
    describe_variants(out, workload->variants);
}

/* Either way the process ends at once: a library's destructors are not what was asked for. */
static int answer(int code, const struct workload *workload)
{
    FILE *out = fdopen(ANSWER_FD, "w");

    if (out == NULL)
        return perform_refuse("descriptor %d is not open: only rundown itself asks this",
                              ANSWER_FD);
    if (code != 0)
        pair(out, "no", own.e.text);
    else if (workload != NULL)
        describe_workload(out, workload);
    pair(out, "end", "");
    fclose(out);
    _exit(code == 0 ? 0 : PERFORM_USAGE);
}

static int describe(const char *path)
{
    int code = load(path);

    return answer(code, own.workload);
}

/* Why it fails is said on stderr, which the supervisor reads. */
static int try_set_up(const char *path, char **word, int count)
{
    struct perform_words words = {.word = word, .count = count, .folder = own.folder};
    int code = load(path);
    int status = code == 0 ? perform_prepare(own.workload, &words) : 0;

    if (status != 0)
        return status;
    return answer(code, NULL);
}

/* --- main --------------------------------------------------------------------------------- */

static int refuse_workload(const char *name)
{
    static const char *names[NAMES + 1];
    const char *near;

    for (int i = 0; i < NAMES && workload_registry[i] != NULL; i++)
        names[i] = workload_registry[i]->name;
    near = suggest_nearest(name, names);
    if (near != NULL)
        return perform_refuse("workload '%s' is unknown: did you mean '%s'?", name, near);
    return perform_refuse("workload '%s' is unknown: see 'rundown list workloads'", name);
}

static int run_own(const char *path, char **word, int count)
{
    struct perform_words words = {.word = word, .count = count, .folder = own.folder};

    if (own.workload == NULL)
        return perform_refuse("%s: %s", path, own.e.text);
    return perform(own.workload, &words);
}

static int run_shipped(const char *name, char **word, int count)
{
    struct perform_words words = {.word = word, .count = count, .shipped = true};

    return shipped < 0 ? refuse_workload(name) : perform(workload_registry[shipped], &words);
}

__attribute__((hot)) int main(int count, char **arguments)
{
    if (count < 2)
        return perform_refuse("no workload given: write %s WORKLOAD [NAME=VALUE ...]",
                              "rundown-target");
    if (count > 2 && arguments[1][0] == '-') { /* no cycle reads these words: a page for each */
        if (strcmp(arguments[1], "--describe") == 0)
            return describe(arguments[2]);
        if (strcmp(arguments[1], "--try") == 0)
            return try_set_up(arguments[2], arguments + 3, count - 3);
    }
    if (is_path)
        return run_own(arguments[1], arguments + 2, count - 2);
    return run_shipped(arguments[1], arguments + 2, count - 2);
}
