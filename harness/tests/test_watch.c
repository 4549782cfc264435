/*
 * Tests of the watch: whose age counts, that a cycle is given up once, and what proves a hang.
 * The target is a child of ours. One that only pauses proves nothing, so its age alone speaks;
 * others wait on a word, or spin, and what their lanes say is written here.
 */
#include <harness/supervisor/watch/watch.h>

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/Basic.h>

enum { EPOCH = 7, OLD = 1000000000, DEADLINE = 500000000 };

static struct abi_memory *memory;
static struct watch watch;

static void begin(uint64_t epoch)
{
    memory->control.epoch = epoch;
    memory->control.claim = CLAIM_NONE;
    memory->control.start_ns = 1;
}

/* The first look only learns which cycle this is. */
static enum watch_state look(void)
{
    watch.next_ns = 0;
    return watch_look(&watch, memory, (int)memory->control.pid, OLD, 0, DEADLINE);
}

static void test_too_old(void)
{
    begin(EPOCH);
    CU_ASSERT_EQUAL(look(), WATCH_FINE);
    CU_ASSERT_EQUAL(look(), WATCH_DEADLINE);
}

static void test_young(void)
{
    begin(EPOCH + 1);
    memory->control.start_ns = OLD - DEADLINE / 2;
    CU_ASSERT_EQUAL(look(), WATCH_FINE);
    CU_ASSERT_EQUAL(look(), WATCH_FINE);
}

/* It takes a while to die, and looks as hung as before: it must not be given up again. */
static void test_judged_already(void)
{
    begin(EPOCH + 2);
    CU_ASSERT_EQUAL(look(), WATCH_FINE);
    for (uint32_t claim = CLAIM_SERVER; claim <= CLAIM_DONE; claim++) {
        memory->control.claim = claim;
        CU_ASSERT_EQUAL(look(), WATCH_FINE);
    }
    memory->control.claim = CLAIM_NONE;
    CU_ASSERT_EQUAL(look(), WATCH_DEADLINE);
}

static void test_next_cycle(void)
{
    begin(EPOCH + 3);
    CU_ASSERT_EQUAL(look(), WATCH_FINE);
    CU_ASSERT_EQUAL(look(), WATCH_DEADLINE);
    begin(EPOCH + 4);
    CU_ASSERT_EQUAL(look(), WATCH_FINE);
    CU_ASSERT_EQUAL(watch.epoch, EPOCH + 4);
}

/* --- what proves a hang ----------------------------------------------------------------------- */

enum { LOCK = 0x1000, LOOKS = 12 };

static uint64_t epochs = 100;

/* The child of main() is the target again, in a cycle without lanes. */
static void put_back(pid_t target, uint32_t pauses)
{
    kill(target, SIGKILL);
    waitpid(target, NULL, 0);
    memset(memory->lane, 0, 2 * sizeof memory->lane[0]);
    memory->control.lanes = 0;
    memory->control.pid = pauses;
}

/* Looks so often that a proof would be complete; the state that it came to. */
static enum watch_state look_long(pid_t target)
{
    enum watch_state state = WATCH_FINE;

    memory->control.pid = (uint32_t)target;
    begin(++epochs);
    memory->lane[0].epoch = memory->lane[1].epoch = epochs;
    for (unsigned i = 0; i < LOOKS && state == WATCH_FINE; i++) {
        watch.next_ns = 0;
        state = watch_look(&watch, memory, (int)memory->control.pid, OLD, 0, UINT64_MAX);
    }
    return state;
}

static pid_t start_waiter(uint32_t *word)
{
    struct evidence_thread thread = {0};
    pid_t child = fork();

    if (child == 0)
        for (;;)
            syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
    while (child > 0 && !thread.waits) {
        sched_yield();
        watch_thread(child, child, &thread);
    }
    return child;
}

static void test_memory_that_came_by_fork(void)
{
    uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint32_t pauses = memory->control.pid;
    pid_t waiter = start_waiter(word);

    CU_ASSERT_EQUAL(look_long(waiter), WATCH_PROVED);
    /* A relative that is not in its tree, and that lives: this test. */
    memory->control.lanes = 1;
    memory->lane[0].pid = (uint32_t)getpid();
    CU_ASSERT_EQUAL(look_long(waiter), WATCH_FINE);
    CU_ASSERT_PTR_NOT_NULL(strstr(watch.why, "can write to memory that is waited on"));
    memory->lane[0].pid = (uint32_t)waiter;
    CU_ASSERT_EQUAL(look_long(waiter), WATCH_PROVED);
    put_back(waiter, pauses);
    munmap(word, 4096);
}

static void test_memory_of_a_file(void)
{
    int file = memfd_create("words", MFD_CLOEXEC);
    uint32_t pauses = memory->control.pid;
    uint32_t *word;
    pid_t waiter;

    CU_ASSERT_EQUAL_FATAL(ftruncate(file, 4096), 0);
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(word, MAP_FAILED);
    waiter = start_waiter(word);
    CU_ASSERT_EQUAL(look_long(waiter), WATCH_FINE);
    CU_ASSERT_PTR_NOT_NULL(strstr(watch.why, "other programs can share"));
    put_back(waiter, pauses);
    munmap(word, 4096);
    close(file);
}

static pid_t start_spinner(void)
{
    pid_t child = fork();

    if (child == 0)
        for (;;)
            __builtin_ia32_pause();
    return child;
}

/* lane[0] spins on a lock that lane[1] took, who is in that state. */
static void test_spinning_on_what_an_ended_thread_holds(void)
{
    uint32_t pauses = memory->control.pid;
    pid_t spinner = start_spinner();
    struct abi_lane *holder = &memory->lane[1];

    memory->control.lanes = 2;
    memory->lane[0].tid = memory->lane[0].pid = (uint32_t)spinner;
    memory->lane[0].state = LANE_RUNS;
    memory->lane[0].wait_object = LOCK;
    holder->held[0].object = LOCK;
    holder->held_count = 1;
    holder->state = LANE_RUNS;
    CU_ASSERT_EQUAL(look_long(spinner), WATCH_FINE);
    holder->state = LANE_ENDED;
    CU_ASSERT_EQUAL(look_long(spinner), WATCH_SPINNING);
    /* It gave the lock back before it ended: somebody else has it. */
    holder->held_count = 0;
    CU_ASSERT_EQUAL(look_long(spinner), WATCH_FINE);
    put_back(spinner, pauses);
}

static int run_all(void)
{
    CU_pSuite suite;
    unsigned failed;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("watch", NULL, NULL);
    CU_ADD_TEST(suite, test_too_old);
    CU_ADD_TEST(suite, test_young);
    CU_ADD_TEST(suite, test_judged_already);
    CU_ADD_TEST(suite, test_next_cycle);
    CU_ADD_TEST(suite, test_memory_that_came_by_fork);
    CU_ADD_TEST(suite, test_memory_of_a_file);
    CU_ADD_TEST(suite, test_spinning_on_what_an_ended_thread_holds);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}

int main(void)
{
    pid_t child;
    int status;

    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child = memory != MAP_FAILED ? fork() : -1;
    if (child < 0)
        return 77;
    if (child == 0)
        for (;;)
            pause();
    memory->control.pid = (uint32_t)child;
    status = run_all();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return status;
}
