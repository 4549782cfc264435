/*
 * autopsy: the wait chain of a process that rundown did not start, or of a core file.
 *
 * What one runs first when production hangs: so it stops the process for milliseconds only,
 * changes nothing in it, and says plainly what it could not know.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/postmortem/postmortem.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_JSON = 0x100, KEY_STACKS };

struct options {
    const char *target;
    bool json;
    bool stacks;
};

static const struct argp_option option_list[] = {
    {"json", KEY_JSON, NULL, 0, "Print one JSON object", 0},
    {"stacks", KEY_STACKS, NULL, 0, "Print the stack of every thread", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_JSON:
        options->json = true;
        return 0;
    case KEY_STACKS:
        options->stacks = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->target != NULL)
            arguments_refuse("autopsy", "'%s': one process or core file at a time", text);
        options->target = text;
        return 0;
    case ARGP_KEY_END:
        if (options->target == NULL)
            arguments_refuse("autopsy", "a PID or a core file is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A file whose name is a number is written ./4711. */
static pid_t as_pid(const char *text)
{
    char *end;
    long number;

    if (text[0] < '0' || text[0] > '9')
        return 0;
    number = strtol(text, &end, 10);
    if (*end != 0)
        return 0;
    if (number <= 0 || number > INT_MAX)
        arguments_refuse("autopsy", "'%s': no such number of a process; see ps", text);
    return (pid_t)number;
}

static int examine(struct postmortem *all, const char *target, struct error *e)
{
    pid_t pid = as_pid(target);

    return pid > 0 ? postmortem_live(all, pid, e) : postmortem_core(all, target, e);
}

static int autopsy_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list,
        parse,
        "PID|CORE",
        "Says who waits for whom in a running process, or in a core file: which thread waits for "
        "what and where, who holds it, and whether that is a circle or ends at somebody who is "
        "not there any more. The process need not have been started by rundown.\v"
        "The process is stopped while it is copied, for some milliseconds, and then goes on. "
        "Children that it waits for are read, too.\n\n"
        "Exit status: 0 no hang seen, 1 a circle, an owner that is gone or a proved standstill, "
        "2 usage, or the process or file cannot be read.",
        NULL,
        NULL,
        NULL};
    static struct postmortem all;
    struct options options = {.target = NULL};
    struct error e = {0};
    int status = STATUS_USAGE;

    arguments_parse("autopsy", &parser, argc, argv, 0, &options);
    if (examine(&all, options.target, &e) != 0) {
        postmortem_close(&all);
        arguments_refuse("autopsy", "%s", e.text);
    }
    status = postmortem_hang(&all) ? STATUS_FOUND : STATUS_GOOD;
    if (options.json)
        postmortem_json(&all);
    else
        postmortem_text(&all, options.stacks, arguments_columns());
    postmortem_close(&all);
    return arguments_finish("autopsy", status);
}

const struct command command_autopsy = {"autopsy", "say who waits for whom in a process or a core",
                                        autopsy_main};
