/*
 * Tests of the detector status: which exit status is wrong, and how much it weighs.
 */
#include "evidence_damage.h"

#include <harness/injector.h>

#include <signal.h>
#include <string.h>

#include <CUnit/Basic.h>

extern const struct detector detector_status;

static struct fixture f;
static struct judgement judgement;

#define EXITED(status) ((status) << 8)

static void open_ended(int status)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    f.evidence.status = status;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_status, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

/* A strike of @name on @thread that fired. */
static void strike(const char *name, const char *thread, int64_t argument)
{
    struct plan *plan = &f.memory->control.plan;
    int index = injector_find(name);

    CU_ASSERT_FATAL(index >= 0);
    strcpy(plan->strike[plan->count].thread, thread);
    plan->strike[plan->count].injector = (uint16_t)index;
    plan->strike[plan->count].argument = argument;
    f.memory->control.fired |= UINT64_C(1) << plan->count++;
    f.evidence.struck = true;
}

static void test_wrong_by_itself(void)
{
    const struct finding *finding;

    open_ended(EXITED(3));
    fixture_exit(&f, 1, 3, 1, AT_WORKER);
    finding = judge(STOP_EXIT_WRONG_STATUS);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(fixture_says(finding, "status 3, expected was 0, as in the dry cycle"));
    CU_ASSERT(fixture_says(finding, "T1.1       asked to end with 3, in worker  prog"));
    CU_ASSERT(fixture_says(finding, "the rule: exit in any thread ends the whole process"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "exit.wrong-status prog:worker -");
    fixture_close(&f);
}

/* What the parent gets when nobody asked for the end of the whole process. */
static void test_rules_of_last_threads(void)
{
    const struct finding *finding;

    open_ended(EXITED(0));
    f.evidence.expected_status = EXITED(3);
    f.memory->control.baseline_status = EXITED(3);
    f.memory->lane[0].end = END_EXIT;
    f.memory->lane[0].state = f.memory->lane[1].state = LANE_ENDED;
    f.memory->lane[1].end = END_RETURN;
    fixture_event(&f, 0, EVENT_THREAD_ENDS, END_EXIT, 0, 0, AT_MAIN);
    finding = judge(STOP_EXIT_WRONG_STATUS);
    CU_ASSERT(fixture_says(finding, "T1 (main)  left by pthread_exit, in main  prog"));
    CU_ASSERT(fixture_says(finding, "T1.1       ended last, and the process with it"));
    CU_ASSERT(fixture_says(finding, "the last thread's end gives 0, whatever it returned"));
    f.memory->lane[0].end = END_UNKNOWN;
    f.memory->lane[0].state = LANE_RUNS;
    finding = judge(STOP_EXIT_WRONG_STATUS);
    CU_ASSERT(fixture_says(finding, "T1 (main)  ended by a raw system call"));
    CU_ASSERT(fixture_says(finding, "what the last thread gave to the kernel"));
    f.memory->lane[1].end = END_RUNNING;
    f.memory->lane[1].state = LANE_RUNS;
    CU_ASSERT(fixture_says(judge(STOP_EXIT_WRONG_STATUS), "no thread asked for that status"));
    fixture_close(&f);
}

static void test_ordered_status_got_lost(void)
{
    open_ended(EXITED(0));
    strike("exit", "T1.1", 57);
    f.evidence.effect_status = 57;
    CU_ASSERT(fixture_says(judge(STOP_EXIT_WRONG_STATUS),
                           "status 0, expected was 57, as the injection ordered"));
    fixture_close(&f);
}

/* main's own exit and the injected one race; whoever is first, decides. */
static void test_note_where_its_own_exit_was_first(void)
{
    const struct finding *finding;

    open_ended(EXITED(0));
    strike("exit-twice", "T1.1", 91);
    f.evidence.effect_status = 91;
    fixture_exit(&f, 1, 91, 2, AT_WORKER);
    fixture_exit(&f, 0, 0, 2, AT_MAIN);
    finding = judge(STOP_EXIT_WRONG_STATUS);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "an exit of its own came before"));
    CU_ASSERT(fixture_says(finding, "T1 (main)  asked to end with 0, in main"));
    fixture_close(&f);
}

