/*
 * moments.h: the stored timeline of a cycle taken apart: who did what, when.
 *
 * One event a line: "-2.010 ms  T1.2     wait-begin     the rest". Lines of older and newer
 * rundowns differ in the rest alone; what is no such line is kept whole, on no thread.
 */
#ifndef RESULTS_TEXT_MOMENTS_H
#define RESULTS_TEXT_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include <harness/error.h>

enum { MOMENTS_NO_THREAD = -1 };

/**
 * struct moment - one line. @us: microseconds since the first. @thread: index into names.
 * @name, @detail: inside the text that the moments own.
 */
struct moment {
    double us;
    int thread;
    const char *name;
    const char *detail;
};

/** struct moments - in the order of the text. @last: of the last one; @end: with the silence
 * behind it. Both in microseconds since the first. */
struct moments {
    char *text;
    struct moment *moment;
    size_t count;
    const char **thread;
    size_t threads;
    double last, end;
};

/** struct moments_kind - events that begin and end something that lasts, and what that is called.
 * The agent's words and the flight recorder's; several kinds may end one. */
struct moments_kind {
    const char *title;
    const char *begin[2];
    const char *end[4];
};

/**
 * moments_read() - takes a timeline apart.
 * @hang_ms: silence behind the last event, or < 0.
 * Returns 0 or ERROR_MEMORY; moments_free() only after 0.
 */
int moments_read(struct moments *moments, const char *text, double hang_ms, struct error *e);
void moments_free(struct moments *moments);

/** moments_begun(), moments_ended() - what an event of this name begins or ends; NULL: nothing. */
const struct moments_kind *moments_begun(const char *name);
const struct moments_kind *moments_ended(const char *name);

/** moments_is_injection() - an event of the plan's own. */
bool moments_is_injection(const char *name);

#endif
