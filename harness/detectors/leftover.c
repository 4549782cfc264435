/*
 * leftover: what laps leave behind: threads, descriptors, modules, mappings, memory.
 *
 * From 25 laps on the statistics judge the series, and only what they call LEAK is a finding;
 * what they suspect is a note. Shorter series can't be told from a warm-up, so what is there at
 * the end beyond the first lap is a note at most. A series ends at its first missing sample.
 * Rows C5, D1 and D2.
 */
#include <harness/detector.h>

#include <results/stats/leak.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAPS_JUDGED = 25, PAGE_BYTES = 4096 };

/**
 * struct series - one count of a lap.
 * @field: reads it; below 0 is "not counted", except where it @may_sink (frees of blocks that
 *         were there before main). @scale: units of the samples to units of the text.
 * @counted: things that one can count, so that even one more at the end is worth a note.
 */
struct series {
    enum stop_code code;
    enum stats_leak_kind kind;
    int64_t (*field)(const struct abi_lap *lap);
    bool may_sink;
    bool counted;
    bool of_threads;
    double scale;
    const char *what;
    const char *unit;
};

static int64_t heap_bytes(const struct abi_lap *lap)
{
    return lap->heap_bytes;
}

static int64_t rss_pages(const struct abi_lap *lap)
{
    return lap->rss_pages;
}

static int64_t map_pages(const struct abi_lap *lap)
{
    return lap->map_pages;
}

static int64_t open_fds(const struct abi_lap *lap)
{
    return lap->fds;
}

static int64_t live_threads(const struct abi_lap *lap)
{
    return lap->threads;
}

static int64_t loaded_modules(const struct abi_lap *lap)
{
    return lap->modules;
}

static const struct series all[] = {
    {STOP_LEAK_TREND_THREAD, STATS_LEAK_EXACT, live_threads, false, true, true, 1, "live threads",
     "threads"},
    {STOP_LEAK_TREND_MODULE, STATS_LEAK_EXACT, loaded_modules, false, true, false, 1,
     "loaded modules", "modules"},
    {STOP_LEAK_TREND_FD, STATS_LEAK_EXACT, open_fds, false, true, false, 1, "open descriptors",
     "descriptors"},
    {STOP_LEAK_TREND_HEAP, STATS_LEAK_EXACT, heap_bytes, true, false, false, 1, "live heap",
     "bytes"},
    {STOP_LEAK_TREND_MAP, STATS_LEAK_EXACT, map_pages, false, true, true, PAGE_BYTES / 1024.,
     "mapped memory", "KiB"},
    {STOP_LEAK_TREND_RSS, STATS_LEAK_OTHER, rss_pages, false, false, false, PAGE_BYTES / 1024.,
     "resident memory", "KiB"},
};

/* --- samples
 * -------------------------------------------------------------------------------------- */

static bool is_missing(const struct series *series, int64_t sample)
{
    return (sample < 0 && !series->may_sink) || sample > STATS_LEAK_SAMPLE_MAX ||
           sample < -STATS_LEAK_SAMPLE_MAX;
}

static size_t collect(const struct evidence *evidence, const struct series *series,
                      long long *samples)
{
    size_t count = 0;

    while (count < evidence->laps) {
        int64_t sample = series->field(&evidence->lap[count]);

        if (is_missing(series, sample))
            break;
        samples[count++] = sample;
    }
    return count;
}

/* --- long series
 * ------------------------------------------------------------------------------------ */

/* Four digits that count, and never a power of ten: "+0.25", "+388800". */
static const char *slope_text(double slope, char out[32])
{
    snprintf(out, 32, fabs(slope) < 1000 ? "%+.4g" : "%+.0f", slope);
    return out;
}

static void say_slope(struct finding *finding, const struct series *series,
                      const struct stats_leak *leak)
{
    char slope[32], low[32], high[32];

    finding_say(finding, "%s: %s %s per lap, interval %s to %s, over %zu laps", series->what,
                slope_text(leak->slope.slope * series->scale, slope), series->unit,
                slope_text(leak->slope.low * series->scale, low),
                slope_text(leak->slope.high * series->scale, high), leak->cycles);
    finding_say(finding, "%s, chance of such a series without a trend: %.2g",
                stats_leak_class_name(leak->class), leak->chance.p);
}

