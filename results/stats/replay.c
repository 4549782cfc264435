/*
 * replay: numbers of tries and grades of reproduction.
 *
 * Pure functions; whoever replays and minimises decides what to do with them. A step that
 * gives up after the tries computed here is wrong in 5 % of cases, so a minimised
 * recording may be larger than need be, but never false.
 */
#include <results/stats/replay.h>

#include <harness/error.h>
#include <results/stats/rates.h>

#include <math.h>

static const long long surely_runs = 59; /* stats_zero_runs(0.05) */

int stats_replay_tries(double p, double miss, int *tries)
{
    double needed;

    if (!(p >= 0 && p <= 1) || !(miss > 0 && miss < 1))
        return ERROR_RANGE;
    if (p == 0) {
        *tries = 0;
        return 0;
    }
    /* The small step back forgives the rounding of a p that was made to fit exactly. */
    needed = p == 1 ? 1 : fmax(1, ceil(log(miss) / log1p(-p) - 1e-9));
    *tries = needed > STATS_REPLAY_TRIES_MAX ? 0 : (int)needed;
    return 0;
}

int stats_replay_tries_after(long long reproduced, long long replays, int *tries)
{
    double low, high;
    int code = stats_wilson(reproduced, replays, &low, &high);

    return code != 0 ? code : stats_replay_tries(low, STATS_REPLAY_MISS, tries);
}

bool stats_replay_affordable(int tries)
{
    return tries > 0 && tries <= STATS_REPLAY_STEP_MAX;
}

double stats_replay_unneeded(long long steps)
{
    return STATS_REPLAY_MISS * (double)steps;
}

int stats_replay_grade(long long reproduced, long long replays, enum stats_grade *grade)
{
    double low, high;
    int code = stats_wilson(reproduced, replays, &low, &high);

    if (code != 0)
        return code;
    if (reproduced == 0)
        *grade = STATS_R0;
    else if (reproduced == replays && replays >= surely_runs)
        *grade = STATS_R4;
    else
        *grade = low >= 0.5 ? STATS_R3 : low >= 0.05 ? STATS_R2 : STATS_R1;
    return 0;
}

const char *stats_grade_name(enum stats_grade grade)
{
    static const char *const names[] = {"R0", "R1", "R2", "R3", "R4"};

    return grade <= STATS_R4 ? names[grade] : "unknown";
}
