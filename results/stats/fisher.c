/*
 * fisher: sums of the hypergeometric distribution. Masses are counted in units of the largest
 * one, from there outwards until they vanish, so nothing overflows and tails keep their digits.
 */
#include <results/stats/fisher.h>

#include <harness/error.h>
#include <results/stats/special.h>

#include <math.h>
#include <stdbool.h>

/* struct table - @failures of @one + @two runs; how many of them fall to @two? */
struct table {
    long long one, two, failures;
};

static long double log_choose(long double n, long double k)
{
    return -logl(n + 1) - stats_log_beta(k + 1, n - k + 1);
}

static long double log_mass(const struct table *table, long long k)
{
    return log_choose(table->two, k) + log_choose(table->one, table->failures - k);
}

static long long least(const struct table *table)
{
    return table->failures > table->one ? table->failures - table->one : 0;
}

static long long most(const struct table *table)
{
    return table->failures < table->two ? table->failures : table->two;
}

static long long mode(const struct table *table)
{
    long double at = floorl((long double)(table->two + 1) * (table->failures + 1) /
                            ((long double)table->one + table->two + 2));

    return (long long)fminl(fmaxl(at, least(table)), most(table));
}

/* Mass of @k + 1 over mass of @k. */
static long double step(const struct table *table, long long k)
{
    return (long double)(table->failures - k) * (table->two - k) /
           ((long double)(k + 1) * (table->one - table->failures + k + 1));
}

struct sums {
    long double all, lower, upper, unlikely;
};

static void add(struct sums *sums, long double mass, long long k, long long seen, long double limit)
{
    sums->all += mass;
    if (k <= seen)
        sums->lower += mass;
    if (k >= seen)
        sums->upper += mass;
    if (mass <= limit)
        sums->unlikely += mass;
}

static struct sums sum_up(const struct table *table, long long seen)
{
    long long top = mode(table);
    long double limit = expl(log_mass(table, seen) - log_mass(table, top)) * (1 + 1e-7L);
    struct sums sums = {0};
    long double mass = 1;

    for (long long k = top; k <= most(table) && mass > 0; k++) {
        add(&sums, mass, k, seen, limit);
        mass *= step(table, k);
    }
    mass = 1;
    for (long long k = top - 1; k >= least(table) && mass > 0; k--) {
        mass /= step(table, k);
        add(&sums, mass, k, seen, limit);
    }
    return sums;
}

static bool counts_ok(long long failures, long long runs)
{
    return failures >= 0 && failures <= runs && runs <= 1LL << 53;
}

int stats_fisher(long long failures1, long long runs1, long long failures2, long long runs2,
                 struct stats_fisher *out)
{
    struct table table = {runs1, runs2, failures1 + failures2};
    struct sums sums;

    if (!counts_ok(failures1, runs1) || !counts_ok(failures2, runs2))
        return ERROR_RANGE;
    sums = sum_up(&table, failures2);
    out->two_sided = fmin(1, (double)(sums.unlikely / sums.all));
    out->lower = fmin(1, (double)(sums.lower / sums.all));
    out->upper = fmin(1, (double)(sums.upper / sums.all));
    return 0;
}
