/*
 * Tests of listing, with a registry of workloads of our own in the place of the generated one:
 * it has what no shipped workload has, such as a reason why it cannot run here.
 */
#include <harness/supervisor/cli/listing.h>

#include <harness/workload.h>

#include <CUnit/Basic.h>

#include <stdlib.h>
#include <string.h>

static const char *reason(void)
{
    return "it needs two \"moons\"";
}

static const struct workload_parameter parameters[] = {
    {"a", "short", 5, -5, 10},
    {"longer_name", "a help text that is so long that no narrow terminal shows it in one line", 1,
     0, 100000},
    {.name = NULL},
};

static const struct workload_variant variants[] = {
    {.name = "calm", .summary = "nothing happens", .tolerates = "thread-kill"},
    {.name = "stormy",
     .summary = "something does",
     .bad = true,
     .codes = "lock.orphaned|hang.deadlock state.invariant",
     .injectors = "thread-kill main-kill",
     .environment = "MOONS=2",
     .laps = 25,
     .held_long_ms = 40,
     .deadline_ms = 700},
    {.name = "alone",
     .summary = "by itself",
     .bad = true,
     .codes = "crash.signal",
     .injectors = ""},
    {.name = NULL},
};

static const struct workload workload_full = {.name = "full",
                                              .summary = "has everything",
                                              .source = "Z1",
                                              .parameters = parameters,
                                              .variants = variants,
                                              .unavailable = reason};
static const struct workload workload_bare = {.name = "bare", .summary = "has nothing"};

/* In place of the generated table: the linker takes this one, since it comes first. */
const struct workload *const workload_registry[] = {&workload_full, &workload_bare, NULL};

static char *text;

static void print(int index, unsigned columns)
{
    size_t length;
    FILE *out;

    free(text);
    out = open_memstream(&text, &length);
    listing_print(&listing_workloads, index, out, columns);
    fclose(out);
}

static void has(const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        fprintf(stderr, "\n    wanted \"%s\" in: %s\n", wanted, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
}

static void everything_is_told(void)
{
    print(-1, 0);
    has("full  has everything\n");
    has("    a=5            -5 to 10     short\n");
    has("    longer_name=1  0 to 100000  a help text");
    has("    variant=calm    clean  nothing happens\n");
    has("                           may break under thread-kill\n");
    has("    variant=stormy  bad    something does\n");
    has("must show lock.orphaned or hang.deadlock and state.invariant under thread-kill, "
        "main-kill");
    has("sets MOONS=2\n");
    has("laps in a cycle: 25\n");
    has("held long means 40ms\n");
    has("deadline: 700ms\n");
    has("must show crash.signal under none\n");
    has("    not on this machine: it needs two \"moons\"\n");
    has("bare  has nothing\n    variant=plain  clean\n");
}

static void one_entry_stands_alone(void)
{
    print(1, 0);
    CU_ASSERT_STRING_EQUAL(text, "bare  has nothing\n    variant=plain  clean\n");
}

/* Wrapped text stands under its own beginning. */
static void long_text_is_wrapped_in_its_column(void)
{
    print(0, 60);
    has("    longer_name=1  0 to 100000  a help text that is so long\n"
        "                                that no narrow terminal\n");
    for (const char *at = text; *at != 0; at += strcspn(at, "\n") + 1)
        CU_ASSERT(strcspn(at, "\n") <= 60);
}

static void json_has_everything(void)
{
    size_t length;
    FILE *out;

    free(text);
    out = open_memstream(&text, &length);
    listing_print_json(&listing_workloads, -1, out);
    fclose(out);
    has("{\"name\":\"longer_name\",\"help\":\"a help text");
    has("\"default\":1,\"low\":0,\"high\":100000}");
    has("\"low\":-5");
    has("{\"name\":\"stormy\",\"summary\":\"something does\",\"kind\":\"bad\","
        "\"codes\":\"lock.orphaned|hang.deadlock state.invariant\"");
    has("\"environment\":\"MOONS=2\",\"laps\":25,\"held_long_ms\":40,\"deadline_ms\":700}");
    has("\"unavailable\":\"it needs two \\\"moons\\\"\"}");
    has("\"parameters\":[],\"variants\":[{\"name\":\"plain\"");
    has("\"unavailable\":null}");
}

static void names_and_what_may_follow(void)
{
    size_t length;
    FILE *out;

    free(text);
    out = open_memstream(&text, &length);
    listing_print_names(&listing_workloads, -1, out);
    listing_print_names(&listing_workloads, 0, out);
    listing_print_names(&listing_workloads, 1, out);
    listing_print_names(&listing_injectors, 0, out);
    fclose(out);
    CU_ASSERT_EQUAL(strncmp(text,
                            "full\nbare\n"
                            "variant=calm\nvariant=stormy\nvariant=alone\na=\nlonger_name=\n"
                            "variant=plain\n",
                            80),
                    0);
    has(listing_injectors.entry(0));
}

static void entries_are_found(void)
{
    CU_ASSERT_EQUAL(listing_index(&listing_workloads, "full"), 0);
    CU_ASSERT_EQUAL(listing_index(&listing_workloads, "bare"), 1);
    CU_ASSERT_EQUAL(listing_index(&listing_workloads, "ful"), -1);
    CU_ASSERT_STRING_EQUAL(listing_nearest(&listing_workloads, "ful"), "full");
    CU_ASSERT_PTR_NULL(listing_nearest(&listing_workloads, "qqqqqq"));
    CU_ASSERT_PTR_EQUAL(listing_find("workloads"), &listing_workloads);
    CU_ASSERT_PTR_NULL(listing_find("workload"));
}

static void every_list_is_in_the_list_of_lists(void)
{
    const struct listing *lists = listing_find("lists");

    CU_ASSERT_PTR_NOT_NULL_FATAL(lists);
    for (unsigned i = 0; listings[i] != NULL; i++) {
        CU_ASSERT_EQUAL(listing_index(lists, listings[i]->name), (int)i);
        CU_ASSERT(listings[i]->entry(0) != NULL && listings[i]->one[0] != 0);
    }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("listing", NULL, NULL);
    CU_ADD_TEST(suite, everything_is_told);
    CU_ADD_TEST(suite, one_entry_stands_alone);
    CU_ADD_TEST(suite, long_text_is_wrapped_in_its_column);
    CU_ADD_TEST(suite, json_has_everything);
    CU_ADD_TEST(suite, names_and_what_may_follow);
    CU_ADD_TEST(suite, entries_are_found);
    CU_ADD_TEST(suite, every_list_is_in_the_list_of_lists);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    free(text);
    return CU_get_number_of_failures() != 0;
}
