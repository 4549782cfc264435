/*
 * night_fixture.h: nights of a history, as stores, from counts. For tests and the simulation of
 * nights alone; all static inline, and nothing in it asserts.
 */
#ifndef RESULTS_TESTS_NIGHT_FIXTURE_H
#define RESULTS_TESTS_NIGHT_FIXTURE_H

#include <results/store/store.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NIGHT_SIGNATURES = 4 };

/** struct night_cell - what came of one cell in one night. @fails: cycles of each signature.
 * @bucket: of the histogram, that all its cycles lie in; 0: 39, about 1 ms. */
struct night_cell {
    const char *target, *injector;
    uint64_t cycles, broken, not_fired;
    const char *signature[NIGHT_SIGNATURES];
    uint64_t fails[NIGHT_SIGNATURES];
    bool note[NIGHT_SIGNATURES];
    int bucket;
};

static inline struct store_finding night_finding(int64_t cell, uint64_t cycle,
                                                 const char *signature, bool note)
{
    return (struct store_finding){.cell = cell,
                                  .cycle = cycle,
                                  .code = STOP_LOCK_DEADLOCK,
                                  .severity = note ? STOP_SEVERITY_NOTE : STOP_SEVERITY_FINDING,
                                  .hang_ms = -1,
                                  .signature = signature,
                                  .text = "T1 waits",
                                  .injected = "nothing",
                                  .replay = "prog seed=0x1 cycle=0 inject=none mode=free",
                                  .trace = "",
                                  .timeline = "",
                                  .output = ""};
}

static inline int night_commit(struct store *store, int64_t id, const struct night_cell *cell,
                               struct error *e)
{
    struct store_batch batch = {.cell = id,
                                .count = cell->cycles,
                                .broken = cell->broken,
                                .not_fired = cell->not_fired,
                                .passed = cell->cycles - cell->broken - cell->not_fired,
                                .nanoseconds = cell->cycles * 1000000,
                                .longest = 2000000};
    uint64_t total = 0, at = 0;
    struct store_finding *findings;
    int code;

    for (int i = 0; i < NIGHT_SIGNATURES; i++)
        total += cell->fails[i];
    findings = calloc(total + 1, sizeof *findings);
    for (int i = 0; i < NIGHT_SIGNATURES; i++)
        for (uint64_t k = 0; k < cell->fails[i]; k++, at++) {
            findings[at] = night_finding(id, at, cell->signature[i], cell->note[i]);
            batch.passed -= !cell->note[i];
            batch.failed += !cell->note[i];
        }
    batch.histogram[cell->bucket != 0 ? cell->bucket : 39] = (uint32_t)cell->cycles;
    code = store_commit_batch(store, &batch, findings, total, NULL, 0, e);
    free(findings);
    return code;
}

static inline int night_fill(struct store *store, int day, const struct night_cell *cells,
                             size_t count, struct error *e)
{
    char text[64];
    int code;

    snprintf(text, sizeof text, "2024-01-%02dT22:00:00+0000", day % 32);
    code = store_meta_set(store, "started", text, e);
    snprintf(text, sizeof text, "0x%x", 1000 + day);
    if (code == 0)
        code = store_meta_set(store, "seed", text, e);
    if (code == 0)
        code = store_meta_set(store, "ended", "2024-02-01T06:00:00+0000", e);
    for (size_t i = 0; i < count && code == 0; i++) {
        struct store_cell row = {.target = (char *)cells[i].target,
                                 .workload = (char *)cells[i].target,
                                 .variant = "",
                                 .injector = (char *)cells[i].injector,
                                 .mode = "free",
                                 .state = "",
                                 .notes = ""};

        code = store_cell_add(store, &row, e);
        if (code == 0 && cells[i].cycles > 0)
            code = night_commit(store, row.id, &cells[i], e);
    }
    return code;
}

/** night_write() - a run in @directory/night-DAY. @day: 1 .. 31, when it began, and its seed. */
static inline int night_write(const char *directory, int day, const struct night_cell *cells,
                              size_t count, struct error *e)
{
    struct store *store;
    char path[1024];
    int code;

    snprintf(path, sizeof path, "%s/night-%d", directory, day);
    if (mkdir(path, 0777) != 0)
        return error_set(e, ERROR_SYSTEM, "%s: it cannot be made", path);
    code = store_create(path, &store, e);
    if (code != 0)
        return code;
    code = store_begin(store, e);
    if (code == 0)
        code = night_fill(store, day, cells, count, e);
    if (code == 0)
        code = store_finish(store, true, e);
    store_close(store);
    return code;
}

#endif
