/*
 * test_fds: moving descriptors and closing all but some. Each closing is done in a process of
 * its own, which tells by its exit status.
 */
#include <harness/supervisor/guardian/fds.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HIGHEST = 40 };

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int null_open(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static void test_lift(void)
{
    int fd = null_open(), high = fds_lift(fd, fd + 10);

    CU_ASSERT(high >= fd + 10);
    CU_ASSERT_FALSE(is_open(fd));
    CU_ASSERT_EQUAL(fcntl(high, F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(fds_lift(high, 3), high);
    fds_close((int[]){-1, high}, 2);
    CU_ASSERT_FALSE(is_open(high));
    errno = EXDEV;
    CU_ASSERT_EQUAL(fds_lift(-1, 3), -1);
    CU_ASSERT_EQUAL(errno, EXDEV);
}

/* Where no number is high enough the descriptor is gone, not leaked. */
static void test_lift_fails(void)
{
    struct rlimit limit;
    int fd = null_open();

    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CU_ASSERT_EQUAL(fds_lift(fd, (int)limit.rlim_cur), -1);
    CU_ASSERT_EQUAL(errno, EINVAL);
    CU_ASSERT_FALSE(is_open(fd));
}

static bool is_kept(const int *keep, unsigned count, int fd)
{
    for (unsigned i = 0; i < count; i++)
        if (keep[i] == fd)
            return true;
    return fd < 3;
}

static _Noreturn void keep_only(int *keep, unsigned count)
{
    bool right = true;

    for (int fd = 0; fd <= HIGHEST; fd++)
        if (!is_open(fd))
            right &= dup2(STDIN_FILENO, fd) == fd || dup2(STDOUT_FILENO, fd) == fd;
    right &= fds_close_except(keep, count);
    for (int fd = 0; fd <= HIGHEST; fd++)
        right &= is_open(fd) == is_kept(keep, count, fd);
    _exit(right ? 0 : 1);
}

static bool keeps(int *keep, unsigned count)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        keep_only(keep, count);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_close_except(void)
{
    CU_ASSERT(keeps((int[]){0}, 0));
    CU_ASSERT(keeps((int[]){3}, 1));
    CU_ASSERT(keeps((int[]){HIGHEST}, 1));
    CU_ASSERT(keeps((int[]){17, 1, 3, 17, 4, -1, 30}, 7));
}

int main(void)
{
    CU_TestInfo tests[] = {{"lifting", test_lift},
                           {"lifting beyond the limit", test_lift_fails},
                           {"closing all but some", test_close_except},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"fds", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned failed;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
