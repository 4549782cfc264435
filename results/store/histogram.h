/*
 * histogram.h: a cell's histogram of durations as the bytes of a column; for results/store alone.
 *
 * Each count takes four bytes, little endian, so the column never changes its size.
 */
#ifndef RESULTS_STORE_HISTOGRAM_H
#define RESULTS_STORE_HISTOGRAM_H

#include <stdint.h>

#include <harness/agent_abi.h>
#include <results/store/database.h>

enum { HISTOGRAM_BYTES = 4 * ABI_HISTOGRAM };

/** histogram_pack() - counts to bytes. */
void histogram_pack(const uint32_t counts[ABI_HISTOGRAM], uint8_t out[HISTOGRAM_BYTES]);

/** histogram_read() - a column to counts; ERROR_CORRUPT for another size. */
int histogram_read(struct store *store, sqlite3_stmt *statement, int column,
                   uint32_t counts[ABI_HISTOGRAM], struct error *e);

/** histogram_add() - sums, which stop at UINT32_MAX. */
void histogram_add(uint32_t counts[ABI_HISTOGRAM], const uint32_t more[ABI_HISTOGRAM]);

#endif
