/*
 * options: words of the command line, read and refused in one line each.
 */
#include "options.h"

#include "usersite.h"

#include <harness/common/suggest.h>
#include <harness/agent_abi.h>
#include <harness/injector.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int options_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *out,
                   struct error *e)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    if (*text == 0 || *text == '-' || *end != 0 || errno != 0)
        return error_set(e, ERROR_USAGE, "--%s: '%s' is not a number", name, text);
    if (*out < low || *out > high)
        return error_set(e, ERROR_USAGE, "--%s: %s is outside %llu to %llu", name, text,
                         (unsigned long long)low, (unsigned long long)high);
    return 0;
}

int options_duration(const char *name, const char *text, double *seconds, struct error *e)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1},     {"s", 1},    {"ms", 1e-3}, {"m", 60},
                 {"min", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    double value = strtod(text, &end);

    if (end != text && isfinite(value) && value > 0)
        for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++)
            if (strcmp(end, units[i].unit) == 0) {
                *seconds = value * units[i].seconds;
                return 0;
            }
    return error_set(e, ERROR_USAGE, "--%s: '%s' is no duration; write 90s, 30m or 8h", name, text);
}

int options_share(const char *name, const char *text, double *share, struct error *e)
{
    char *end;
    double value = strtod(text, &end);

    if (end != text && *end == '%') {
        value /= 100;
        end++;
    } else if (end != text && *end == '/') {
        const char *below = end + 1;

        value /= strtod(below, &end);
        end = end == below ? (char *)"/" : end;
    }
    if (end == text || *end != 0 || !(value > 0 && value < 1))
        return error_set(e, ERROR_USAGE,
                         "--%s: '%s' is no share between 0 and 1; write 1%%, 0.01 or 1/100", name,
                         text);
    *share = value;
    return 0;
}

static int find_injector(const char *name, int *out, struct error *e)
{
    const char *names[RUN_INJECTORS + 1] = {NULL};
    const char *near;

    *out = injector_find(name);
    if (*out >= 0)
        return 0;
    for (unsigned i = 0; i < injector_count() && i < RUN_INJECTORS; i++)
        names[i] = injector_registry[i]->name;
    near = suggest_nearest(name, names);
    if (near != NULL)
        return error_set(e, ERROR_USAGE, "--inject: '%s' is unknown; did you mean '%s'?", name,
                         near);
    return error_set(e, ERROR_USAGE, "--inject: '%s' is unknown; see rundown list injectors", name);
}

/* A point that the injector refuses would silently strike nothing. */
static int check_point(const struct run_injection *injection, struct error *e)
{
    const struct injector *injector = injector_registry[injection->injector];
    const char *thread = injection->point.thread;

    if (injector->control)
        return error_set(e, ERROR_USAGE, "--inject: '%s' strikes nowhere, so it takes no point",
                         injector->name);
    if (injector->victim == VICTIM_MAIN && thread[0] != 0 && strcmp(thread, "T1") != 0)
        return error_set(e, ERROR_USAGE, "--inject: '%s' strikes T1 alone, not %s", injector->name,
                         thread);
    if (injector->victim == VICTIM_NOT_MAIN && strcmp(thread, "T1") == 0)
        return error_set(e, ERROR_USAGE,
                         "--inject: '%s' does not strike T1; main-kill kills the main thread",
                         injector->name);
    return 0;
}

/* Adds the site that was perhaps meant, where it is the site that is wrong. */
static void suggest_site(const char *point, struct error *e)
{
    const char *names[ABI_SITES] = {NULL};
    const char *colon = strrchr(point, ':');
    const char *near;
    char word[64];
    size_t length = strlen(e->text);

    snprintf(word, sizeof word, "%.*s", (int)strcspn(point, "#+"), point);
    if (colon != NULL)
        snprintf(word, sizeof word, "%.*s", (int)strcspn(colon + 1, "#+"), colon + 1);
    for (unsigned i = 1; i < ABI_SITES; i++)
        names[i - 1] = abi_site_name(NULL, i, NULL);
    near = abi_site_find(word) == 0 ? suggest_nearest(word, names) : NULL;
    if (near != NULL)
        snprintf(e->text + length, sizeof e->text - length, "; did you mean '%s'?", near);
}

int options_injection(const char *text, struct run_injection *out, struct error *e)
{
    char *copy = strdup(text);
    char *at = strchr(copy, '@');
    int code;

    memset(out, 0, sizeof *out);
    if (at != NULL)
        *at++ = 0;
    code = find_injector(copy, &out->injector, e);
    if (code == 0 && at != NULL) {
        out->placed = true;
        code = plan_point_parse(at, usersite_find, NULL, &out->point, e);
        if (code == 0)
            code = check_point(out, e);
        else
            suggest_site(at, e);
    }
    free(copy);
    out->text = strdup(text);
    return code;
}

int options_mode(const char *text, uint32_t *mode, struct error *e)
{
    if (strcmp(text, "free") == 0)
        *mode = PLAN_FREE;
    else if (strcmp(text, "controlled") == 0)
        *mode = PLAN_CONTROLLED;
    else
        return error_set(e, ERROR_USAGE, "--mode: '%s' is neither free nor controlled", text);
    return 0;
}

uint64_t options_seed(void)
{
    uint64_t seed = 0;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)run_now_ns();
    return seed;
}

int options_status(int code)
{
    switch (code) {
    case ERROR_NONE:
        return 0;
    case ERROR_NOT_EXECUTABLE:
        return 126;
    case ERROR_SYSTEM:
    case ERROR_MEMORY:
    case ERROR_FULL:
    case ERROR_TARGET:
    case ERROR_RECORDER:
        return 3;
    default:
        return 2;
    }
}

int options_add_injection(struct run_options *options, const char *text, struct error *e)
{
    if (options->injections == RUN_INJECTORS)
        return error_set(e, ERROR_USAGE, "--inject: more than %d", RUN_INJECTORS);
    return options_injection(text, &options->injection[options->injections++], e);
}
