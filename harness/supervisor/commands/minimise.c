/*
 * minimise: makes a replay line shorter while it still shows the same finding.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/address.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/run/line.h>
#include <harness/supervisor/run/minimise.h>
#include <harness/supervisor/run/place.h>
#include <results/stats/rates.h>
#include <results/text/amount.h>
#include <results/text/json_write.h>

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_JSON = 1000, STATUS_INTERRUPTED = 130 };

static const struct argp_option option_list[] = {
    {"json", KEY_JSON, NULL, 0, "one JSON object instead of text", 1},
    {"quiet", 'q', NULL, 0, "only the shortest line and what is known of it", 1},
    {0},
};

static struct {
    const char *text;
    bool json;
    bool quiet;
    bool progress;
    struct json_write out;
    bool first_told;
} command;

static error_t parse(int key, char *text, struct argp_state *state)
{
    switch (key) {
    case KEY_JSON:
        command.json = true;
        return 0;
    case 'q':
        command.quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (command.text != NULL)
            arguments_refuse("minimise", "one line only: put it in quotes");
        command.text = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        arguments_refuse("minimise", "a replay line or DIR:CELL:CYCLE is missing");
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what is told on the way ----------------------------------------------------------------- */

static const char *rate(uint64_t seen, uint64_t replays, char *out, size_t size)
{
    char from[AMOUNT_BYTES], to[AMOUNT_BYTES];
    double low = 0, high = 1;

    stats_wilson((long long)seen, (long long)replays, &low, &high);
    snprintf(out, size, "%llu of %llu (95 %% interval %s to %s %%)", (unsigned long long)seen,
             (unsigned long long)replays, amount_percent(low, AMOUNT_DOWN, from),
             amount_percent(high, AMOUNT_UP, to));
    return out;
}

static void tell_start(const struct minimise *minimise)
{
    char text[160];

    if (command.first_told || minimise->replays == 0)
        return;
    command.first_told = true;
    if (command.json || command.quiet)
        return;
    printf("as it is: %s\n", rate(minimise->seen, minimise->replays, text, sizeof text));
    if (minimise->wanted != NULL)
        printf("wanted:   %s\n", minimise->wanted);
}

static void begun(const struct minimise *minimise, const struct minimise_step *step)
{
    tell_start(minimise);
    if (command.progress)
        fprintf(stderr, "\r\033[Kstep %u: %s, up to %d tries", step->number, step->what, step->of);
}

static void step_json(const struct minimise_step *step)
{
    json_write_open_object(&command.out, NULL);
    json_write_text(&command.out, "what", step->what);
    json_write_bool(&command.out, "reproduced", step->reproduced);
    json_write_signed(&command.out, "tries", step->tries);
    json_write_signed(&command.out, "of", step->of);
    json_write_close_object(&command.out);
}

static void stepped(const struct minimise *minimise, const struct minimise_step *step)
{
    (void)minimise;
    if (command.progress)
        fputs("\r\033[K", stderr);
    if (command.json)
        step_json(step);
    else if (!command.quiet && step->reproduced)
        printf("step %u: %s: yes, at try %d\n", step->number, step->what, step->tries);
    else if (!command.quiet)
        printf("step %u: %s: no, in %d of %d tries\n", step->number, step->what, step->tries,
               step->of);
    fflush(stdout);
}

/* --- the end --------------------------------------------------------------------------------- */

static const char *const ends[] = {
    [MINIMISE_DONE] = "done",
    [MINIMISE_TOO_RARE] = "too rare",
    [MINIMISE_INTERRUPTED] = "interrupted",
    [MINIMISE_BROKEN] = "broken",
};

static void end_json(const struct minimise *minimise, enum minimise_end end)
{
    struct json_write *out = &command.out;

    json_write_close_array(out);
    json_write_text(out, "end", ends[end]);
    json_write_text(out, "signature", minimise->wanted != NULL ? minimise->wanted : "");
    json_write_unsigned(out, "reproduced_before", minimise->seen);
    json_write_unsigned(out, "replays_before", minimise->replays);
    json_write_text(out, "line", minimise->best != NULL ? minimise->best : "");
    json_write_unsigned(out, "reproduced", minimise->best_seen);
    json_write_unsigned(out, "replays", minimise->best_replays);
    json_write_text(out, "grade", stats_grade_name(minimise->grade));
    json_write_real(out, "unneeded_at_most", stats_replay_unneeded(minimise->steps));
    json_write_open_array(out, "others");
    for (unsigned i = 0; i < minimise->others; i++) {
        json_write_open_object(out, NULL);
        json_write_text(out, "signature", minimise->other[i]);
        json_write_unsigned(out, "cycles", minimise->other_count[i]);
        json_write_close_object(out);
    }
    json_write_close_array(out);
    json_write_close_object(out);
    putchar('\n');
}

