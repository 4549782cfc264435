/*
 * also.h: what else was seen in a cycle, beside its verdict.
 */
#ifndef RESULTS_TEXT_ALSO_H
#define RESULTS_TEXT_ALSO_H

#include <stdint.h>

#include <harness/error.h>

struct store;

/**
 * also_seen() - slugs of the findings of a cycle but that at one place, in order of place:
 * "hang.deadlock, exit.threads-alive (note)". "" for none.
 * @place: of the finding that needs no mention.
 * @out: the caller frees it.
 */
int also_seen(struct store *store, int64_t cell, uint64_t cycle, unsigned place, char **out,
              struct error *e);

#endif
