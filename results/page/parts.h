/*
 * parts.h: what the three forms of a page are written from. Nobody outside results/page includes
 * it.
 */
#ifndef RESULTS_PAGE_PARTS_H
#define RESULTS_PAGE_PARTS_H

#include <results/page/page.h>

#include <stddef.h>
#include <stdint.h>

#include <harness/stop_code.h>

struct store_cell;
struct store_finding;

/**
 * struct page_moment - one event. @before_ms: before the last one; >= 0. @thread: "" for a line
 * that could not be read, whose whole text is @detail.
 */
struct page_moment {
    double before_ms;
    const char *thread;
    const char *kind;
    const char *detail;
};

/** struct page_source - an excerpt; see struct store_source. @text is owned. */
struct page_source {
    char *place;
    char *path;
    int line;
    int first;
    bool newer;
    char *text;
};

/** struct page_also - what else was seen in that cycle. */
struct page_also {
    int64_t finding;
    char slug[64];
    enum stop_severity severity;
};

/**
 * struct page - all of it.
 * @entry: of the code, NULL where this rundown does not know it. @first: number of the first
 * finding of its kind, 0 where unknown. @timeline: text that the moments point into.
 */
struct page {
    struct store *store;
    const struct store_finding *finding;
    const struct store_cell *cell;
    const struct stop_code_entry *entry;
    const struct page_options *options;
    int64_t first;
    char *timeline;
    struct page_moment *moment;
    size_t moments;
    struct page_source *source;
    size_t sources;
    struct page_also *also;
    size_t alsos;
};

/** page_is_injection() - the moment is an act of the plan's. */
bool page_is_injection(const struct page_moment *moment);

/** page_source_repeats() - excerpt @index lies within an earlier one, where its line is marked too.
 */
bool page_source_repeats(const struct page *page, size_t index);

/** page_source_means() - a place that the finding names is line @number of that excerpt's file. */
bool page_source_means(const struct page *page, const struct page_source *source, int number);

/** page_also_text() - "a, b (note)"; the caller frees it, NULL without memory. */
char *page_also_text(const struct page *page);

int page_text(const struct page *page, FILE *out, struct error *e);
int page_markdown(const struct page *page, FILE *out, struct error *e);
int page_json(const struct page *page, FILE *out, struct error *e);

#endif
