/*
 * perform: words into a context, and the functions of a workload in their order.
 *
 * With the workload `null` this is the yardstick for what a cycle costs, so the passing path
 * neither allocates nor uses streams.
 */
#include <harness/target/perform.h>

#include <harness/common/suggest.h>
#include <harness/common/workload.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES = 64, ARGUMENT_BYTES = 64, KNOWN_BYTES = 256 };

/*
 * Static, not on main's stack: a worker may outlive main's frame when the plan ends main's
 * thread early.
 */
static struct workload_context context = {.seed = 1, .laps = 1}; /* in .data */
static char module_dir[PATH_MAX];

/* What could have been meant, NULL at the end. On the stack: each page that a cycle writes is
 * copied. */
struct names {
    const char *name[NAMES + 1];
    unsigned count;
};

int perform_refuse(const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, line);
    return PERFORM_USAGE;
}

static void name_add(struct names *names, const char *name)
{
    if (names->count < NAMES)
        names->name[names->count++] = name;
}

static const char *known_names(const struct names *names)
{
    static char text[KNOWN_BYTES];
    size_t length = 0;

    for (unsigned i = 0; i < names->count && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", i == 0 ? "" : ", ",
                                   names->name[i]);
    return text;
}

/* "what 'word' is unknown", and the nearest of the names. */
static int refuse_unknown(const char *what, const char *word, const struct names *names)
{
    const char *near = suggest_nearest(word, names->name);

    if (near != NULL)
        return perform_refuse("%s '%s' is unknown: did you mean '%s'?", what, word, near);
    return perform_refuse("%s '%s' is unknown: known are %s", what, word, known_names(names));
}

static int refuse_variant(const struct workload *workload, const char *name)
{
    const struct workload_variant *variant = workload->variants;
    struct names names = {0};

    if (variant == NULL || variant[0].name == NULL)
        name_add(&names, "plain");
    for (int i = 0; variant != NULL && variant[i].name != NULL; i++)
        name_add(&names, variant[i].name);
    return refuse_unknown("variant", name, &names);
}

static int refuse_parameter(const struct workload *workload, const char *name)
{
    const struct workload_parameter *parameter = workload->parameters;
    struct names names = {0};

    for (int i = 0; parameter != NULL && parameter[i].name != NULL; i++)
        name_add(&names, parameter[i].name);
    name_add(&names, "variant");
    name_add(&names, "seed");
    name_add(&names, "laps");
    return refuse_unknown("parameter", name, &names);
}

/* Hexadecimal with 0x, else decimal: a leading 0 is no octal number to a user. */
static int base_of(const char *text)
{
    text += *text == '-';
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
}

/* strto* skips blanks and takes a plus sign; a user who typed those made a mistake. */
static bool starts_like_number(const char *text, bool may_be_negative)
{
    text += may_be_negative && *text == '-';
    return *text >= '0' && *text <= '9';
}

static int read_seed(const char *text)
{
    unsigned long long number;
    char *end;

    errno = 0;
    number = strtoull(text, &end, base_of(text));
    if (!starts_like_number(text, false) || *end != '\0')
        return perform_refuse("seed: '%s' is not a number: give one from 0 to %llu", text,
                              ULLONG_MAX);
    if (errno == ERANGE)
        return perform_refuse("seed: '%s' is out of range: give one from 0 to %llu", text,
                              ULLONG_MAX);
    context.seed = number;
    return 0;
}

static int read_number(const char *name, const char *text, int64_t low, int64_t high, int64_t *out)
{
    long long number;
    char *end;

    errno = 0;
    number = strtoll(text, &end, base_of(text));
    if (!starts_like_number(text, true) || *end != '\0')
        return perform_refuse("%s: '%s' is not a number: give one from %lld to %lld", name, text,
                              (long long)low, (long long)high);
    if (errno == ERANGE || number < low || number > high)
        return perform_refuse("%s: '%s' is out of range: give one from %lld to %lld", name, text,
                              (long long)low, (long long)high);
    *out = number;
    return 0;
}

static int read_laps(const char *text)
{
    int64_t laps = 1;
    int status = read_number("laps", text, 1, UINT32_MAX, &laps);

    context.laps = (uint32_t)laps;
    return status;
}

static int read_variant(const struct workload *workload, const char *text)
{
    const struct workload_variant *variant = workload->variants;

    if ((variant == NULL || variant[0].name == NULL) && strcmp(text, "plain") == 0)
        return 0;
    for (int i = 0; variant != NULL && variant[i].name != NULL; i++) {
        if (strcmp(variant[i].name, text) == 0) {
            context.variant = i;
            return 0;
        }
    }
    return refuse_variant(workload, text);
}

static int read_parameter(const struct workload *workload, const char *name, const char *text)
{
    int index = workload_parameter_index(workload, name);
    const struct workload_parameter *parameter;

    if (index < 0)
        return refuse_parameter(workload, name);
    parameter = &workload->parameters[index];
    return read_number(name, text, parameter->low, parameter->high, &context.value[index]);
}

