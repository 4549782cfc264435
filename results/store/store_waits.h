/*
 * store_waits.h: who waits for whom in a finding, inside the store. Its readers have
 * store_waits_read().
 */
#ifndef RESULTS_STORE_STORE_WAITS_H
#define RESULTS_STORE_STORE_WAITS_H

#include <stdint.h>

#include <harness/error.h>

struct store;

/** waits_store() - keeps the lines of a finding, inside the transaction that is under way; NULL
 * and "" are nothing. */
int waits_store(struct store *store, int64_t finding, const char *waits, struct error *e);

#endif
