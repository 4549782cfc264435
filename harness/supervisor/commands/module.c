/*
 * module: loads, uses and unloads a module in every lap, in three cells: used on the loading
 * thread, on a thread that outlives the unload, and on one that is still inside.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/run/again.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/ending.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/run/place.h>
#include <harness/supervisor/cli/reports.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELLS = 3, WITHOUT = 32, LAPS = 1000 };

enum {
    KEY_CYCLES = 1000,
    KEY_LAPS,
    KEY_DEADLINE,
    KEY_CONFIRM,
    KEY_MUST,
    KEY_WITHOUT,
    KEY_NO_CONTROL,
    KEY_NO_LTTNG,
    KEY_REACH,
    KEY_HEAP_CHECK
};

static const struct argp_option option_list[] = {
    {"use", 'u', "'FN(ARGS)'|FILE.c|DRIVER.so", 0, "what to do with it in each lap (repeatable)",
     1},
    {"inject", 'i', "I[@SITE|@POINT]", 0, "inject this (repeatable); default: nothing", 1},
    {"no-control", KEY_NO_CONTROL, NULL, 0, "with --inject: leave out the cells `none`", 1},
    {"laps", KEY_LAPS, "N", 0, "loads and unloads in one process (default 1000)", 2},
    {"cycles", KEY_CYCLES, "N", 0, "processes per cell (default 1)", 2},
    {"must-unload", KEY_MUST, NULL, 0, "a module that stays mapped is a finding", 3},
    {"reach", KEY_REACH, NULL, 0, "at each process's end look for blocks that no pointer leads to",
     3},
    {"heap-check", KEY_HEAP_CHECK, HEAP_CHECK_WORDS, 0, HEAP_CHECK_HELP, 3},
    {"seed", 's', "SEED", 0, "64-bit number; drawn and printed if not given", 4},
    {"jobs", 'j', "J", 0, "targets at once (default: one for each processor)", 4},
    {"deadline", KEY_DEADLINE, "DURATION", 0, "age at which an unproved hang is reported", 4},
    {"confirm", KEY_CONFIRM, "N", 0,
     "replay each finding's line N times when the run is over (default 10, 0: do not)", 4},
    {"out", 'o', "DIR", 0, "directory of the results (default rundown-results/TIME)", 5},
    {"without", KEY_WITHOUT, "DETECTOR", 0, "switch a detector off (repeatable)", 6},
    {"no-lttng", KEY_NO_LTTNG, NULL, 0, "do not start the flight recorder", 6},
    {"quiet", 'q', NULL, 0, "no progress and no remarks", 6},
    {0},
};

static const char documentation[] =
    "Loads LIB.so, uses it and unloads it, over and over, and tells what stays behind, crashes or "
    "hangs.\v"
    "LIB.so is a path, or a name as the loader looks it up. Each --use is done in each lap, in "
    "order. FN(ARGS) calls the module's function with at most 6 whole numbers, \"strings\" and "
    "NULLs; what it returns is thrown away. FILE.c is compiled (by $CC with $CFLAGS, or cc) and "
    "defines `void use(void *module)`, the argument being the handle for dlsym; DRIVER.so has "
    "that function already. Without --use the module is loaded and unloaded, no more.\n\n"
    "There are three cells: used on the loading thread (a), used on a thread that outlives the "
    "unload and then ends (b), unloaded while a thread is still inside its use (c). The thread "
    "in c has a reference of its own, so the module goes when that is dropped; --inject "
    "module-unload takes the module away without regard.\n\n"
    "Exit status: 0 nothing found, 1 findings, 2 usage, 3 the run can't be trusted, 130 "
    "interrupted.";

struct arguments {
    struct run_options options;
    const char *library;
    const char *use[USES_MOST + 1]; /* one too many, so that uses_open() can refuse it */
    unsigned uses;
    const char *without[WITHOUT + 1];
    unsigned withouts;
    struct target *target[CELLS];
    uint64_t laps;
    struct heap_check heap_check;
    bool have_seed;
    struct error e;
};

/* --- words -------------------------------------------------------------------------------------
 */

/* One lap leaves nothing to compare with. */
static int parse_number(int key, const char *text, struct arguments *arguments)
{
    struct run_options *options = &arguments->options;
    struct error *e = &arguments->e;
    uint64_t jobs = 0;
    int code;

    switch (key) {
    case KEY_CYCLES:
        return options_number("cycles", text, 1, UINT64_C(1) << 40, &options->cycles, e);
    case KEY_LAPS:
        return options_number("laps", text, 2, UINT32_MAX, &arguments->laps, e);
    case KEY_CONFIRM:
        return options_number("confirm", text, 0, 1000, &options->again, e);
    case KEY_DEADLINE:
        return options_duration("deadline", text, &options->deadline_s, e);
    case 's':
        arguments->have_seed = true;
        return options_number("seed", text, 0, UINT64_MAX, &options->seed, e);
    default:
        code = options_number("jobs", text, 1, RUN_JOBS, &jobs, e);
        options->jobs = (unsigned)jobs;
        return code;
    }
}

