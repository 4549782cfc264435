/*
 * Tests of the detector invariant.
 */
#include "evidence_damage.h"

#include <string.h>

#include <CUnit/Basic.h>

extern const struct detector detector_invariant;

static struct fixture f;
static struct judgement judgement;

static void open_broken(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
    f.memory->control.anomaly = ANOMALY_INVARIANT;
    f.memory->control.invariants = 1;
    strcpy(f.memory->control.message, "balance is 3, not 0");
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_invariant, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void test_message_and_place(void)
{
    const struct finding *finding;

    open_broken();
    fixture_event(&f, 1, EVENT_INVARIANT, 0, 0, 0, AT_UPDATE);
    fixture_event(&f, 0, EVENT_INVARIANT, 0, 0, 0, AT_MAIN);
    f.memory->control.invariants = 3;
    f.evidence.status = 1 << 8;
    finding = judge(STOP_STATE_INVARIANT);
    CU_ASSERT(fixture_says(finding, "balance is 3, not 0"));
    CU_ASSERT(fixture_says(finding, "and 2 more"));
    CU_ASSERT(fixture_says(finding, "T1.1       said so, in update  prog  prog.c:30"));
    CU_ASSERT(fixture_says(finding, "then ended with status 1"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "state.invariant prog:update -");
    fixture_close(&f);
}

static void test_message_without_an_end(void)
{
    const struct finding *finding;

    open_broken();
    memset(f.memory->control.message, '\033', ABI_MESSAGE_BYTES);
    finding = judge(STOP_STATE_INVARIANT);
    CU_ASSERT_PTR_NULL(strchr(finding->line[0], '\033'));
    fixture_close(&f);
}

static void test_no_message(void)
{
    open_broken();
    f.memory->control.message[0] = 0;
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_STATE_INVARIANT));
    fixture_close(&f);
}

static void test_twin_nothing_broken(void)
{
    open_broken();
    f.memory->control.anomaly = ANOMALY_STATUS;
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_damage(void)
{
    open_broken();
    fixture_thread(&f, 0, THREAD_GONE, -2);
    fixture_event(&f, 1, EVENT_INVARIANT, 0, 0, 0, AT_UPDATE);
    fixture_damage(&f, &detector_invariant, 0x14a);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"message and place", test_message_and_place},
        {"a message without an end", test_message_without_an_end},
        {"no message", test_no_message},
        {"twin: nothing broken", test_twin_nothing_broken},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector invariant", cases);
}
