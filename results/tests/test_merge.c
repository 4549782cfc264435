/*
 * test_merge: cells add up, signatures unite, no cycle counts twice, and nothing is left of a
 * merge that failed.
 */
#include "store_fixture.h"

#include <dirent.h>
#include <fcntl.h>

#include <results/merge/merge.h>

#include <CUnit/Basic.h>

/* struct place - runs "a", "b" ... below one directory. */
struct place {
    struct fixture f; /* its directory holds the others; no store of its own */
    char path[8][FIXTURE_PATH + 8];
    char out[FIXTURE_PATH + 8];
    struct merge_summary summary;
    struct error e;
};

static void place_open(struct place *place)
{
    memset(place, 0, sizeof *place);
    fixture_directory(&place->f);
    snprintf(place->out, sizeof place->out, "%s/out", place->f.directory);
}

static void place_close(struct place *place)
{
    fixture_remove(&place->f);
}

/* A run with a seed, left open in @run. */
static void begin(struct place *place, unsigned index, const char *seed, struct fixture *run)
{
    char path[sizeof place->path[0]];

    memset(run, 0, sizeof *run);
    snprintf(path, sizeof path, "%s/%c", place->f.directory, 'a' + (int)index);
    memcpy(place->path[index], path, sizeof path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
    snprintf(run->path, sizeof run->path, "%s/" STORE_FILE, path);
    fixture_ok(run, store_create(path, &run->store, &run->e));
    fixture_ok(run, store_meta_set(run->store, "seed", seed, &run->e));
    fixture_ok(run, store_meta_set(run->store, "options", "laps=1", &run->e));
}

static void end(struct fixture *run)
{
    store_close(run->store);
    run->store = NULL;
}

static int merge(struct place *place, unsigned count, const char *out)
{
    char *in[8];
    struct merge_options options = {
        .out = out, .in = in, .count = count, .command = "rundown merge"};

    for (unsigned i = 0; i < count; i++)
        in[i] = place->path[i];
    return merge_runs(&options, &place->summary, &place->e);
}

static void merge_ok(struct place *place, unsigned count)
{
    int code = merge(place, count, place->out);

    if (code != 0)
        printf("\n    %s", place->e.text);
    CU_ASSERT_EQUAL_FATAL(code, 0);
}

/* Names in the place that are no runs of ours: there must be none after a failure. */
static unsigned count_left(const struct place *place)
{
    DIR *directory = opendir(place->f.directory);
    struct dirent *entry;
    unsigned count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    while ((entry = readdir(directory)) != NULL)
        count += strncmp(entry->d_name, "out", 3) == 0;
    closedir(directory);
    return count;
}

static void refused(struct place *place, unsigned count, int code, const char *words)
{
    int got = merge(place, count, place->out);

    if (got != code || strstr(place->e.text, words) == NULL)
        printf("\n    got %s: %s", error_name(got), place->e.text);
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(place->e.text, words));
    CU_ASSERT_PTR_NULL(strchr(place->e.text, '\n'));
    CU_ASSERT_EQUAL(count_left(place), 0);
}

/* 10 cycles of one cell, of which @fails have the finding. */
static int64_t fill(struct fixture *run, const char *signature, unsigned fails)
{
    int64_t cell = fixture_cell(run, "prog", "delay");

    for (unsigned i = 0; i < fails; i++) {
        struct store_finding finding = fixture_finding(cell, i, 0, STOP_LOCK_DEADLOCK, signature);

        finding.waits = "T1\tlock\tT2\tdead";
        fixture_ok(run, fixture_fail(run, cell, i, &finding, 1));
    }
    fixture_ok(run, fixture_pass(run, cell, fails, 10 - fails));
    return cell;
}

static void two_runs(struct place *place, const char *seed_b)
{
    struct fixture run;

    begin(place, 0, "0x1", &run);
    fill(&run, "same", 2);
    fixture_cell(&run, "only a", "none");
    end(&run);
    begin(place, 1, seed_b, &run);
    fixture_cell(&run, "only b", "none");
    fill(&run, "same", 3);
    end(&run);
}

