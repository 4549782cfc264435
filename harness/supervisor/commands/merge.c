/*
 * merge: runs of many machines become one, which every other command takes like any run.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/options.h>
#include <results/merge/merge.h>
#include <results/text/amount.h>
#include <results/text/escape.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_INTERRUPTED = 130 };

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static const struct argp_option option_list[] = {
    {"quiet", 'q', NULL, 0, "say nothing but what is wrong", 1},
    {0},
};

struct merge {
    struct merge_options options;
    char **in;
    bool quiet;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct merge *merge = state->input;

    switch (key) {
    case 'q':
        merge->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (merge->options.out == NULL)
            merge->options.out = text;
        else
            merge->in[merge->options.count++] = text;
        return 0;
    case ARGP_KEY_END:
        if (merge->options.out == NULL)
            arguments_refuse("merge", "OUT is missing; name a directory to be made");
        if (merge->options.count == 0)
            arguments_refuse("merge", "IN is missing; name the directories of the runs");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *command_line(int argc, char **argv)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fputs("rundown", out);
    for (int i = 0; i < argc; i++)
        fprintf(out, " %s", argv[i]);
    fclose(out);
    return text;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}

static void tell(const struct merge *merge, const struct merge_summary *summary)
{
    char cycles[AMOUNT_BYTES], findings[AMOUNT_BYTES];

    if (summary->differences[0] != 0) {
        fputs("note: the runs differ in ", stdout);
        escape_terminal(stdout, summary->differences, strlen(summary->differences));
        fputs("\n", stdout);
    }
    printf("%zu run%s, %zu cell%s, %s cycles, %s findings and notes\nresults: ", summary->runs,
           summary->runs == 1 ? "" : "s", summary->cells, summary->cells == 1 ? "" : "s",
           amount_count(summary->cycles, cycles), amount_count(summary->findings, findings));
    escape_terminal(stdout, merge->options.out, strlen(merge->options.out));
    fputs("\n", stdout);
}

static int merge_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list,
        parse,
        "OUT IN...",
        "Makes one run of several: cells of the same target, injector and mode add up.\v"
        "OUT must not be there yet, or be empty. Cycles that are in two of the runs are refused, "
        "and "
        "so are runs of different options.\n\n"
        "Exit status: 0 merged, 2 refused, 3 not all could be written, 130 interrupted. Only after "
        "0 "
        "is there an OUT.",
        NULL,
        NULL,
        NULL};
    struct merge merge = {.in = calloc((size_t)argc + 1, sizeof *merge.in)};
    struct merge_summary summary;
    struct error e;
    char *command;
    int code;

    if (merge.in == NULL)
        arguments_refuse("merge", "out of memory");
    merge.options.in = merge.in;
    merge.options.stop = &stopped;
    arguments_parse("merge", &parser, argc, argv, 0, &merge);
    merge.options.command = command = command_line(argc, argv);
    catch_signals();
    code = merge_runs(&merge.options, &summary, &e);
    free(command);
    free(merge.in);
    if (code != 0) {
        fprintf(stderr, "rundown merge: %s\n", e.text);
        return code == ERROR_INTERRUPTED ? STATUS_INTERRUPTED : options_status(code);
    }
    if (!merge.quiet)
        tell(&merge, &summary);
    return arguments_finish("merge", STATUS_GOOD);
}

const struct command command_merge = {"merge", "make one run of several", merge_main};
