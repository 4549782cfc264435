/*
 * test_stream: a report that did not arrive is not called written.
 */
#include "text_fixture.h"

#include <results/text/stream.h>

static void test_arrived(void)
{
    struct capture c;

    fputs("all of it", capture_open(&c));
    CU_ASSERT_EQUAL(stream_check(c.out, NULL), 0);
    fputs(" and more", c.out);
    expect_capture(&c, "all of it and more");
}

static void test_full_device(void)
{
    struct error e = {0};
    FILE *out = fopen("/dev/full", "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs("lost", out);
    CU_ASSERT_EQUAL(stream_check(out, &e), ERROR_FULL);
    expect_has(e.text, "make room");
    fclose(out);
}

/* The failure came long before the check: the buffer was emptied in between. */
static void test_failed_before(void)
{
    static char lots[100000];
    struct error e = {0};
    FILE *out = fopen("/dev/full", "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fwrite(lots, 1, sizeof lots, out);
    fflush(out);
    CU_ASSERT_NOT_EQUAL(stream_check(out, &e), 0);
    fclose(out);
}

static void test_read_only_stream(void)
{
    FILE *out = fopen("/dev/null", "r");

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs("refused", out);
    CU_ASSERT_EQUAL(stream_check(out, NULL), ERROR_SYSTEM);
    fclose(out);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"arrived", test_arrived},
        {"full device", test_full_device},
        {"failed before", test_failed_before},
        {"read-only stream", test_read_only_stream},
        CU_TEST_INFO_NULL,
    };

    return vector_run("stream", tests);
}
