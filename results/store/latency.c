/*
 * latency: quantiles of a histogram with logarithmic buckets. Pure.
 *
 * No interpolation inside a bucket: the geometric middle has the smallest worst error that any
 * answer can have, and it can be stated.
 */
#include <results/store/latency.h>

#include <math.h>

static uint64_t total(const uint32_t histogram[ABI_HISTOGRAM])
{
    uint64_t sum = 0;

    for (int b = 0; b < ABI_HISTOGRAM; b++)
        sum += histogram[b];
    return sum;
}

/* The bucket of the durations' @rank-th shortest, rank from 1 to their number. */
static int bucket_of_rank(const uint32_t histogram[ABI_HISTOGRAM], uint64_t rank)
{
    uint64_t sum = 0;
    int b = 0;

    for (; b < ABI_HISTOGRAM - 1; b++) {
        sum += histogram[b];
        if (sum >= rank)
            break;
    }
    return b;
}

int latency_quantile(const uint32_t histogram[ABI_HISTOGRAM], double share, struct latency *out)
{
    uint64_t n = total(histogram), rank;
    double middle = 0.5;
    int b;

    if (!(share > 0 && share <= 1))
        return ERROR_RANGE;
    if (n == 0)
        return ERROR_NOT_FOUND;
    rank = (uint64_t)ceil(share * (double)n - 1e-9);
    b = bucket_of_rank(histogram, rank < 1 ? 1 : rank);
    out->below = b == 0;
    out->above = b == ABI_HISTOGRAM - 1;
    if (out->below)
        middle = 1;
    else if (out->above)
        middle = 0;
    out->microseconds = exp2((b + middle) / 4);
    return 0;
}
