/*
 * discovery.h: many cells were tested in one night; which alarms may be believed?
 */
#ifndef RESULTS_STATS_DISCOVERY_H
#define RESULTS_STATS_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * stats_benjamini_hochberg() - p values adjusted for their number.
 * @p: tonight's p values, each in [0, 1]; cells without one ("learning") are left out.
 * @count: how many; 0 does nothing.
 * @order: room for @count entries; receives the indices of @p in ascending order.
 * @adjusted: room for @count results, by the indices of @p; each in [0, 1].
 *
 * Returns 0, or ERROR_RANGE when a p is NaN or outside [0, 1]; then @order and @adjusted
 * are untouched. The C library's sort may allocate for long lists. Safe in any thread.
 * Source: Y. Benjamini, Y. Hochberg, JRSS B 57 (1995), 289-300.
 */
int stats_benjamini_hochberg(const double *p, size_t count, size_t *order, double *adjusted);

/** stats_alarm() - does an adjusted p raise an alarm? True up to a false discovery rate of 10 %. */
bool stats_alarm(double adjusted);

#endif
