/*
 * rates: which cells fail more often, or fire less often, than before.
 *
 * With a history: what the past nights predict of tonight, scatter and all (night.h). With two
 * runs: Fisher's exact test, which knows no scatter. Then Benjamini and Hochberg over all cells.
 * Cells that look better are adjusted by themselves, so that they cost the alarms nothing.
 */
#include <results/compare/units.h>

#include <results/stats/discovery.h>
#include <results/stats/fisher.h>

#include <math.h>
#include <stdlib.h>

/* Adjusts the numbers of @p that are numbers; @order and @packed have room for all. */
static size_t adjust(const double *p, size_t count, double *adjusted)
{
    double *packed = calloc(2 * count + 2, sizeof *packed), *out = packed + count + 1;
    size_t *order = calloc(count + 1, sizeof *order);
    size_t m = 0, k = 0;

    for (size_t i = 0; i < count && packed != NULL; i++)
        if (!isnan(p[i]))
            packed[m++] = p[i];
    if (packed == NULL || order == NULL || stats_benjamini_hochberg(packed, m, order, out) != 0)
        m = 0;
    for (size_t i = 0; i < count; i++)
        adjusted[i] = m > 0 && !isnan(p[i]) ? out[k++] : NAN;
    free(order);
    free(packed);
    return m;
}

/* More than 1 % broken: such a night tells nothing of the cell. */
static bool is_usable(const struct compare_counts *counts)
{
    return counts->counted > 0 && counts->broken * 100 <= counts->cycles;
}

static struct stats_night night_of(const struct compare_counts *counts)
{
    return (struct stats_night){(long long)counts->findings, (long long)counts->counted};
}

/* --- a history ---------------------------------------------------------------------------------
 */

static int sum_past(const struct compare_work *work, size_t unit, struct stats_night *nights,
                    struct stats_past *past)
{
    size_t count = 0;

    for (size_t i = 0; i < work->earlier_count; i++) {
        const struct side_cell *cell = compare_find(&work->earlier[i], unit);

        if (cell != NULL && is_usable(&cell->counts))
            nights[count++] = night_of(&cell->counts);
    }
    return stats_past(nights, count, past);
}

static int judge_tonight(struct compare_cell *cell, const struct stats_past *past, double pool)
{
    struct stats_tonight tonight;
    double more;
    int code;

    cell->nights = past->nights;
    if (past->runs > 0)
        cell->expected = (double)past->failures / (double)past->runs;
    if (!cell->in_new || !is_usable(&cell->new))
        return 0;
    code = stats_tonight(past, pool, night_of(&cell->new), &tonight);
    if (code != 0)
        return code;
    cell->learning = tonight.learning;
    if (tonight.learning)
        return 0;
    cell->p = tonight.p;
    code = stats_beta_binomial_tail((long long)cell->new.findings + 1, (long long)cell->new.counted,
                                    tonight.a, tonight.b, &more);
    cell->p_fewer = 1 - more;
    return code;
}

static int test_history(struct comparison *comparison, const struct compare_work *work)
{
    struct stats_night *nights = calloc(work->earlier_count + 1, sizeof *nights);
    struct stats_past *past = calloc(comparison->cells + 1, sizeof *past);
    double pool = 0;
    int code = nights == NULL || past == NULL ? ERROR_MEMORY : 0;

    for (size_t i = 0; i < comparison->cells && code == 0; i++)
        code = sum_past(work, i, nights, &past[i]);
    if (code == 0)
        pool = stats_pool(past, comparison->cells);
    for (size_t i = 0; i < comparison->cells && code == 0; i++)
        code = judge_tonight(&comparison->cell[i], &past[i], pool);
    free(past);
    free(nights);
    return code;
}

/* --- two runs ----------------------------------------------------------------------------------
 */

