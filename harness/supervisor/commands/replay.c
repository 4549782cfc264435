/*
 * replay: runs the cycle of a replay line, or of a stored finding, again and again, and says
 * how often it came out the same.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/injector.h>
#include <harness/supervisor/run/again.h>
#include <harness/supervisor/cli/address.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/run/line.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/run/place.h>
#include <harness/supervisor/cli/reports.h>
#include <results/stats/rates.h>
#include <results/stats/replay.h>
#include <results/text/amount.h>

#include <argp.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEY_TIMES = 1000, KEY_GDB, KEY_BISECT, KEY_NO_LTTNG, KEY_REACH, BISECT_SKIP = 125 };

static const struct argp_option option_list[] = {
    {"times", KEY_TIMES, "N", 0, "run it N times (default 20)", 1},
    {"gdb", KEY_GDB, "WHERE", OPTION_ARG_OPTIONAL,
     "open gdb on the target at its finding, or =injection: where the injection is due", 1},
    {"bisect", KEY_BISECT, NULL, 0, "exit 0 good, 1 same signature, 125 otherwise", 1},
    {"reach", KEY_REACH, NULL, 0, "at the target's end look for blocks that no pointer leads to",
     1},
    {"no-lttng", KEY_NO_LTTNG, NULL, 0, "do not start the flight recorder", 1},
    {"quiet", 'q', NULL, 0, "only the last line", 1},
    {0},
};

struct replay {
    char *text;
    uint64_t times;
    bool gdb;
    bool at_injection;
    bool bisect;
    bool quiet;
    bool no_lttng;
    bool reach;
    struct line line;
    struct again again;
    struct error e;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct replay *replay = state->input;

    switch (key) {
    case KEY_TIMES:
        if (options_number("times", text, 1, 1000000, &replay->times, &replay->e) != 0) {
            fprintf(stderr, "rundown replay: %s\n", replay->e.text);
            exit(STATUS_USAGE);
        }
        return 0;
    case KEY_GDB:
        replay->gdb = true;
        replay->at_injection = text != NULL && strcmp(text, "injection") == 0;
        if (text != NULL && !replay->at_injection && strcmp(text, "finding") != 0) {
            fprintf(stderr, "rundown replay: --gdb: '%s' is neither finding nor injection\n", text);
            exit(STATUS_USAGE);
        }
        return 0;
    case KEY_BISECT:
        replay->bisect = true;
        return 0;
    case KEY_REACH:
        replay->reach = true;
        return 0;
    case KEY_NO_LTTNG:
        replay->no_lttng = true;
        return 0;
    case 'q':
        replay->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (replay->text != NULL)
            arguments_refuse("replay", "one line only: put it in quotes");
        replay->text = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        arguments_refuse("replay", "a replay line or DIR:CELL:CYCLE is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* If the text is an address in a run's directory, the line comes from there. */
static void from_directory(struct replay *replay, int *code)
{
    char *line = replay->text;
    char *signature = NULL;
    bool is_address;

    *code = address_read(replay->text, &is_address, &line, &signature, &replay->e);
    replay->text = line;
    replay->again.wanted = signature;
}

/* --- gdb ---------------------------------------------------------------------------------- */

/* Runs gdb on the target; the terminal is gdb's until it ends. */
static void held(void *context, int pid)
{
    const char *gdb = getenv("GDB") != NULL ? getenv("GDB") : "gdb";
    char number[16];
    sigset_t none;
    pid_t child;

    snprintf(number, sizeof number, "%d", pid);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execlp(gdb, gdb, "-q", "-p", number, (char *)NULL);
        fprintf(stderr, "rundown replay: --gdb: %s: %s; apt-get install gdb\n", gdb,
                strerror(errno));
        _exit(127);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* --- the command
 * ---------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    return remove(path);
}

static bool other_binaries(const struct replay *replay)
{
    const struct line *line = &replay->line;

    return line->build[0] != 0 && strcmp(line->build, line->target->build) != 0;
}

static void shape(struct replay *replay, struct target **target, const char *directory,
                  struct run_options *options)
{
    again_shape(&replay->again, target, replay->gdb ? 1 : replay->times, options);
    options->until_found = replay->gdb ? 1 : 0;
    options->reach |= replay->reach;
    options->directory = directory;
    options->temporary = true;
    options->no_trace |= replay->no_lttng || replay->gdb;
    options->progress = !replay->quiet && !replay->gdb && isatty(STDERR_FILENO);
    options->held = replay->gdb ? held : NULL;
    options->stop_at = replay->at_injection;
}

