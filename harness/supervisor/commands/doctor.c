/*
 * doctor: tries what a run needs of this machine, and says what is lost and how to mend it.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/checkup.h>
#include <harness/supervisor/cli/listing.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    [CHECKUP_OK] = "ok",
    [CHECKUP_DEGRADED] = "degraded",
    [CHECKUP_MISSING] = "missing",
};

enum { STATES = sizeof states / sizeof states[0] };

static error_t parse(int key, char *text, struct argp_state *state)
{
    (void)state;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    arguments_refuse("doctor", "'%s': it takes no arguments; leave it out", text);
}

static int widest_name(void)
{
    int width = 0;

    for (unsigned i = 0; checkup_items[i].name != NULL; i++)
        if ((int)strlen(checkup_items[i].name) > width)
            width = (int)strlen(checkup_items[i].name);
    return width;
}

static void print_checkup(const char *name, int width, const struct checkup *checkup,
                          unsigned columns)
{
    char head[80];
    char *line;

    snprintf(head, sizeof head, "%-8s  %-*s  ", states[checkup->state], width, name);
    if (checkup->state == CHECKUP_OK) {
        listing_row(stdout, columns, head, checkup->fact);
    } else if (asprintf(&line, "%s; lost: %s; mend: %s", checkup->fact, checkup->lost,
                        checkup->mend) >= 0) {
        listing_row(stdout, columns, head, line);
        free(line);
    }
    fflush(stdout); /* a check may take seconds */
}

static int conclude(const unsigned count[STATES])
{
    if (count[CHECKUP_MISSING] > 0)
        printf("\nno run can work here: %u missing, %u degraded, %u ok\n", count[CHECKUP_MISSING],
               count[CHECKUP_DEGRADED], count[CHECKUP_OK]);
    else if (count[CHECKUP_DEGRADED] > 0)
        printf("\nruns work here, with less: %u degraded, %u ok\n", count[CHECKUP_DEGRADED],
               count[CHECKUP_OK]);
    else
        printf("\nruns work here: all %u ok\n", count[CHECKUP_OK]);
    return count[CHECKUP_MISSING] > 0 ? STATUS_UNTRUSTED : STATUS_GOOD;
}

static int doctor_main(int argc, char **argv)
{
    static const struct argp parser = {
        NULL,
        parse,
        NULL,
        "Tries what rundown needs of this machine; names for each lack what is lost, and the "
        "mend.\v"
        "A line begins with `ok`, with `degraded` (a run works, with less) or with `missing` (no "
        "run works).\n\n"
        "Exit status: 0 runs can work, 3 something needed is missing.",
        NULL,
        NULL,
        NULL};
    unsigned columns = arguments_columns(), count[STATES] = {0};
    int width = widest_name(), status;

    arguments_parse("doctor", &parser, argc, argv, 0, NULL);
    for (unsigned i = 0; checkup_items[i].name != NULL; i++) {
        struct checkup checkup = {.fact = ""};

        checkup_items[i].look(&checkup);
        print_checkup(checkup_items[i].name, width, &checkup, columns);
        count[checkup.state]++;
    }
    status = conclude(count);
    return arguments_finish("doctor", status);
}

const struct command command_doctor = {"doctor", "check what this machine lacks", doctor_main};
