/*
 * opinion.h: what is said of a series of samples, the same wherever people read it.
 *
 * The verdict is that of results/stats/leak.h, and no condition of it may be written here; this
 * adds how it is worded, what became of earlier verdicts, and what the series could have shown.
 * Never says "no leak".
 */
#ifndef RESULTS_TEXT_OPINION_H
#define RESULTS_TEXT_OPINION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <results/stats/leak.h>
#include <results/text/amount.h>

/**
 * struct opinion - all that is said of a series.
 * @kind, @quantum: as judged. @leak: the verdict of all samples. @trail: and how it came about.
 * @smallest: of a series that shows no leak.
 */
struct opinion {
    enum stats_leak_kind kind;
    long long quantum;
    struct stats_leak leak;
    struct stats_leak_trail trail;
    struct stats_leak_smallest smallest;
};

/**
 * opinion_form() - judges a series as it was at 25, 105, 425 ... samples, and at its end.
 * @samples: at least one, each within +-STATS_LEAK_SAMPLE_MAX.
 * @quantum: 1 .. 2^38, or 0: the largest step that fits all samples.
 *
 * Pure. Takes some hundred judgements for a series that shows none.
 */
void opinion_form(struct opinion *opinion, const long long *samples, size_t count,
                  enum stats_leak_kind kind, long long quantum);

/** opinion_is_bounded() - it shows no leak, and it is known how small one it would have shown. */
bool opinion_is_bounded(const struct opinion *opinion);

/** opinion_likely() - a leak of so much in each cycle is found in 94 % and more; if bounded. */
double opinion_likely(const struct opinion *opinion);

/** opinion_needs() - how many samples would tell more; 0: the verdict stands, or more samples are
 * not what it lacks. */
size_t opinion_needs(const struct opinion *opinion);

/** opinion_word() - "leak", "suspect", "none-above", "undecided" or "too-short". */
const char *opinion_word(const struct opinion *opinion);

/** opinion_verdict() - in words: "leak over 105 cycles", "none above 0.25 bytes/cycle" ...
 * @unit: what the samples count; harmless text. */
void opinion_verdict(FILE *out, const struct opinion *opinion, const char *unit);

/** opinion_class_meaning() - "the floor rises and keeps rising"; "" for none. */
const char *opinion_class_meaning(enum stats_leak_class class);

/** opinion_signed() - "+8.25", "0": four digits that count, never a power of ten. Returns @out. */
const char *opinion_signed(double number, char out[AMOUNT_BYTES]);

/** opinion_bound() - a bound, which may only be rounded up. Returns @out. */
const char *opinion_bound(double number, char out[AMOUNT_BYTES]);

/**
 * opinion_kind() - how far a series of a run can be trusted, by its name ("heap.bytes").
 * opinion_quantum() - the steps in which it moves. opinion_unit() - "bytes", "blocks" ...
 * opinion_usable() - its samples up to the first that cannot be true.
 */
enum stats_leak_kind opinion_kind(const char *series);
long long opinion_quantum(const char *series);
const char *opinion_unit(const char *series);
size_t opinion_usable(const char *series, const int64_t *samples, size_t count);

#endif
