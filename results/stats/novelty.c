/*
 * novelty: Good-Turing over the signatures of a campaign.
 *
 * Pure: counts in, shares out. It knows nothing about what a signature is.
 */
#include <results/stats/novelty.h>

#include <harness/error.h>
#include <results/stats/rates.h>

#include <math.h>

static const long long runs_max = 1LL << 53;

struct tally {
    long long runs, once, twice;
};

static int tally_up(const long long *counts, size_t length, struct tally *t)
{
    for (size_t i = 0; i < length; i++) {
        if (counts[i] < 0 || counts[i] > runs_max - t->runs)
            return ERROR_RANGE;
        t->runs += counts[i];
        t->once += counts[i] == 1;
        t->twice += counts[i] == 2;
    }
    return 0;
}

static double clip(double share)
{
    return fmin(1, fmax(0, share));
}

static void estimate(const struct tally *t, struct stats_novelty *out)
{
    double n = (double)t->runs, f1 = (double)t->once, f2 = (double)t->twice;
    double half = STATS_Z95 * sqrt(f1 * (1 - f1 / n) + 2 * f2) / n;

    out->estimate = f1 / n;
    out->low = clip(out->estimate - half);
    out->high = clip(out->estimate + half);
}

int stats_novelty(const long long *counts, size_t length, struct stats_novelty *out)
{
    struct tally t = {0};

    if (tally_up(counts, length, &t) != 0)
        return ERROR_RANGE;
    *out = (struct stats_novelty){.known = t.runs > 0, .runs = t.runs};
    if (t.once > 0)
        estimate(&t, out);
    else if (out->known)
        return stats_zero_bound(t.runs, &out->high);
    return 0;
}
