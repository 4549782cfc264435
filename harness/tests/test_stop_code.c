/*
 * Tests of stop_code: the table against a list of its own, the form of slugs and texts, the
 * look-ups, and the order of causes against the outcomes that the hazard catalogue promises.
 * The list below is written by hand on purpose: a code that vanishes from the table, changes
 * its weight or gains an ancestor must be changed here too.
 */
#include <harness/stop_code.h>

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

enum { N = STOP_SEVERITY_NOTE, F = STOP_SEVERITY_FINDING, H = STOP_SEVERITY_HARNESS };

static const struct {
    const char *slug;
    int severity;
    const char *ancestor;
} promised[] = {
    {"heap.corrupt-block", F, ""},
    {"heap.corrupt-free-block", F, ""},
    {"heap.double-free", F, ""},
    {"heap.bad-free", F, ""},
    {"heap.allocator-abort", F, ""},
    {"heap.lock-orphaned", F, "0x200"},
    {"heap.inconsistent", F, ""},
    {"lock.orphaned", F, "0x200"},
    {"lock.owner-suspended", F, "0x200"},
    {"lock.deadlock", F, ""},
    {"lock.order-inversion", N, ""},
    {"lock.held-long", N, ""},
    {"lock.owner-died-ignored", F, ""},
    {"lock.freed-held", F, ""},
    {"lock.in-unloaded-module", F, "0x201"},
    {"lock.destroyed-held", F, ""},
    {"lock.over-released", F, ""},
    {"lock.spin-orphaned", F, ""},
    {"loader.deadlock", F, ""},
    {"loader.join-inside", F, ""},
    {"loader.load-inside", F, "0x103/0x104"},
    {"loader.lock-orphaned", F, "0x200"},
    {"module.code-unmapped", F, ""},
    {"module.callback-unmapped", F, ""},
    {"module.call-before-init", F, ""},
    {"module.call-after-fini", F, ""},
    {"module.not-unloaded", N, ""},
    {"module.thread-alive-at-unload", F, ""},
    {"exit.threads-alive", N, "0x102"},
    {"exit.concurrent", F, ""},
    {"exit.thread-created", F, ""},
    {"exit.destroyed-in-use", F, ""},
    {"exit.wrong-status", F, ""},
    {"exit.handler-stuck", F, ""},
    {"exit.locks-held", N, ""},
    {"thread.left-behind", F, "0x100"},
    {"thread.lost-at-fork", F, ""},
    {"leak.trend.heap", F, ""},
    {"leak.trend.rss", F, ""},
    {"leak.trend.fd", F, ""},
    {"leak.trend.thread", F, ""},
    {"leak.trend.map", F, ""},
    {"leak.trend.module", F, ""},
    {"leak.unreachable", F, ""},
    {"hang.deadlock", F, ""},
    {"hang.lost-wakeup", F, ""},
    {"hang.livelock", F, ""},
    {"hang.starvation", F, ""},
    {"hang.stopped", F, ""},
    {"hang.deadline", N, ""},
    {"crash.signal", F, ""},
    {"state.invariant", F, ""},
    {"harness.broken", H, ""},
    {"harness.injection-not-fired", H, ""},
    {"harness.recorder", H, ""},
};

static const char *const identifiers[STOP_COUNT] = {
    "",
#define STOP_CODE(identifier, slug, severity, ancestor, meaning, cause, mend) #identifier,
#include <harness/stop_code.def>
};

/* CUnit prints the expression only; this tells which code it was about. */
static void assert_for(const char *slug, const char *what, int holds)
{
    if (!holds)
        fprintf(stderr, "\n%s: %s\n", slug, what);
    CU_ASSERT_TRUE(holds);
}

static const char *slug_of(int code)
{
    return stop_code_entry((enum stop_code)code)->slug;
}

static int in_family(int code, const char *family)
{
    return strncmp(slug_of(code), family, strlen(family)) == 0;
}

static int rank_of(const char *slug)
{
    return stop_code_rank((enum stop_code)stop_code_find(slug));
}

static void test_promised_codes_are_all_there(void)
{
    CU_ASSERT_EQUAL(ELEMENTS(promised), STOP_COUNT - 1);
    for (size_t i = 0; i < ELEMENTS(promised); i++) {
        int code = stop_code_find(promised[i].slug);
        const struct stop_code_entry *entry = stop_code_entry((enum stop_code)code);

        assert_for(promised[i].slug, "no such code", entry != NULL);
        if (entry == NULL)
            continue;
        assert_for(entry->slug, "severity", (int)entry->severity == promised[i].severity);
        assert_for(entry->slug, "ancestor", strcmp(entry->ancestor, promised[i].ancestor) == 0);
    }
}