struct seen {
    uint64_t repeats, cycle[8];
    unsigned count;
    char replay[128], waits[64];
    struct fixture *run;
};

static int see(const struct store_finding *finding, void *context)
{
    struct seen *seen = context;
    char *waits;

    seen->repeats = finding->repeats;
    seen->cycle[seen->count++] = finding->cycle;
    snprintf(seen->replay, sizeof seen->replay, "%s", finding->replay);
    CU_ASSERT_EQUAL(store_waits_read(seen->run->store, finding->id, &waits, NULL), 0);
    snprintf(seen->waits, sizeof seen->waits, "%s", waits);
    free(waits);
    return 0;
}

static void open_out(struct place *place, struct fixture *run)
{
    memset(run, 0, sizeof *run);
    fixture_ok(run, store_open(place->out, false, &run->store, &run->e));
}

static void test_adds_up(void)
{
    struct place place;
    struct fixture run;
    struct seen seen = {.run = &run};
    struct store_cell *cells;
    size_t count;

    place_open(&place);
    two_runs(&place, "0x2");
    merge_ok(&place, 2);
    open_out(&place, &run);
    fixture_ok(&run, store_cells(run.store, &cells, &count, &run.e));
    CU_ASSERT_EQUAL_FATAL(count, 3);
    CU_ASSERT_EQUAL(cells[0].next, 20);
    CU_ASSERT_EQUAL(cells[0].failed, 5);
    CU_ASSERT_EQUAL(cells[0].passed, 15);
    CU_ASSERT_EQUAL(cells[0].planned, 2000);
    CU_ASSERT_EQUAL(cells[0].histogram[39], 20);
    CU_ASSERT_EQUAL(cells[0].nanoseconds, 20 * 1000000);
    CU_ASSERT_STRING_EQUAL(cells[1].target, "only a");
    CU_ASSERT_STRING_EQUAL(cells[2].target, "only b");
    store_cells_free(cells, count);
    fixture_ok(&run, store_findings(run.store, false, see, &seen, &run.e));
    CU_ASSERT_EQUAL(seen.count, 5);
    CU_ASSERT_EQUAL(seen.repeats, 5);
    CU_ASSERT_EQUAL(seen.cycle[1], 1);
    CU_ASSERT_EQUAL(seen.cycle[2], 10); /* the first of the second run */
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.replay, "seed=0x9a1 cycle=37"));
    CU_ASSERT_STRING_EQUAL(seen.waits, "T1\tlock\tT2\tdead");
    CU_ASSERT_EQUAL(place.summary.cycles, 20);
    end(&run);
    place_close(&place);
}

static void test_twice(void)
{
    struct place place;

    place_open(&place);
    two_runs(&place, "0x1");
    refused(&place, 2, ERROR_RANGE, "/a and ");
    CU_ASSERT_PTR_NOT_NULL(strstr(place.e.text, "cycles 0 to 9 of seed 0x1"));
    place_close(&place);
}

/* Once merged, the parts are still known: neither again, nor within another. */
static void test_merged_again(void)
{
    struct place place;
    struct fixture run;
    struct store_cell *cells;
    size_t count;

    place_open(&place);
    two_runs(&place, "0x2");
    begin(&place, 2, "0x3", &run);
    fill(&run, "other", 1);
    end(&run);
    merge_ok(&place, 2);
    snprintf(place.path[3], sizeof place.path[3], "%s/merged", place.f.directory);
    CU_ASSERT_EQUAL_FATAL(rename(place.out, place.path[3]), 0);
    refused(&place, 4, ERROR_RANGE, "count twice");
    memcpy(place.path[0], place.path[2], sizeof place.path[0]);
    memcpy(place.path[1], place.path[3], sizeof place.path[1]);
    merge_ok(&place, 2);
    open_out(&place, &run);
    fixture_ok(&run, store_cells(run.store, &cells, &count, &run.e));
    CU_ASSERT_EQUAL(cells[0].next, 30);
    CU_ASSERT_EQUAL(cells[0].failed, 6);
    store_cells_free(cells, count);
    end(&run);
    place_close(&place);
}

