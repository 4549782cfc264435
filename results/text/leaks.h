/*
 * leaks.h: what a run's lap series say, the same in every report: the worst series of each kind
 * of each cell, judged, with the call sites that grow and all the facts that stand beside a
 * verdict.
 */
#ifndef RESULTS_TEXT_LEAKS_H
#define RESULTS_TEXT_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <harness/error.h>
#include <results/text/opinion.h>

struct store;
struct store_cell;

enum { LEAK_SITES = 10, LEAK_DIFFERENCES = 20 };

/** struct leak_site - a call site whose live blocks grow. @place: owned. Growth is per lap. */
struct leak_site {
    char *place;
    double bytes;
    double blocks;
};

/**
 * struct leak_series - all series of one kind of one cell: the worst, and how many there are.
 * @cell: index of the cell. @samples: of the worst, usable ones; owned, NULL if none can be used.
 * @behind: stored ones that were left out. @site: of the worst's cycle, most bytes first; only
 * for "heap.bytes" and "heap.blocks".
 * @limit: in the unit of the samples, with @limit_from "rlimit", "cgroup" or "memory"; NULL where
 * none is known. @lap_s: median seconds of a lap; 0 where unknown.
 */
struct leak_series {
    size_t cell;
    char *kind;
    uint64_t cycle;
    uint64_t first_lap;
    uint64_t series;
    struct stats_leak verdict;
    struct opinion opinion;
    long long *samples;
    size_t count;
    size_t behind;
    struct leak_site site[LEAK_SITES];
    size_t sites;
    long long limit;
    const char *limit_from;
    double lap_s;
};

/** struct leaks - of a run; worst verdict first. @moving: judged series that are not constant. */
struct leaks {
    struct leak_series *leak;
    size_t count, room;
    uint64_t judged, moving;
};

/**
 * leaks_collect() - reads and judges all series of a run.
 * @cells: as store_cells() gave them. Series of unknown cells are passed over.
 * Returns 0 or the store's codes. leaks_free() in any case.
 */
int leaks_collect(struct store *store, const struct store_cell *cells, size_t cell_count,
                  struct leaks *out, struct error *e);
void leaks_free(struct leaks *leaks);

/**
 * leaks_sites() - the sites of one cycle that grow, as stored; most bytes first.
 * @site: LEAK_SITES; the caller frees each place. Returns 0 or the store's codes.
 */
int leaks_sites(struct store *store, int64_t cell, uint64_t cycle, struct leak_site *site,
                size_t *sites, struct error *e);

/** leaks_is_judged() - false for series of call sites, and for "lap.ns", the duration of a lap. */
bool leaks_is_judged(const char *kind);

/**
 * leaks_outlook() - seconds until the limit is reached, at the interval's ends.
 * @soonest, @latest: INFINITY is never. False: no limit or no duration of laps is known.
 */
bool leaks_outlook(const struct leak_series *leak, double *soonest, double *latest);

/**
 * leaks_facts() - calls @each with a name and a text of one line for all that stands beside the
 * verdict of a series: "slope", "growth", "chance", "floor" ... Sites come as "site", one each.
 */
void leaks_facts(const struct leak_series *leak,
                 void (*each)(void *context, const char *name, const char *text), void *context);

#endif