static void print_others(const struct minimise *minimise)
{
    for (unsigned i = 0; i < minimise->others; i++)
        printf("kept aside: %s, in %llu cycles\n", minimise->other[i],
               (unsigned long long)minimise->other_count[i]);
}

/* "rundown replay 'LINE'", as a report has it. */
static void print_line(const struct minimise *minimise)
{
    printf("shortest: rundown replay ");
    putchar('\'');
    for (const char *at = minimise->best; at != NULL && *at != 0; at++)
        fputs(*at == '\'' ? "'\\''" : (char[]){*at, 0}, stdout);
    puts("'");
}

static void end_text(const struct minimise *minimise, enum minimise_end end,
                     const struct target *target)
{
    char text[160];

    if (end == MINIMISE_TOO_RARE)
        printf("not minimised%s: too rare: %s, a step would take more than %d tries\n",
               minimise->taken > 0 ? " any further" : "",
               rate(minimise->seen, minimise->replays, text, sizeof text), STATS_REPLAY_STEP_MAX);
    if (end == MINIMISE_INTERRUPTED)
        puts("interrupted: this is the shortest so far");
    print_others(minimise);
    if (target->workload == NULL)
        puts("of a program's own threads and operations nothing can be left out, only of the "
             "injection and of laps");
    print_line(minimise);
    if (minimise->best_replays > 0)
        printf("reproduced %s, grade %s\n",
               rate(minimise->best_seen, minimise->best_replays, text, sizeof text),
               stats_grade_name(minimise->grade));
    printf("%u steps, %u taken; up to %.2g parts may be unneeded\n", minimise->steps,
           minimise->taken, stats_replay_unneeded(minimise->steps));
}

static int status_of(const struct minimise *minimise, enum minimise_end end)
{
    if (end == MINIMISE_INTERRUPTED)
        return STATUS_INTERRUPTED;
    if (end == MINIMISE_BROKEN)
        return STATUS_UNTRUSTED;
    if (minimise->seen == 0)
        return STATUS_GOOD;
    return end == MINIMISE_DONE ? STATUS_FOUND : STATUS_UNTRUSTED;
}

static int execute(struct minimise *minimise, const struct line *line)
{
    enum minimise_end end;

    command.out.out = stdout;
    if (command.json) {
        json_write_open_object(&command.out, NULL);
        json_write_open_array(&command.out, "steps");
    }
    end = minimise_run(minimise);
    if (command.progress)
        fputs("\r\033[K", stderr);
    if (end == MINIMISE_BROKEN)
        fprintf(stderr, "rundown minimise: %s\n", minimise->e.text);
    tell_start(minimise);
    if (command.json)
        end_json(minimise, end);
    else if (end != MINIMISE_BROKEN)
        end_text(minimise, end, line->target);
    return arguments_finish("minimise", status_of(minimise, end));
}

static const char documentation[] =
    "Makes a replay line shorter while it shows the same finding: without its injection, at a "
    "simpler point, with fewer laps, smaller parameters.\v"
    "A step is dropped only after so many silent tries that this is wrong in at most 5 % of the "
    "steps. What takes more than 300 tries a step is not minimised. Ctrl-C keeps the shortest so "
    "far.\n\n"
    "Exit status: 0 the line shows nothing, 1 minimised, 2 usage, 3 too rare, broken or other "
    "binaries, 130 interrupted.";

static int minimise_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list, parse, "'LINE'|DIR:CELL:CYCLE", documentation, NULL, NULL, NULL};
    struct minimise minimise = {.begun = begun, .stepped = stepped};
    struct place place;
    struct line line = {.target = NULL};
    bool is_address;
    char *text = NULL;
    int status;

    arguments_parse("minimise", &parser, argc, argv, 0, NULL);
    command.progress = !command.quiet && isatty(STDERR_FILENO);
    run_place(&place);
    status = address_read(command.text, &is_address, &text, &minimise.wanted, &minimise.e);
    if (status == 0)
        status = line_parse(text != NULL ? text : command.text, place.libdir, &line, &minimise.e);
    if (status == 0 && line.build[0] != 0 && strcmp(line.build, line.target->build) != 0)
        status = error_set(&minimise.e, ERROR_VERSION,
                           "other binaries: the line was made for build %s, this is %s", line.build,
                           line.target->build);
    if (status != 0) {
        fprintf(stderr, "rundown minimise: %s\n", minimise.e.text);
        status = status == ERROR_VERSION ? STATUS_UNTRUSTED : options_status(status);
    } else {
        minimise.line = &line;
        minimise.libdir = place.libdir;
        status = execute(&minimise, &line);
    }
    free(text);
    minimise_close(&minimise);
    if (line.target != NULL)
        line_free(&line);
    return status;
}

const struct command command_minimise = {"minimise", "make a replay line shorter", minimise_main};
