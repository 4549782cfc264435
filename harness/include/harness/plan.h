/*
 * plan.h: all that a cycle will do, decided before it starts.
 *
 * A plan is a pure function of (seed, cell, cycle, profile). No clock, no address, no pid
 * and no global generator enters it: every number comes from a counter-based stream named
 * by its purpose. The same code draws in the fork server (a cycle costs no round trip) and
 * in the supervisor (dry run, report, replay), so nothing here may allocate or do I/O.
 *
 * Words: site, hit, injection point, pedigree name, profile - see docs/design notes in
 * docs/architecture.md. An injection point reads
 *     T1.2:malloc#17+41i
 * thread T1.2, site malloc, its 17th hit there, 41 instructions into the call (0, the
 * entry, is written without the last part).
 */
#ifndef HARNESS_PLAN_H
#define HARNESS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <harness/error.h>

enum {
    PLAN_THREAD_BYTES = 32, /* a thread's name with its NUL: "T1.2.1" */
    PLAN_STRIKES = 4,       /* injections in one cycle, at most */
    PLAN_POINT_BYTES = 128, /* a point as text with its NUL */
    PLAN_LINE_BYTES = 4096, /* a replay line with its NUL */
    PROFILE_ENTRIES = 2048,
    PROFILE_LENGTHS = 12, /* call lengths at hits 1, 2, 4 ... 2048 */
    PROFILE_MAX_LENGTH = 4096,
};

/**
 * enum plan_mode - who runs the threads.
 * @PLAN_FREE: the kernel. A replay promises the same injections and a measured rate.
 * @PLAN_CONTROLLED: a seeded scheduler, one thread at a time. A replay promises the outcome.
 */
enum plan_mode { PLAN_FREE = 0, PLAN_CONTROLLED = 1 };

/**
 * struct plan_point - where something may go wrong; 64 bytes, used in shared memory.
 * @thread: pedigree name, NUL-terminated; "" means any (only in a spec).
 * @site: index of a site (agent_abi.h); 0 means any (only in a spec).
 * @hit: counted from 1 per thread and site; 0 means any (only in a spec).
 * @insn: instructions into the call, outside the agent; 0 is the entry.
 * @insn_fixed: in a spec: insn is given, do not draw it.
 * @argument: what the injector takes: an exit status, events until a park ends (-1 never),
 *            turns of a delay. Drawn or given, never chosen at run time.
 */
struct plan_point {
    char thread[PLAN_THREAD_BYTES];
    uint16_t site;
    uint16_t injector; /* index in the sorted injector registry */
    uint32_t hit;
    uint32_t insn;
    uint32_t insn_fixed;
    int64_t argument;
    uint64_t reserved;
};
_Static_assert(sizeof(struct plan_point) == 64, "plan_point is part of the agent ABI");

/**
 * struct plan - what one cycle will do; 296 bytes, used in shared memory.
 * @seed: the run's. @cell: hash of the cell's line (plan_cell_key). @cycle: from 0.
 * @schedule: seed of the controlled scheduler.
 * @workload_seed: seed of the workload's own choices.
 * @count: strikes in use. 0 for the control cell, and for a cell with nowhere to strike.
 */
struct plan {
    uint64_t seed;
    uint64_t cell;
    uint64_t cycle;
    uint64_t schedule;
    uint64_t workload_seed;
    uint32_t mode;
    uint32_t count;
    struct plan_point strike[PLAN_STRIKES];
};
_Static_assert(sizeof(struct plan) == 48 + 64 * PLAN_STRIKES, "plan is part of the agent ABI");

/**
 * struct profile_entry - what one thread did at one site in the dry cycle; 88 bytes.
 * @hits: how often, rounded down to a power of two (exact counts vary from run to run).
 * @length: @length[b] instructions outside the agent that hit 2^b took, at most
 *          PROFILE_MAX_LENGTH; 0 where it was not stepped.
 */
struct profile_entry {
    char thread[PLAN_THREAD_BYTES];
    uint16_t site;
    uint16_t reserved;
    uint32_t hits;
    uint32_t length[PROFILE_LENGTHS];
};
_Static_assert(sizeof(struct profile_entry) == 88, "profile_entry is part of the agent ABI");

/**
 * struct profile - where a cell's cycles pass by.
 * @hash: FNV-1a over the entries in use, printed in reports; 0 while there is none.
 * Entries are sorted by (thread, site): plan_profile_sort().
 */
struct profile {
    uint64_t hash;
    uint32_t count;
    uint32_t reserved;
    struct profile_entry entry[PROFILE_ENTRIES];
};

/**
 * struct plan_spec - what is fixed about a cell's injection; the rest is drawn.
 * @point: given parts, zero elsewhere.
 * @sites: bit set of sites that the injector can strike at (one bit per site index).
 * @inside: the injector strikes inside the call, so an instruction is drawn.
 * @main_only: only T1 may be struck. @not_main: no process's first thread
 *          may be struck: neither T1 nor T1f1.
 * @none: the control cell: no strike at all.
 * @draw_argument: @argument is drawn from [argument_low, argument_high].
 */
struct plan_spec {
    struct plan_point point;
    uint64_t sites[4];
    int64_t argument_low;
    int64_t argument_high;
    uint8_t inside;
    uint8_t main_only;
    uint8_t not_main;
    uint8_t none;
    uint8_t draw_argument;
    uint8_t reserved[3];
};

/** plan_mix() - one number of the stream (seed, purpose, counter); SplitMix64's finaliser twice. */
uint64_t plan_mix(uint64_t seed, uint64_t purpose, uint64_t counter);

/** plan_hash() - FNV-1a, 64 bit, of a byte string; names streams and cells. */
uint64_t plan_hash(const void *bytes, size_t length);

/** plan_below() - maps one 64-bit number to [0, bound) without bias worth naming; bound > 0. */
uint64_t plan_below(uint64_t number, uint64_t bound);

/**
 * plan_draw() - the plan of one cycle.
 * @spec: the cell's injection. @profile: may be NULL or empty; then only what is fixed in
 *        @spec can be struck, and a spec with open parts gives a plan of no strikes.
 * @out: filled entirely.
 *
 * Every (thread, site) pair that qualifies is equally likely, then every hit, then every
 * instruction: each part of a cycle has its chance, however rare. Pure; safe anywhere.
 */
void plan_draw(const struct plan_spec *spec, const struct profile *profile, uint64_t seed,
               uint64_t cell, uint64_t cycle, uint32_t mode, struct plan *out);

/**
 * plan_length() - instructions that hit number @hit of @entry surely takes, as far as the
 * profile tells: its own where it was stepped, else the shorter of the stepped ones around it.
 */
uint32_t plan_length(const struct profile_entry *entry, uint32_t hit);

/** plan_profile_sort() - sorts the entries, rounds the hits down, and sets the hash. */
void plan_profile_sort(struct profile *profile);

/**
 * plan_point_format() - "T1.2:malloc#17+41i".
 * @site_name: name of the point's site. @out: PLAN_POINT_BYTES.
 */
void plan_point_format(const struct plan_point *point, const char *site_name, char *out);

/**
 * plan_point_parse() - the reverse; accepts parts of it: "malloc", "T1:malloc", "malloc#3".
 * @find_site: gives the site's index for a name, 0 if there is none.
 *
 * Returns 0 or ERROR_USAGE with the part that is wrong.
 */
int plan_point_parse(const char *text, uint16_t (*find_site)(const char *name, void *context),
                     void *context, struct plan_point *out, struct error *e);

#endif
