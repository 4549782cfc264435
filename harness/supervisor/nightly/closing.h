/*
 * closing.h: what a night says when it is over: reports, calibration, what is known, what is new.
 *
 * Prints to stdout; serves the command alone.
 */
#ifndef SUPERVISOR_NIGHTLY_CLOSING_H
#define SUPERVISOR_NIGHTLY_CLOSING_H

#include <harness/supervisor/run/run.h>

#include "nights.h"
#include "need.h"
#include "night.h"

/**
 * closing_tell() - writes the reports into the run's directory and tells the rest.
 *
 * Returns the exit status: 3 if the run, or its calibration, can't be trusted; 130 if it was
 * interrupted; 1 if there is a finding that is not known; else 0.
 */
int closing_tell(struct run *run, const struct night *night, const struct nights *history,
                 const struct need *need);

#endif
