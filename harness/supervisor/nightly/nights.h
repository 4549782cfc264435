/*
 * nights.h: the nights before this one: a directory of run directories.
 */
#ifndef SUPERVISOR_NIGHTLY_NIGHTS_H
#define SUPERVISOR_NIGHTLY_NIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <harness/error.h>

struct nights_build;
struct nights_rate;
struct store;

/**
 * struct nights - what they have seen. @runs: that could be read. @unread: that could not.
 * @signature: of findings, sorted. @rate: of cells, by key and time. @last: name of the run that
 * was written to last, "" if there is none; at @last_time.
 */
struct nights {
    size_t runs;
    size_t unread;
    char **signature;
    size_t signatures;
    struct nights_build *build;
    size_t builds;
    struct nights_rate *rate;
    size_t rates, rate_room;
    char last[256];
    time_t last_time;
};

/**
 * nights_read() - all runs below @directory but the one called @except (NULL: none). None is no
 * error, nor that there is no such directory. nights_free() it.
 */
int nights_read(const char *directory, const char *except, struct nights *out, struct error *e);
void nights_free(struct nights *history);

enum { NIGHTS_TOLD = 30 };

/** nights_have_signature() - one of them has seen it. */
bool nights_have_signature(const struct nights *history, const char *signature);

/** nights_have_build() - one of them has run this cell with this build. */
bool nights_have_build(const struct nights *history, uint64_t key, const char *build);

/**
 * nights_note() - writes into a run what they have seen of its cells and findings, of each cell the
 * last NIGHTS_TOLD of them, so that its reports can tell.
 */
int nights_note(const struct nights *history, struct store *store, struct error *e);

#endif
