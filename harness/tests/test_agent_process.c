/*
 * Tests of the agent as a guest: start.c, hook_process.c, hook_thread.c, lane.c and fatal.c, by
 * targets/process.c. Whatever a program does to its process, it must go as it goes without us,
 * in the fork server and started afresh alike, and threads and processes must be told rightly.
 */
#include "agent_stage.h"

/* The scene passes without the agent, twice in a fork server, and started afresh. */
static bool play(struct stage *stage, const char *scene)
{
    bool passed;

    CU_ASSERT_TRUE(stage_plain("process", scene));
    CU_ASSERT_TRUE_FATAL(stage_open_as(stage, "process", scene, true));
    CU_ASSERT_TRUE(stage_pass(stage));
    CU_ASSERT_EQUAL(stage_control(stage)->hello, 1);
    stage_close(stage);
    CU_ASSERT_TRUE_FATAL(stage_open(stage, "process", scene));
    CU_ASSERT_TRUE(stage_pass(stage));
    passed = stage_pass(stage);
    CU_ASSERT_TRUE(passed);
    CU_ASSERT_EQUAL(stage_control(stage)->hello, 1);
    return passed;
}

static void check_workers(struct stage *stage, const char *parent, unsigned first)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct abi_lane *lane;
        char name[PLAN_THREAD_BYTES];

        snprintf(name, sizeof name, "%s.%u", parent, first + i);
        lane = stage_lane(stage, name);
        CU_ASSERT_PTR_NOT_NULL_FATAL(lane);
        CU_ASSERT_EQUAL(lane->hits[SITE_LOCK], 50);
        CU_ASSERT_EQUAL(lane->hits[SITE_UNLOCK], 50);
        CU_ASSERT_EQUAL(lane->hits[SITE_MALLOC], 50);
        CU_ASSERT_TRUE(lane->hits[SITE_FREE] >= 50); /* libc frees too, at a thread's end */
        CU_ASSERT_EQUAL(lane->unknown_frees, 0);
        CU_ASSERT_EQUAL(lane->state, LANE_ENDED);
        CU_ASSERT_EQUAL(lane->end, END_RETURN);
        CU_ASSERT_EQUAL(lane->held_count, 0);
    }
}

static void play_with_workers(const char *scene, unsigned first)
{
    struct stage stage;

    if (play(&stage, scene))
        check_workers(&stage, "T1", first);
    stage_close(&stage);
}

/* --- environment, descriptors, signals
 * ------------------------------------------------------------------ */

static void test_environment(void)
{
    struct stage stage;

    play(&stage, "environment");
    stage_close(&stage);
    play(&stage, "preload");
    stage_close(&stage);
}

static void test_descriptors(void)
{
    play_with_workers("close-all", 1);
}

static void test_signals(void)
{
    play_with_workers("blocked", 1);
    play_with_workers("ignored", 1);
}

/* Handled by the program itself: no crash of which we would know. */
static void test_fault(void)
{
    struct stage stage;

    if (play(&stage, "fault")) {
        check_workers(&stage, "T1", 2);
        CU_ASSERT_EQUAL(stage_control(&stage)->crash.epoch, 0);
        CU_ASSERT_EQUAL(stage_control(&stage)->anomaly & ANOMALY_SIGNAL, 0);
    }
    stage_close(&stage);
}

/* --- threads
 * ------------------------------------------------------------------------------------------------
 */

static void test_small(void)
{
    play_with_workers("small", 1);
}

static void test_many(void)
{
    struct stage stage;

    if (play(&stage, "many")) {
        const struct abi_control *control = stage_control(&stage);

        CU_ASSERT_EQUAL(control->lanes, ABI_LANES);
        CU_ASSERT_TRUE(control->lane_overflow >= 301 - ABI_LANES);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->children, 300);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->hits[SITE_JOIN], 300);
    }
    stage_close(&stage);
}

/* Lanes are used again; names and sums go on. */
static void test_one_by_one(void)
{
    struct stage stage;

    if (play(&stage, "one-by-one")) {
        unsigned own = 0;

        CU_ASSERT_EQUAL(stage_control(&stage)->lane_overflow, 0);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->children, 300);
        CU_ASSERT_PTR_NOT_NULL(stage_lane(&stage, "T1.300"));
        for (unsigned i = 0; i < ABI_HEAP_SLOTS; i++) {
            const struct abi_heap_slot *slot = &stage.job.memory->heap[i];

            own += slot->key >> 20 != 0 && slot->bytes == 100 &&
                   (slot->key & 0xfffff) == (stage_control(&stage)->epoch & 0xfffff);
        }
        CU_ASSERT_EQUAL(own, 200);
        CU_ASSERT_EQUAL(stage_control(&stage)->alive, 1);
    }
    stage_close(&stage);
}

