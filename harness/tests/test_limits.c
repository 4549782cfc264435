/*
 * Tests of limits: what the kernel says to us directly stands in the text.
 */
#include <harness/supervisor/run/limits.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CUnit/Basic.h>

static void expect(const char *wanted, uint64_t data_bytes)
{
    char *text = limits_text(data_bytes);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    if (strstr(text, wanted) == NULL)
        fprintf(stderr, "\n    no '%s' in: %s\n", wanted, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
    free(text);
}

static void set(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit;

    getrlimit(resource, &limit);
    limit.rlim_cur = most;
    CU_ASSERT_EQUAL(setrlimit(resource, &limit), 0);
}

static void test_resource_limits(void)
{
    set(RLIMIT_NOFILE, 77);
    expect("fds=77 rlimit", 0);
    set(RLIMIT_DATA, 64 << 20);
    expect("heap.bytes=67108864 rlimit", 0);
    expect("heap.bytes=33554432 rlimit", 32 << 20);
    expect("heap.bytes=67108864 rlimit", 128 << 20);
    expect("rss.pages=", 0);
    set(RLIMIT_AS, (rlim_t)1 << 40);
    expect("map.pages=268435456 rlimit", 0);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("limits", NULL, NULL);
    CU_ADD_TEST(suite, test_resource_limits);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
