/*
 * test_moments: timelines taken apart, and lines that are none.
 */
#include "text_fixture.h"

#include <results/text/moments.h>

static struct moments read_text(const char *text, double hang_ms)
{
    struct moments moments;
    struct error e;

    CU_ASSERT_EQUAL_FATAL(moments_read(&moments, text, hang_ms, &e), 0);
    return moments;
}

static void test_lines(void)
{
    struct moments moments = read_text("-2.500 ms  T1       wait-begin     lock  0x1\n"
                                       "-1.000 ms  tid 17   acquired\n"
                                       "-0.000 ms  T1       site           malloc       0x2  f\n",
                                       3);

    CU_ASSERT_EQUAL_FATAL(moments.count, 3);
    CU_ASSERT_EQUAL_FATAL(moments.threads, 2);
    CU_ASSERT_STRING_EQUAL(moments.thread[1], "tid 17");
    CU_ASSERT_DOUBLE_EQUAL(moments.moment[0].us, 0, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(moments.moment[1].us, 1500, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(moments.last, 2500, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(moments.end, 5500, 1e-9);
    CU_ASSERT_STRING_EQUAL(moments.moment[0].name, "wait-begin");
    CU_ASSERT_STRING_EQUAL(moments.moment[0].detail, "lock  0x1");
    /* A site's own name says more. */
    CU_ASSERT_STRING_EQUAL(moments.moment[2].name, "malloc");
    CU_ASSERT_STRING_EQUAL(moments.moment[2].detail, "0x2  f");
    moments_free(&moments);
}

static void test_what_is_no_line(void)
{
    struct moments moments = read_text("no time\n\n+1.0 ms  T1  x\n-1e99 ms  T1  x\n-1 ms\n", -1);

    CU_ASSERT_EQUAL(moments.count, 4);
    CU_ASSERT_EQUAL(moments.threads, 0);
    for (size_t i = 0; i < moments.count; i++)
        CU_ASSERT_EQUAL(moments.moment[i].thread, MOMENTS_NO_THREAD);
    CU_ASSERT_STRING_EQUAL(moments.moment[0].name, "no time");
    CU_ASSERT_DOUBLE_EQUAL(moments.end, 0, 0);
    moments_free(&moments);
    moments = read_text("", -1);
    CU_ASSERT_EQUAL(moments.count, 0);
    moments_free(&moments);
}

static void test_what_lasts(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(moments_begun("wait-begin"));
    CU_ASSERT_PTR_EQUAL(moments_begun("wait-begin"), moments_ended("acquired"));
    CU_ASSERT_PTR_EQUAL(moments_begun("lock_wait"), moments_ended("owner-died"));
    CU_ASSERT_PTR_NULL(moments_begun("acquired"));
    CU_ASSERT_PTR_NULL(moments_ended("free"));
    CU_ASSERT_TRUE(moments_is_injection("inject-intent"));
    CU_ASSERT_FALSE(moments_is_injection("injured"));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"lines", test_lines},
        {"what is no line", test_what_is_no_line},
        {"what lasts", test_what_lasts},
        CU_TEST_INFO_NULL,
    };

    return vector_run("moments", tests);
}
