/*
 * source.h: which file a line of source was in, and what stood around it.
 *
 * Frames carry the last part of a path, since that is what people read. Here the whole path is
 * remembered from when the line was named, for as long as the process lives; then it is forgotten.
 * For the supervisor's one thread.
 */
#ifndef SUPERVISOR_SOURCE_H
#define SUPERVISOR_SOURCE_H

#include <harness/error.h>

struct store;

enum {
    SOURCE_BEFORE = 4, /* lines of an excerpt in front of the one that is meant */
    SOURCE_AFTER = 3,
};

/**
 * source_note() - an address was named by this line.
 * @directory: where a relative path begins; NULL where unknown, and then such a path is passed
 * over.
 * @module: path of the module that the address is in, or NULL.
 */
void source_note(const char *directory, const char *path, int line, const char *module);

/**
 * source_keep() - stores an excerpt for each "FILE:LINE" in a finding's text whose file can be
 * read.
 *
 * Returns 0, also where nothing can be, or what the store says.
 */
int source_keep(struct store *store, const char *text, struct error *e);

/** source_forget() - for a new store, which has nothing yet. */
void source_forget(void);

#endif