static void add_series(struct fixture *run, int64_t cell, int64_t step)
{
    struct store_batch batch = fixture_batch(cell, 0, 1);
    int64_t samples[30];
    struct store_series series = {cell, 0, "heap.bytes", 0, samples, 30};

    for (int i = 0; i < 30; i++)
        samples[i] = i * step;
    fixture_ok(run, store_commit_batch(run->store, &batch, NULL, 0, &series, 1, &run->e));
}

static int count_series(int64_t cell, uint64_t cycle, const char *kind, size_t samples,
                        void *context)
{
    uint64_t *cycles = context;

    (void)cell, (void)kind;
    CU_ASSERT_EQUAL(samples, 30);
    cycles[cycles[7]++] = cycle;
    return 0;
}

/* Processes are kept apart: one series must not go on in the other. */
static void test_series(void)
{
    struct place place;
    struct fixture run;
    uint64_t cycles[8] = {0};
    int64_t *samples;
    size_t count;

    place_open(&place);
    for (unsigned i = 0; i < 2; i++) {
        begin(&place, i, i == 0 ? "0x1" : "0x2", &run);
        add_series(&run, fixture_cell(&run, "prog", "none"), i == 0 ? 1 : 8);
        end(&run);
    }
    merge_ok(&place, 2);
    open_out(&place, &run);
    fixture_ok(&run, store_series_list(run.store, count_series, cycles, &run.e));
    CU_ASSERT_EQUAL(cycles[7], 2);
    CU_ASSERT_TRUE(cycles[0] == 0 && cycles[1] == 1);
    fixture_ok(&run,
               store_series_read(run.store, 1, 1, "heap.bytes", NULL, &samples, &count, &run.e));
    CU_ASSERT_EQUAL(samples[29], 29 * 8);
    free(samples);
    end(&run);
    place_close(&place);
}

static void test_meta(void)
{
    struct place place;
    struct fixture run;
    char *text;

    place_open(&place);
    begin(&place, 0, "0x1", &run);
    fixture_ok(&run, store_meta_set(run.store, "kernel", "5.10", &run.e));
    fixture_ok(&run, store_meta_set(run.store, "started", "2024-01-02T00:00:00Z", &run.e));
    fixture_ok(&run, store_meta_set(run.store, "ended", "2024-01-02T01:00:00Z", &run.e));
    fill(&run, "x", 1);
    end(&run);
    begin(&place, 1, "0x2", &run);
    fixture_ok(&run, store_meta_set(run.store, "kernel", "6.1", &run.e));
    fixture_ok(&run, store_meta_set(run.store, "started", "2024-01-01T00:00:00Z", &run.e));
    fill(&run, "x", 1);
    end(&run);
    merge_ok(&place, 2);
    CU_ASSERT_STRING_EQUAL(place.summary.differences, "kernel");
    open_out(&place, &run);
    fixture_ok(&run, store_meta_get(run.store, "kernel", &text, &run.e));
    CU_ASSERT_STRING_EQUAL(text, "5.10; 6.1");
    free(text);
    fixture_ok(&run, store_meta_get(run.store, "started", &text, &run.e));
    CU_ASSERT_STRING_EQUAL(text, "2024-01-01T00:00:00+0000");
    free(text);
    fixture_ok(&run, store_meta_get(run.store, "merged", &text, &run.e));
    CU_ASSERT_STRING_EQUAL(text, "2");
    free(text);
    CU_ASSERT_EQUAL(store_meta_get(run.store, "ended", &text, NULL), ERROR_NOT_FOUND);
    end(&run);
    place_close(&place);
}