static int parse_word(int key, const char *text, struct arguments *arguments)
{
    switch (key) {
    case 'u':
        if (arguments->uses <= USES_MOST)
            arguments->use[arguments->uses++] = text;
        return 0;
    case 'i':
        return options_add_injection(&arguments->options, text, &arguments->e);
    case 'o':
        arguments->options.directory = text;
        return 0;
    case KEY_WITHOUT:
        if (arguments->withouts < WITHOUT)
            arguments->without[arguments->withouts++] = text;
        return reports_check_detector(text, &arguments->e);
    case KEY_HEAP_CHECK:
        return heap_check_parse(text, &arguments->heap_check, &arguments->e);
    case ARGP_KEY_ARG:
        if (arguments->library != NULL)
            return error_set(&arguments->e, ERROR_USAGE,
                             "'%s': one module only; call it once for each", text);
        arguments->library = text;
        return 0;
    default:
        return parse_number(key, text, arguments);
    }
}

static bool parse_flag(int key, struct run_options *options)
{
    switch (key) {
    case KEY_MUST:
        options->must_unload = true;
        return true;
    case KEY_REACH:
        options->reach = true;
        return true;
    case KEY_NO_CONTROL:
        options->no_control = true;
        return true;
    case KEY_NO_LTTNG:
        options->no_trace = true;
        return true;
    case 'q':
        options->quiet = true;
        return true;
    default:
        return false;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    if (parse_flag(key, &arguments->options))
        return 0;
    if (key == ARGP_KEY_NO_ARGS)
        arguments_refuse("module", "a module is missing; write rundown module ./libfoo.so");
    if (text == NULL || (key != ARGP_KEY_ARG && key >= ARGP_KEY_ARGS))
        return ARGP_ERR_UNKNOWN;
    if (parse_word(key, text, arguments) != 0)
        arguments_refuse("module", "%s", arguments->e.text);
    return 0;
}

/* --- from arguments to options -------------------------------------------------------------------
 */

static int make_targets(struct arguments *arguments, struct uses *uses, const char *libdir)
{
    struct run_options *options = &arguments->options;
    int code = 0;

    for (unsigned i = 0; i < CELLS && code == 0; i++) {
        code = target_module(uses, (char)('a' + i), libdir, &arguments->target[i], &arguments->e);
        if (code != 0)
            break;
        arguments->target[i]->laps = (uint32_t)arguments->laps;
        arguments->target[i]->heap_check = arguments->heap_check;
        options->targets++;
    }
    options->target = arguments->target;
    return code;
}

static int find_targets(struct arguments *arguments)
{
    static struct place place;
    struct uses *uses = NULL;
    char *host;
    int code;

    run_place(&place);
    host = target_host(place.libdir);
    if (host == NULL)
        return error_set(&arguments->e, ERROR_MEMORY, "out of memory");
    code =
        uses_open(arguments->library, arguments->use, arguments->uses, host, &uses, &arguments->e);
    if (code == 0)
        code = make_targets(arguments, uses, place.libdir);
    uses_drop(uses);
    free(host);
    return code;
}

static void free_targets(struct arguments *arguments)
{
    for (unsigned i = 0; i < CELLS; i++)
        target_free(arguments->target[i]);
}

/* Without --inject the module alone is judged: its own laps are what it is loaded for. */
static int complete(struct arguments *arguments)
{
    struct run_options *options = &arguments->options;
    struct error *e = &arguments->e;

    if (options->injections == 0 && options->no_control)
        return error_set(e, ERROR_USAGE, "--no-control: nothing is left; give --inject too");
    if (options->injections == 0)
        options_injection("none", &options->injection[options->injections++], e);
    options->without = arguments->withouts > 0 ? arguments->without : NULL;
    if (options->cycles == 0)
        options->cycles = 1;
    if (options->jobs == 0)
        options->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (!arguments->have_seed)
        options->seed = options_seed();
    options->progress = !options->quiet && isatty(STDERR_FILENO);
    return find_targets(arguments);
}

/* --- the command
 * ------------------------------------------------------------------------------------ */

static int execute(struct arguments *arguments, int argc, char **argv)
{
    static struct run run;
    struct run_options *options = &arguments->options;
    struct error e;
    int code;

    if (options->directory == NULL)
        options->directory = ending_directory();
    if (!options->quiet) {
        printf("seed 0x%llx\n", (unsigned long long)options->seed);
        fflush(stdout);
    }
    code = run_execute(&run, options, &e);
    return ending_run(&run, code, &e, "module", argc - 1, argv + 1);
}

static int module_main(int argc, char **argv)
{
    static struct arguments arguments;
    static const struct argp parser = {option_list, parse, "LIB.so", documentation,
                                       NULL,        NULL,  NULL};
    int status;

    memset(&arguments, 0, sizeof arguments);
    arguments.options.again = AGAIN_TIMES;
    arguments.laps = LAPS;
    arguments_parse("module", &parser, argc, argv, 0, &arguments);
    if (complete(&arguments) != 0) {
        fprintf(stderr, "rundown module: %s\n", arguments.e.text);
        status = options_status(arguments.e.code);
    } else {
        status = execute(&arguments, argc, argv);
    }
    free_targets(&arguments);
    return status;
}

const struct command command_module = {"module", "load, use and unload a module, over and over",
                                       module_main};
