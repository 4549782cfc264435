/*
 * Tests of judgement: making, wording, signing, ordering and folding of findings.
 */
#include "evidence_fixture.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

static struct judgement judgement;

static void clear(void)
{
    memset(&judgement, 0, sizeof judgement);
}

static struct finding *add(enum stop_code code, const char *line)
{
    struct finding *finding = judgement_add(&judgement, code);

    if (finding != NULL && line != NULL)
        finding_say(finding, "%s", line);
    return finding;
}

static void test_add_takes_severity_from_table(void)
{
    clear();
    CU_ASSERT_EQUAL(add(STOP_CRASH_SIGNAL, NULL)->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT_EQUAL(add(STOP_EXIT_THREADS_ALIVE, NULL)->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT_EQUAL(add(STOP_HARNESS_BROKEN, NULL)->severity, STOP_SEVERITY_HARNESS);
    CU_ASSERT_EQUAL(judgement.findings, 3);
    CU_ASSERT_STRING_EQUAL(judgement.finding[0].signature, "crash.signal - -");
}

static void test_add_refuses_what_is_no_code(void)
{
    clear();
    CU_ASSERT_PTR_NULL(judgement_add(&judgement, STOP_NONE));
    CU_ASSERT_PTR_NULL(judgement_add(&judgement, STOP_COUNT));
    CU_ASSERT_EQUAL(judgement.findings, 0);
}

static void test_add_stops_when_full(void)
{
    clear();
    for (unsigned i = 0; i < FINDINGS_PER_CYCLE; i++)
        CU_ASSERT_PTR_NOT_NULL(add(STOP_CRASH_SIGNAL, "x"));
    CU_ASSERT_PTR_NULL(add(STOP_CRASH_SIGNAL, "x"));
    CU_ASSERT_EQUAL(judgement.findings, FINDINGS_PER_CYCLE);
}

static void test_nothing_may_be_said_to_nobody(void)
{
    finding_say(NULL, "%d", 1);
    finding_sign(NULL, "a", "b");
}

static void test_say_stops_at_the_last_line(void)
{
    struct finding *finding;

    clear();
    finding = add(STOP_CRASH_SIGNAL, NULL);
    for (unsigned i = 0; i < FINDING_LINES + 5; i++)
        finding_say(finding, "line %u", i);
    CU_ASSERT_EQUAL(finding->lines, FINDING_LINES);
    CU_ASSERT_STRING_EQUAL(finding->line[FINDING_LINES - 1], "line 47");
}

static void test_say_cuts_and_cleans(void)
{
    char text[400];
    struct finding *finding;

    clear();
    finding = add(STOP_CRASH_SIGNAL, NULL);
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    finding_say(finding, "%s", text);
    CU_ASSERT_EQUAL(strlen(finding->line[0]), FINDING_TEXT_BYTES - 1);
    finding_say(finding, "a\033[31mb\nc\xff\x7f");
    CU_ASSERT_STRING_EQUAL(finding->line[1], "a?[31mb?c??");
    finding_say(finding, "gr\xc3\xb6\xc3\x9f"
                         "er  ");
    CU_ASSERT_STRING_EQUAL(finding->line[2], "gr\xc3\xb6\xc3\x9f"
                                             "er");
}

static void test_say_never_cuts_inside_a_character(void)
{
    char text[400];
    struct finding *finding;

    clear();
    finding = add(STOP_CRASH_SIGNAL, NULL);
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xb6", 2);
    text[sizeof text - 2] = 0;
    finding_say(finding, "%s", text);
    CU_ASSERT_EQUAL(strlen(finding->line[0]), FINDING_TEXT_BYTES - 2);
    CU_ASSERT_PTR_NULL(strchr(finding->line[0], '?'));
}

/* Arrows are kept once, made harmless, and folded with their findings. */
static void test_waits_are_kept(void)
{
    struct finding *finding;
    char name[32];

    clear();
    finding = add(STOP_LOCK_DEADLOCK, "x");
    finding_wait(finding, "T1", "waits\tfor\nall", "T2", "runs");
    finding_wait(finding, "T1", "again", "T2", "runs");
    CU_ASSERT_EQUAL(finding->waits, 1);
    CU_ASSERT_STRING_EQUAL(finding->wait[0].what, "waits?for?all");
    finding = add(STOP_LOCK_DEADLOCK, "x");
    for (unsigned i = 0; i < 2 * FINDING_WAITS; i++) {
        snprintf(name, sizeof name, "T%u", i);
        finding_wait(finding, name, "waits", "T9", "runs");
    }
    CU_ASSERT_EQUAL(finding->waits, FINDING_WAITS);
    finding_wait(NULL, "T1", "waits", "T2", "runs");
    judgement_order(&judgement);
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(judgement.finding[0].waits, FINDING_WAITS);
    CU_ASSERT_STRING_EQUAL(judgement.finding[0].wait[0].owner, "T2");
    CU_ASSERT_STRING_EQUAL(judgement.finding[0].wait[1].owner, "T9");
}

static void test_sign_is_three_words(void)
{
    struct finding *finding;

    clear();
    finding = add(STOP_LOCK_ORPHANED, NULL);
    finding_sign(finding, "prog:worker", "prog:main");
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.orphaned prog:worker prog:main");
    finding_sign(finding, "", "my prog:f(int, char)\n");
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.orphaned - my_prog:f(int,_char)_");
}

static void test_long_names_stay_two(void)
{
    char one[300];
    char other[300];
    char first[FINDING_SIGNATURE_BYTES];
    struct finding *finding;

    clear();
    finding = add(STOP_LOCK_ORPHANED, NULL);
    memset(one, 'x', sizeof one - 1);
    one[sizeof one - 1] = 0;
    memcpy(other, one, sizeof other);
    other[298] = 'y';
    finding_sign(finding, one, one);
    memcpy(first, finding->signature, sizeof first);
    finding_sign(finding, one, other);
    CU_ASSERT_STRING_NOT_EQUAL(first, finding->signature);
    CU_ASSERT(strlen(first) < FINDING_SIGNATURE_BYTES);
}

static void expect_order(const enum stop_code *codes, unsigned count)
{
    CU_ASSERT_EQUAL(judgement.findings, count);
    for (unsigned i = 0; i < count && i < judgement.findings; i++)
        CU_ASSERT_EQUAL(judgement.finding[i].code, codes[i]);
}

static void test_findings_before_notes_then_rank(void)
{
    const enum stop_code expected[] = {STOP_LOCK_ORPHANED, STOP_CRASH_SIGNAL,
                                       STOP_EXIT_WRONG_STATUS, STOP_EXIT_THREADS_ALIVE,
                                       STOP_HANG_DEADLINE};

    clear();
    add(STOP_HANG_DEADLINE, "a");
    add(STOP_EXIT_WRONG_STATUS, "a");
    add(STOP_EXIT_THREADS_ALIVE, "a");
    add(STOP_CRASH_SIGNAL, "a");
    add(STOP_LOCK_ORPHANED, "a");
    judgement_order(&judgement);
    expect_order(expected, 5);
}

static void test_raised_and_lowered_severities_count(void)
{
    const enum stop_code expected[] = {STOP_EXIT_THREADS_ALIVE, STOP_EXIT_HANDLER_STUCK,
                                       STOP_EXIT_WRONG_STATUS};

    clear();
    add(STOP_EXIT_WRONG_STATUS, "a")->severity = STOP_SEVERITY_NOTE;
    add(STOP_EXIT_HANDLER_STUCK, "a");
    add(STOP_EXIT_THREADS_ALIVE, "a")->severity = STOP_SEVERITY_FINDING;
    judgement_order(&judgement);
    expect_order(expected, 3);
}

static void test_harness_is_first_or_last(void)
{
    const enum stop_code expected[] = {STOP_HARNESS_BROKEN, STOP_HARNESS_RECORDER,
                                       STOP_CRASH_SIGNAL, STOP_EXIT_LOCKS_HELD,
                                       STOP_HARNESS_INJECTION_NOT_FIRED};

    clear();
    add(STOP_HARNESS_INJECTION_NOT_FIRED, "a");
    add(STOP_EXIT_LOCKS_HELD, "a");
    add(STOP_CRASH_SIGNAL, "a");
    add(STOP_HARNESS_RECORDER, "a");
    add(STOP_HARNESS_BROKEN, "a");
    judgement_order(&judgement);
    expect_order(expected, 5);
}

static void test_duplicates_are_folded(void)
{
    struct finding *finding;

    clear();
    finding = add(STOP_LOCK_OWNER_SUSPENDED, "second");
    finding_sign(finding, "b", "");
    add(STOP_CRASH_SIGNAL, "other");
    finding = add(STOP_LOCK_OWNER_SUSPENDED, "first");
    finding_sign(finding, "a", "");
    judgement_order(&judgement);
    CU_ASSERT_EQUAL(judgement.findings, 2);
    finding = &judgement.finding[0];
    CU_ASSERT_EQUAL(finding->code, STOP_LOCK_OWNER_SUSPENDED);
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.owner-suspended a -");
    CU_ASSERT_EQUAL(finding->lines, 3);
    CU_ASSERT_STRING_EQUAL(finding->line[0], "first");
    CU_ASSERT_STRING_EQUAL(finding->line[1], "also:");
    CU_ASSERT_STRING_EQUAL(finding->line[2], "second");
}

static void test_folding_keeps_the_greater_severity(void)
{
    clear();
    add(STOP_LEAK_TREND_FD, "note")->severity = STOP_SEVERITY_NOTE;
    add(STOP_STATE_INVARIANT, "x");
    add(STOP_LEAK_TREND_FD, "finding");
    judgement_order(&judgement);
    CU_ASSERT_EQUAL(judgement.findings, 2);
    CU_ASSERT_EQUAL(judgement.finding[1].severity, STOP_SEVERITY_FINDING);
    CU_ASSERT_STRING_EQUAL(judgement.finding[1].line[0], "finding");
}

/* The same findings, told in any order, are the same judgement. */
static void test_order_does_not_depend_on_arrival(void)
{
    static struct judgement first;
    const enum stop_code codes[] = {STOP_HANG_LOST_WAKEUP, STOP_LOCK_DEADLOCK, STOP_LOCK_DEADLOCK,
                                    STOP_EXIT_LOCKS_HELD};
    const char *const lines[] = {"a", "b", "c", "d"};

    for (unsigned turn = 0; turn < 4; turn++) {
        clear();
        for (unsigned i = 0; i < 4; i++)
            add(codes[(i + turn) % 4], lines[(i + turn) % 4]);
        judgement_order(&judgement);
        if (turn == 0)
            first = judgement;
        CU_ASSERT_EQUAL(judgement.findings, first.findings);
        for (unsigned i = 0; i < first.findings; i++) {
            CU_ASSERT_EQUAL(judgement.finding[i].code, first.finding[i].code);
            CU_ASSERT_STRING_EQUAL(judgement.finding[i].line[0], first.finding[i].line[0]);
        }
    }
}

static void test_order_of_nothing(void)
{
    clear();
    judgement_order(&judgement);
    CU_ASSERT_EQUAL(judgement.findings, 0);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"severity comes from the table", test_add_takes_severity_from_table},
        {"what is no code is refused", test_add_refuses_what_is_no_code},
        {"a full judgement gives NULL", test_add_stops_when_full},
        {"NULL findings are allowed", test_nothing_may_be_said_to_nobody},
        {"lines are bounded", test_say_stops_at_the_last_line},
        {"text is cut and made harmless", test_say_cuts_and_cleans},
        {"characters stay whole", test_say_never_cuts_inside_a_character},
        {"waits are kept", test_waits_are_kept},
        {"a signature is three words", test_sign_is_three_words},
        {"long names stay different", test_long_names_stay_two},
        {"findings before notes, causes first", test_findings_before_notes_then_rank},
        {"a changed severity counts", test_raised_and_lowered_severities_count},
        {"harness codes have their own rule", test_harness_is_first_or_last},
        {"duplicates are folded", test_duplicates_are_folded},
        {"folding keeps the finding", test_folding_keeps_the_greater_severity},
        {"arrival does not matter", test_order_does_not_depend_on_arrival},
        {"nothing stays nothing", test_order_of_nothing},
        {NULL, NULL},
    };

    return fixture_main("judgement", cases);
}
