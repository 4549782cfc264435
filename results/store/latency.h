/*
 * latency.h: how long cycles took, from a cell's histogram.
 *
 * Bucket b counts durations with floor(4 * log2(microseconds)) = b, that is from 2^(b/4)
 * microseconds to just below 2^((b+1)/4). Bucket 0 also has everything shorter, and the last
 * one, from 2^(127/4) us = 60 minutes on, everything longer.
 */
#ifndef RESULTS_STORE_LATENCY_H
#define RESULTS_STORE_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/error.h>

/**
 * struct latency - a quantile of durations.
 * @microseconds: the geometric middle of its bucket, so the true value is within
 *     2^(1/8) = 9.1 % of it, above and below.
 * @below: it lies in the first bucket: at most 2^(1/4) = 1.2 us, which @microseconds is.
 * @above: it lies in the last bucket: at least 60 minutes, which @microseconds is.
 */
struct latency {
    double microseconds;
    bool below, above;
};

/**
 * latency_quantile() - the ceil(share * n)-th shortest of n durations.
 * @share: inside (0, 1]; 0.5 is the median.
 *
 * Returns 0, ERROR_RANGE (@share) or ERROR_NOT_FOUND (no durations); then @out is untouched.
 * Pure.
 */
int latency_quantile(const uint32_t histogram[ABI_HISTOGRAM], double share, struct latency *out);

#endif
