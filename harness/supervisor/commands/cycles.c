/*
 * cycles: how many cycles a wanted certainty needs. Computes, runs nothing.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/options.h>
#include <results/stats/rates.h>
#include <results/stats/sequential.h>
#include <results/text/amount.h>

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

enum { FAILURES = 3 };

static const long long MOST = 1LL << 40;

/* struct wanted - the command line. */
struct wanted {
    const char *text;
    double share;
};

/* --- the least number of cycles for which something holds, and holds for more ---------------- */

typedef bool enough(long long cycles, long long failures, double share);

/* The promise of a run whose length was fixed beforehand. */
static bool is_promised(long long cycles, long long failures, double share)
{
    double low, high;

    return failures < cycles &&
           stats_clopper_pearson(failures, cycles, 0.95, STATS_ONE_SIDED, &low, &high) == 0 &&
           high <= share;
}

static bool is_sure(long long cycles, long long failures, double share)
{
    double ln_e;

    return failures < cycles &&
           stats_e_process(STATS_BETTER, failures, cycles, share, &ln_e) == 0 &&
           stats_e_stops(ln_e);
}

/* 0: more than anybody runs. */
static long long least(enough *holds, long long failures, double share)
{
    long long low = 0, high = 1;

    while (high < MOST && !holds(high, failures, share))
        high *= 2;
    if (high >= MOST)
        return 0;
    while (high - low > 1) {
        long long middle = low + (high - low) / 2;

        if (holds(middle, failures, share))
            high = middle;
        else
            low = middle;
    }
    return high;
}

static const char *count_text(long long count, char out[AMOUNT_BYTES])
{
    return count > 0 ? amount_count((uint64_t)count, out) : "too many";
}

static void print_table(double share)
{
    char promised[AMOUNT_BYTES], sure[AMOUNT_BYTES];

    printf("cycles, of which fail    fixed beforehand         --until-sure\n");
    for (long long failures = 0; failures <= FAILURES; failures++)
        printf("%15lld         %17s   %16s\n", failures,
               count_text(least(is_promised, failures, share), promised),
               count_text(least(is_sure, failures, share), sure));
}

static void print_meaning(const struct wanted *wanted)
{
    long long tries;
    char text[AMOUNT_BYTES];

    printf(
        "So many cycles, without more failures than that, show with 95 %% confidence that fewer "
        "than %s of all cycles fail.\nFixed beforehand: by `--cycles N`, with N chosen before the "
        "run. `--until-sure` looks after each batch of cycles, so it may do some more.\n",
        wanted->text);
    if (stats_zero_runs(wanted->share, &tries) == 0)
        printf("What fails in %s of the cycles is seen in 95 %% of runs of %s cycles.\n",
               wanted->text, amount_count((uint64_t)tries, text));
}

/* --- the command ----------------------------------------------------------------------------- */

/* options_share() names an option; here it is an argument. */
static void read_share(struct wanted *wanted, const char *text)
{
    struct error e;

    if (wanted->text != NULL)
        arguments_refuse("cycles", "'%s': one share only", text);
    if (options_share("share", text, &wanted->share, &e) != 0)
        arguments_refuse("cycles", "'%s' is no share between 0 and 1; write 1%%, 0.01 or 1/100",
                         text);
    wanted->text = text;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct wanted *wanted = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        read_share(wanted, text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        arguments_refuse("cycles", "a share is missing; write rundown cycles 1%%");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int cycles_main(int argc, char **argv)
{
    static const struct argp parser = {
        NULL,
        parse,
        "P",
        "Says how many cycles it takes to be sure that fewer than P of them fail.\v"
        "P is 1%, 0.01 or 1/100.\n\n"
        "Exit status: 0 said, 2 usage.",
        NULL,
        NULL,
        NULL};
    struct wanted wanted = {0};

    arguments_parse("cycles", &parser, argc, argv, 0, &wanted);
    print_table(wanted.share);
    print_meaning(&wanted);
    return arguments_finish("cycles", STATUS_GOOD);
}

const struct command command_cycles = {"cycles", "say how many cycles a certainty needs",
                                       cycles_main};