/* --- processes
 * --------------------------------------------------------------------------------------------------
 */

static void test_fork(void)
{
    struct stage stage;

    if (play(&stage, "fork")) {
        const struct abi_lane *child = stage_lane(&stage, "T1f1");
        const struct abi_lane *grandchild = stage_lane(&stage, "T1f1f1");

        CU_ASSERT_PTR_NOT_NULL_FATAL(child);
        CU_ASSERT_PTR_NOT_NULL_FATAL(grandchild);
        CU_ASSERT_NOT_EQUAL(child->pid, stage_lane(&stage, "T1")->pid);
        CU_ASSERT_NOT_EQUAL(child->pid, grandchild->pid);
        check_workers(&stage, "T1f1", 1);
        check_workers(&stage, "T1f1f1", 1);
        check_workers(&stage, "T1", 1);
        CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1"), EVENT_FORKED), 1);
        CU_ASSERT_EQUAL(stage_event(stage_lane(&stage, "T1"), EVENT_FORKED, 0)->object, child->pid);
    }
    stage_close(&stage);
}

/* Children's threads have their parents' pthread_t, and are none of the target's threads. */
static void test_fork_in_threads(void)
{
    struct stage stage;

    if (play(&stage, "fork-in-threads")) {
        const struct abi_control *control = stage_control(&stage);

        CU_ASSERT_EQUAL(control->alive, 1);
        CU_ASSERT_EQUAL(control->anomaly, 0);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1.1")->end, END_RETURN);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1.2")->end, END_RETURN);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1.1f1")->end, END_RUNNING);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1.2f1")->end, END_RETURN);
    }
    stage_close(&stage);
}

/* What handlers unlock in the child is the child's, and no act of its parent's. */
static void test_fork_here(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("process", "handlers"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "process", "handlers"));
    stage_strike(&stage, "fork-here", "T1", SITE_MALLOC, 7, 0, 0);
    CU_ASSERT_TRUE(stage_pass(&stage));
    CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
    CU_ASSERT_EQUAL(stage_control(&stage)->anomaly, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage_lane(&stage, "T1f1"));
    CU_ASSERT_EQUAL(stage_lane(&stage, "T1f1")->hits[SITE_UNLOCK], 1);
    CU_ASSERT_EQUAL(stage_lane(&stage, "T1f1")->held_count, 0);
    CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->hits[SITE_UNLOCK], 1);
    CU_ASSERT_EQUAL(stage_lane(&stage, "T1")->held_count, 0);
    stage_close(&stage);
}

/* A fork that passes no hook of ours. */
static void test_daemon(void)
{
    struct stage stage;

    if (play(&stage, "daemon")) {
        const struct abi_lane *child = stage_lane(&stage, "T1f1");
        const struct abi_lane *rest = stage_lane(&stage, "T1f1f1");

        CU_ASSERT_PTR_NOT_NULL_FATAL(child);
        CU_ASSERT_PTR_NOT_NULL_FATAL(rest);
        CU_ASSERT_NOT_EQUAL(child->pid, rest->pid);
        check_workers(&stage, "T1f1f1", 1);
    }
    stage_close(&stage);
}

/* A child's only thread is the whole child: to kill it would be another injection. */
static void test_kill_in_child(void)
{
    struct stage stage;

    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "process", "fork"));
    stage_strike(&stage, "thread-kill", "T1f1", SITE_THREAD_CREATE, 1, 0, 0);
    CU_ASSERT_TRUE(stage_pass(&stage));
    CU_ASSERT_EQUAL(stage_control(&stage)->fired, 0);
    CU_ASSERT_EQUAL(stage_control(&stage)->not_fired, 1);
    CU_ASSERT_EQUAL(stage_control(&stage)->deaths, 0);
    stage_strike(&stage, "thread-kill", "T1f1.1", SITE_LOCK, 1, 0, 0);
    CU_ASSERT_TRUE(stage_pass(&stage));
    CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
    CU_ASSERT_EQUAL(stage_control(&stage)->deaths, 1);
    stage_close(&stage);
}

/* --- the order of Windows
 * --------------------------------------------------------------------------------- */