/* family.name or family.group.name; a part starts with a letter, its words joined by '-'. */
static int is_slug(const char *slug)
{
    int dots = 0;
    char before = '.';

    for (; *slug != '\0'; before = *slug++) {
        int letter = *slug >= 'a' && *slug <= 'z';

        if (!letter && ((*slug != '-' && *slug != '.') || before == '-' || before == '.'))
            return 0;
        dots += *slug == '.';
    }
    return before != '-' && before != '.' && (dots == 1 || dots == 2);
}

static void test_slugs_have_the_form_and_are_unique(void)
{
    for (int code = 1; code < STOP_COUNT; code++) {
        assert_for(slug_of(code), "form of the slug", is_slug(slug_of(code)));
        for (int other = 1; other < code; other++)
            assert_for(slug_of(code), "twice", strcmp(slug_of(code), slug_of(other)) != 0);
    }
    CU_ASSERT_FALSE(is_slug("heap"));
    CU_ASSERT_FALSE(is_slug("heap."));
    CU_ASSERT_FALSE(is_slug("Heap.bad-free"));
    CU_ASSERT_FALSE(is_slug("heap.bad--free"));
}

static void test_identifiers_match_slugs(void)
{
    for (int code = 1; code < STOP_COUNT; code++) {
        const char *slug = slug_of(code);
        int same = strlen(slug) == strlen(identifiers[code]);

        for (size_t i = 0; same && slug[i] != '\0'; i++)
            same = isalpha((unsigned char)slug[i])
                       ? identifiers[code][i] == toupper((unsigned char)slug[i])
                       : identifiers[code][i] == '_';
        assert_for(slug, identifiers[code], same);
    }
}

static void test_ancestors_have_the_form(void)
{
    for (int code = 1; code < STOP_COUNT; code++) {
        const char *ancestor = stop_code_entry((enum stop_code)code)->ancestor;
        size_t length = strlen(ancestor);
        int fine = length == 0 || length == 5 || (length == 11 && ancestor[5] == '/');

        for (size_t at = 0; fine && at < length; at += 6)
            fine = memcmp(ancestor + at, "0x", 2) == 0 &&
                   isxdigit((unsigned char)ancestor[at + 2]) &&
                   isxdigit((unsigned char)ancestor[at + 3]) &&
                   isxdigit((unsigned char)ancestor[at + 4]);
        assert_for(slug_of(code), "ancestor", fine);
    }
}

/* A full stop ends a sentence before a blank or the end; elsewhere it is part of a slug. */
static int sentences(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++)
        count += text[0] == '.' && (text[1] == ' ' || text[1] == '\0');
    return count;
}

static int is_clean(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
            return 0;
    return length > 0 && text[0] != ' ' && text[length - 1] == '.' && strstr(text, "  ") == NULL &&
           strstr(text, " .") == NULL && strstr(text, " ,") == NULL;
}

/* Literals are joined over lines: a blank lost there glues ".The" or ",which" together. Full
 * stops and colons inside words are slugs and tunables, so only these are sure signs. */
static int is_glued(const char *text)
{
    for (; text[0] != '\0'; text++)
        if ((strchr(".:", text[0]) != NULL && isupper((unsigned char)text[1])) ||
            (strchr(",;", text[0]) != NULL && isalpha((unsigned char)text[1])))
            return 1;
    return 0;
}

static void check_text(const char *slug, const char *what, const char *text, size_t least, int most)
{
    assert_for(slug, what, is_clean(text));
    assert_for(slug, what, !is_glued(text));
    assert_for(slug, what, strlen(text) >= least);
    assert_for(slug, what, sentences(text) >= 1 && sentences(text) <= most);
}

static void test_texts_are_sentences(void)
{
    for (int code = 1; code < STOP_COUNT; code++) {
        const struct stop_code_entry *entry = stop_code_entry((enum stop_code)code);

        check_text(entry->slug, "meaning", entry->meaning, 45, 1);
        check_text(entry->slug, "cause", entry->cause, 110, 3);
        check_text(entry->slug, "mend", entry->mend, 110, 3);
    }
    CU_ASSERT_TRUE(is_glued("It ends.The next begins."));
    CU_ASSERT_EQUAL(sentences("One. Two, of lock.orphaned. Three."), 3);
}

static void test_texts_are_not_repeated(void)
{
    for (int code = 1; code < STOP_COUNT; code++)
        for (int other = 1; other < code; other++) {
            const struct stop_code_entry *a = stop_code_entry((enum stop_code)code);
            const struct stop_code_entry *b = stop_code_entry((enum stop_code)other);

            assert_for(a->slug, b->slug, strcmp(a->meaning, b->meaning) != 0);
            assert_for(a->slug, b->slug, strcmp(a->cause, b->cause) != 0);
            assert_for(a->slug, b->slug, strcmp(a->mend, b->mend) != 0);
        }
}

