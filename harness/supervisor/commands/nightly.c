/*
 * nightly: all cells within a time, with known faults planted among them.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/ending.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/cli/reports.h>
#include <harness/supervisor/nightly/closing.h>
#include <harness/supervisor/nightly/config.h>
#include <harness/supervisor/nightly/need.h>
#include <harness/supervisor/nightly/night.h>
#include <harness/supervisor/run/again.h>
#include <harness/supervisor/run/place.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WORDS = 64 };

/* Of the whole time: the rest is for replaying findings. */
static const double RUN_SHARE = 0.85, HOUR_S = 3600;

enum {
    KEY_CYCLES = 1000,
    KEY_FOR,
    KEY_PLANT,
    KEY_CALIBRATE,
    KEY_HISTORY,
    KEY_OUT,
    KEY_RESUME,
    KEY_DEADLINE,
    KEY_CONFIRM,
    KEY_WITHOUT,
    KEY_NO_LTTNG,
};

static const struct argp_option option_list[] = {
    {"for", KEY_FOR, "DURATION", 0, "how long, all in all: 90s, 30m, 8h (default 1h)", 1},
    {"cycles", KEY_CYCLES, "N", 0, "so many cycles in each cell, however long it takes", 1},
    {"workload", 'w', "W[,KEY=VALUE...]", 0, "this shipped workload in place of all (repeatable)",
     2},
    {"inject", 'i', "I[@SITE|@POINT]", 0,
     "inject this (repeatable), and none; default: all that apply", 2},
    {"plant", KEY_PLANT, "W[,variant=V]", 0,
     "plant the faults of these alone (repeatable); default: all that there are", 3},
    {"calibrate", KEY_CALIBRATE, "N", 0,
     "cycles at most in a planted cell (default 2000; with --cycles as many as there)", 3},
    {"seed", 's', "SEED", 0, "64-bit number; drawn and printed if not given", 4},
    {"jobs", 'j', "J", 0, "targets at once (default: one for each processor)", 4},
    {"deadline", KEY_DEADLINE, "DURATION", 0, "age at which an unproved hang is reported", 4},
    {"confirm", KEY_CONFIRM, "N", 0,
     "replay each finding's line N times when the run is over (default 10, 0: do not)", 4},
    {"history", KEY_HISTORY, "DIR", 0, "directory of all nights' results (default rundown-results)",
     5},
    {"out", KEY_OUT, "DIR", 0, "directory of this night's (default HISTORY/TIME)", 5},
    {"resume", KEY_RESUME, "DIR", OPTION_ARG_OPTIONAL,
     "go on with this interrupted night, or the newest in the history", 5},
    {"without", KEY_WITHOUT, "DETECTOR", 0, "switch a detector off (repeatable)", 6},
    {"no-lttng", KEY_NO_LTTNG, NULL, 0, "do not start the flight recorder", 6},
    {"quiet", 'q', NULL, 0, "no progress and no remarks", 6},
    {0},
};

static const char documentation[] =
    "Runs every workload under every injector that applies, within a time, and plants known faults "
    "among them to see whether they are found.\v"
    "CONFIG is a YAML file that says what else to run and within which limits; what stands on the "
    "command line comes before what stands there. Cells get time by need: new or changed ones "
    "first, then where one more cycle tells most.\n\n"
    "Exit status: 0 nothing found but what is known, 1 findings, 2 usage or configuration, 3 the "
    "night can't be trusted (planted faults were not found, or rundown failed), 130 interrupted.";

struct arguments {
    struct night night;
    const char *config;
    const char *workload[WORDS + 1];
    unsigned workloads;
    const char *inject[WORDS + 1];
    unsigned injects;
    const char *out;
    bool resume;
    bool quiet;
    /* What the command line has said, to be said again after the configuration. */
    bool have_for, have_cycles, have_calibrate, have_jobs, have_confirm, have_deadline;
    double seconds, deadline_s;
    uint64_t cycles, calibrate, jobs, confirm;
    const char *history;
    bool no_trace;
    struct error e;
};

/* --- words ---------------------------------------------------------------------------------------
 */

static int parse_number(int key, const char *text, struct arguments *arguments)
{
    struct error *e = &arguments->e;

    switch (key) {
    case KEY_FOR:
        arguments->have_for = true;
        return options_duration("for", text, &arguments->seconds, e);
    case KEY_CYCLES:
        arguments->have_cycles = true;
        return options_number("cycles", text, 1, UINT64_C(1) << 40, &arguments->cycles, e);
    case KEY_CALIBRATE:
        arguments->have_calibrate = true;
        return options_number("calibrate", text, 1, UINT64_C(1) << 40, &arguments->calibrate, e);
    case KEY_CONFIRM:
        arguments->have_confirm = true;
        return options_number("confirm", text, 0, 1000, &arguments->confirm, e);
    case KEY_DEADLINE:
        arguments->have_deadline = true;
        return options_duration("deadline", text, &arguments->deadline_s, e);
    case 's':
        arguments->night.have_seed = true;
        return options_number("seed", text, 0, UINT64_MAX, &arguments->night.seed, e);
    default:
        arguments->have_jobs = true;
        return options_number("jobs", text, 1, RUN_JOBS, &arguments->jobs, e);
    }
}