static void test_note_where_the_program_may_answer(void)
{
    open_ended(EXITED(1));
    strike("thread-kill", "T1.1", 0);
    f.evidence.effect_thread = true;
    CU_ASSERT_EQUAL(judge(STOP_EXIT_WRONG_STATUS)->severity, STOP_SEVERITY_NOTE);
    fixture_close(&f);
    open_ended(EXITED(1));
    strike("alloc-fail", "T1.1", 0);
    f.evidence.effect_failure = true;
    CU_ASSERT_EQUAL(judge(STOP_EXIT_WRONG_STATUS)->severity, STOP_SEVERITY_NOTE);
    fixture_close(&f);
}

/* What must not change anything does: that is no answer. */
static void test_delay_is_no_excuse(void)
{
    open_ended(EXITED(1));
    strike("delay", "T1", 12);
    CU_ASSERT_EQUAL(judge(STOP_EXIT_WRONG_STATUS)->severity, STOP_SEVERITY_FINDING);
    fixture_close(&f);
}

static void test_twin_as_expected(void)
{
    open_ended(EXITED(0));
    expect_silence();
    open_ended(EXITED(4));
    f.evidence.expected_status = EXITED(4);
    expect_silence();
    open_ended(EXITED(57));
    strike("quick_exit", "T1.1", 57);
    f.evidence.effect_status = 57;
    expect_silence();
}

static void test_twin_main_was_struck(void)
{
    open_ended(EXITED(1));
    strike("main-kill", "T1", 0);
    f.evidence.effect_thread = true;
    expect_silence();
    open_ended(EXITED(0));
    f.evidence.expected_status = EXITED(7);
    strike("main-pthread_exit", "T1", 0);
    expect_silence();
}

static void test_note_where_the_signal_was_handled(void)
{
    const struct finding *finding;

    open_ended(EXITED(0));
    strike("sigterm", "T1.1", 0);
    f.evidence.effect_signal = SIGTERM;
    finding = judge(STOP_EXIT_WRONG_STATUS);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "it handles that signal"));
    fixture_close(&f);
}

/* A supervisor that knows of no order may put down the dry cycle's status instead. */
static void test_dry_status_is_no_order(void)
{
    open_ended(EXITED(1));
    f.evidence.effect_status = 0;
    CU_ASSERT(fixture_says(judge(STOP_EXIT_WRONG_STATUS), "expected was 0, as in the dry cycle"));
    fixture_close(&f);
}

static void test_twin_told_elsewhere(void)
{
    open_ended(SIGSEGV);
    expect_silence();
    open_ended(EXITED(139));
    f.memory->control.anomaly = ANOMALY_SIGNAL;
    expect_silence();
    open_ended(EXITED(1));
    f.memory->control.anomaly = ANOMALY_INVARIANT;
    expect_silence();
    open_ended(EXITED(1));
    fixture_hang(&f, HANG_PROVED);
    expect_silence();
}

static void test_twin_nothing_to_expect(void)
{
    open_ended(EXITED(1));
    f.evidence.expected_status = SIGABRT;
    f.memory->control.baseline_status = SIGABRT;
    expect_silence();
}

static void test_damage(void)
{
    open_ended(EXITED(3));
    fixture_exit(&f, 1, 3, 1, AT_WORKER);
    fixture_thread(&f, 0, THREAD_GONE, -2);
    fixture_damage(&f, &detector_status, 0x57a7);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"wrong by itself", test_wrong_by_itself},
        {"rules of last threads", test_rules_of_last_threads},
        {"an ordered status got lost", test_ordered_status_got_lost},
        {"a note for its own exit", test_note_where_its_own_exit_was_first},
        {"a note for an answer", test_note_where_the_program_may_answer},
        {"a delay is no excuse", test_delay_is_no_excuse},
        {"twin: as expected", test_twin_as_expected},
        {"twin: main was struck", test_twin_main_was_struck},
        {"a note for a handled signal", test_note_where_the_signal_was_handled},
        {"the dry status is no order", test_dry_status_is_no_order},
        {"twin: told elsewhere", test_twin_told_elsewhere},
        {"twin: nothing to expect", test_twin_nothing_to_expect},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector status", cases);
}