/* A slug in a text is a cross-reference, and has to lead somewhere. */
static void check_references(const char *slug, const char *text)
{
    static const char *const families[] = {
        "heap.", "lock.", "loader.", "module.", "exit.",    "thread.",
        "leak.", "hang.", "crash.",  "state.",  "harness.",
    };

    for (size_t i = 0; i < ELEMENTS(families); i++)
        for (const char *at = strstr(text, families[i]); at != NULL;
             at = strstr(at + 1, families[i])) {
            char name[64] = "";
            size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz.-");

            if ((at != text && at[-1] != ' ') || at[strlen(families[i])] == ' ' ||
                at[strlen(families[i])] == '\0')
                continue; /* the end of a word or of a sentence */
            length -= at[length - 1] == '.';
            if (length < sizeof name)
                memcpy(name, at, length);
            assert_for(slug, name, stop_code_find(name) != STOP_NONE);
        }
}

static void test_references_lead_somewhere(void)
{
    for (int code = 1; code < STOP_COUNT; code++) {
        const struct stop_code_entry *entry = stop_code_entry((enum stop_code)code);

        check_references(entry->slug, entry->meaning);
        check_references(entry->slug, entry->cause);
        check_references(entry->slug, entry->mend);
    }
}

static void test_find_is_exact(void)
{
    for (int code = 1; code < STOP_COUNT; code++)
        CU_ASSERT_EQUAL(stop_code_find(slug_of(code)), code);
    CU_ASSERT_EQUAL(stop_code_find("heap.lock-orphaned"), STOP_HEAP_LOCK_ORPHANED);
    CU_ASSERT_EQUAL(stop_code_find("heap.lock-orphane"), STOP_NONE);
    CU_ASSERT_EQUAL(stop_code_find("Heap.lock-orphaned"), STOP_NONE);
    CU_ASSERT_EQUAL(stop_code_find("leak.trend"), STOP_NONE);
    CU_ASSERT_EQUAL(stop_code_find(""), STOP_NONE);
    CU_ASSERT_EQUAL(stop_code_find(NULL), STOP_NONE);
}

static void test_no_code_has_no_entry(void)
{
    CU_ASSERT_PTR_NULL(stop_code_entry(STOP_NONE));
    CU_ASSERT_PTR_NULL(stop_code_entry(STOP_COUNT));
    CU_ASSERT_PTR_NULL(stop_code_entry((enum stop_code) - 1));
    CU_ASSERT_PTR_NULL(stop_code_entry((enum stop_code)1000000));
}

static void check_nearest(const char *typed, const char *expected)
{
    const char *near = stop_code_nearest(typed);

    assert_for(typed, near == NULL ? "nothing near" : near,
               near != NULL && strcmp(near, expected) == 0);
}

static void test_nearest(void)
{
    check_nearest("heap.lock-orphened", "heap.lock-orphaned");
    check_nearest("HEAP_LOCK_ORPHANED", "heap.lock-orphaned");
    check_nearest("hang.dealdock", "hang.deadlock");
    check_nearest("crash.sginal", "crash.signal");
    check_nearest("leak.trend", "leak.trend.fd");
    check_nearest("loader.deadlok", "loader.deadlock");
    /* without the family, where the whole slug is out of reach */
    check_nearest("stopped", "hang.stopped");
    check_nearest("trend.fd", "leak.trend.fd");
    check_nearest("brokn", "harness.broken");
    CU_ASSERT_PTR_NULL(stop_code_nearest("frobnicate"));
    CU_ASSERT_PTR_NULL(stop_code_nearest(""));
    CU_ASSERT_PTR_NULL(stop_code_nearest(NULL));
}

static void test_a_slug_is_nearest_to_itself(void)
{
    for (int code = 1; code < STOP_COUNT; code++)
        check_nearest(slug_of(code), slug_of(code));
}

static void test_ranks_are_a_total_order(void)
{
    int seen[STOP_COUNT] = {0};

    for (int code = 1; code < STOP_COUNT; code++) {
        int rank = stop_code_rank((enum stop_code)code);

        assert_for(slug_of(code), "rank out of range", rank >= 0 && rank < STOP_COUNT - 1);
        if (rank >= 0 && rank < STOP_COUNT)
            seen[rank]++;
        assert_for(slug_of(code), "rank shared", rank < STOP_COUNT && seen[rank] == 1);
        CU_ASSERT_TRUE(stop_code_rank(STOP_NONE) > rank);
        CU_ASSERT_TRUE(stop_code_rank(STOP_COUNT) > rank);
    }
}

