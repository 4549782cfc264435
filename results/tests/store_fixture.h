/*
 * store_fixture.h: directories, stores and rows for tests. For tests only, all static inline.
 *
 * Every test makes its own directory and removes it. A failure inside a helper is fatal for
 * the test, so what a test says is what it found.
 */
#ifndef RESULTS_TESTS_STORE_FIXTURE_H
#define RESULTS_TESTS_STORE_FIXTURE_H

#include "vector_file.h"

#include <harness/error.h>
#include <results/store/store.h>

#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

enum { FIXTURE_PATH = 512 };

/* struct fixture - a directory and a store in it. */
struct fixture {
    char directory[FIXTURE_PATH];
    char path[FIXTURE_PATH + 32]; /* of the database */
    struct store *store;
    struct error e;
};

static inline void fixture_directory(struct fixture *f)
{
    const char *base = getenv("TMPDIR");

    memset(f, 0, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "%s/rundown-store-XXXXXX",
             base != NULL ? base : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/" STORE_FILE, f->directory);
}

static inline int fixture_unlink(const char *path, const struct stat *st, int type,
                                 struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static inline void fixture_remove(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    nftw(f->directory, fixture_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

/* Says what an unexpected error was, then counts it. */
static inline void fixture_code(struct fixture *f, int got, int want)
{
    if (got != want)
        printf("\n    got %s (%s), want %s", error_name(got), f->e.text, error_name(want));
    CU_ASSERT_EQUAL(got, want);
}

static inline void fixture_ok(struct fixture *f, int got)
{
    fixture_code(f, got, 0);
    CU_ASSERT_EQUAL_FATAL(got, 0);
}

static inline void fixture_create(struct fixture *f)
{
    fixture_directory(f);
    fixture_ok(f, store_create(f->directory, &f->store, &f->e));
}

static inline void fixture_reopen(struct fixture *f, bool write)
{
    store_close(f->store);
    f->store = NULL;
    fixture_ok(f, store_open(f->directory, write, &f->store, &f->e));
}

/* Changes the closed database behind the store's back. */
static inline void fixture_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(f->path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_close(db), SQLITE_OK);
}

static inline int64_t fixture_cell(struct fixture *f, const char *target, const char *injector)
{
    struct store_cell cell = {.target = (char *)target,
                              .workload = "plugin-singleton",
                              .variant = "late-join",
                              .injector = (char *)injector,
                              .mode = "free",
                              .state = "",
                              .notes = "",
                              .planned = 1000};

    fixture_ok(f, store_cell_add(f->store, &cell, &f->e));
    return cell.id;
}

/* @count passing cycles of 1 ms each, from where the cell stands. */
static inline struct store_batch fixture_batch(int64_t cell, uint64_t first, uint64_t count)
{
    struct store_batch batch = {.cell = cell,
                                .first = first,
                                .count = count,
                                .passed = count,
                                .nanoseconds = count * 1000000,
                                .longest = 1000000};

    batch.histogram[39] = (uint32_t)count; /* floor(4 log2 1000) */
    return batch;
}

static inline struct store_finding fixture_finding(int64_t cell, uint64_t cycle, unsigned place,
                                                   enum stop_code code, const char *signature)
{
    return (struct store_finding){
        .cell = cell,
        .cycle = cycle,
        .place = place,
        .code = code,
        .severity = stop_code_entry(code)->severity,
        .hang_ms = -1,
        .signature = signature,
        .text = "T1 (main)   waits for T1.1 to end       pthread_join\nT1.1        waits",
        .injected = "nothing (this one needs no help)",
        .replay = "plugin-singleton variant=late-join seed=0x9a1 cycle=37 mode=free",
        .trace = "",
        .timeline = "",
        .output = "",
    };
}

/* A batch of one failing cycle with one finding. */
static inline int fixture_fail(struct fixture *f, int64_t cell, uint64_t cycle,
                               const struct store_finding *finding, size_t count)
{
    struct store_batch batch = fixture_batch(cell, cycle, 1);

    batch.passed = 0;
    batch.failed = 1;
    return store_commit_batch(f->store, &batch, finding, count, NULL, 0, &f->e);
}

static inline int fixture_pass(struct fixture *f, int64_t cell, uint64_t first, uint64_t count)
{
    struct store_batch batch = fixture_batch(cell, first, count);

    return store_commit_batch(f->store, &batch, NULL, 0, NULL, 0, &f->e);
}

/* The exit status of a child that runs @body; what it returns is its status. */
static inline int fixture_child(int (*body)(struct fixture *f), struct fixture *f)
{
    pid_t child = fork();
    int status;

    CU_ASSERT_NOT_EQUAL_FATAL(child, -1);
    if (child == 0)
        _exit(body(f));
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Numbers that look random and are the same every time. */
static inline uint64_t fixture_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
