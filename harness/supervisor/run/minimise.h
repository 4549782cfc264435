/*
 * minimise: a replay line made shorter: without its injection, at a simpler point, with fewer laps,
 * smaller parameters. Every step is tried by the machinery of `rundown replay`.
 *
 * A step is taken as soon as one of r tries shows the same signature, and dropped after r silent
 * ones; r comes from the replays so far, so that a step is dropped wrongly with a chance of 5 %.
 * Source: statistics notes, "Reproduction"; the way of halving is that of A. Zeller,
 * R. Hildebrandt, IEEE TSE 28 (2002), 183-200, on one number at a time. A line holds one
 * injection at most, so of their set nothing but the whole can be left out.
 */
#ifndef SUPERVISOR_MINIMISE_H
#define SUPERVISOR_MINIMISE_H

#include <stdbool.h>
#include <stdint.h>

#include <results/stats/replay.h>

#include "line.h"

enum { MINIMISE_OTHERS = 8, MINIMISE_WHAT = 96 };

/** enum minimise_end - how it came out. */
enum minimise_end {
    MINIMISE_DONE,
    MINIMISE_TOO_RARE,    /* a step would cost more than STATS_REPLAY_STEP_MAX tries */
    MINIMISE_INTERRUPTED, /* the best so far stands */
    MINIMISE_BROKEN,      /* a run failed; minimise.e says why */
};

/** struct minimise_step - one step, once it is over. */
struct minimise_step {
    unsigned number;          /* from 1 */
    char what[MINIMISE_WHAT]; /* "threads=1" */
    bool reproduced;
    int tries; /* used */
    int of;    /* at most */
};

/**
 * struct minimise - the whole of it. The caller fills the first members.
 * @line: what to begin with; stays the caller's. @wanted: signature, or NULL: that of the first
 * finding seen; malloc'ed, freed by minimise_close(). @begun, @stepped: told of a step before and
 * after, or NULL. @began_at: told of the first replays.
 *
 * @seen, @replays: of the line as it was. @best: text of the shortest. @best_seen, @best_replays:
 * of that one. @grade: of that one. @steps: tried. @other, @others: signatures that came up
 * instead; @other_count: how many cycles each.
 */
struct minimise {
    const struct line *line;
    const char *libdir;
    char *wanted;
    void (*begun)(const struct minimise *minimise, const struct minimise_step *step);
    void (*stepped)(const struct minimise *minimise, const struct minimise_step *step);

    uint64_t seen, replays;
    char *best;
    uint64_t best_seen, best_replays;
    enum stats_grade grade;
    unsigned steps;
    unsigned taken;
    char *other[MINIMISE_OTHERS];
    uint64_t other_count[MINIMISE_OTHERS];
    unsigned others;
    int tries; /* for each step, by now */
    struct error e;
};

/** minimise_run() - all of it; SIGINT and SIGTERM end it after the cycle under way. */
enum minimise_end minimise_run(struct minimise *minimise);

/** minimise_close() - frees what it has filled. */
void minimise_close(struct minimise *minimise);

#endif
