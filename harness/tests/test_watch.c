/*
 * Tests of the watch: whose age counts, and that a cycle is given up once. The target is a child
 * of ours that only pauses: no proof of anything, so only its age speaks.
 */
#include <harness/supervisor/watch.h>

#include <signal.h>

#include <sys/mman.h>
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
    return watch_look(&watch, memory, OLD, 0, DEADLINE);
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
