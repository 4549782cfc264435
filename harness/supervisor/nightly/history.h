/*
 * history.h: the nights before this one: a directory of run directories.
 */
#ifndef SUPERVISOR_NIGHTLY_HISTORY_H
#define SUPERVISOR_NIGHTLY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <harness/error.h>

struct history_build;

/**
 * struct history - what they have seen. @runs: that could be read. @unread: that could not.
 * @signature: of findings, sorted. @last: name of the run that
 * was written to last, "" if there is none; at @last_time.
 */
struct history {
    size_t runs;
    size_t unread;
    char **signature;
    size_t signatures;
    struct history_build *build;
    size_t builds;
    char last[256];
    time_t last_time;
};

/**
 * history_read() - all runs below @directory but the one called @except (NULL: none). None is no
 * error, nor that there is no such directory. history_free() it.
 */
int history_read(const char *directory, const char *except, struct history *out, struct error *e);
void history_free(struct history *history);

/** history_has_signature() - one of them has seen it. */
bool history_has_signature(const struct history *history, const char *signature);

/** history_has_build() - one of them has run this cell with this build. */
bool history_has_build(const struct history *history, uint64_t key, const char *build);

#endif
