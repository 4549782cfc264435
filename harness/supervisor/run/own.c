/*
 * own: from pairs of texts to a struct workload.
 *
 * The answer's bytes stay, and the workload's strings point into them.
 */
#include "own.h"

#include <harness/supervisor/process/trial.h>

#include <harness/common/workload_form.h>
#include <harness/injector.h>
#include <harness/stop_code.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

enum { ENVIRONMENT = 16, WORDS = WORKLOAD_PARAMETERS + 8 };

/* How a whole answer ends: runner.c. */
static const char answer_end[] = "end\0";

struct own {
    char *path;
    char *text; /* the answer */
    const char *unavailable;
    struct workload workload;
    struct workload_parameter parameter[WORKLOAD_PARAMETERS + 1];
    struct workload_variant variant[WORKLOAD_VARIANTS + 1];
    unsigned parameters;
    unsigned variants;
};

/* --- the path ----------------------------------------------------------------------------- */

bool own_names(const char *text)
{
    return memchr(text, '/', strcspn(text, ",")) != NULL ||
           memchr(text, '/', own_path_length(text));
}

static bool option_follows(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");

    return length > 0 && text[length] == '=';
}

size_t own_path_length(const char *text)
{
    const char *comma = strchr(text, ',');

    while (comma != NULL && !option_follows(comma + 1))
        comma = strchr(comma + 1, ',');
    return comma != NULL ? (size_t)(comma - text) : strlen(text);
}

/* The same file from any directory; links stay, since $ORIGIN is where the link lies. */
static char *absolute(const char *path)
{
    char *directory = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *out = NULL;

    while (directory != NULL && path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    if (asprintf(&out, "%s%s%s", directory != NULL ? directory : "", directory != NULL ? "/" : "",
                 path) < 0)
        out = NULL;
    free(directory);
    return out;
}

static int check_file(const char *path, struct error *e)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return error_set(e, ERROR_USAGE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return error_set(e, ERROR_USAGE, "%s: is no shared object", path);
    if (access(path, R_OK) != 0)
        return error_set(e, ERROR_USAGE, "%s: %s", path, strerror(errno));
    return 0;
}

/* --- the description ------------------------------------------------------------------------ */

static bool take_parameter(struct own *own, const char *name, const char *value)
{
    struct workload_parameter *parameter = &own->parameter[own->parameters - 1];

    if (own->parameters == 0)
        return false;
    if (strcmp(name, "help") == 0)
        parameter->help = value;
    else if (strcmp(name, "standard") == 0)
        parameter->standard = strtoll(value, NULL, 10);
    else if (strcmp(name, "low") == 0)
        parameter->low = strtoll(value, NULL, 10);
    else if (strcmp(name, "high") == 0)
        parameter->high = strtoll(value, NULL, 10);
    else
        return false;
    return true;
}

static bool take_variant(struct own *own, const char *name, const char *value)
{
    struct workload_variant *variant = &own->variant[own->variants - 1];

    if (own->variants == 0)
        return false;
    if (strcmp(name, "about") == 0)
        variant->summary = value;
    else if (strcmp(name, "bad") == 0)
        variant->bad = true;
    else if (strcmp(name, "codes") == 0)
        variant->codes = value;
    else if (strcmp(name, "injectors") == 0)
        variant->injectors = value;
    else if (strcmp(name, "environment") == 0)
        variant->environment = value;
    else if (strcmp(name, "tolerates") == 0)
        variant->tolerates = value;
    else if (strcmp(name, "laps") == 0)
        variant->laps = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "held-long") == 0)
        variant->held_long_ms = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "deadline") == 0)
        variant->deadline_ms = (uint32_t)strtoul(value, NULL, 10);
    else
        return false;
    return true;
}

