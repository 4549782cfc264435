/*
 * test_machine: the processor's name out of /proc/cpuinfo, as several machines have it. What a run
 * notes of the rest is asked for in test_command_compare.
 */
#include <harness/supervisor/run/machine.h>

#include <CUnit/Basic.h>

static void expect(const char *cpuinfo, const char *want)
{
    char got[64];

    machine_cpu(cpuinfo, got, sizeof got);
    CU_ASSERT_STRING_EQUAL(got, want);
}

static void test_cpu(void)
{
    expect("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel name\t: other\n",
           "Some CPU @ 2.0GHz");
    expect("processor\t: 0\nBogoMIPS\t: 50.00\n", "");
    expect("model name", "");
    expect("", "");
}

int main(void)
{
    CU_pSuite suite;

    CU_initialize_registry();
    suite = CU_add_suite("machine", NULL, NULL);
    CU_add_test(suite, "cpu", test_cpu);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0;
}
