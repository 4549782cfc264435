/*
 * test_histogram: bytes of a column and sums.
 */
#include "store_fixture.h"

#include <results/store/histogram.h>

/* Reads packed bytes back through a statement, the way the store does. */
static int read_back(const void *bytes, int length, uint32_t out[ABI_HISTOGRAM])
{
    struct store store = {.path = (char *)"here"};
    sqlite3_stmt *statement;
    int code;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &store.db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(store.db, "SELECT ?1", -1, &statement, NULL),
                          SQLITE_OK);
    sqlite3_bind_blob(statement, 1, bytes, length, SQLITE_STATIC);
    CU_ASSERT_EQUAL(sqlite3_step(statement), SQLITE_ROW);
    code = histogram_read(&store, statement, 0, out, NULL);
    sqlite3_finalize(statement);
    sqlite3_close(store.db);
    return code;
}

static void test_pack_and_read(void)
{
    uint32_t counts[ABI_HISTOGRAM], back[ABI_HISTOGRAM];
    uint8_t bytes[HISTOGRAM_BYTES + 1] = {0};
    uint64_t state = 1;

    for (int i = 0; i < ABI_HISTOGRAM; i++)
        counts[i] = (uint32_t)fixture_random(&state);
    counts[1] = 0x01020304;
    histogram_pack(counts, bytes);
    CU_ASSERT_EQUAL(memcmp(bytes + 4, "\x04\x03\x02\x01", 4), 0);
    CU_ASSERT_EQUAL(read_back(bytes, HISTOGRAM_BYTES, back), 0);
    CU_ASSERT_EQUAL(memcmp(counts, back, sizeof counts), 0);
    CU_ASSERT_EQUAL(read_back(bytes, HISTOGRAM_BYTES - 1, back), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(read_back(bytes, HISTOGRAM_BYTES + 1, back), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(read_back(NULL, 0, back), ERROR_CORRUPT);
}

static void test_sums_stop(void)
{
    uint32_t counts[ABI_HISTOGRAM] = {1, UINT32_MAX - 5, UINT32_MAX},
             more[ABI_HISTOGRAM] = {2, 5, 1};

    histogram_add(counts, more);
    CU_ASSERT_EQUAL(counts[0], 3);
    CU_ASSERT_EQUAL(counts[1], UINT32_MAX);
    CU_ASSERT_EQUAL(counts[2], UINT32_MAX);
    histogram_add(counts, more);
    CU_ASSERT_EQUAL(counts[0], 5);
    CU_ASSERT_EQUAL(counts[1], UINT32_MAX);
    CU_ASSERT_EQUAL(counts[3], 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"pack and read", test_pack_and_read},
        {"sums stop", test_sums_stop},
        CU_TEST_INFO_NULL,
    };

    return vector_run("histogram", tests);
}
