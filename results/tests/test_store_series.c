/*
 * test_store_series: samples come back in order of laps, across blocks, up to a gap.
 */
#include "store_fixture.h"

#include <results/store/series.h>

enum { LONG = 3 * SERIES_BLOCK + 17 };

static int64_t sample_at(size_t i)
{
    return (int64_t)(i * i % 1000003) - 500000;
}

static int64_t *samples_of(size_t count)
{
    int64_t *samples = malloc((count + 1) * sizeof *samples);

    CU_ASSERT_PTR_NOT_NULL_FATAL(samples);
    for (size_t i = 0; i < count; i++)
        samples[i] = sample_at(i);
    return samples;
}

static int commit(struct fixture *f, uint64_t cycle, const struct store_series *series,
                  size_t count)
{
    struct store_batch batch = fixture_batch(1, cycle, 1);

    return store_commit_batch(f->store, &batch, NULL, 0, series, count, &f->e);
}

static void expect_read(struct fixture *f, uint64_t cycle, const char *kind, uint64_t lap,
                        size_t from, size_t want)
{
    uint64_t first_lap;
    int64_t *samples;
    size_t count;

    fixture_ok(f, store_series_read(f->store, 1, cycle, kind, &first_lap, &samples, &count, &f->e));
    CU_ASSERT_EQUAL(first_lap, lap);
    CU_ASSERT_EQUAL_FATAL(count, want);
    for (size_t i = 0; i < count; i++)
        if (samples[i] != sample_at(from + i)) {
            CU_FAIL("a sample differs");
            break;
        }
    free(samples);
}

static void test_lengths_around_a_block(void)
{
    static const size_t lengths[] = {1, 2, SERIES_BLOCK - 1, SERIES_BLOCK, SERIES_BLOCK + 1, LONG};
    struct fixture f;
    int64_t *samples = samples_of(LONG);

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    for (uint64_t i = 0; i < 6; i++) {
        struct store_series series = {.cell = 1,
                                      .cycle = i,
                                      .kind = "heap.bytes",
                                      .first_lap = 5 * i,
                                      .sample = samples,
                                      .samples = lengths[i]};

        fixture_ok(&f, commit(&f, i, &series, 1));
    }
    fixture_reopen(&f, false);
    for (uint64_t i = 0; i < 6; i++)
        expect_read(&f, i, "heap.bytes", 5 * i, 0, lengths[i]);
    free(samples);
    fixture_remove(&f);
}

/* Pieces in a batch: they join, a gap ends the series, kinds keep apart, empty ones vanish. */
static void test_pieces_and_gaps(void)
{
    int64_t *samples = samples_of(100);
    struct store_series series[] = {
        {1, 0, "fds", 10, samples, 20},      {1, 0, "fds", 30, samples + 20, 20},
        {1, 0, "fds", 51, samples + 41, 20}, {1, 0, "threads", 0, samples, 7},
        {1, 0, "rss", 3, samples, 0},
    };
    struct fixture f;
    int64_t *got;
    size_t count;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, commit(&f, 0, series, 5));
    expect_read(&f, 0, "fds", 10, 0, 40);
    expect_read(&f, 0, "threads", 0, 0, 7);
    CU_ASSERT_EQUAL(store_series_read(f.store, 1, 0, "rss", NULL, &got, &count, &f.e),
                    ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(store_series_read(f.store, 2, 0, "fds", NULL, &got, &count, &f.e),
                    ERROR_NOT_FOUND);
    fixture_ok(&f, store_series_read(f.store, 1, 0, "fds", NULL, &got, &count, &f.e));
    CU_ASSERT_EQUAL(count, 40);
    free(got);
    free(samples);
    fixture_remove(&f);
}

static int write_down(int64_t cell, uint64_t cycle, const char *kind, size_t samples, void *context)
{
    char *all = context;

    sprintf(all + strlen(all), "%lld:%llu:%s:%zu ", (long long)cell, (unsigned long long)cycle,
            kind, samples);
    return strstr(all, "stop") != NULL;
}

static void test_list(void)
{
    int64_t *samples = samples_of(LONG);
    struct store_series series[] = {
        {1, 0, "threads", 0, samples, 7},
        {1, 0, "fds", 0, samples, LONG},
        {1, 0, "fds", 90000, samples, 2},
    };
    struct store_series stop = {1, 2, "stop", 0, samples, 3}, after = {1, 3, "fds", 0, samples, 3};
    struct fixture f;
    char all[400] = "";

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, store_series_list(f.store, write_down, all, &f.e));
    CU_ASSERT_STRING_EQUAL(all, "");
    fixture_ok(&f, commit(&f, 0, series, 3));
    fixture_ok(&f, fixture_pass(&f, 1, 1, 1));
    fixture_ok(&f, store_series_list(f.store, write_down, all, &f.e));
    CU_ASSERT_STRING_EQUAL(all, "1:0:fds:12307 1:0:threads:7 ");
    fixture_ok(&f, commit(&f, 2, &stop, 1));
    fixture_ok(&f, commit(&f, 3, &after, 1));
    all[0] = '\0';
    fixture_ok(&f, store_series_list(f.store, write_down, all, &f.e));
    CU_ASSERT_STRING_EQUAL(all, "1:0:fds:12307 1:0:threads:7 1:2:stop:3 ");
    free(samples);
    fixture_remove(&f);
}

static void test_damaged_blocks(void)
{
    static const char *const damages[] = {
        "UPDATE series SET block = x'' WHERE first_lap > 0",
        "UPDATE series SET block = x'010203' WHERE first_lap > 0",
        "UPDATE series SET block = substr(block, 1, length(block) - 1) WHERE first_lap > 0",
        "UPDATE series SET samples = samples - 1 WHERE first_lap > 0",
        "UPDATE series SET block = 'text' WHERE first_lap > 0",
        /* A sound block in the wrong place has the wrong number of samples. */
        ("UPDATE series SET block = (SELECT block FROM series WHERE first_lap = 12288) "
         "WHERE first_lap = 4096"),
    };

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        int64_t *samples = samples_of(LONG), *got = samples;
        struct store_series series = {1, 0, "fds", 0, samples, LONG};
        struct fixture f;
        size_t count = 0;

        fixture_create(&f);
        fixture_cell(&f, "t", "none");
        fixture_ok(&f, commit(&f, 0, &series, 1));
        store_close(f.store);
        f.store = NULL;
        fixture_sql(&f, damages[i]);
        fixture_reopen(&f, false);
        CU_ASSERT_EQUAL(store_series_read(f.store, 1, 0, "fds", NULL, &got, &count, &f.e),
                        ERROR_CORRUPT);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.e.text, "lap 4096"));
        free(samples);
        fixture_remove(&f);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"lengths around a block", test_lengths_around_a_block},
        {"pieces and gaps", test_pieces_and_gaps},
        {"list", test_list},
        {"damaged blocks", test_damaged_blocks},
        CU_TEST_INFO_NULL,
    };

    return vector_run("stored series", tests);
}
