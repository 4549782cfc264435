/*
 * text: a comparison for people: what differs around the runs first, then what is worse, then the
 * rest. Nothing that came from a target reaches the terminal as a control character.
 */
#include <results/compare/compare.h>

#include <results/text/amount.h>
#include <results/text/escape.h>
#include <results/text/opinion.h>
#include <results/text/rate.h>
#include <results/text/wrap.h>

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* struct page - what is being written. */
struct page {
    const struct comparison *comparison;
    FILE *out;
    unsigned columns;
    bool all;
};

/* One line, newlines from a target being no lines; a blank one before it if @format begins so. */
static void __attribute__((format(printf, 4, 5)))
line(const struct page *page, unsigned indent, unsigned hang, const char *format, ...)
{
    char *text = NULL, *safe = NULL;
    va_list args;

    if (*format == '\n')
        fputc(*format++, page->out);
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (text != NULL)
        safe = escape_terminal_copy(text, strlen(text));
    if (safe != NULL)
        wrap_line(page->out, indent, hang, safe, page->columns);
    free(safe);
    free(text);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "5 of 10,000: 0.05 % (95 % interval ...)" */
static const char *rate_text(uint64_t findings, uint64_t cycles, char out[RATE_BYTES])
{
    struct rate rate = {.findings = findings, .cycles = cycles};

    rate_bounds(&rate);
    return rate_sentence(&rate, out);
}

static void write_run(const struct page *page, const char *name, const struct compare_run *run)
{
    char cycles[AMOUNT_BYTES];

    line(page, 0, 5, "%-4s %s", name, run->path);
    line(page, 5, 0, "%s%s%s cycles in %zu cell%s%s", run->started,
         run->started[0] != 0 ? ", " : "", amount_count(run->cycles, cycles), run->cells,
         plural(run->cells), run->ended ? "" : "; it has not ended");
}

static void write_runs(const struct page *page)
{
    const struct comparison *c = page->comparison;

    if (c->is_history)
        line(page, 0, 5, "%zu earlier run%s; the latest of them is OLD", c->earlier,
             plural(c->earlier));
    write_run(page, "OLD", &c->old);
    write_run(page, "NEW", &c->new);
    for (const char *at = c->left_out; at != NULL && *at != 0; at += strcspn(at, "\n")) {
        at += *at == '\n';
        line(page, 0, 5, "left out: %.*s", (int)strcspn(at, "\n"), at);
    }
}

static void write_differences(const struct page *page)
{
    const struct comparison *c = page->comparison;

    line(page, 0, 2, "\nmachine and binaries: %s",
         c->differences == 0 ? "no difference known" : "they differ");
    for (size_t i = 0; i < c->differences; i++) {
        const struct compare_difference *difference = &c->difference[i];

        line(page, 2, 4, "%-10s %s -> %s", difference->key,
             difference->old != NULL ? difference->old : "not noted",
             difference->new != NULL ? difference->new : "not noted");
    }
}

/* --- signatures --------------------------------------------------------------------------------
 */

static const char *severity_word(enum stop_severity severity)
{
    static const char *const words[] = {[STOP_SEVERITY_NOTE] = "note",
                                        [STOP_SEVERITY_FINDING] = "FAIL",
                                        [STOP_SEVERITY_HARNESS] = "rundown's own"};

    return words[severity];
}

static void write_where(const struct page *page, const struct compare_signature *one)
{
    char now[RATE_BYTES];

    line(page, 4, 2, "%s under %s%s", one->target, one->injector,
         one->cells > 1 ? ", and other cells" : "");
    line(page, 4, 2, "%s%s", rate_text(one->now, one->now_runs, now),
         one->verdicts == 0 ? "; never the first cause of its cycle" : "");
    line(page, 4, 2, "finding %lld, cell %lld, cycle %llu", (long long)one->finding,
         (long long)one->cell, (unsigned long long)one->cycle);
    line(page, 4, 2, "again: rundown replay '%s'", one->replay);
}

static void write_missing(const struct page *page, const struct compare_signature *one)
{
    char before[RATE_BYTES], now[AMOUNT_BYTES], chance[AMOUNT_BYTES];

    line(page, 4, 2, "%s under %s", one->target, one->injector);
    line(page, 4, 2, "before: %s; now in none of %s",
         rate_text(one->before, one->before_runs, before), amount_count(one->now_runs, now));
    line(page, 4, 2, "chance of that if nothing had changed: %s %%",
         amount_percent(one->chance, AMOUNT_UP, chance));
}

static void write_signature(const struct page *page, const struct compare_signature *one)
{
    line(page, 2, 2, "%s  %s", severity_word(one->severity), one->signature);
    if (one->change == COMPARE_WORSE || one->change == COMPARE_BETTER)
        line(page, 4, 2, "was: %s", severity_word(one->old_severity));
    if (one->change == COMPARE_GONE)
        write_missing(page, one);
    else
        write_where(page, one);
}

static size_t count_change(const struct comparison *c, enum compare_change change, bool rare)
{
    size_t count = 0;

    for (size_t i = 0; i < c->signatures; i++)
        count += c->signature[i].change == change && c->signature[i].rare == rare;
    return count;
}

static void write_list(const struct page *page, const char *title, enum compare_change change)
{
    const struct comparison *c = page->comparison;
    size_t count = count_change(c, change, false);

    if (count == 0)
        return;
    line(page, 0, 0, "\n%s: %zu", title, count);
    for (size_t i = 0; i < c->signatures; i++)
        if (c->signature[i].change == change && !c->signature[i].rare)
            write_signature(page, &c->signature[i]);
}

static void write_spread(const struct page *page)
{
    const struct comparison *c = page->comparison;

    for (size_t i = 0; i < c->signatures; i++) {
        const struct compare_signature *one = &c->signature[i];

        if (one->change == COMPARE_SAME && one->more_cells > 0)
            line(page, 2, 2, "in %llu more cell%s than before: %s",
                 (unsigned long long)one->more_cells, plural(one->more_cells), one->signature);
    }
}

static void write_signatures(const struct page *page)
{
    const struct comparison *c = page->comparison;
    size_t known = count_change(c, COMPARE_SAME, false), rare = count_change(c, COMPARE_GONE, true);

    write_list(page, "new signatures", COMPARE_NEW);
    write_list(page, "signatures that weigh more than before", COMPARE_WORSE);
    write_list(page, "signatures that are gone", COMPARE_GONE);
    write_list(page, "signatures that weigh less than before", COMPARE_BETTER);
    line(page, 0, 2, "\nsignatures seen before and now: %zu; missing now, as chance allows: %zu",
         known, rare);
    write_spread(page);
}

/* --- rates -------------------------------------------------------------------------------------
 */

static void write_rate(const struct page *page, const struct compare_cell *cell)
{
    const struct comparison *c = page->comparison;
    bool fewer = cell->change == COMPARE_BETTER && c->is_history;
    char now[RATE_BYTES], before[RATE_BYTES], expected[AMOUNT_BYTES];

    line(page, 2, 2, "%s  %s under %s", cell->change == COMPARE_WORSE ? "MORE" : "fewer",
         cell->target, cell->injector);
    line(page, 4, 2, "now: %s", rate_text(cell->new.findings, cell->new.counted, now));
    if (c->is_history)
        line(page, 4, 2, "the %d nights before: %s %% in all", cell->nights,
             amount_percent(cell->expected, AMOUNT_NEAREST, expected));
    else
        line(page, 4, 2, "before: %s", rate_text(cell->old.findings, cell->old.counted, before));
    line(page, 4, 2, "chance of that if nothing had changed: %.2g, adjusted for %zu cells: %.2g",
         fewer ? cell->p_fewer : cell->p, c->tested, fewer ? cell->adjusted_fewer : cell->adjusted);
}

static void write_rates(const struct page *page)
{
    const struct comparison *c = page->comparison;
    size_t changed = 0;

    for (size_t i = 0; i < c->cells; i++)
        changed += c->cell[i].change != COMPARE_SAME;
    line(page, 0, 2,
         "\nrates: %zu of %zu cell%s tested differ (%s; at most one alarm in ten is "
         "false)%s",
         changed, c->tested, plural(c->tested),
         c->is_history ? "against what the nights before predict" : "Fisher's exact test",
         c->is_history ? ""
                       : "; with two runs alone the scatter from night to night counts as a "
                         "difference");
    if (c->learning > 0)
        line(page, 2, 2, "%zu cell%s with fewer than %d nights: learning, no judgement",
             c->learning, plural(c->learning), STATS_NIGHTS_LEAST);
    for (size_t i = 0; i < c->cells; i++)
        if (c->cell[i].change != COMPARE_SAME)
            write_rate(page, &c->cell[i]);
}

/* --- leaks -------------------------------------------------------------------------------------
 */

static void write_slope(const struct page *page, const char *when, bool known,
                        const struct stats_leak *leak, const char *unit)
{
    char slope[AMOUNT_BYTES], low[AMOUNT_BYTES], high[AMOUNT_BYTES];

    if (!known)
        line(page, 4, 2, "%s no such series", when);
    else if (leak->verdict < STATS_LEAK_CLEAN)
        line(page, 4, 2, "%s %s after %zu laps", when, stats_leak_verdict_name(leak->verdict),
             leak->cycles);
    else
        line(page, 4, 2, "%s %s after %zu laps, %s %s a lap (95 %% interval %s to %s)", when,
             stats_leak_verdict_name(leak->verdict), leak->cycles,
             opinion_signed(leak->slope.slope, slope), unit, opinion_signed(leak->slope.low, low),
             opinion_signed(leak->slope.high, high));
}

static bool is_told(const struct compare_leak *leak)
{
    return leak->change != COMPARE_SAME || leak->apart ||
           (leak->known_old && leak->known_new && leak->old.verdict != leak->new.verdict) ||
           (leak->known_new && leak->new.verdict == STATS_LEAK_FOUND);
}

static const char *leak_word(const struct compare_leak *leak)
{
    switch (leak->change) {
    case COMPARE_WORSE:
        return "WORSE";
    case COMPARE_BETTER:
        return "better";
    default:
        return "known";
    }
}

static void write_leaks(const struct page *page)
{
    const struct comparison *c = page->comparison;

    if (c->leaks > 0)
        line(page, 0, 0, "\nleaks: %zu series compared", c->leaks);
    for (size_t i = 0; i < c->leaks; i++) {
        const struct compare_leak *leak = &c->leak[i];
        const char *unit = opinion_unit(leak->kind);

        if (!is_told(leak))
            continue;
        line(page, 2, 2, "%s  %s of %s under %s%s", leak_word(leak), leak->kind, leak->target,
             leak->injector, leak->apart ? "; the slopes' intervals do not overlap" : "");
        write_slope(page, "before:", leak->known_old, &leak->old, unit);
        write_slope(page, "now:   ", leak->known_new, &leak->new, unit);
    }
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static void write_speed(const struct page *page, const struct compare_cell *cell)
{
    char old[AMOUNT_BYTES], new[AMOUNT_BYTES];

    line(page, 2, 2, "%s  %s under %s: median cycle %s, was %s: %.2f times as long (%.2f to %.2f)",
         cell->speed.change == COMPARE_WORSE ? "slower" : "faster", cell->target, cell->injector,
         amount_duration(cell->speed.new / 1e6, new), amount_duration(cell->speed.old / 1e6, old),
         cell->speed.ratio, cell->speed.low, cell->speed.high);
}

static void write_speeds(const struct page *page)
{
    const struct comparison *c = page->comparison;
    size_t known = 0;

    for (size_t i = 0; i < c->cells; i++)
        known += c->cell[i].speed.known;
    if (known == 0)
        return;
    line(page, 0, 2,
         "\nspeed: a cycle takes %.2f times as long in the middle of all cells (a machine's own "
         "speed is in that); told are cells that differ from it by more than their noise",
         c->common);
    for (size_t i = 0; i < c->cells; i++)
        if (c->cell[i].speed.change != COMPARE_SAME)
            write_speed(page, &c->cell[i]);
}

static void write_fired(const struct page *page)
{
    const struct comparison *c = page->comparison;
    bool any = false;

    for (size_t i = 0; i < c->cells; i++) {
        const struct compare_cell *cell = &c->cell[i];
        char fired[AMOUNT_BYTES], of[AMOUNT_BYTES], was[AMOUNT_BYTES], was_of[AMOUNT_BYTES];

        if (cell->fired == COMPARE_SAME)
            continue;
        if (!any)
            line(page, 0, 0, "\ninjections");
        any = true;
        line(page, 2, 2, "%s under %s: fired in %s of %s cycles, was %s of %s", cell->target,
             cell->injector, amount_count(cell->new.counted, fired),
             amount_count(cell->new.counted + cell->new.not_fired, of),
             amount_count(cell->old.counted, was),
             amount_count(cell->old.counted + cell->old.not_fired, was_of));
    }
}

static bool lost(const struct compare_cell *cell)
{
    return cell->in_old && cell->in_new && cell->old.counted > 0 && cell->new.counted == 0;
}

static void write_one_sided(const struct page *page)
{
    const struct comparison *c = page->comparison;
    bool any = false;

    for (size_t i = 0; i < c->cells; i++) {
        const struct compare_cell *cell = &c->cell[i];

        if (cell->in_old && cell->in_new && !lost(cell))
            continue;
        if (!any)
            line(page, 0, 0, "\ncells that were tested in one of the runs only");
        any = true;
        line(page, 2, 2, "%s  %s under %s%s%s",
             lost(cell)     ? "no more"
             : cell->in_new ? "NEW"
                            : "OLD",
             cell->target, cell->injector, cell->new_state[0] != 0 ? ": " : "", cell->new_state);
    }
}

static void write_broken(const struct page *page)
{
    const struct comparison *c = page->comparison;

    for (size_t i = 0; i < c->cells; i++) {
        const struct compare_cell *cell = &c->cell[i];

        if (cell->new.broken + cell->old.broken > 0)
            line(page, 0, 2, "\nbroken: %s under %s: %llu of %llu cycles, was %llu of %llu",
                 cell->target, cell->injector, (unsigned long long)cell->new.broken,
                 (unsigned long long)cell->new.cycles, (unsigned long long)cell->old.broken,
                 (unsigned long long)cell->old.cycles);
    }
}

static void write_all(const struct page *page)
{
    const struct comparison *c = page->comparison;

    if (!page->all)
        return;
    line(page, 0, 0, "\nall cells");
    for (size_t i = 0; i < c->cells; i++) {
        const struct compare_cell *cell = &c->cell[i];
        char now[RATE_BYTES], before[RATE_BYTES];

        line(page, 2, 2, "%s under %s", cell->target, cell->injector);
        line(page, 4, 2, "now: %s", rate_text(cell->new.findings, cell->new.counted, now));
        line(page, 4, 2, "OLD: %s", rate_text(cell->old.findings, cell->old.counted, before));
        if (!isnan(cell->p))
            line(page, 4, 2, "chance %.2g, adjusted %.2g", cell->p, cell->adjusted);
    }
}

static void write_verdict(const struct page *page)
{
    const struct comparison *c = page->comparison;
    const char *trouble = compare_untrusted(c);
    struct compare_sums sums;

    if (compare_worse(c, &sums))
        line(page, 0, 2,
             "\nWORSE: %zu new signature%s, %zu that weigh%s more, %zu rate%s, %zu leak%s, %zu too "
             "slow",
             sums.new_findings, plural(sums.new_findings), sums.raised, sums.raised == 1 ? "s" : "",
             sums.rates, plural(sums.rates), sums.leaks, plural(sums.leaks), sums.slower);
    else
        line(page, 0, 2, "\nnothing is worse, as far as these cycles can tell");
    if (trouble != NULL)
        line(page, 0, 2, "NOT TO BE TRUSTED: %s: %s",
             c->new.trouble != NULL ? c->new.path : c->old.path, trouble);
}

void compare_text(const struct comparison *comparison, FILE *out, unsigned columns, bool all)
{
    struct page page = {comparison, out, columns, all};

    write_runs(&page);
    write_differences(&page);
    write_signatures(&page);
    write_rates(&page);
    write_leaks(&page);
    write_speeds(&page);
    write_fired(&page);
    write_one_sided(&page);
    write_broken(&page);
    write_all(&page);
    write_verdict(&page);
}