static int test_two(struct comparison *comparison)
{
    int code = 0;

    for (size_t i = 0; i < comparison->cells && code == 0; i++) {
        struct compare_cell *cell = &comparison->cell[i];
        struct stats_fisher fisher;

        if (!cell->in_old || !cell->in_new || !is_usable(&cell->old) || !is_usable(&cell->new))
            continue;
        cell->expected = (double)cell->old.findings / (double)cell->old.counted;
        code = stats_fisher((long long)cell->old.findings, (long long)cell->old.counted,
                            (long long)cell->new.findings, (long long)cell->new.counted, &fisher);
        if (code == 0)
            cell->p = fisher.two_sided;
    }
    return code;
}

/* --- alarms ------------------------------------------------------------------------------------
 */

static bool is_higher(const struct compare_cell *cell)
{
    return (double)cell->new.findings > cell->expected *(double)cell->new.counted;
}

static void raise_alarms(struct comparison *comparison, const double *adjusted, const double *fewer)
{
    for (size_t i = 0; i < comparison->cells; i++) {
        struct compare_cell *cell = &comparison->cell[i];

        cell->adjusted = adjusted[i];
        cell->adjusted_fewer = fewer[i];
        comparison->learning += cell->learning;
        if (!isnan(adjusted[i]) && stats_alarm(adjusted[i]))
            cell->change = is_higher(cell) ? COMPARE_WORSE : COMPARE_BETTER;
        else if (!isnan(fewer[i]) && stats_alarm(fewer[i]))
            cell->change = COMPARE_BETTER;
    }
}

static void adjust_rates(struct comparison *comparison, double *p, double *adjusted, double *fewer)
{
    for (size_t i = 0; i < comparison->cells; i++)
        p[i] = comparison->cell[i].p;
    comparison->tested = adjust(p, comparison->cells, adjusted);
    for (size_t i = 0; i < comparison->cells; i++)
        p[i] = comparison->cell[i].p_fewer;
    adjust(p, comparison->cells, fewer);
    raise_alarms(comparison, adjusted, fewer);
}

static int test_fired(struct compare_cell *cell, double *p)
{
    long long old = (long long)(cell->old.counted + cell->old.not_fired);
    long long new = (long long)(cell->new.counted + cell->new.not_fired);
    struct stats_fisher fisher;
    int code;

    *p = NAN;
    if (!cell->in_old || !cell->in_new || old == 0 || new == 0 ||
        cell->old.not_fired + cell->new.not_fired == 0)
        return 0;
    code = stats_fisher((long long)cell->old.not_fired, old, (long long)cell->new.not_fired, new,
                        &fisher);
    *p = cell->fired_p = fisher.two_sided;
    return code;
}

static int judge_fired(struct comparison *comparison, double *p, double *adjusted)
{
    int code = 0;

    for (size_t i = 0; i < comparison->cells && code == 0; i++)
        code = test_fired(&comparison->cell[i], &p[i]);
    comparison->tested_fired = adjust(p, comparison->cells, adjusted);
    for (size_t i = 0; i < comparison->cells && code == 0; i++) {
        struct compare_cell *cell = &comparison->cell[i];
        double old =
            (double)cell->old.not_fired * (double)(cell->new.counted + cell->new.not_fired);
        double new = (double)cell->new.not_fired *(double)(cell->old.counted + cell->old.not_fired);

        if (!isnan(adjusted[i]) && stats_alarm(adjusted[i]))
            cell->fired = new > old ? COMPARE_WORSE : COMPARE_BETTER;
    }
    return code;
}

int compare_rates(struct comparison *comparison, const struct compare_work *work, struct error *e)
{
    size_t count = comparison->cells + 1;
    double *room = calloc(3 * count, sizeof *room);
    int code;

    if (room == NULL)
        return side_no_memory(e);
    code = comparison->is_history ? test_history(comparison, work) : test_two(comparison);
    if (code == 0)
        adjust_rates(comparison, room, room + count, room + 2 * count);
    if (code == 0)
        code = judge_fired(comparison, room, room + count);
    free(room);
    if (code == ERROR_RANGE)
        return error_set(e, ERROR_CORRUPT,
                         "compare: a run has counts that contradict each other: fetch a copy");
    return code != 0 ? side_no_memory(e) : 0;
}