static int names_a_cause(int code)
{
    return in_family(code, "lock.") || in_family(code, "loader.") || in_family(code, "module.") ||
           in_family(code, "heap.") || code == STOP_EXIT_CONCURRENT ||
           code == STOP_EXIT_DESTROYED_IN_USE || code == STOP_THREAD_LOST_AT_FORK;
}

static int is_consequence(int code)
{
    return code == STOP_STATE_INVARIANT || code == STOP_CRASH_SIGNAL ||
           code == STOP_EXIT_HANDLER_STUCK;
}

static void test_cause_beats_class_beats_hang(void)
{
    for (int a = 1; a < STOP_COUNT; a++)
        for (int b = 1; b < STOP_COUNT; b++) {
            int earlier = (names_a_cause(a) && is_consequence(b)) ||
                          (is_consequence(a) && in_family(b, "hang.")) ||
                          (in_family(a, "hang.") && in_family(b, "leak."));

            if (earlier)
                assert_for(slug_of(a), slug_of(b),
                           stop_code_rank((enum stop_code)a) < stop_code_rank((enum stop_code)b));
        }
}

/* What the catalogue's rows expect where one cycle raises several codes. */
static void test_order_within_the_catalogues_rows(void)
{
    static const struct {
        const char *row, *verdict, *also;
    } cases[] = {
        {"A1", "heap.lock-orphaned", "hang.deadlock"},
        {"A3", "lock.owner-died-ignored", "lock.orphaned"},
        {"A3", "lock.owner-died-ignored", "state.invariant"},
        {"A4", "lock.spin-orphaned", "hang.livelock"},
        {"A5", "lock.owner-suspended", "hang.deadlock"},
        {"B3", "lock.orphaned", "exit.handler-stuck"},
        {"B3", "exit.handler-stuck", "hang.deadlock"},
        {"B5", "exit.concurrent", "heap.double-free"},
        {"B5", "exit.concurrent", "exit.destroyed-in-use"},
        {"B5", "exit.concurrent", "exit.wrong-status"},
        {"B6", "exit.destroyed-in-use", "exit.threads-alive"},
        {"B6", "exit.destroyed-in-use", "heap.corrupt-free-block"},
        {"B6", "exit.destroyed-in-use", "crash.signal"},
        {"C1", "heap.lock-orphaned", "thread.left-behind"},
        {"C2", "module.code-unmapped", "module.thread-alive-at-unload"},
        {"C6", "module.call-after-fini", "exit.destroyed-in-use"},
        {"C7", "module.callback-unmapped", "module.code-unmapped"},
        {"C8", "loader.deadlock", "loader.join-inside"},
        {"C8", "loader.deadlock", "lock.deadlock"},
        {"C9", "lock.orphaned", "lock.deadlock"},
        {"F1", "lock.deadlock", "lock.order-inversion"},
        {"F3", "lock.freed-held", "heap.corrupt-free-block"},
        {"F4", "heap.lock-orphaned", "thread.lost-at-fork"},
        {"F5", "hang.lost-wakeup", "hang.deadline"},
        {"recorder", "harness.recorder", "hang.deadlock"},
        {"not fired", "crash.signal", "harness.injection-not-fired"},
    };

    for (size_t i = 0; i < ELEMENTS(cases); i++)
        assert_for(cases[i].row, cases[i].verdict,
                   rank_of(cases[i].verdict) < rank_of(cases[i].also));
}

static void add_table_tests(CU_pSuite suite)
{
    CU_ADD_TEST(suite, test_promised_codes_are_all_there);
    CU_ADD_TEST(suite, test_slugs_have_the_form_and_are_unique);
    CU_ADD_TEST(suite, test_identifiers_match_slugs);
    CU_ADD_TEST(suite, test_ancestors_have_the_form);
    CU_ADD_TEST(suite, test_texts_are_sentences);
    CU_ADD_TEST(suite, test_texts_are_not_repeated);
    CU_ADD_TEST(suite, test_references_lead_somewhere);
}

static void add_function_tests(CU_pSuite suite)
{
    CU_ADD_TEST(suite, test_find_is_exact);
    CU_ADD_TEST(suite, test_no_code_has_no_entry);
    CU_ADD_TEST(suite, test_nearest);
    CU_ADD_TEST(suite, test_a_slug_is_nearest_to_itself);
    CU_ADD_TEST(suite, test_ranks_are_a_total_order);
    CU_ADD_TEST(suite, test_cause_beats_class_beats_hang);
    CU_ADD_TEST(suite, test_order_within_the_catalogues_rows);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("stop_code", NULL, NULL);
    add_table_tests(suite);
    add_function_tests(suite);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
