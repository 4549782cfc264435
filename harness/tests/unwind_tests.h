/*
 * unwind_tests.h: the main of the tests whose targets are those of unwind_target.h.
 */
#ifndef TESTS_UNWIND_TESTS_H
#define TESTS_UNWIND_TESTS_H

#include <harness/tests/unwind_target.h>

#include <CUnit/Basic.h>
#include <CUnit/TestDB.h>

/** unwind_tests() - runs them as one suite; the exit status of the test program. */
static inline int unwind_tests(const char *name, CU_InitializeFunc set_up, CU_CleanupFunc tear_down,
                               CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {
        {name, set_up, tear_down, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return TARGET_BROKEN;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures != 0;
}

#endif
