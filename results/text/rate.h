/*
 * rate.h: how often a cell's cycles end in a finding, as a number and as a sentence.
 */
#ifndef RESULTS_TEXT_RATE_H
#define RESULTS_TEXT_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/error.h>

struct store;
struct store_cell;

enum { RATE_BYTES = 256 };

/**
 * struct rate - findings in cycles that count.
 * @findings: cycles whose verdict is a finding (no notes).
 * @cycles: passed and failed ones: neither broken, nor skipped, nor without their injection.
 * @low, @high: 95 % Wilson interval, shares. @below: for 0 findings the rate below which we
 *     are with 95 % confidence, else 1.
 * @looked: the run stopped when it was sure (--until-sure): no bound is promised then, and @below
 *     is 1; what is shown stands in the cell's notes.
 * @sane: false when a file claims more findings than cycles; then the rest is [0, 1].
 */
struct rate {
    uint64_t findings;
    uint64_t cycles;
    double low;
    double high;
    double below;
    bool looked;
    bool sane;
};

/** rate_bounds() - the other members, from @findings and @cycles. */
void rate_bounds(struct rate *rate);

/** rate_of_cell() - asks the store; returns its codes. */
int rate_of_cell(struct store *store, const struct store_cell *cell, struct rate *rate,
                 struct error *e);

/**
 * rate_sentence() - "27 of 1,990: 1.4 % (95 % interval 0.93 to 2.0 %)", or "0 of 2,000: below
 * 0.15 % with 95 % confidence", or what else there is to say. Bounds are rounded outwards.
 * Returns @out.
 */
char *rate_sentence(const struct rate *rate, char out[RATE_BYTES]);

#endif
