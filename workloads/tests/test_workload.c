/*
 * Tests of harness/common/workload.c, and of what every entry of the registry owes: names
 * that can be found, variants that say what must come of them in words that exist.
 */
#include <workloads/tests/drive.h>

#include <errno.h>
#include <harness/injector.h>

static const char *const slugs[] = {
#define STOP_CODE(identifier, slug, ...) slug,
#include <harness/stop_code.def>
    NULL,
};

static char invariant[1024];
static unsigned invariants;

void rundown_mark_invariant_at(const char *text, const void *where)
{
    if (invariants++ == 0)
        snprintf(invariant, sizeof invariant, "%s", text);
}

/* --- the registry ----------------------------------------------------------------------- */

static void check_parameters(const struct workload *workload)
{
    const struct workload_parameter *parameter = workload->parameters;

    for (int i = 0; parameter[i].name != NULL; i++) {
        CU_ASSERT_TRUE(i < WORKLOAD_PARAMETERS);
        CU_ASSERT_EQUAL(workload_parameter_index(workload, parameter[i].name), i);
        CU_ASSERT_TRUE(parameter[i].help != NULL && parameter[i].help[0] != '\0');
        CU_ASSERT_TRUE(parameter[i].low <= parameter[i].standard);
        CU_ASSERT_TRUE(parameter[i].standard <= parameter[i].high);
    }
    CU_ASSERT_EQUAL(workload_parameter_index(workload, "no-such-parameter"), -1);
    CU_ASSERT_EQUAL(workload_parameter_index(workload, "variant"), -1);
    CU_ASSERT_EQUAL(workload_parameter_index(workload, "seed"), -1);
    CU_ASSERT_EQUAL(workload_parameter_index(workload, "laps"), -1);
}

static bool is_slug(const char *word)
{
    for (int i = 0; slugs[i] != NULL; i++)
        if (strcmp(slugs[i], word) == 0 || (strcmp(word, "hang") == 0) ||
            (strcmp(word, "leak.trend") == 0))
            return true;
    return false;
}

static bool is_injector(const char *word)
{
    for (int i = 0; injector_registry[i] != NULL; i++)
        if (strcmp(injector_registry[i]->name, word) == 0)
            return true;
    return false;
}

/* Every word of @text, cut at the characters of @cuts, must be known. */
static void check_words(const char *text, const char *cuts, bool (*known)(const char *))
{
    char copy[512];
    char *rest = NULL;

    if (text == NULL)
        return;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, cuts, &rest); word != NULL;
         word = strtok_r(NULL, cuts, &rest)) {
        if (!known(word))
            fprintf(stderr, "\n'%s' is unknown\n", word);
        CU_ASSERT_TRUE(known(word));
    }
}

static void check_variant(const struct workload_variant *variant)
{
    CU_ASSERT_TRUE(variant->summary != NULL && variant->summary[0] != '\0');
    CU_ASSERT_EQUAL(variant->bad, variant->codes != NULL);
    CU_ASSERT_EQUAL(variant->bad, variant->injectors != NULL);
    check_words(variant->codes, " |", is_slug);
    check_words(variant->injectors, " ", is_injector);
    check_words(variant->tolerates, " ", is_injector);
    if (variant->environment != NULL)
        CU_ASSERT_PTR_NOT_NULL(strchr(variant->environment, '='));
}

static void check_variants(const struct workload *workload)
{
    int count = 0;

    if (workload->variants == NULL)
        return;
    CU_ASSERT_FALSE(workload->variants[0].bad);
    for (; workload->variants[count].name != NULL; count++)
        check_variant(&workload->variants[count]);
    CU_ASSERT_TRUE(count > 0 && count <= WORKLOAD_VARIANTS);
}

static void test_every_entry_keeps_the_contract(void)
{
    for (int i = 0; workload_registry[i] != NULL; i++) {
        const struct workload *workload = workload_registry[i];

        CU_ASSERT_EQUAL(workload_find(workload->name), i);
        CU_ASSERT_PTR_NOT_NULL(workload->body);
        CU_ASSERT_TRUE(workload->summary != NULL && workload->source != NULL);
        check_parameters(workload);
        check_variants(workload);
    }
}

static void test_find_takes_the_whole_name_only(void)
{
    CU_ASSERT_TRUE(workload_find("heap-churn") >= 0);
    CU_ASSERT_EQUAL(workload_find("heap_churn"), -1);
    CU_ASSERT_EQUAL(workload_find("heap"), -1);
    CU_ASSERT_EQUAL(workload_find(""), -1);
}

/* --- random streams ------------------------------------------------------------------------ */

/* Values of SplitMix64 as its authors' program prints them. */
static void test_random_is_splitmix64(void)
{
    static const uint64_t wanted[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                      UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                      UINT64_C(16408922859458223821)};
    uint64_t state = 1234567;

    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        CU_ASSERT_EQUAL(workload_random(&state), wanted[i]);
    state = 0;
    CU_ASSERT_EQUAL(workload_random(&state), UINT64_C(0xe220a8397b1dcdaf));
}

