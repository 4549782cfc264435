/*
 * run: the main command. Options, the run, the reports, the exit status.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/report.h>
#include <harness/supervisor/run/again.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/ending.h>
#include <harness/supervisor/run/lap_at.h>
#include <harness/supervisor/run/line.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/run/place.h>
#include <harness/supervisor/run/profile_file.h>
#include <harness/supervisor/cli/reports.h>

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct workload *const workload_registry[];

enum { TARGETS = 256, WITHOUT = 32 };

enum {
    KEY_CYCLES = 1000,
    KEY_FOR,
    KEY_UNTIL,
    KEY_LAPS,
    KEY_LAP_AT,
    KEY_LAP_EVERY,
    KEY_SURE,
    KEY_MODE,
    KEY_OUT,
    KEY_RESUME,
    KEY_DRY,
    KEY_STDIN,
    KEY_PROFILE,
    KEY_FRESH,
    KEY_PROBE,
    KEY_DEADLINE,
    KEY_HELD_LONG,
    KEY_CONFIRM,
    KEY_WITHOUT,
    KEY_NO_CONTROL,
    KEY_LTTNG,
    KEY_NO_LTTNG,
    KEY_MUST_UNLOAD,
    KEY_REACH,
    KEY_HEAP_CHECK,
};

static const struct argp_option option_list[] = {
    {"workload", 'w', "W[,KEY=VALUE...]", 0,
     "stress this shipped workload, or ./MINE.so (repeatable)", 1},
    {"inject", 'i', "I[@SITE|@POINT]", 0, "inject this (repeatable); default: all that apply", 1},
    {"no-control", KEY_NO_CONTROL, NULL, 0, "leave out the control cell `none`", 1},
    {"cycles", KEY_CYCLES, "N", 0, "cycles per cell (default 200)", 2},
    {"for", KEY_FOR, "DURATION", 0, "run so long, shared by the cells: 90s, 30m, 8h", 2},
    {"until-found", KEY_UNTIL, "K", 0, "a cell is done after K failing cycles", 2},
    {"until-sure", KEY_SURE, "P", 0,
     "a cell is done once it is shown that fewer (or more) than P of its cycles fail: 1%, 0.001 or "
     "1/2000; each is wrong in at most 5 %",
     2},
    {"laps", KEY_LAPS, "N", 0, "bodies in one cycle (default 1, or what the variant needs)", 2},
    {"lap-at", KEY_LAP_AT, "FUNCTION", 0,
     "a lap of PROGRAM ends whenever this function is entered; also MODULE:FUNCTION, "
     "MODULE+0xOFFSET",
     2},
    {"lap-every", KEY_LAP_EVERY, "N", 0,
     "a lap of PROGRAM ends with every N-th call that rundown sees", 2},
    {"seed", 's', "SEED", 0, "64-bit number; drawn and printed if not given", 3},
    {"jobs", 'j', "J", 0, "targets at once (default: one for each processor)", 3},
    {"mode", KEY_MODE, "free|controlled", 0, "who schedules the threads (default free)", 3},
    {"deadline", KEY_DEADLINE, "DURATION", 0, "age at which an unproved hang is reported", 3},
    {"held-long", KEY_HELD_LONG, "DURATION", 0,
     "a lock that others wait for while its holder sleeps so long is noted (default 2s)", 3},
    {"confirm", KEY_CONFIRM, "N", 0,
     "replay each finding's line N times when the run is over (default 10, 0: do not)", 3},
    {"out", 'o', "DIR", 0, "directory of the results (default rundown-results/TIME)", 4},
    {"resume", KEY_RESUME, "DIR", 0, "go on with an interrupted run of the same command", 4},
    {"dry-run", KEY_DRY, NULL, 0, "print the plans and do nothing", 4},
    {"profile", KEY_PROFILE, "FILE", 0,
     "draw from this profile (DIR/profile-1 of another run), without a dry cycle", 4},
    {"stdin", KEY_STDIN, "FILE", 0, "standard input of the target (default /dev/null)", 5},
    {"fresh", KEY_FRESH, NULL, 0, "start the program anew for each cycle, do not fork it", 5},
    {"probe", KEY_PROBE, NULL, 0, "probe the survivors of a program after a kill", 5},
    {"must-unload", KEY_MUST_UNLOAD, NULL, 0, "a module that stays mapped is a finding", 5},
    {"reach", KEY_REACH, NULL, 0, "at each target's end look for blocks that no pointer leads to",
     5},
    {"heap-check", KEY_HEAP_CHECK, HEAP_CHECK_WORDS, 0, HEAP_CHECK_HELP, 5},
    {"without", KEY_WITHOUT, "DETECTOR", 0, "switch a detector off (repeatable)", 6},
    {"lttng", KEY_LTTNG, NULL, 0, "start the flight recorder for a program of your own, too", 6},
    {"no-lttng", KEY_NO_LTTNG, NULL, 0, "do not start the flight recorder", 6},
    {"quiet", 'q', NULL, 0, "no progress and no remarks", 6},
    {0},
};

struct arguments {
    struct run_options options;
    struct target *target[TARGETS];
    const char *without[WITHOUT + 1];
    unsigned withouts;
    char **program;
    uint64_t laps; /* 0: not given */
    const char *lap_at;
    uint64_t lap_every;
    bool have_seed;
    bool fresh;
    bool probe;
    const char *input;
    const char *profile;
    struct heap_check heap_check;
    char libdir[4096];
    struct error e;
};

