/*
 * timeline.h: the last moments of a cycle, from the ring and, where there is one, from the
 * flight recorder's trace, in one order.
 */
#ifndef SUPERVISOR_TIMELINE_H
#define SUPERVISOR_TIMELINE_H

#include <harness/detector.h>

enum { TIMELINE_LINES = 24 };

/** struct timeline_trace - what a kept trace said about the cycle. Zero it before use. */
struct timeline_trace {
    uint64_t events; /* of this cycle's target */
    unsigned beats;  /* the recorder's own, of the last extraction */
    bool read;
};

/**
 * timeline_write() - the last TIMELINE_LINES events, one a line, times relative to the last.
 * @directory: of an extracted trace, or NULL: then the ring alone is used.
 * @mark: number of the recorder's last beats (recorder_mark()).
 * @trace: filled if a trace was read; may be NULL.
 *
 * Events that both know are taken from the trace. Caller frees; NULL when out of memory.
 */
char *timeline_write(const struct evidence *evidence, const char *directory, uint64_t mark,
                     struct timeline_trace *trace);

#endif