static int add_word(const char **list, unsigned *count, unsigned most, const char *name,
                    const char *text, struct error *e)
{
    if (*count >= most)
        return error_set(e, ERROR_USAGE, "--%s: more than %u", name, most);
    list[(*count)++] = text;
    return 0;
}

static int parse_word(int key, const char *text, struct arguments *arguments)
{
    struct night *night = &arguments->night;
    struct error *e = &arguments->e;
    int code;

    switch (key) {
    case 'w':
        return add_word(arguments->workload, &arguments->workloads, WORDS, "workload", text, e);
    case 'i':
        return add_word(arguments->inject, &arguments->injects, WORDS, "inject", text, e);
    case KEY_PLANT:
        return add_word(night->plant, &night->plants, NIGHT_PLANT, "plant", text, e);
    case KEY_HISTORY:
        arguments->history = text;
        return 0;
    case KEY_OUT:
        arguments->out = text;
        return 0;
    case KEY_WITHOUT:
        code = add_word(night->without, &night->withouts, NIGHT_WITHOUT, "without", text, e);
        return code == 0 ? reports_check_detector(text, e) : code;
    case ARGP_KEY_ARG:
        if (arguments->config != NULL)
            return error_set(e, ERROR_USAGE, "'%s': one configuration only", text);
        arguments->config = text;
        return 0;
    default:
        return parse_number(key, text, arguments);
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case KEY_RESUME:
        arguments->resume = true;
        if (text != NULL)
            arguments->out = text;
        return 0;
    case KEY_NO_LTTNG:
        arguments->no_trace = true;
        return 0;
    case 'q':
        arguments->quiet = true;
        return 0;
    default:
        if (text == NULL || (key != ARGP_KEY_ARG && key >= ARGP_KEY_ARGS))
            return ARGP_ERR_UNKNOWN;
        if (parse_word(key, text, arguments) != 0)
            arguments_refuse("nightly", "%s", arguments->e.text);
        return 0;
    }
}

/* --- from arguments to a night
 * --------------------------------------------------------------------- */

static int command_workloads(struct arguments *arguments)
{
    struct night *night = &arguments->night;
    int code = 0;

    for (unsigned i = 0; code == 0 && i < arguments->workloads; i++) {
        struct target *target;

        code = target_workload(arguments->workload[i], night->libdir, &target, &arguments->e);
        if (code == 0)
            code = night_target(night, target, &arguments->e);
        if (code == 0)
            code = night_cells(night, target, arguments->injects > 0 ? arguments->inject : NULL,
                               &arguments->e);
    }
    return code;
}

static int fill_cells(struct arguments *arguments)
{
    struct night *night = &arguments->night;
    int code = command_workloads(arguments);

    if (code == 0 && night->wishes == 0)
        code = night_workloads(night, arguments->injects > 0 ? arguments->inject : NULL,
                               &arguments->e);
    return code == 0 ? night_plant(night, &arguments->e) : code;
}

/* What the command line says comes before what the configuration says. */
static int override(struct arguments *arguments)
{
    struct night *night = &arguments->night;

    if (arguments->have_for || arguments->have_cycles) {
        night->seconds = arguments->have_for ? arguments->seconds : 0;
        night->cycles = arguments->have_cycles ? arguments->cycles : 0;
    }
    if (arguments->have_calibrate)
        night->planted_cycles = arguments->calibrate;
    if (arguments->have_jobs)
        night->jobs = (unsigned)arguments->jobs;
    if (arguments->have_confirm)
        night->confirm = arguments->confirm;
    if (arguments->have_deadline)
        night->deadline_s = arguments->deadline_s;
    night->no_trace |= arguments->no_trace;
    if (arguments->history != NULL || night->history == NULL) {
        free(night->history);
        night->history =
            strdup(arguments->history != NULL ? arguments->history : "rundown-results");
    }
    return night->history == NULL ? error_set(&arguments->e, ERROR_MEMORY, "out of memory") : 0;
}

static int standard_outputs(struct night *night, struct error *e)
{
    static const struct {
        const char *format;
        const char *file;
    } standard[] = {{"html", "report.html"},
                    {"junit", "junit.xml"},
                    {"jsonl", "run.jsonl"},
                    {"metrics", "metrics.prom"}};

    if (night->outputs > 0)
        return 0;
    for (unsigned i = 0; i < sizeof standard / sizeof standard[0]; i++) {
        struct night_output *output = &night->output[night->outputs++];

        output->format = standard[i].format;
        output->file = strdup(standard[i].file);
        if (output->file == NULL)
            return error_set(e, ERROR_MEMORY, "out of memory");
    }
    return 0;
}

static void set_defaults(struct night *night)
{
    if (night->seconds == 0 && night->cycles == 0)
        night->seconds = HOUR_S;
    if (night->jobs == 0)
        night->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (!night->have_seed)
        night->seed = options_seed();
}

