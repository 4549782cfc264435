/*
 * decode.h: events of an extracted flight recorder trace (CTF), in order of time.
 *
 * A trace comes from a machine on which things died, so any part of it may be damaged:
 * what can be read is handed on, and damage is reported after it.
 */
#ifndef RESULTS_TRACE_DECODE_H
#define RESULTS_TRACE_DECODE_H

#include <stdint.h>

#include <harness/error.h>

enum { DECODE_FIELDS = 5 };

enum decode_kind { DECODE_UNSIGNED, DECODE_SIGNED, DECODE_TEXT };

/**
 * struct decode_field - one field behind an event's head.
 * @name: as in the table of harness/recorder.h.
 * @number: for DECODE_UNSIGNED; for DECODE_SIGNED the value in two's complement; for an
 *     enumeration (which is DECODE_TEXT: its label) its number. 0 for other text.
 * @text: for DECODE_TEXT, never NULL then; else NULL.
 */
struct decode_field {
    const char *name;
    enum decode_kind kind;
    uint64_t number;
    const char *text;
};

/**
 * struct decode_event - one event; all that it points to lives until the callback returns.
 * @time_ns: CLOCK_MONOTONIC of the machine that recorded it.
 * @name: without the provider, "lock_wait".
 * @cycle, @inj, @pid, @tid, @seq: as in struct recorder_event.
 */
struct decode_event {
    uint64_t time_ns;
    const char *name;
    uint64_t cycle;
    uint32_t inj;
    uint32_t pid;
    uint32_t tid;
    uint64_t seq;
    unsigned field_count;
    struct decode_field field[DECODE_FIELDS];
};

/** decode_callback - takes one event; anything but 0 ends the reading. */
typedef int (*decode_callback)(const struct decode_event *event, void *context);

/**
 * decode_directory() - read a trace.
 * @dir: a folder that holds traces (folders with a file "metadata") at any depth.
 * @count: number of events handed on; may be NULL. Set in every case.
 *
 * Each stream (one per CPU) is read until its own end or damage and all are merged by time,
 * so damage in one takes nothing from the others. Events of other providers are left out.
 * Not thread-safe; silences libbabeltrace2's own log for the whole process.
 *
 * Returns 0 (also when the callback ended it), ERROR_NOT_FOUND (no trace there),
 * ERROR_CORRUPT (after all that could be read; also when time runs backwards in a stream),
 * ERROR_MEMORY, ERROR_RECORDER (built without libbabeltrace2, or its plugin is missing).
 */
int decode_directory(const char *dir, decode_callback callback, void *context, uint64_t *count,
                     struct error *e);

/** decode_field() - the field of that name, NULL if the event has none. */
const struct decode_field *decode_field(const struct decode_event *event, const char *name);

#endif
