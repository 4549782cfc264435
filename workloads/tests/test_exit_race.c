/*
 * Tests of exit-race: who is alive when exit() runs its handlers. Every cycle ends its
 * process, so each has one of its own; a handler set before the workload's looks around.
 * Linked with --wrap for pthread_join, to count, and for sem_post, by which a thread says that
 * half of its work is done.
 */
#include <workloads/tests/drive.h>

#include <pthread.h>
#include <semaphore.h>

extern const struct workload workload_exit_race;

enum { STATUS_ALONE = 40, STATUS_COMPANY = 41, STATUS_NOT_JOINED = 42 };

int __real_pthread_join(pthread_t, void **);
int __wrap_pthread_join(pthread_t, void **);

static int64_t to_join; /* threads that are still to be joined before exit() */

int __wrap_pthread_join(pthread_t thread, void **result)
{
    to_join--;
    return __real_pthread_join(thread, result);
}

int __real_sem_post(sem_t *);
int __wrap_sem_post(sem_t *);

static bool endless; /* the second half of a thread's work never ends */

int __wrap_sem_post(sem_t *semaphore)
{
    int error = __real_sem_post(semaphore);

    while (endless)
        pause();
    return error;
}

struct exit_run {
    const char *variant;
    int64_t ops;
    uint32_t laps;
    bool broken; /* a promise is broken on the way */
    bool look;   /* the handler overrides the status with what it saw */
    bool endless;
};

/* Runs after the workload's own handler. A thread that was joined may take a moment to go. */
static void look_around(void)
{
    _exit(drive_threads() == 1 ? STATUS_ALONE : STATUS_COMPANY);
}

static void look_around_with_patience(void)
{
    if (to_join != 0)
        _exit(STATUS_NOT_JOINED);
    _exit(drive_threads_left(1) == 0 ? STATUS_ALONE : STATUS_COMPANY);
}

static int run_to_exit(void *argument)
{
    const struct exit_run *run = argument;
    struct workload_context context = drive_context(&workload_exit_race, run->variant, 1);

    endless = run->endless;
    if (run->look)
        atexit(context.variant == 0 ? look_around_with_patience : look_around);
    context.laps = run->laps;
    to_join = run->laps * context.value[0];
    drive_set(&workload_exit_race, &context, "ops", run->ops);
    if (run->broken)
        workload_broken("on purpose");
    drive_run(&workload_exit_race, &context);
    return 99; /* it came back */
}

static int status_of(struct exit_run run)
{
    return drive_apart(run_to_exit, &run);
}

static void test_both_variants_end_with_status_0(void)
{
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(status_of((struct exit_run){"joined", 200, 2, false, false, false}), 0);
        CU_ASSERT_EQUAL(status_of((struct exit_run){"running", 200, 2, false, false, false}), 0);
    }
}

static void test_broken_promise_shows_in_the_status(void)
{
    CU_ASSERT_EQUAL(status_of((struct exit_run){"joined", 2, 1, true, false, false}), 1);
    CU_ASSERT_EQUAL(status_of((struct exit_run){"running", 2, 1, true, false, false}), 1);
}

static void test_joined_leaves_nobody(void)
{
    CU_ASSERT_EQUAL(status_of((struct exit_run){"joined", 200, 3, false, true, false}),
                    STATUS_ALONE);
}

static void test_running_leaves_its_threads(void)
{
    CU_ASSERT_EQUAL(status_of((struct exit_run){"running", 200, 1, false, true, true}),
                    STATUS_COMPANY);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"both variants end with status 0", test_both_variants_end_with_status_0},
        {"a broken promise shows in the status", test_broken_promise_shows_in_the_status},
        {"joined leaves nobody", test_joined_leaves_nobody},
        {"running leaves its threads", test_running_leaves_its_threads},
        CU_TEST_INFO_NULL,
    };

    if (DRIVE_TSAN)
        return 77;
    return drive_suite("exit-race", tests);
}