/* False for a pair that means nothing to us, and for one too many. */
static bool take_pair(struct own *own, const char *name, const char *value)
{
    if (strcmp(name, "name") == 0)
        own->workload.name = value;
    else if (strcmp(name, "summary") == 0)
        own->workload.summary = value;
    else if (strcmp(name, "source") == 0)
        own->workload.source = value;
    else if (strcmp(name, "modules") == 0)
        own->workload.modules = true;
    else if (strcmp(name, "unavailable") == 0)
        own->unavailable = value;
    else if (strcmp(name, "parameter") == 0 && own->parameters < WORKLOAD_PARAMETERS)
        own->parameter[own->parameters++].name = value;
    else if (strcmp(name, "variant") == 0 && own->variants < WORKLOAD_VARIANTS)
        own->variant[own->variants++].name = value;
    else
        return take_variant(own, name, value) || take_parameter(own, name, value);
    return true;
}

/* "a|b c": each must be known to @find. */
static int check_words(const char *list, const char *separators, bool (*known)(const char *),
                       const char *variant, const char *what, struct error *e)
{
    char *copy = strdup(list != NULL ? list : "");
    char *rest = copy;
    char *word;
    int code = copy != NULL ? 0 : error_set(e, ERROR_MEMORY, "out of memory");

    while (code == 0 && (word = strsep(&rest, separators)) != NULL)
        if (*word != 0 && !known(word))
            code = error_set(e, ERROR_USAGE, "variant '%s': '%s' is no %s; see rundown list %ss",
                             variant, word, what, what[0] == 's' ? "stop-code" : what);
    free(copy);
    return code;
}

static bool known_code(const char *slug)
{
    return stop_code_find(slug) != STOP_NONE;
}

static bool known_injector(const char *name)
{
    return injector_find(name) >= 0;
}

static int check_variants(const struct own *own, struct error *e)
{
    int code = 0;

    for (unsigned i = 0; i < own->variants && code == 0; i++) {
        const struct workload_variant *variant = &own->variant[i];

        code = check_words(variant->codes, " |", known_code, variant->name, "stop code", e);
        if (code == 0)
            code =
                check_words(variant->injectors, " ", known_injector, variant->name, "injector", e);
        if (code == 0)
            code =
                check_words(variant->tolerates, " ", known_injector, variant->name, "injector", e);
    }
    return code;
}

static int take_answer(struct own *own, size_t length, struct error *e)
{
    const char *at = own->text;
    const char *end = own->text + length;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        if (strcmp(at, "end") == 0)
            break;
        if (value >= end)
            return error_set(e, ERROR_CORRUPT, "its description is cut short");
        if (strcmp(at, "no") == 0)
            return error_set(e, ERROR_USAGE, "%s", value);
        if (!take_pair(own, at, value))
            return error_set(e, ERROR_CORRUPT, "its description makes no sense: '%.40s'", at);
        at = value + strlen(value) + 1;
    }
    own->workload.parameters = own->parameter;
    own->workload.variants = own->variants > 0 ? own->variant : NULL;
    return own->workload.name == NULL ? error_set(e, ERROR_CORRUPT, "it says nothing of itself")
                                      : check_variants(own, e);
}

/* The loader's words come without a mend, and begin with the file that we name ourselves. */
static int refuse(const char *path, const char *why, int code, struct error *e)
{
    size_t length = strlen(path);
    const char *mend = "";

    if (strncmp(why, path, length) == 0 && why[length] == ':')
        why += length + 1 + strspn(why + length + 1, " ");
    if (strstr(why, "undefined symbol") != NULL)
        mend = "; link it with what defines that";
    else if (strstr(why, "invalid ELF header") != NULL || strstr(why, "file too short") != NULL)
        mend = "; a workload is a shared object, as cc -shared -fPIC makes it";
    else if (strstr(why, "cannot open shared object file") != NULL)
        mend = "; see ldd, or set LD_LIBRARY_PATH";
    else if (strstr(why, "position-independent executable") != NULL)
        mend = "; a program goes behind --";
    return error_set(e, code, "%.200s: %.200s%s", path, why, mend);
}

static int refuse_ending(const char *path, const struct trial *trial, const char *when,
                         struct error *e)
{
    char ending[64];

    return error_set(e, ERROR_USAGE, "%.300s: it %s as %s", path, trial_ending(trial, ending),
                     when);
}

static bool is_whole(const struct trial *trial)
{
    return trial->length >= sizeof answer_end &&
           memcmp(trial->answer + trial->length - sizeof answer_end, answer_end,
                  sizeof answer_end) == 0;
}

