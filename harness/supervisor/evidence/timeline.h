/*
 * timeline.h: the last moments of a cycle, from the ring and, where there is one, from the
 * flight recorder's trace, in one order.
 */
#ifndef SUPERVISOR_TIMELINE_H
#define SUPERVISOR_TIMELINE_H

#include <harness/detector.h>

enum {
    TIMELINE_LINES = 64,      /* at most */
    TIMELINE_THREAD = 10,     /* of each thread that a finding names */
    TIMELINE_BLOCKS = 3,      /* of these, allocations, unless the finding is about the heap */
    TIMELINE_MILESTONES = 24, /* injections, modules, births and ends, the exit: of any thread */
};

/** struct timeline_trace - what a kept trace said about the cycle. Zero it before use. */
struct timeline_trace {
    uint64_t events; /* of this cycle's target */
    unsigned beats;  /* the recorder's own, of the last extraction */
    bool read;
};

/**
 * timeline_write() - the last events that matter, one a line, times relative to the last:
 *     -0.310 ms  T1.2     wait-begin     lock         mutex table  in put  prog  table.c:40
 * @judgement: names the threads concerned; NULL or without names: all are.
 * @directory: of an extracted trace, or NULL: then the ring alone is used.
 * @mark: number of the recorder's last beats (recorder_mark()).
 * @trace: filled if a trace was read; may be NULL.
 *
 * What the ring has is taken from the ring, which says more; the trace has what lies before, and
 * threads that have no ring. Caller frees; NULL when out of memory.
 */
char *timeline_write(const struct evidence *evidence, const struct judgement *judgement,
                     const char *directory, uint64_t mark, struct timeline_trace *trace);

#endif