static void test_streams_depend_on_seed_and_index_alone(void)
{
    struct workload_context one = {.seed = 1, .laps = 1};
    struct workload_context again = {.seed = 1, .laps = 9, .variant = 3};
    struct workload_context two = {.seed = 2};

    CU_ASSERT_EQUAL(workload_stream(&one, 5), workload_stream(&again, 5));
    CU_ASSERT_NOT_EQUAL(workload_stream(&one, 5), workload_stream(&one, 6));
    CU_ASSERT_NOT_EQUAL(workload_stream(&one, 5), workload_stream(&two, 5));
    CU_ASSERT_NOT_EQUAL(workload_stream(&one, 1), workload_stream(&two, 0));
}

/* No stream is another one some steps later: no number of one turns up in another. */
static void test_streams_do_not_overlap(void)
{
    enum { STREAMS = 8, LENGTH = 200 };
    struct workload_context context = {.seed = 0};
    static uint64_t number[STREAMS * LENGTH];
    unsigned doubles = 0;

    for (unsigned i = 0; i < STREAMS; i++) {
        uint64_t state = workload_stream(&context, i);

        for (unsigned j = 0; j < LENGTH; j++)
            number[i * LENGTH + j] = workload_random(&state);
    }
    for (unsigned i = 0; i < STREAMS * LENGTH; i++)
        for (unsigned j = 0; j < i; j++)
            doubles += number[i] == number[j];
    CU_ASSERT_EQUAL(doubles, 0);
}

/* --- broken promises ------------------------------------------------------------------------- */

/* Runs @job with standard error caught; returns the bytes caught, cut at @size - 1. */
static size_t caught_stderr(void (*job)(void), char *out, size_t size)
{
    int ends[2];
    int saved = dup(STDERR_FILENO);
    ssize_t length;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    job();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    length = read(ends[0], out, size - 1);
    close(ends[0]);
    out[length > 0 ? length : 0] = '\0';
    return strlen(out);
}

/* Runs first. */
static void test_status_is_0_while_nothing_broke(void)
{
    CU_ASSERT_EQUAL(workload_broken_count(), 0);
    CU_ASSERT_EQUAL(workload_exit_status(), 0);
}

static void break_once(void)
{
    workload_broken("the sum is %d, not %s", 41, "42");
}

static void test_broken_tells_agent_and_stderr(void)
{
    char caught[1024];
    unsigned before = workload_broken_count();

    invariants = 0;
    caught_stderr(break_once, caught, sizeof caught);
    CU_ASSERT_STRING_EQUAL(caught, "broken: the sum is 41, not 42\n");
    CU_ASSERT_STRING_EQUAL(invariant, "the sum is 41, not 42");
    CU_ASSERT_EQUAL(invariants, 1);
    CU_ASSERT_EQUAL(workload_broken_count(), before + 1);
    CU_ASSERT_EQUAL(workload_exit_status(), 1);
}

/* A standard error that is closed makes write() fail. */
static void test_broken_keeps_errno(void)
{
    int saved = dup(STDERR_FILENO);

    close(STDERR_FILENO);
    errno = ENOENT;
    workload_broken("nobody reads this");
    CU_ASSERT_EQUAL(errno, ENOENT);
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void break_at_length(void)
{
    char text[600];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    workload_broken("%s", text);
}

static void test_long_text_is_cut(void)
{
    char caught[1024];
    size_t length;

    invariants = 0;
    length = caught_stderr(break_at_length, caught, sizeof caught);
    CU_ASSERT_EQUAL(strlen(invariant), 255);
    CU_ASSERT_EQUAL(length, strlen("broken: ") + 255 + 1);
    CU_ASSERT_EQUAL(caught[length - 1], '\n');
}

static void break_often(void)
{
    for (int i = 0; i < 1000; i++)
        workload_broken("again");
}

static void test_flood_stays_short_but_is_counted(void)
{
    char caught[4096];
    unsigned before = workload_broken_count();

    invariants = 0;
    CU_ASSERT_TRUE(caught_stderr(break_often, caught, sizeof caught) < 1024);
    CU_ASSERT_PTR_NOT_NULL(strstr(caught, "not shown"));
    CU_ASSERT_EQUAL(invariants, 1000);
    CU_ASSERT_EQUAL(workload_broken_count(), before + 1000);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"status is 0 while nothing broke", test_status_is_0_while_nothing_broke},
        {"every entry keeps the contract", test_every_entry_keeps_the_contract},
        {"find takes the whole name only", test_find_takes_the_whole_name_only},
        {"random is SplitMix64", test_random_is_splitmix64},
        {"streams depend on seed and index alone", test_streams_depend_on_seed_and_index_alone},
        {"streams do not overlap", test_streams_do_not_overlap},
        {"broken tells agent and stderr", test_broken_tells_agent_and_stderr},
        {"broken keeps errno", test_broken_keeps_errno},
        {"long text is cut", test_long_text_is_cut},
        {"a flood stays short but is counted", test_flood_stays_short_but_is_counted},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("workload", tests);
}