static int describe(struct own *own, const char *runner, struct trial *trial, struct error *e)
{
    char *words[] = {(char *)runner, (char *)"--describe", own->path, NULL};
    int code = trial_run(words, environ, answer_end, sizeof answer_end, trial, e);
    struct error why;

    if (code != 0)
        return code;
    if (!is_whole(trial))
        return refuse_ending(own->path, trial, "it was loaded", e);
    own->text = malloc(trial->length + 1);
    if (own->text == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    memcpy(own->text, trial->answer, trial->length + 1);
    code = take_answer(own, trial->length, &why);
    return code == 0 ? 0 : refuse(own->path, why.text, code, e);
}

int own_open(const char *path, const char *libdir, struct own **out, struct error *e)
{
    struct own *own = calloc(1, sizeof *own);
    struct trial *trial = malloc(sizeof *trial);
    char *runner = NULL;
    int code = check_file(path, e);

    if (code == 0 && (own == NULL || trial == NULL || (own->path = absolute(path)) == NULL ||
                      asprintf(&runner, "%s/rundown-target", libdir) < 0))
        code = error_set(e, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = describe(own, runner, trial, e);
    free(trial);
    free(runner);
    if (code == 0)
        *out = own;
    else
        own_free(own);
    return code;
}

/* --- set-up --------------------------------------------------------------------------------- */

/* The variant's words before ours: the first of a name counts. @copy is split in place. */
static char **with_words(char *copy)
{
    size_t count = 0;
    char **out;
    char *word;

    while (environ[count] != NULL)
        count++;
    out = calloc(count + ENVIRONMENT + 1, sizeof *out);
    if (out == NULL)
        return NULL;
    count = 0;
    while ((word = strsep(&copy, " ")) != NULL)
        if (*word != 0 && count < ENVIRONMENT)
            out[count++] = word;
    for (size_t i = 0; environ[i] != NULL; i++)
        out[count++] = environ[i];
    return out;
}

/* "rundown-target: counter: set-up failed: ...", among what set-up itself may have said. */
static bool said(const struct trial *trial, const char *words, char *out, size_t size)
{
    const char *at = strstr(trial->complaint, words);

    if (at == NULL)
        return false;
    snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
    return true;
}

static int run_try(const struct own *own, char **words, char **environment, struct trial *trial,
                   struct error *e)
{
    int code = trial_run(words, environment, answer_end, sizeof answer_end, trial, e);
    char why[200];

    if (code != 0 || is_whole(trial))
        return code;
    if (said(trial, "set-up failed: ", why, sizeof why) ||
        said(trial, "cannot run here: ", why, sizeof why))
        return error_set(e, ERROR_USAGE, "%.300s: %s", own->path, why);
    return refuse_ending(own->path, trial, "it was set up", e);
}

int own_try(const struct own *own, const char *libdir, char *const *word, const char *environment,
            struct error *e)
{
    struct trial *trial = malloc(sizeof *trial);
    char *words[WORDS] = {NULL, (char *)"--try", own->path};
    char *copy = strdup(environment);
    char **all = copy != NULL ? with_words(copy) : NULL;
    int code;

    for (unsigned i = 0; i + 4 < WORDS && word[i] != NULL; i++)
        words[3 + i] = word[i];
    if (trial == NULL || all == NULL || asprintf(&words[0], "%s/rundown-target", libdir) < 0)
        code = error_set(e, ERROR_MEMORY, "out of memory");
    else
        code = run_try(own, words, all, trial, e);
    free(words[0]);
    free(all);
    free(copy);
    free(trial);
    return code;
}

/* --- from outside ---------------------------------------------------------------------------- */

void own_free(struct own *own)
{
    if (own == NULL)
        return;
    free(own->path);
    free(own->text);
    free(own);
}

const char *own_path(const struct own *own)
{
    return own->path;
}

const struct workload *own_workload(const struct own *own)
{
    return &own->workload;
}

const char *own_unavailable(const struct own *own)
{
    return own->unavailable;
}
