/*
 * lap_sites.h: which call sites' live blocks grow from lap to lap.
 *
 * The agent samples all sites at the ends of some laps (struct abi_lap_sites). Here the few that
 * grow are found, and named while they still can be: a target's memory outlives it, its modules
 * do not.
 */
#ifndef SUPERVISOR_LAP_SITES_H
#define SUPERVISOR_LAP_SITES_H

#include <harness/detector.h>
#include <results/store/store.h>

/** struct lap_sites - of one cycle, most bytes in each lap first; all zero is none. */
struct lap_sites {
    uint64_t epoch;
    unsigned count;
    struct evidence_site site[EVIDENCE_SITES];
    uint32_t index[EVIDENCE_SITES]; /* in the agent's table */
};

/**
 * lap_sites_find() - the sites that grow in the late half of the cycle's laps, by the slope of
 * their floors there, and names them by @evidence; what it could name before in this cycle and
 * cannot now keeps its name. Evidence gets them. None where there are too few laps to judge.
 */
void lap_sites_find(struct lap_sites *sites, struct evidence *evidence);

/**
 * lap_sites_series() - samples of site @number: live bytes, or blocks.
 * @kind: "site.bytes PLACE", or "site.bytes/4 PLACE" where one lap of 4 was sampled. @out's kind
 * and samples are allocated, and the caller's. False: no memory.
 */
bool lap_sites_series(const struct lap_sites *sites, const struct abi_memory *memory,
                      unsigned number, bool blocks, struct store_series *out);

#endif