/* The size of what is lost: bytes per lap over blocks per lap. Of the second half, as the slope is:
 * what is made once in the first laps would make it more blocks than the slope has bytes for. */
static void say_blocks(struct finding *finding, const struct evidence *evidence, size_t laps)
{
    size_t half = laps / 2;
    char slope[32];

    if (laps - half > 1) {
        double growth =
            (double)evidence->lap[laps - 1].heap_blocks - (double)evidence->lap[half].heap_blocks;

        finding_say(finding, "live blocks: %s per lap over the last %zu laps, to %lld",
                    slope_text(growth / (double)(laps - 1 - half), slope), laps - 1 - half,
                    (long long)evidence->lap[laps - 1].heap_blocks);
    }
}

/* Most bytes first, and all that grow as evidence has them: ten at most. */
static void say_sites(struct finding *finding, const struct evidence *evidence)
{
    char bytes[32], blocks[32];

    for (unsigned i = 0; i < evidence->sites && i < EVIDENCE_SITES; i++) {
        const struct evidence_site *site = &evidence->site[i];

        finding_say(finding, "%s bytes and %s blocks per lap from %s",
                    slope_text(site->bytes, bytes), slope_text(site->blocks, blocks), site->place);
    }
}

static void judge_long(const struct evidence *evidence, struct judgement *judgement,
                       const struct series *series, const long long *samples, size_t count)
{
    struct stats_leak leak;
    struct finding *finding;

    if (stats_leak_judge(samples, count, series->kind, &leak) != 0 ||
        (leak.verdict != STATS_LEAK_FOUND && leak.verdict != STATS_LEAK_SUSPECT))
        return;
    finding = judgement_add(judgement, series->code);
    if (finding != NULL && leak.verdict == STATS_LEAK_SUSPECT) {
        finding->severity = STOP_SEVERITY_NOTE;
        finding_say(finding, "suspect, more laps would tell");
    }
    say_slope(finding, series, &leak);
    if (series->code == STOP_LEAK_TREND_HEAP)
        say_blocks(finding, evidence, count);
    if (series->code == STOP_LEAK_TREND_HEAP)
        say_sites(finding, evidence);
}

/* --- short series
 * ------------------------------------------------------------------------------------- */

/* Mappings also grow for arenas and caches: only what still grows in the second half counts. */
static bool is_left(const struct series *series, const long long *samples, size_t count)
{
    if (samples[count - 1] <= samples[0])
        return false;
    return series->code != STOP_LEAK_TREND_MAP || samples[count - 1] > samples[count / 2];
}

static void judge_short(const struct evidence *evidence, struct judgement *judgement,
                        const struct series *series, const long long *samples, size_t count)
{
    struct finding *finding;

    if (count < 2 || !series->counted || (series->of_threads && evidence->effect_thread) ||
        !is_left(series, samples, count))
        return;
    finding = judgement_add(judgement, series->code);
    if (finding == NULL)
        return;
    finding->severity = STOP_SEVERITY_NOTE;
    finding_say(finding, "%s: %.6g %s more after lap %zu than after the first", series->what,
                ((double)samples[count - 1] - (double)samples[0]) * series->scale, series->unit,
                count);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    long long *samples;

    if (evidence->lap == NULL || evidence->laps == 0)
        return;
    samples = calloc(evidence->laps, sizeof *samples);
    for (size_t i = 0; samples != NULL && i < sizeof all / sizeof all[0]; i++) {
        size_t count = collect(evidence, &all[i], samples);

        if (count >= LAPS_JUDGED)
            judge_long(evidence, judgement, &all[i], samples, count);
        else
            judge_short(evidence, judgement, &all[i], samples, count);
    }
    free(samples);
}

const struct detector detector_leftover = {
    .name = "leftover",
    .summary = "what grows from lap to lap, or is left at the end",
    .codes = "leak.trend.thread leak.trend.module leak.trend.fd leak.trend.heap leak.trend.map "
             "leak.trend.rss",
    .judge = judge,
};
