/*
 * Tests of trust: what a target may have written over is told from what it may not, and nobody
 * but the server's own child is ever sent a signal.
 */
#include <harness/supervisor/run/trust.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/Basic.h>

static struct abi_control control;
static struct trust trust;

static void agree(void)
{
    memset(&control, 0, sizeof control);
    memset(&trust, 0, sizeof trust);
    CU_ASSERT_FALSE(trust_broken(&trust, &control, 0));
    control.magic = ABI_MAGIC;
    control.version = ABI_VERSION;
    control.size = 4711;
    control.laps = 1;
    control.batch_first = 100;
    control.batch_count = 10;
    control.cycle = 103;
    trust_note(&trust, &control);
    CU_ASSERT_FALSE(trust_broken(&trust, &control, getpid()));
}

static void test_terms(void)
{
    static const size_t at[] = {
        offsetof(struct abi_control, magic),       offsetof(struct abi_control, version),
        offsetof(struct abi_control, size),        offsetof(struct abi_control, registry),
        offsetof(struct abi_control, options),     offsetof(struct abi_control, purpose),
        offsetof(struct abi_control, batch_first), offsetof(struct abi_control, batch_count),
        offsetof(struct abi_control, laps),        offsetof(struct abi_control, guard_every),
    };

    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        agree();
        ((uint8_t *)&control)[at[i]] ^= 0x80;
        CU_ASSERT_TRUE(trust_broken(&trust, &control, getpid()));
        control.done = 3;
        trust_restore(&trust, &control);
        CU_ASSERT_FALSE(trust_broken(&trust, &control, getpid()));
        CU_ASSERT_EQUAL(control.done, 0);
        CU_ASSERT_EQUAL(control.cycle, 103);
    }
    agree();
    control.claim = CLAIM_SUPERVISOR;
    CU_ASSERT_TRUE(trust_broken(&trust, &control, getpid()));
    agree();
    control.server = 77;
    CU_ASSERT_TRUE(trust_broken(&trust, &control, getpid()));
}

static void test_counts(void)
{
    agree();
    control.done = 10;
    control.passed = 6;
    control.failed = 4;
    control.nanoseconds = 1000;
    control.histogram[3] = 10;
    CU_ASSERT_TRUE(trust_counts(&trust, &control));
    control.not_fired = 1;
    CU_ASSERT_FALSE(trust_counts(&trust, &control));
    control.not_fired = 0;
    control.histogram[4] = 1;
    CU_ASSERT_FALSE(trust_counts(&trust, &control));
    control.histogram[4] = 0;
    control.longest = 1001;
    CU_ASSERT_FALSE(trust_counts(&trust, &control));
    control.longest = 1000;
    control.done = 11;
    CU_ASSERT_FALSE(trust_counts(&trust, &control));
}

static void test_cycle(void)
{
    agree();
    CU_ASSERT_EQUAL(trust_cycle(&trust, &control), 103);
    control.cycle = 110;
    CU_ASSERT_EQUAL(trust_cycle(&trust, &control), 100);
    control.cycle = 99;
    CU_ASSERT_EQUAL(trust_cycle(&trust, &control), 100);
}

static pid_t waiting_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void test_target(void)
{
    pid_t pid = waiting_child();
    int status;

    agree();
    control.pid = (uint32_t)pid;
    CU_ASSERT_FALSE(trust_broken(&trust, &control, getpid()));
    CU_ASSERT_EQUAL(trust_pid(&control, getpid()), pid);
    CU_ASSERT_TRUE(trust_broken(&trust, &control, getppid())); /* somebody else's child */
    CU_ASSERT_EQUAL(trust_pid(&control, getppid()), 0);
    trust_signal(&control, getppid(), SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, &status, WNOHANG), 0);
    trust_signal(&control, getpid(), SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    CU_ASSERT_FALSE(trust_broken(&trust, &control, getpid())); /* just reaped */
    CU_ASSERT_EQUAL(trust_pid(&control, getpid()), 0);
}

/* Everybody, a group, ourselves, our parent: none of them is told anything. */
static void test_strangers(void)
{
    const pid_t strangers[] = {-1, -getpgrp(), getpid(), getppid(), 1, 0};

    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        agree();
        control.pid = (uint32_t)strangers[i];
        CU_ASSERT_EQUAL(trust_pid(&control, getpid()), 0);
        CU_ASSERT_EQUAL(trust_broken(&trust, &control, getpid()), strangers[i] != 0);
        trust_signal(&control, getpid(),
                     0); /* 0: were it SIGKILL, this test would end the machine */
    }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("trust", NULL, NULL);
    CU_ADD_TEST(suite, test_terms);
    CU_ADD_TEST(suite, test_counts);
    CU_ADD_TEST(suite, test_cycle);
    CU_ADD_TEST(suite, test_target);
    CU_ADD_TEST(suite, test_strangers);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
