/*
 * timeline_words.h: one event of the ring in words. Part of timeline.c; nobody else includes it.
 */
#ifndef SUPERVISOR_TIMELINE_WORDS_H
#define SUPERVISOR_TIMELINE_WORDS_H

#include <harness/detector.h>

#include <stddef.h>

/**
 * timeline_words() - what happened, without who and when: "mutex table_lock  in f  prog  f.c:12".
 * @out: @bytes; cut where it is longer.
 *
 * Trusts nothing in the event: it lies in memory that the target can write to.
 */
void timeline_words(const struct evidence *evidence, const struct abi_event *event, char *out,
                    size_t bytes);

#endif
