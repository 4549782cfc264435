/*
 * replay.h: how often must one try, and how well does a finding reproduce?
 */
#ifndef RESULTS_STATS_REPLAY_H
#define RESULTS_STATS_REPLAY_H

#include <stdbool.h>

/** Chance of missing a real reproduction that one answer may have. */
#define STATS_REPLAY_MISS 0.05

enum {
    STATS_REPLAY_TRIES_MAX = 1000 * 1000, /* beyond it there is no number of tries */
    STATS_REPLAY_STEP_MAX = 300,          /* tries one minimising step may cost */
    STATS_REPLAY_AFTER = 20,              /* replays of the minimised recording */
};

/** How well a finding reproduces, from not at all (R0) to practically always (R4). */
enum stats_grade { STATS_R0, STATS_R1, STATS_R2, STATS_R3, STATS_R4 };

/**
 * stats_replay_tries() - silent tries after which "does not reproduce" is believable.
 * @p: chance that one try shows it, share in [0, 1].
 * @miss: chance of being wrong, inside (0, 1), such as STATS_REPLAY_MISS.
 * @tries: smallest r >= 1 with (1-p)^r <= miss, or 0 for "none": p is 0, or r would be
 *     above STATS_REPLAY_TRIES_MAX.
 *
 * Returns 0, or ERROR_RANGE (NaN, outside; @tries untouched). Pure.
 * Source: the geometric distribution.
 */
int stats_replay_tries(double p, double miss, int *tries);

/**
 * stats_replay_tries_after() - the same, with p the Wilson lower bound of replays so far.
 * @reproduced: 0 .. @replays.
 *
 * Returns 0, or ERROR_RANGE (@tries untouched).
 */
int stats_replay_tries_after(long long reproduced, long long replays, int *tries);

/** stats_replay_affordable() - may a minimising step cost so many tries? False for 0 ("none"). */
bool stats_replay_affordable(int tries);

/** stats_replay_unneeded() - parts that may be left over by mistake after @steps steps. */
double stats_replay_unneeded(long long steps);

/**
 * stats_replay_grade() - how well it reproduces; print x/n beside it always.
 * @reproduced: 0 .. @replays.
 * @grade: R4: all of at least 59 (95 % of the time with 95 % confidence). R3, R2: Wilson
 *     lower bound from 0.5, 0.05. R1: at least once. R0: never, or no replays.
 *
 * Returns 0, or ERROR_RANGE (@grade untouched). Pure.
 */
int stats_replay_grade(long long reproduced, long long replays, enum stats_grade *grade);

/** stats_grade_name() - "R0" .. "R4"; never NULL. */
const char *stats_grade_name(enum stats_grade grade);

#endif
