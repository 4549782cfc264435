/*
 * Tests of waits_chain: an arrow only where it is known who could let a thread go on.
 */
#include <harness/supervisor/evidence/waits.h>

#include "evidence_fixture.h"

#include <string.h>

#include <CUnit/Basic.h>

static struct fixture f;
static struct waits waits;
static struct judgement judgement;

static void open_with(unsigned lanes)
{
    static const char *const names[] = {"T1", "T1.1", "T1.2"};

    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    memset(&judgement, 0, sizeof judgement);
    for (unsigned i = 0; i < lanes; i++)
        fixture_lane(&f, names[i]);
}

static struct finding *chain_of(unsigned node)
{
    struct finding *finding = judgement_add(&judgement, STOP_HANG_DEADLOCK);

    waits_read(&waits, &f.evidence);
    waits_chain(finding, &waits, node);
    return finding;
}

static void test_to_the_owner(void)
{
    const struct finding *finding;

    open_with(2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_WORKER);
    f.memory->lane[1].state = LANE_KILLED;
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = chain_of(0);
    CU_ASSERT_EQUAL_FATAL(finding->waits, 1);
    CU_ASSERT_STRING_EQUAL(finding->wait[0].waiter, "T1 (main)");
    CU_ASSERT_STRING_EQUAL(finding->wait[0].owner, "T1.1");
    CU_ASSERT_STRING_EQUAL(finding->wait[0].state, "was killed");
    CU_ASSERT_EQUAL(strncmp(finding->wait[0].what, "waits for mutex", 15), 0);
    CU_ASSERT_EQUAL(chain_of(1)->waits, 0);
    fixture_close(&f);
}

/* By way of the line, and once however often the thread is told of. */
static void test_with_the_line(void)
{
    struct finding *finding;

    open_with(2);
    fixture_join(&f, 0, 1, AT_MAIN);
    finding = chain_of(0);
    waits_say(finding, &waits, 0);
    CU_ASSERT_EQUAL_FATAL(finding->waits, 1);
    CU_ASSERT_STRING_EQUAL(finding->wait[0].what, "waits for T1.1 to end");
    fixture_close(&f);
}

/* A lock that names no owner: nobody is claimed to have it. */
static void test_nothing_is_guessed(void)
{
    open_with(2);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    CU_ASSERT_EQUAL(chain_of(0)->waits, 0);
    waits_chain(NULL, &waits, 0);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"to the owner", test_to_the_owner},
        {"with the line", test_with_the_line},
        {"nothing is guessed", test_nothing_is_guessed},
        {NULL, NULL},
    };

    return fixture_main("waits_chain", cases);
}
