/*
 * compare: reads both sides, lets each step judge its part, and counts what is worse.
 */
#include <results/compare/compare.h>

#include <results/compare/units.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int read_history(const struct compare_options *options, struct compare_work *work,
                        struct error *e)
{
    struct side *last;
    int code = history_read(&work->history, options->history, &work->new, e);

    if (code != 0)
        return code;
    if (work->history.sides == 0)
        return error_set(e, ERROR_USAGE,
                         "compare: --history: %.120s: no run in it that %.120s can be compared "
                         "with%s%.160s",
                         options->history, options->new,
                         work->history.left_out != NULL ? "; left out: " : "",
                         work->history.left_out != NULL ? work->history.left_out : "");
    work->earlier = work->history.side;
    work->earlier_count = work->history.sides;
    /* Of the last one the leaks as well. */
    last = &work->earlier[work->earlier_count - 1];
    code = side_read(&work->old_full, last->path, true, e);
    if (code == 0) {
        struct side swap = *last;

        *last = work->old_full;
        work->old_full = swap;
    }
    return code;
}

static int read_sides(const struct compare_options *options, struct compare_work *work,
                      struct error *e)
{
    int code = side_read(&work->new, options->new, true, e);

    if (code != 0)
        return code;
    if (options->history != NULL)
        return read_history(options, work, e);
    code = side_read(&work->old_full, options->old, true, e);
    work->earlier = &work->old_full;
    work->earlier_count = 1;
    return code;
}

static int describe(struct compare_run *run, const struct side *side, struct error *e)
{
    const char *started = side_note(side, "started");

    run->path = strdup(side->path);
    run->started = strdup(started != NULL ? started : "");
    run->trouble = side->trouble != NULL ? strdup(side->trouble) : NULL;
    run->ended = side_note(side, "ended") != NULL;
    run->cycles = side->cycles;
    run->cells = side->cells;
    if (run->path == NULL || run->started == NULL ||
        (side->trouble != NULL && run->trouble == NULL))
        return side_no_memory(e);
    return 0;
}

static int describe_both(struct comparison *comparison, struct compare_work *work, struct error *e)
{
    int code = describe(&comparison->new, &work->new, e);

    if (code == 0)
        code = describe(&comparison->old, &work->earlier[work->earlier_count - 1], e);
    comparison->earlier = work->earlier_count;
    comparison->left_out = work->history.left_out;
    work->history.left_out = NULL;
    return code;
}

int compare_runs(const struct compare_options *options, struct comparison *out, struct error *e)
{
    static int (*const steps[])(struct comparison *, const struct compare_work *,
                                struct error *) = {
        compare_differences, compare_rates, compare_speeds, compare_signatures, compare_leaks};
    struct compare_work *work = calloc(1, sizeof *work);
    int code;

    *out = (struct comparison){.is_history = options->history != NULL, .slower = options->slower};
    out->sides = work;
    if (work == NULL)
        return side_no_memory(e);
    code = read_sides(options, work, e);
    if (code == 0)
        code = describe_both(out, work, e);
    if (code == 0)
        code = compare_units(out, work, e);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && code == 0; i++)
        code = steps[i](out, work, e);
    return code;
}

static void free_run(struct compare_run *run)
{
    free(run->path);
    free(run->started);
    free(run->trouble);
}

void compare_free(struct comparison *comparison)
{
    struct compare_work *work = comparison->sides;

    for (size_t i = 0; i < comparison->differences; i++) {
        free(comparison->difference[i].key);
        free(comparison->difference[i].old);
        free(comparison->difference[i].new);
    }
    for (size_t i = 0; i < comparison->signatures; i++) {
        free(comparison->signature[i].signature);
        free(comparison->signature[i].slug);
        free(comparison->signature[i].replay);
    }
    for (size_t i = 0; i < comparison->leaks; i++)
        free(comparison->leak[i].kind);
    free(comparison->difference);
    free(comparison->signature);
    free(comparison->leak);
    free(comparison->cell);
    free(comparison->left_out);
    free_run(&comparison->old);
    free_run(&comparison->new);
    if (work != NULL) {
        side_free(&work->new);
        side_free(&work->old_full);
        history_free(&work->history);
    }
    free(work);
    *comparison = (struct comparison){0};
}

/* --- what it comes to --------------------------------------------------------------------------
 */

bool compare_worse(const struct comparison *comparison, struct compare_sums *sums)
{
    *sums = (struct compare_sums){0};
    for (size_t i = 0; i < comparison->signatures; i++) {
        const struct compare_signature *signature = &comparison->signature[i];

        sums->new_findings +=
            signature->change == COMPARE_NEW && signature->severity == STOP_SEVERITY_FINDING;
        sums->raised += signature->change == COMPARE_WORSE;
    }
    for (size_t i = 0; i < comparison->cells; i++) {
        const struct compare_cell *cell = &comparison->cell[i];

        sums->rates += cell->change == COMPARE_WORSE;
        sums->slower +=
            comparison->slower > 0 && cell->speed.known && cell->speed.low >= comparison->slower;
    }
    for (size_t i = 0; i < comparison->leaks; i++)
        sums->leaks += comparison->leak[i].change == COMPARE_WORSE;
    return sums->new_findings + sums->raised + sums->rates + sums->leaks + sums->slower > 0;
}

const char *compare_untrusted(const struct comparison *comparison)
{
    if (comparison->new.trouble != NULL)
        return comparison->new.trouble;
    return comparison->is_history ? NULL : comparison->old.trouble;
}

const char *compare_change_name(enum compare_change change)
{
    static const char *const names[] = {
        [COMPARE_SAME] = "same",   [COMPARE_NEW] = "new",       [COMPARE_GONE] = "gone",
        [COMPARE_WORSE] = "worse", [COMPARE_BETTER] = "better",
    };

    return names[change];
}
