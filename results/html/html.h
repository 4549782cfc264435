/*
 * html.h: the parts of the HTML report; nobody but results/html and results/report/html.c
 * includes it.
 *
 * The page is one file that needs no network and no script. All that came from a target goes
 * through html_text() and its like, and through nothing else; style and script are constants whose
 * hashes stand in the page's policy, so that a forgotten escape would still run nothing.
 */
#ifndef RESULTS_HTML_HTML_H
#define RESULTS_HTML_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <harness/error.h>
#include <harness/report.h>
#include <harness/stop_code.h>
#include <results/text/leaks.h>
#include <results/text/rate.h>

struct store;
struct store_cell;
struct store_finding;

enum {
    HTML_ARTICLES = 1000,      /* findings told on the page; more have a line */
    HTML_EXTRAS = 1000 * 1000, /* bytes for timelines and outputs of all of them */
    HTML_CHARTS = 60,          /* leak series drawn */
    HTML_POINTS = 240,         /* of a series in its drawing */
};

/**
 * struct html_finding - one signature, its article ready to be written.
 * @rank: of its code among those of its weight. @article: what everybody reads; @extras: what
 *        some want, left out where the page would become too large. Owned.
 * @fresh: no run of the history has had it.
 */
struct html_finding {
    int64_t id;
    int64_t cell;
    uint64_t cycle;
    enum stop_severity severity;
    int rank;
    char *slug;
    uint64_t repeats;
    uint64_t repeat_cells;
    uint64_t repeat_cycles;
    char *article;
    char *extras;
    bool fresh;
};

/** struct html_past - a cell, by its index, in an earlier night; @started: to the second. */
struct html_past {
    size_t cell;
    char started[sizeof "2024-01-01T22:00:00"];
    uint64_t cycles, findings;
};

/**
 * struct html - the page while it is made. @rates: of the cells, in their order. @nights: that the
 * run was compared with when it ended, -1: with none. @past: by cells and time.
 */
struct html {
    struct store *store;
    FILE *out;
    const struct report_options *options;
    struct store_cell *cells;
    size_t cell_count;
    struct rate *rates;
    struct html_finding *findings;
    size_t finding_count, finding_room;
    struct leaks run_leaks;
    struct leak_series *leaks; /* those of run_leaks */
    size_t leak_count;
    long nights;
    struct html_past *past;
    size_t past_count, past_room;
    int code; /* of a failure inside a callback */
    struct error *e;
};

/* --- text (text.c) --- */

/** html_text() - text from anywhere, one line: markup, controls and tricks become visible. */
void html_text(FILE *out, const char *text);
/** html_lines() - the same, line by line, for a <pre>. */
void html_lines(FILE *out, const void *bytes, size_t length);
/** html_cut() - at most @columns characters of it, with an ellipsis where it was cut. */
void html_cut(FILE *out, const char *text, size_t columns);
/** html_policy() - the Content-Security-Policy: what runs is named by its hash. */
void html_policy(FILE *out);
int html_no_memory(struct error *e);

/* --- what the page is made from (collect.c) --- */

/** html_collect() - reads and judges all; html_release() frees it, after a failure too. */
int html_collect(struct html *html);
void html_release(struct html *html);
/** html_cell_index() - place of a cell by its id; cell_count for none. */
size_t html_cell_index(const struct html *html, int64_t id);

/* --- parts of the page --- */

int html_summary(struct html *html);   /* summary.c */
void html_heat_map(struct html *html); /* heat.c */
void html_cells(struct html *html);    /* cells.c */
void html_leaks(struct html *html);    /* leaks.c */
void html_findings(struct html *html); /* findings.c */
int html_article(struct html *html, const struct store_finding *finding,
                 struct html_finding *out); /* article.c */
/** html_target() - "TARGET under INJECTOR". */
void html_target(FILE *out, const struct store_cell *cell);

/** html_calibration() - what became of planted faults, as items of a list; @good: none was missed
 * (past.c, as the next). */
int html_calibration(struct html *html, char **items, bool *good);
/** html_nights() - a cell's rate in earlier nights and in this one. */
void html_nights(const struct html *html, size_t index);

/* --- drawings, inline SVG --- */

/** html_tip() - the tip of all arrows, once on a page. */
void html_tip(FILE *out);
void html_chain(FILE *out, const char *waits, int64_t id);                        /* chain.c */
int html_tracks(FILE *out, const struct store_finding *finding, struct error *e); /* tracks.c */
void html_histogram(FILE *out, const struct store_cell *cell);                    /* charts.c */
void html_interval(FILE *out, const struct rate *rate);
void html_floors(FILE *out, const struct leak_series *leak, size_t number);

/* --- embedded (made by CMake) --- */

extern const char html_style[];
extern const char html_style_hash[]; /* SHA-256, hexadecimal */
extern const char html_script[];
extern const char html_script_hash[];

#endif