/* Whatever masks they have set by libc: at exit the thread that exits is alone. */
static void test_deaf(void)
{
    static const uint32_t modes[] = {PLAN_FREE, PLAN_CONTROLLED};
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("process", "deaf"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "process", "deaf"));
    for (unsigned i = 0; i < 8; i++) {
        stage.mode = modes[i % 2];
        stage.cycle = i;
        stage.spec.none = 1;
        CU_ASSERT_TRUE(stage_pass(&stage));
        CU_ASSERT_EQUAL(stage_said(&stage, "left"), 5);
        stage_strike(&stage, "exit-nt-order", "T1", SITE_LOCK, 1, 0, 77);
        CU_ASSERT_TRUE(stage_pass(&stage));
        CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
        CU_ASSERT_EQUAL(stage_control(&stage)->remarks, 0);
        CU_ASSERT_EQUAL(stage_status(&stage), 77);
        CU_ASSERT_EQUAL(stage_said(&stage, "left"), 1);
    }
    stage_close(&stage);
}

/* One blocks it by a system call of its own: nobody is touched, and it is said. */
static void test_stone_deaf(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("process", "stone-deaf"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "process", "stone-deaf"));
    stage_strike(&stage, "exit-nt-order", "T1", SITE_LOCK, 1, 0, 77);
    CU_ASSERT_TRUE(stage_pass(&stage));
    CU_ASSERT_EQUAL(stage_control(&stage)->intended, 1);
    CU_ASSERT_EQUAL(stage_control(&stage)->fired, 0);
    CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1"), EVENT_INJECT_INTENT), 1);
    CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1"), EVENT_INJECT_FIRED), 0);
    CU_ASSERT_EQUAL(stage_control(&stage)->remarks, REMARK_UNREACHED);
    CU_ASSERT_EQUAL(stage_status(&stage), 0);
    CU_ASSERT_EQUAL(stage_said(&stage, "left"), 5);
    stage_close(&stage);
}

static void test_vfork(void)
{
    play_with_workers("vfork", 1);
}

/* Neither its exec nor its end is the target's, and no injection strikes there. */
static void test_vfork_missing(void)
{
    static const uint32_t sites[] = {SITE_EXEC, SITE_EXIT_NOW};
    const struct abi_lane *lane;
    struct stage stage;

    play_with_workers("vfork-missing", 1);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_TRUE_FATAL(stage_open(&stage, "process", "vfork-missing"));
        stage_strike(&stage, "exit", "T1", sites[i], 1, 0, 77);
        CU_ASSERT_TRUE(stage_pass(&stage));
        lane = stage_lane(&stage, "T1");
        CU_ASSERT_EQUAL(stage_control(&stage)->fired, 0);
        CU_ASSERT_EQUAL(stage_status(&stage), 0);
        CU_ASSERT_EQUAL(lane->hits[sites[i]], 0);
        CU_ASSERT_EQUAL(stage_count(lane, EVENT_EXIT_PHASE), 2); /* main's return, destructors */
        stage_close(&stage);
    }
}

static void test_spawn(void)
{
    play_with_workers("spawn", 1);
}

static void test_shell(void)
{
    play_with_workers("shell", 1);
}

static void test_exec(void)
{
    struct stage stage;

    if (play(&stage, "exec")) {
        check_workers(&stage, "T1", 1);
        CU_ASSERT_EQUAL(stage_said(&stage, "replaced"), 7);
        CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1"), EVENT_EXEC), 1);
    }
    stage_close(&stage);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"environment", test_environment},
        {"all descriptors closed", test_descriptors},
        {"signals blocked and ignored", test_signals},
        {"a SIGSEGV handler on its own stack", test_fault},
        {"the smallest stacks", test_small},
        {"300 threads at once", test_many},
        {"300 threads one by one", test_one_by_one},
        {"fork", test_fork},
        {"forks by two threads", test_fork_in_threads},
        {"a planned fork", test_fork_here},
        {"a fork of libc's own", test_daemon},
        {"vfork and exec", test_vfork},
        {"vfork and no exec", test_vfork_missing},
        {"posix_spawn", test_spawn},
        {"system and popen", test_shell},
        {"execve of itself", test_exec},
        {"the only thread of a child is not killed", test_kill_in_child},
        {"all others vanish, whatever they block", test_deaf},
        {"one that cannot be ended", test_stone_deaf},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"agent: process", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return stage_main(suites);
}
