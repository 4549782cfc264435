/*
 * test_demangle: names that g++ and clang++ give, as c++filt shows them but for the parameters.
 */
#include <harness/supervisor/process/demangle.h>

#include <CUnit/Basic.h>
#include <string.h>

static void check(const char *name, const char *wanted)
{
    char out[128] = "untouched";

    CU_ASSERT_TRUE(demangle(name, strlen(name), out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, wanted);
}

static void names_of_functions(void)
{
    check("_ZN2v86Locker10InitializeEPNS_7IsolateE", "v8::Locker::Initialize");
    check("_Z4workv", "work");
    check("_ZNK4room4doorEiPFvcE", "room::door"); /* const, and a pointer to a function */
    check("_ZN4roomD1Ev", "room::~room");
    check("_ZN4room4doorEv.constprop.0", "room::door");
    check("_ZN4room4doorEv.part.0.cold", "room::door");
    check("_ZN12_GLOBAL__N_14workEi", "(anonymous namespace)::work");
    check("_ZNR4room4doorEv", "room::door");
    check("_ZN4room4pickIiEEPT_v", "room::pick<int>"); /* int* room::pick<int>() */
    check("_ZN4roomlsIiEERS_T_", "room::operator<< <int>");
    check("_ZNK4roomcvbEv", "room::operator bool");
    check("_Znwm", "operator new");
}

/* Brackets that belong to the name. */
static void names_with_brackets(void)
{
    check("_ZNK4roomclEi", "room::operator()");
    check("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()");
    check("_ZN12_GLOBAL__N_15tableE", "(anonymous namespace)::table");
    check("_ZZ4workiE5count", "work(int)::count");
}

static void variables_and_others(void)
{
    check("_ZN4room5tableE", "room::table");
    check("_ZTV4room", "vtable for room");
    check("_ZGVZ4workvE5count", "guard variable for work()::count");
}

static void what_is_none_stays(void)
{
    static const char *const names[] = {
        "work", "", "_Z", "_ZN4room", "_ZN99999999999999999999x", "_R1x", "__cxa_demangle"};
    char out[16] = "untouched";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CU_ASSERT_FALSE(demangle(names[i], strlen(names[i]), out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "untouched");
}

static void what_is_too_long_is_cut(void)
{
    char out[9];

    CU_ASSERT_TRUE(demangle("_ZN4room4doorEv@V1", 15, out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "room::do");
    CU_ASSERT_FALSE(demangle("_Z4workv", 8, out, 0));
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("demangle", NULL, NULL);
    CU_ADD_TEST(suite, names_of_functions);
    CU_ADD_TEST(suite, names_with_brackets);
    CU_ADD_TEST(suite, variables_and_others);
    CU_ADD_TEST(suite, what_is_none_stays);
    CU_ADD_TEST(suite, what_is_too_long_is_cut);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