static void test_refused(void)
{
    struct place place;
    struct fixture run;

    place_open(&place);
    two_runs(&place, "0x2");
    snprintf(place.path[2], sizeof place.path[2], "%s/nowhere", place.f.directory);
    refused(&place, 3, ERROR_NOT_FOUND, "nowhere");
    begin(&place, 3, "0x9", &run);
    fill(&run, "x", 0);
    fixture_ok(&run, store_meta_set(run.store, "options", "laps=7", &run.e));
    end(&run);
    memcpy(place.path[2], place.path[3], sizeof place.path[2]);
    refused(&place, 3, ERROR_USAGE, "laps=7");
    memcpy(run.path + strlen(place.path[3]), "/" STORE_FILE, sizeof "/" STORE_FILE);
    fixture_sql(&run, "UPDATE meta SET value = 'laps=1' WHERE key = 'options';"
                      "UPDATE cell SET passed = 11");
    refused(&place, 3, ERROR_CORRUPT, "contradicts");
    fixture_sql(&run, "UPDATE cell SET passed = 10; DELETE FROM meta WHERE key = 'seed'");
    refused(&place, 3, ERROR_CORRUPT, "no seed");
    fixture_sql(&run, "PRAGMA user_version = 99");
    refused(&place, 3, ERROR_VERSION, "99");
    fixture_sql(&run, "PRAGMA user_version = 2; PRAGMA application_id = 5");
    refused(&place, 3, ERROR_CORRUPT, "no run of rundown");
    CU_ASSERT_EQUAL_FATAL(truncate(run.path, 5000), 0);
    refused(&place, 3, ERROR_CORRUPT, "store");
    place_close(&place);
}

/* A store that names a trace elsewhere does not get other people's files copied. */
static void test_trace(void)
{
    struct place place;
    struct fixture run;
    char path[2 * FIXTURE_PATH];
    int fd;

    place_open(&place);
    two_runs(&place, "0x2");
    snprintf(run.path, sizeof run.path, "%s/" STORE_FILE, place.path[1]);
    fixture_sql(&run, "UPDATE finding SET trace = '../a'");
    refused(&place, 2, ERROR_CORRUPT, "outside");
    fixture_sql(&run, "UPDATE finding SET trace = 'traces/2-0' WHERE cycle = 0;"
                      "UPDATE finding SET trace = 'traces/gone' WHERE cycle > 0");
    snprintf(path, sizeof path, "%s/traces", place.path[1]);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
    strcat(path, "/2-0");
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
    strcat(path, "/metadata");
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    CU_ASSERT_EQUAL_FATAL(write(fd, "x", 1), 1);
    close(fd);
    merge_ok(&place, 2);
    snprintf(path, sizeof path, "%s/part-2/traces/2-0/metadata", place.out);
    CU_ASSERT_EQUAL(access(path, R_OK), 0);
    place_close(&place);
}

static void test_place(void)
{
    struct place place;
    volatile sig_atomic_t stop = 1;
    char *in[1];
    struct merge_options options = {.in = in, .count = 1, .command = "", .stop = &stop};

    place_open(&place);
    two_runs(&place, "0x2");
    CU_ASSERT_EQUAL(merge(&place, 1, place.path[1]), ERROR_USAGE);
    in[0] = place.path[0];
    options.out = place.out;
    CU_ASSERT_EQUAL(merge_runs(&options, &place.summary, &place.e), ERROR_INTERRUPTED);
    CU_ASSERT_EQUAL(count_left(&place), 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(place.out, 0777), 0); /* empty: may be filled */
    merge_ok(&place, 2);
    place_close(&place);
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("merge", NULL, NULL);
    CU_add_test(suite, "adds up", test_adds_up);
    CU_add_test(suite, "never twice", test_twice);
    CU_add_test(suite, "merged again", test_merged_again);
    CU_add_test(suite, "series", test_series);
    CU_add_test(suite, "meta", test_meta);
    CU_add_test(suite, "refused", test_refused);
    CU_add_test(suite, "traces", test_trace);
    CU_add_test(suite, "its place", test_place);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