static void refuse(struct argp_state *state, const struct error *e)
{
    fprintf(stderr, "rundown run: %s\n", e->text);
    exit(options_status(e->code) == 3 ? 3 : e->code == ERROR_NOT_EXECUTABLE ? 126 : 2);
}

static int add_workload(struct arguments *arguments, const char *text)
{
    if (arguments->options.targets == TARGETS)
        return error_set(&arguments->e, ERROR_USAGE, "--workload: more than %d", TARGETS);
    return target_workload(text, arguments->libdir,
                           &arguments->target[arguments->options.targets++], &arguments->e);
}

static int parse_number(int key, const char *text, struct arguments *arguments)
{
    struct run_options *options = &arguments->options;
    struct error *e = &arguments->e;
    uint64_t jobs;
    int code;

    switch (key) {
    case KEY_CYCLES:
        return options_number("cycles", text, 1, UINT64_C(1) << 40, &options->cycles, e);
    case KEY_FOR:
        return options_duration("for", text, &options->seconds, e);
    case KEY_UNTIL:
        return options_number("until-found", text, 1, UINT64_C(1) << 40, &options->until_found, e);
    case KEY_LAPS:
        return options_number("laps", text, 1, UINT32_MAX, &arguments->laps, e);
    case KEY_LAP_EVERY:
        return options_number("lap-every", text, 1, UINT32_MAX, &arguments->lap_every, e);
    case KEY_SURE:
        return options_share("until-sure", text, &options->until_sure, e);
    case KEY_CONFIRM:
        return options_number("confirm", text, 0, 1000, &options->again, e);
    case KEY_DEADLINE:
        return options_duration("deadline", text, &options->deadline_s, e);
    case KEY_HELD_LONG:
        return options_duration("held-long", text, &options->held_long_s, e);
    case 's':
        arguments->have_seed = true;
        return options_number("seed", text, 0, UINT64_MAX, &options->seed, e);
    default:
        code = options_number("jobs", text, 1, RUN_JOBS, &jobs, e);
        options->jobs = (unsigned)jobs;
        return code;
    }
}

