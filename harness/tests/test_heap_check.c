/*
 * Tests of the words of --heap-check.
 */
#include <harness/supervisor/cli/heap_check.h>

#include <harness/agent_abi.h>

#include <string.h>

#include <CUnit/Basic.h>

static struct heap_check check;
static struct error e;

static bool reads(const char *text, uint32_t options, uint32_t every)
{
    check = (struct heap_check){7, 7};
    return heap_check_parse(text, &check, &e) == 0 && check.options == options &&
           check.every == every;
}

static void test_words(void)
{
    CU_ASSERT(reads("off", 0, 0));
    CU_ASSERT(reads("zones", OPTION_HEAP_ZONES, 0));
    CU_ASSERT(reads("fill,zones", OPTION_HEAP_ZONES | OPTION_HEAP_FILL, 0));
    CU_ASSERT(reads("guard", OPTION_HEAP_GUARD, HEAP_CHECK_EVERY));
    CU_ASSERT(reads("zones,guard=20", OPTION_HEAP_ZONES | OPTION_HEAP_GUARD, 20));
}

static void refused(const char *text, const char *why)
{
    check = (struct heap_check){7, 7};
    CU_ASSERT_EQUAL(heap_check_parse(text, &check, &e), ERROR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, why));
    CU_ASSERT(check.options == 7 && check.every == 7);
}

static void test_refusals(void)
{
    refused("", "'' is unknown");
    refused("zone", "'zone' is unknown");
    refused("zones,", "'' is unknown");
    refused("zones,off", "'off' is unknown");
    refused("guard=", "'' is not a number");
    refused("guard=0", "outside 1 to");
    refused("guard=12x", "'12x' is not a number");
    refused("zones,zones,zones,zones,zones,zones,zones,zones,zones,zones,zones,zones", "unknown");
}

/* What a replay line says comes back as it was. */
static void test_round(void)
{
    static const char *const words[] = {
        "off",        "zones",           "fill",         "guard=3",
        "zones,fill", "zones,guard=100", "fill,guard=1", "zones,fill,guard=1000000"};
    char text[HEAP_CHECK_BYTES];

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        CU_ASSERT_EQUAL(heap_check_parse(words[i], &check, &e), 0);
        CU_ASSERT_STRING_EQUAL(heap_check_format(&check, text), words[i]);
    }
}

int main(void)
{
    CU_pSuite suite;
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS ||
        (suite = CU_add_suite("heap_check", NULL, NULL)) == NULL ||
        CU_add_test(suite, "words", test_words) == NULL ||
        CU_add_test(suite, "refusals", test_refusals) == NULL ||
        CU_add_test(suite, "there and back", test_round) == NULL)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