__attribute__((hot)) static int read_argument(const struct workload *workload, const char *argument)
{
    const char *equals = strchr(argument, '=');
    char name[ARGUMENT_BYTES];
    size_t length;

    if (equals == NULL || equals == argument)
        return perform_refuse("'%s' is not an argument: write NAME=VALUE", argument);
    length = (size_t)(equals - argument);
    if (length >= sizeof name)
        return refuse_parameter(workload, argument);
    memcpy(name, argument, length);
    name[length] = '\0';
    if (strcmp(name, "variant") == 0)
        return read_variant(workload, equals + 1);
    if (strcmp(name, "seed") == 0)
        return read_seed(equals + 1);
    if (strcmp(name, "laps") == 0)
        return read_laps(equals + 1);
    return read_parameter(workload, name, equals + 1);
}

/* An agent that is only a passenger says 0 laps. */
static bool under_agent(void)
{
    return rundown_mark_laps && rundown_mark_laps() != 0;
}

__attribute__((hot)) static int read_arguments(const struct workload *workload, int count,
                                               char **arguments)
{
    const struct workload_parameter *parameter = workload->parameters;
    const char *seed = under_agent() ? NULL : getenv("RUNDOWN_SEED");
    int status = seed == NULL ? 0 : read_seed(seed);

    for (int i = 0; parameter != NULL && parameter[i].name != NULL; i++)
        context.value[i] = parameter[i].standard;
    for (int i = 0; i < count && status == 0; i++)
        status = read_argument(workload, arguments[i]);
    return status;
}

/* What the agent says about the cycle beats what the command line says. */
static void ask_agent(void)
{
    if (!under_agent())
        return;
    context.laps = rundown_mark_laps();
    if (rundown_mark_seed)
        context.seed = rundown_mark_seed();
}

/* "modules" beside this program, in the build tree and in the installed tree alike. */
static int find_modules(const char *folder)
{
    const char *given = getenv("RUNDOWN_MODULE_DIR");
    static const char beside[] = "modules";
    ssize_t length;
    char *slash;

    context.module_dir = given != NULL ? given : folder;
    if (context.module_dir != NULL)
        return 0;
    length = readlink("/proc/self/exe", module_dir, sizeof module_dir - sizeof beside);
    if (length < 0)
        return ERROR_SYSTEM;
    module_dir[length] = '\0';
    slash = strrchr(module_dir, '/');
    memcpy(slash + 1, beside, sizeof beside);
    context.module_dir = module_dir;
    return 0;
}

/* Ours is a code of our list, anybody else's is an errno below 0. */
static const char *reason(int error, bool shipped)
{
    if (error < 0 && strerrordesc_np(-error) != NULL)
        return strerrordesc_np(-error);
    return error > 0 && error < ERROR_COUNT && shipped ? error_sentence(error)
                                                       : "it did not return 0";
}

static int set_up(const struct workload *workload, const struct perform_words *words)
{
    int error = 0;

    if (workload->modules && find_modules(words->folder) != 0)
        error = -ENOENT;
    if (error == 0 && workload->setup != NULL)
        error = workload->setup(&context);
    if (error == 0)
        return 0;
    perform_refuse("%s: set-up failed: %s", workload->name, reason(error, words->shipped));
    return PERFORM_SETUP;
}

static void run_lap(const struct workload *workload, uint32_t lap)
{
    if (rundown_mark_lap_begin)
        rundown_mark_lap_begin(lap);
    workload->body(&context, lap);
    if (workload->quiesce != NULL)
        workload->quiesce(&context);
    if (rundown_mark_lap_end)
        rundown_mark_lap_end(lap);
}

__attribute__((hot)) int perform_prepare(const struct workload *workload,
                                         const struct perform_words *words)
{
    const char *why;
    int status;

    memset(&context, 0, sizeof context);
    context.seed = 1;
    context.laps = 1;
    status = read_arguments(workload, words->count, words->word);
    if (status != 0)
        return status;
    why = workload->unavailable != NULL ? workload->unavailable() : NULL;
    if (why != NULL) {
        perform_refuse("%s cannot run here: %s", workload->name, why);
        return PERFORM_SKIPPED;
    }
    ask_agent();
    return set_up(workload, words);
}

__attribute__((hot)) int perform(const struct workload *workload, const struct perform_words *words)
{
    unsigned before = workload_broken_count();
    int status = perform_prepare(workload, words);

    if (status != 0)
        return status;
    for (uint32_t lap = 0; lap < context.laps; lap++)
        run_lap(workload, lap);
    if (workload->check != NULL)
        workload->check(&context);
    if (workload->teardown != NULL)
        workload->teardown(&context);
    return workload_broken_count() == before ? 0 : PERFORM_BROKEN;
}
