/*
 * leak_vectors.h: reads leak_series.csv, for the tests of the verdict and of its rules.
 *
 * For tests only. A sample spelled as a fraction, nan or inf goes the way any such number
 * goes: through stats_leak_sample(), which refuses what is none.
 */
#ifndef RESULTS_TESTS_LEAK_VECTORS_H
#define RESULTS_TESTS_LEAK_VECTORS_H

#include "vector_file.h"

#include <results/stats/leak.h>

#include <stdint.h>

enum {
    LEAK_NAME,
    LEAK_KIND,
    LEAK_QUANTUM,
    LEAK_CYCLES,
    LEAK_VERDICT,
    LEAK_CLASS,
    LEAK_SLOPE,
    LEAK_LOWER,
    LEAK_UPPER,
    LEAK_SMALLEST,
    LEAK_VALUES,
    LEAK_SAMPLES_MAX = 8192,
};

/* One row: its samples, and the index of the first that is no number, or @count. */
struct leak_row {
    long long samples[LEAK_SAMPLES_MAX];
    size_t count, no_number_at;
    enum stats_leak_kind kind;
    long long quantum;
};

static inline enum stats_leak_kind leak_kind(const char *name)
{
    enum stats_leak_kind kind = STATS_LEAK_EXACT;

    while (strcmp(stats_leak_kind_name(kind), name) != 0 && kind < STATS_LEAK_OTHER)
        kind++;
    return kind;
}

static inline bool leak_token(const char *token, long long *sample)
{
    if (token[strspn(token, "-0123456789")] != '\0')
        return stats_leak_sample(strtod(token, NULL), sample) == 0;
    *sample = strtoll(token, NULL, 10);
    return true;
}

static inline void leak_read(const struct vector_file *v, struct leak_row *row)
{
    char *state = NULL, *token = strtok_r(v->field[LEAK_VALUES], " ", &state);

    row->kind = leak_kind(v->field[LEAK_KIND]);
    row->quantum = vector_count(v, LEAK_QUANTUM);
    row->no_number_at = SIZE_MAX;
    for (row->count = 0; token != NULL && row->count < LEAK_SAMPLES_MAX; row->count++) {
        row->samples[row->count] = 0;
        if (!leak_token(token, &row->samples[row->count]) && row->no_number_at == SIZE_MAX)
            row->no_number_at = row->count;
        token = strtok_r(NULL, " ", &state);
    }
    if (row->no_number_at == SIZE_MAX)
        row->no_number_at = row->count;
}

#endif
