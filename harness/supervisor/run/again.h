/*
 * again.h: the cycle of a replay line, run again and again.
 *
 * Serves `rundown replay`, and the end of a run, which tells how often each finding's line
 * brings it back: the rate that stands beside the line is measured, never guessed.
 */
#ifndef SUPERVISOR_AGAIN_H
#define SUPERVISOR_AGAIN_H

#include "line.h"
#include "run.h"

enum { AGAIN_TIMES = 10 }; /* how often a run tries each finding's line, if it is not told */

/**
 * struct again - what came of it so far.
 * @line: what is run. @wanted: signature to look for, NULL: any finding.
 * @same: cycles that showed it. @other: cycles that showed something else. @diverged: cycles
 * that were scheduled otherwise than the line says. @noted: cycles with notes and no finding.
 */
struct again {
    const struct line *line;
    const char *wanted;
    uint64_t same;
    uint64_t other;
    uint64_t noted;
    uint64_t diverged;
};

/**
 * again_shape() - options of a run that is this cycle @times times. It keeps nothing (no
 * directory), says nothing, and counts into @again, which it points to, as to @target.
 */
void again_shape(struct again *again, struct target **target, uint64_t times,
                 struct run_options *options);

/**
 * again_findings() - runs the line of each of the run's findings (one for each signature) again,
 * options.again times, and stores how often it ended in a finding, as a pasted line counts it.
 * Takes no longer than the run did, or ten seconds if that is more; a finding whose turn does not
 * come is stored as not tried. SIGINT or SIGTERM end it. Whatever goes wrong here is no failure of
 * the run.
 */
void again_findings(struct run *run);

#endif
