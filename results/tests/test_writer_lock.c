/*
 * test_writer_lock: one writer, whoever asks, and none left behind by the dead.
 */
#include "store_fixture.h"

#include <results/store/writer_lock.h>

#include <signal.h>

static void lock_path(const struct fixture *f, char out[FIXTURE_PATH + 32])
{
    snprintf(out, FIXTURE_PATH + 32, "%s/" STORE_LOCK, f->directory);
}

static int child_tries(struct fixture *f)
{
    struct writer_lock *lock;
    char path[FIXTURE_PATH + 32], want[64];

    lock_path(f, path);
    snprintf(want, sizeof want, "process %ld ", (long)getppid());
    if (writer_lock_take(path, &lock, &f->e) != ERROR_BUSY)
        return 1;
    return strstr(f->e.text, want) != NULL && lock == NULL ? 0 : 2;
}

static int child_succeeds(struct fixture *f)
{
    struct writer_lock *lock;
    char path[FIXTURE_PATH + 32];

    lock_path(f, path);
    return writer_lock_take(path, &lock, &f->e);
}

static void test_one_at_a_time(void)
{
    struct writer_lock *lock, *second;
    char path[FIXTURE_PATH + 32];
    struct fixture f;

    fixture_directory(&f);
    lock_path(&f, path);
    fixture_ok(&f, writer_lock_take(path, &lock, &f.e));
    CU_ASSERT_EQUAL(writer_lock_take(path, &second, &f.e), ERROR_BUSY);
    CU_ASSERT_PTR_NULL(second);
    /* The refusal in this process must not have lost the lock. */
    CU_ASSERT_EQUAL(fixture_child(child_tries, &f), 0);
    writer_lock_drop(lock);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    CU_ASSERT_EQUAL(fixture_child(child_succeeds, &f), 0);
    fixture_remove(&f);
}

static void test_two_runs_do_not_mix(void)
{
    struct writer_lock *one, *two;
    char path[FIXTURE_PATH + 32];
    struct fixture f, g;

    fixture_directory(&f);
    fixture_directory(&g);
    lock_path(&f, path);
    fixture_ok(&f, writer_lock_take(path, &one, &f.e));
    lock_path(&g, path);
    fixture_ok(&g, writer_lock_take(path, &two, &g.e));
    writer_lock_drop(one);
    CU_ASSERT_EQUAL(fixture_child(child_succeeds, &f), 0);
    CU_ASSERT_EQUAL(fixture_child(child_tries, &g), 0);
    writer_lock_drop(two);
    fixture_remove(&f);
    fixture_remove(&g);
}

/* The child takes the lock, forks a grandchild that lives on, and dies without a word. */
static int dies_with_lock(struct fixture *f, int alive)
{
    int ready[2];
    char byte;

    if (child_succeeds(f) != 0 || pipe(ready) != 0)
        return 1;
    if (fork() == 0) {
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        /* Lives until the test closes its end. */
        _exit(read(alive, &byte, 1) < 0);
    }
    return read(ready[0], &byte, 1) == 1 ? 0 : 2;
}

static void test_the_dead_hold_nothing(void)
{
    struct fixture f;
    int alive[2], status;
    pid_t child;

    fixture_directory(&f);
    CU_ASSERT_EQUAL_FATAL(pipe(alive), 0);
    child = fork();
    if (child == 0) {
        close(alive[1]);
        if (dies_with_lock(&f, alive[0]) != 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, &status, 0);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    /* The lock file is still there, the grandchild has it open, and neither matters. */
    CU_ASSERT_EQUAL(fixture_child(child_succeeds, &f), 0);
    close(alive[0]);
    close(alive[1]);
    fixture_remove(&f);
}

static void test_no_directory(void)
{
    struct writer_lock *lock;
    struct fixture f;

    fixture_directory(&f);
    fixture_remove(&f);
    CU_ASSERT_EQUAL(writer_lock_take(f.path, &lock, &f.e), ERROR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(lock);
    writer_lock_drop(NULL);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"one at a time", test_one_at_a_time},
        {"two runs do not mix", test_two_runs_do_not_mix},
        {"the dead hold nothing", test_the_dead_hold_nothing},
        {"no directory", test_no_directory},
        CU_TEST_INFO_NULL,
    };

    return vector_run("writer lock", tests);
}