/* Where the injection rarely strikes, that nothing came of it tells nothing. */
static bool rarely_fired(const struct run *run)
{
    return run->cell[0].row.not_fired * 2 > run->total_cycles;
}

static int status_of(const struct replay *replay, const struct run *run)
{
    bool trusted = replay->again.diverged == 0 && run->total_broken == 0 && !rarely_fired(run);

    if (replay->bisect && replay->again.same > 0)
        return STATUS_FOUND;
    if (!trusted || (replay->bisect ? replay->again.other > 0 : other_binaries(replay)))
        return STATUS_UNTRUSTED;
    return replay->again.same > 0 ? STATUS_FOUND : STATUS_GOOD;
}

/* git bisect takes every status below 128 for bad, but for 0 and 125. */
static int status_for(const struct replay *replay, int status)
{
    return replay->bisect && status > STATUS_FOUND && status < 128 ? BISECT_SKIP : status;
}

static void conclude(const struct replay *replay, const struct run *run)
{
    uint64_t fired = run->total_cycles - run->cell[0].row.not_fired;
    char from[AMOUNT_BYTES], to[AMOUNT_BYTES];
    double low = 0, high = 1;

    if (other_binaries(replay))
        printf("other binaries: the line was made for build %s, this is %s\n", replay->line.build,
               replay->line.target->build);
    if (fired < run->total_cycles)
        printf("the injection fired in %llu of %llu cycles\n", (unsigned long long)fired,
               (unsigned long long)run->total_cycles);
    if (replay->again.diverged > 0)
        printf("DIVERGED: %llu of %llu cycles were not scheduled as the line says; the replay is "
               "not exact\n",
               (unsigned long long)replay->again.diverged, (unsigned long long)run->total_cycles);
    stats_wilson((long long)replay->again.same, (long long)run->total_cycles, &low, &high);
    printf("reproduced %llu of %llu (95 %% interval %s to %s %%)",
           (unsigned long long)replay->again.same, (unsigned long long)run->total_cycles,
           amount_percent(low, AMOUNT_DOWN, from), amount_percent(high, AMOUNT_UP, to));
    if (replay->again.other > 0)
        printf(", something else in %llu", (unsigned long long)replay->again.other);
    if (replay->again.noted > 0) /* such a cycle passes */
        printf(", nothing but notes in %llu", (unsigned long long)replay->again.noted);
    putchar('\n');
}

static int execute(struct replay *replay)
{
    static struct run run;
    struct run_options options;
    struct target *target = replay->line.target;
    const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    char directory[4096];
    int code, status;

    snprintf(directory, sizeof directory, "%s/rundown-replay.XXXXXX", base);
    if (mkdtemp(directory) == NULL) {
        fprintf(stderr, "rundown replay: %s: %s\n", directory, strerror(errno));
        return STATUS_UNTRUSTED;
    }
    replay->again.line = &replay->line;
    shape(replay, &target, directory, &options);
    code = run_execute(&run, &options, &replay->e);
    if (code != 0) {
        fprintf(stderr, "rundown replay: %s\n", replay->e.text);
        status = options_status(code);
    } else {
        if (!replay->quiet)
            reports_write_all(run.store, directory);
        conclude(replay, &run);
        status = run.interrupted ? 130 : status_of(replay, &run);
    }
    run_close(&run);
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static int replay_main(int argc, char **argv)
{
    static struct replay replay;
    struct argp parser = {option_list,
                          parse,
                          "'LINE'|DIR:CELL:CYCLE",
                          "Runs one cycle again: the same plan on the same binaries.\v"
                          "Exit status: 0 not reproduced, 1 reproduced, 2 usage, 3 broken or "
                          "other binaries; with --bisect 0, 1 or 125.",
                          NULL,
                          NULL,
                          NULL};
    struct place place;
    int code;

    memset(&replay, 0, sizeof replay);
    replay.times = 20;
    arguments_parse("replay", &parser, argc, argv, 0, &replay);
    run_place(&place);
    from_directory(&replay, &code);
    if (code == 0)
        code = line_parse(replay.text, place.libdir, &replay.line, &replay.e);
    if (code != 0) {
        fprintf(stderr, "rundown replay: %s\n", replay.e.text);
        return status_for(&replay, code == ERROR_NOT_FOUND && strstr(replay.text, "--") != NULL
                                       ? 127
                                       : options_status(code));
    }
    return status_for(&replay, execute(&replay));
}

const struct command command_replay = {"replay", "run one cycle again", replay_main};