static int parse_word(int key, char *text, struct arguments *arguments)
{
    struct run_options *options = &arguments->options;

    switch (key) {
    case 'w':
        return add_workload(arguments, text);
    case 'i':
        return options_add_injection(&arguments->options, text, &arguments->e);
    case KEY_MODE:
        return options_mode(text, &options->mode, &arguments->e);
    case 'o':
        options->directory = text;
        return 0;
    case KEY_RESUME:
        options->directory = text;
        options->resume = true;
        return 0;
    case KEY_LAP_AT:
        arguments->lap_at = text;
        return 0;
    case KEY_STDIN:
        arguments->input = text;
        return 0;
    case KEY_HEAP_CHECK:
        return heap_check_parse(text, &arguments->heap_check, &arguments->e);
    case KEY_PROFILE:
        arguments->profile = text;
        return 0;
    case KEY_WITHOUT:
        if (arguments->withouts < WITHOUT)
            arguments->without[arguments->withouts++] = text;
        return reports_check_detector(text, &arguments->e);
    default:
        return parse_number(key, text, arguments);
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct run_options *options = &arguments->options;

    switch (key) {
    case KEY_NO_CONTROL:
        options->no_control = true;
        return 0;
    case KEY_DRY:
        options->dry_run = true;
        return 0;
    case KEY_FRESH:
        arguments->fresh = true;
        return 0;
    case KEY_PROBE:
        arguments->probe = true;
        return 0;
    case KEY_MUST_UNLOAD:
        options->must_unload = true;
        return 0;
    case KEY_REACH:
        options->reach = true;
        return 0;
    case KEY_LTTNG:
        options->trace = true;
        return 0;
    case KEY_NO_LTTNG:
        options->no_trace = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        return ARGP_ERR_UNKNOWN; /* all of them at once, please: */
    case ARGP_KEY_ARGS:
        arguments->program = state->argv + state->next;
        return 0;
    case ARGP_KEY_INIT:
    case ARGP_KEY_NO_ARGS:
    case ARGP_KEY_END:
    case ARGP_KEY_SUCCESS:
    case ARGP_KEY_FINI:
        return 0;
    default:
        if (text == NULL && key != 'w' && key != 'i')
            return ARGP_ERR_UNKNOWN;
        if (parse_word(key, text, arguments) != 0)
            refuse(state, &arguments->e);
        return 0;
    }
}

static const char documentation[] =
    "Stresses shipped workloads, or PROGRAM, and injects death at seeded points.\v"
    "An injection POINT reads T1.2:malloc#17+41i: thread T1.2 (the second thread that main made), "
    "its 17th malloc, 41 instructions into the call. SITE alone restricts where the point is "
    "drawn.\n\n"
    "Exit status: 0 nothing found, 1 findings, 2 usage, 3 the run can't be trusted, 126/127 "
    "PROGRAM cannot be executed/found, 130 interrupted.";

/* --- from arguments to options ------------------------------------------------------------- */

static int default_targets(struct arguments *arguments)
{
    for (unsigned i = 0; workload_registry[i] != NULL; i++) {
        const struct workload *workload = workload_registry[i];

        if (workload->unavailable != NULL && workload->unavailable() != NULL)
            continue;
        if (add_workload(arguments, workload->name) != 0)
            return arguments->e.code;
    }
    return 0;
}

static int program_target(struct arguments *arguments)
{
    int code = target_program(arguments->program, &arguments->target[arguments->options.targets],
                              &arguments->e);

    if (code == 0)
        arguments->options.targets++;
    return code;
}

/* Whatever ends a lap, there is one of it. */
static int shape_laps(struct arguments *arguments, struct target *target)
{
    if ((arguments->lap_at != NULL) + (arguments->lap_every != 0) + (arguments->laps > 1) > 1)
        return error_set(&arguments->e, ERROR_USAGE,
                         "--lap-at, --lap-every and --laps each say what a lap is: give one");
    if (arguments->lap_at != NULL)
        return lap_at_set(target, arguments->lap_at, &arguments->e);
    if (arguments->lap_every != 0)
        return lap_every_set(target, (uint32_t)arguments->lap_every, &arguments->e);
    return 0;
}

static int shape_targets(struct arguments *arguments)
{
    struct run_options *options = &arguments->options;
    struct stat info;

    if (arguments->input != NULL && access(arguments->input, R_OK) != 0)
        return error_set(&arguments->e, ERROR_USAGE, "--stdin: %s: %s", arguments->input,
                         strerror(errno));
    if (arguments->input != NULL && stat(arguments->input, &info) == 0 && S_ISDIR(info.st_mode))
        return error_set(&arguments->e, ERROR_USAGE, "--stdin: %s: %s", arguments->input,
                         strerror(EISDIR));
    if (arguments->profile != NULL && options->targets != 1)
        return error_set(&arguments->e, ERROR_USAGE,
                         "--profile: it is of one program or workload: name that one");
    if (arguments->profile != NULL &&
        profile_file_read(arguments->profile, options->target[0], &arguments->e) != 0)
        return ERROR_USAGE;
    for (unsigned i = 0; i < options->targets; i++) {
        struct target *target = options->target[i];

        if (arguments->laps != 0)
            target->laps = (uint32_t)arguments->laps;
        target->fresh |= arguments->fresh;
        target->probe |= arguments->probe;
        target->heap_check = arguments->heap_check;
        if (arguments->input != NULL)
            target->input = strdup(arguments->input);
        if (shape_laps(arguments, target) != 0)
            return arguments->e.code;
    }
    return 0;
}

/* A run goes on with the seed that it was begun with, or its cycles would not fit together. */
static int resume_seed(struct arguments *arguments)
{
    struct run_options *options = &arguments->options;
    struct store *store;
    uint64_t seed;
    char *text;
    int code = store_open(options->directory, false, &store, &arguments->e);

    if (code != 0)
        return code;
    if (store_meta_get(store, "merged", &text, NULL) == 0) {
        free(text);
        code = error_set(&arguments->e, ERROR_USAGE,
                         "--resume: %s was merged from several runs: resume those",
                         options->directory);
    } else {
        code = store_meta_get(store, "seed", &text, &arguments->e);
    }
    store_close(store);
    if (code != 0)
        return code;
    seed = strtoull(text, NULL, 0);
    free(text);
    if (arguments->have_seed && options->seed != seed)
        return error_set(&arguments->e, ERROR_USAGE,
                         "--resume: %s was begun with seed 0x%llx, not 0x%llx: leave --seed out",
                         options->directory, (unsigned long long)seed,
                         (unsigned long long)options->seed);
    options->seed = seed;
    return 0;
}

static int complete(struct arguments *arguments)
{
    struct run_options *options = &arguments->options;
    int code = 0;

    options->target = arguments->target;
    options->without = arguments->withouts > 0 ? arguments->without : NULL;
    if (arguments->program != NULL && arguments->program[0] != NULL)
        code = program_target(arguments);
    else if (options->targets == 0)
        code = default_targets(arguments);
    if (code == 0)
        code = shape_targets(arguments);
    if (options->cycles == 0 && options->seconds == 0)
        options->cycles =
            options->until_found != 0 || options->until_sure > 0 ? UINT64_C(1) << 40 : 200;
    if (options->jobs == 0)
        options->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (!arguments->have_seed)
        options->seed = options_seed();
    if (code == 0 && options->resume)
        code = resume_seed(arguments);
    if (code == 0 && options->directory == NULL && !options->dry_run)
        options->directory = ending_directory();
    if (options->dry_run)
        options->directory = NULL;
    options->progress = !options->quiet && isatty(STDERR_FILENO);
    return code;
}

/* --- dry run ------------------------------------------------------------------------------------
 */

static void print_plans(const struct run *run)
{
    static struct abi_control control; /* large; nothing but the names of sites */

    for (size_t i = 0; i < run->cells; i++) {
        const struct run_cell *cell = &run->cell[i];

        job_name_sites(cell->target, &control);
        if (cell->row.state[0] != 0)
            printf("# %s inject=%s: %s\n", cell->row.target, cell->row.injector, cell->row.state);
        for (uint64_t cycle = 0; cell->row.state[0] == 0 && cycle < run->options.cycles; cycle++) {
            struct plan plan;
            char *line;

            plan_draw(&cell->spec, &cell->target->profile, run->options.seed, cell->key, cycle,
                      run->options.mode, &plan);
            line = line_format(cell->target, &plan, cell->injector, &control);
            puts(line);
            free(line);
        }
    }
}

/* --- the command
 * ----------------------------------------------------------------------------------- */

static int finish(struct run *run, int code, const struct error *e, int argc, char **argv)
{
    if (code != 0 || !run->options.dry_run)
        return ending_run(run, code, e, "run", argc - 1, argv + 1);
    print_plans(run);
    run_close(run);
    return STATUS_GOOD;
}

static int run_main(int argc, char **argv)
{
    static struct arguments arguments;
    static struct run run;
    struct argp parser = {option_list, parse, "[-- PROGRAM ARGUMENT...]", documentation, NULL,
                          NULL,        NULL};
    struct place place;
    struct error e;
    int code;

    memset(&arguments, 0, sizeof arguments);
    arguments.options.again = AGAIN_TIMES;
    run_place(&place);
    memcpy(arguments.libdir, place.libdir, sizeof arguments.libdir);
    arguments_parse("run", &parser, argc, argv, ARGP_IN_ORDER, &arguments);
    code = complete(&arguments);
    if (code != 0) {
        fprintf(stderr, "rundown run: %s\n", arguments.e.text);
        return code == ERROR_NOT_FOUND && arguments.program != NULL && !arguments.options.resume
                   ? 127
                   : options_status(code);
    }
    if (!arguments.options.quiet && !arguments.options.dry_run) {
        printf("seed 0x%llx\n", (unsigned long long)arguments.options.seed);
        fflush(stdout);
    }
    code = run_execute(&run, &arguments.options, &e);
    return finish(&run, code, &e, argc, argv);
}

const struct command command_run = {"run", "stress a workload or a program", run_main};
