/*
 * yanked.h: a module with a worker that its destructor may have to get rid of.
 */
#ifndef WORKLOADS_MODULES_YANKED_H
#define WORKLOADS_MODULES_YANKED_H

#include <stdbool.h>

#define YANKED_EXPORT __attribute__((visibility("default")))

/** yanked_start() - makes the worker and waits until it is at work: it handles that many @blocks of
 * the heap, and sleeps. @kills: the destructor kills it, if it is there yet. 0, or an errno value;
 * then there is nothing to stop. */
YANKED_EXPORT int yanked_start(long blocks, bool kills);

/** yanked_stop() - tells the worker to leave and joins it. */
YANKED_EXPORT void yanked_stop(void);

#endif