static int complete(struct arguments *arguments)
{
    struct night *night = &arguments->night;
    int code = 0;

    if (arguments->config != NULL)
        code = config_read(arguments->config, arguments->workloads > 0, night, &arguments->e);
    if (code == 0)
        code = override(arguments);
    if (code == 0)
        code = fill_cells(arguments);
    if (code == 0)
        code = standard_outputs(night, &arguments->e);
    set_defaults(night);
    return code;
}

/* --- going on
 * -------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The newest night, if nobody says which. */
static int find_night(struct arguments *arguments)
{
    static char path[PATH_MAX];
    struct nights history;
    int code = nights_read(arguments->night.history, NULL, &history, &arguments->e);

    if (code != 0)
        return code;
    if (history.last[0] == 0)
        code = error_set(&arguments->e, ERROR_USAGE, "--resume: %s has no night to go on with",
                         arguments->night.history);
    snprintf(path, sizeof path, "%s/%s", arguments->night.history, history.last);
    arguments->out = path;
    nights_free(&history);
    return code;
}

/* How long its jobs were busy, less what starting and waiting took. */
static double time_used(struct store *store, unsigned jobs)
{
    struct store_cell *cells;
    size_t count;
    double sum = 0;

    if (store_cells_all(store, &cells, &count, NULL) != 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)cells[i].nanoseconds / 1e9;
    store_cells_free(cells, count);
    return sum / jobs;
}

static int go_on(struct arguments *arguments)
{
    struct night *night = &arguments->night;
    struct store *store;
    char *text;
    int code = arguments->out != NULL ? 0 : find_night(arguments);

    if (code == 0)
        code = store_open(arguments->out, false, &store, &arguments->e);
    if (code != 0)
        return code;
    code = store_meta_get(store, "seed", &text, &arguments->e);
    if (code == 0) {
        uint64_t seed = strtoull(text, NULL, 0);

        free(text);
        if (arguments->night.have_seed && night->seed != seed)
            code = error_set(&arguments->e, ERROR_USAGE,
                             "--resume: %s was begun with seed 0x%llx: leave --seed out",
                             arguments->out, (unsigned long long)seed);
        night->seed = seed;
    }
    if (night->seconds > 0) {
        night->seconds -= time_used(store, night->jobs);
        if (night->seconds < 1)
            night->seconds = 1;
    }
    store_close(store);
    return code;
}

/* --- the night -----------------------------------------------------------------------------------
 */

static void shape(const struct arguments *arguments, struct need *need, struct run_options *options)
{
    const struct night *night = &arguments->night;

    night_options(night, arguments->out, options);
    options->resume = arguments->resume;
    options->quiet = arguments->quiet;
    options->progress = !arguments->quiet && isatty(STDERR_FILENO);
    options->policy = &need_policy;
    options->policy_context = need;
    need->disk_bytes = night->disk_bytes;
    if (night->seconds > 0 && night->confirm > 0) {
        options->again_seconds = night->seconds * (1 - RUN_SHARE);
        options->seconds = night->seconds * RUN_SHARE;
    }
    if (night->nice > 0)
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + night->nice);
}

static int execute(struct arguments *arguments, int argc, char **argv)
{
    static struct run run;
    struct night *night = &arguments->night;
    struct nights history = {0};
    struct need need = {.history = &history};
    struct run_options options;
    struct error e;
    int code, status;

    if (arguments->out == NULL)
        arguments->out = ending_directory_in(night->history);
    shape(arguments, &need, &options);
    code = nights_read(night->history, base_name(arguments->out), &history, &e);
    if (code != 0) {
        fprintf(stderr, "rundown nightly: %s\n", e.text);
        return options_status(code);
    }
    code = run_execute(&run, &options, &e);
    if (code != 0) {
        fprintf(stderr, "rundown nightly: %s\n", e.text);
        status = options_status(code);
    } else {
        ending_store(&run, "nightly", argc - 1, argv + 1);
        status = closing_tell(&run, night, &history, &need);
        status = run.aborted ? 130 : status;
    }
    run_close(&run);
    need_close(&need);
    nights_free(&history);
    return status;
}

static int nightly_main(int argc, char **argv)
{
    static struct arguments arguments;
    static const struct argp parser = {option_list, parse, "[CONFIG]", documentation,
                                       NULL,        NULL,  NULL};
    static struct place place;
    int status;

    memset(&arguments, 0, sizeof arguments);
    run_place(&place);
    arguments.night.libdir = place.libdir;
    arguments.night.confirm = AGAIN_TIMES;
    arguments.night.planted_cycles = NIGHT_CYCLES_PLANTED;
    arguments_parse("nightly", &parser, argc, argv, 0, &arguments);
    if (complete(&arguments) != 0 || (arguments.resume && go_on(&arguments) != 0)) {
        fprintf(stderr, "rundown nightly: %s\n", arguments.e.text);
        status = options_status(arguments.e.code);
    } else {
        if (!arguments.quiet) {
            printf("seed 0x%llx\n", (unsigned long long)arguments.night.seed);
            fflush(stdout);
        }
        status = execute(&arguments, argc, argv);
    }
    night_free(&arguments.night);
    return status;
}

const struct command command_nightly = {"nightly", "all workloads within a time, and known faults",
                                        nightly_main};
