/*
 * compare: one run against another, or against all nights before it. Reads, and writes nothing
 * but what it says.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/options.h>
#include <results/compare/compare.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_HISTORY = 1000, KEY_JSON, KEY_SLOWER };

static const struct argp_option option_list[] = {
    {"history", KEY_HISTORY, "DIR", 0,
     "in place of OLD: all runs in this directory of directories that began before NEW", 1},
    {"slower", KEY_SLOWER, "FACTOR", 0,
     "a cell whose median cycle surely takes FACTOR times as long is worse; else speed is only "
     "told",
     1},
    {"all", 'a', NULL, 0, "tell of cells that did not change too", 1},
    {"quiet", 'q', NULL, 0, "only the exit status", 1},
    {"json", KEY_JSON, NULL, 0, "one JSON object (docs/compare.schema.json)", 1},
    {0},
};

struct compare {
    struct compare_options options;
    const char *run[2];
    unsigned runs;
    bool json, all, quiet;
};

static void set_slower(struct compare *compare, const char *text)
{
    char *end;

    compare->options.slower = strtod(text, &end);
    if (end == text || *end != 0 || !(compare->options.slower >= 1) ||
        !isfinite(compare->options.slower))
        arguments_refuse("compare", "--slower: '%s' is no factor of 1 or more; write 1.5", text);
}

static void check(struct compare *compare)
{
    unsigned wanted = compare->options.history != NULL ? 1 : 2;

    if (compare->runs > wanted)
        arguments_refuse("compare", "'%s': with --history there is one NEW and no OLD",
                         compare->run[1]);
    if (compare->runs < wanted)
        arguments_refuse("compare", "%s is missing; name the directory of a run",
                         compare->runs == 0 && wanted == 2 ? "OLD" : "NEW");
    compare->options.old = wanted == 2 ? compare->run[0] : NULL;
    compare->options.new = compare->run[wanted - 1];
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct compare *compare = state->input;

    switch (key) {
    case KEY_HISTORY:
        compare->options.history = text;
        return 0;
    case KEY_SLOWER:
        set_slower(compare, text);
        return 0;
    case KEY_JSON:
        compare->json = true;
        return 0;
    case 'a':
        compare->all = true;
        return 0;
    case 'q':
        compare->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (compare->runs == 2)
            arguments_refuse("compare", "'%s': two runs only; more of them: --history DIR", text);
        compare->run[compare->runs++] = text;
        return 0;
    case ARGP_KEY_END:
        check(compare);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int status_of(const struct comparison *comparison)
{
    struct compare_sums sums;

    if (compare_untrusted(comparison) != NULL)
        return STATUS_UNTRUSTED;
    return compare_worse(comparison, &sums) ? STATUS_FOUND : STATUS_GOOD;
}

static int compare_main(int argc, char **argv)
{
    static const struct argp parser = {option_list,
                                       parse,
                                       "OLD NEW\n--history=DIR NEW",
                                       "Tells what is new, gone or worse in the run NEW.\v"
                                       "Exit status: 0 nothing is worse, 1 something is worse or "
                                       "new, 2 refused, 3 a run cannot be "
                                       "trusted, or not all could be written.",
                                       NULL,
                                       NULL,
                                       NULL};
    struct compare compare = {0};
    struct comparison comparison;
    struct error e;
    int code, status;

    arguments_parse("compare", &parser, argc, argv, 0, &compare);
    code = compare_runs(&compare.options, &comparison, &e);
    if (code != 0) {
        fprintf(stderr, "rundown compare: %s\n", e.text);
        compare_free(&comparison);
        return options_status(code);
    }
    if (compare.json)
        compare_json(&comparison, stdout);
    else if (!compare.quiet)
        compare_text(&comparison, stdout, arguments_columns(), compare.all);
    status = status_of(&comparison);
    compare_free(&comparison);
    return arguments_finish("compare", status);
}

const struct command command_compare = {"compare", "tell what is new or worse in a run",
                                        compare_main};
