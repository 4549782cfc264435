/*
 * Tests of recorder_place: what is removed, and above all what is not: wait files that were
 * there before or that somebody uses, directories of runs that live, processes of others.
 * Needs no LTTng, only a /dev/shm.
 */
#include <harness/supervisor/recorder/recorder_place.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/Basic.h>

enum { LONG_AGO_S = 3600, WAIT_MS = 30000, FOREVER_MS = 1 << 30 };

static struct recorder_place place;
static char wait_file[64];

static bool exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

static void make_place(void)
{
    struct error e = {.code = 0};

    CU_ASSERT_EQUAL_FATAL(recorder_place_make(&place, NULL, NULL, &e), 0);
}

static void make_file(const char *path, const char *text)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void map_wait_file(void)
{
    int fd = open(wait_file, O_RDONLY | O_CLOEXEC);

    if (mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
        _exit(1);
    close(fd);
}

/* A process that maps the wait file and ends after @seconds, or with us. */
static pid_t start_mapper(unsigned seconds)
{
    int ready[2];
    char byte;
    pid_t pid;

    CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        map_wait_file();
        alarm(seconds);
        dprintf(ready[1], "x");
        for (;;)
            pause();
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end_mapper(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* --- the directory --- */

static void test_made_and_removed(void)
{
    char dir[sizeof place.dir], path[256];
    struct stat info;

    make_place();
    memcpy(dir, place.dir, sizeof dir);
    CU_ASSERT_EQUAL(strncmp(dir, "/dev/shm/rundown-recorder-", 26), 0);
    CU_ASSERT_TRUE(stat(dir, &info) == 0 && (info.st_mode & 07777) == 0700);
    make_file(recorder_place_path(&place, "file", path, sizeof path), "text");
    CU_ASSERT_TRUE(exists(path));
    recorder_place_remove(&place, 0);
    CU_ASSERT_FALSE(exists(dir));
    CU_ASSERT_EQUAL(place.dir[0], '\0');
    recorder_place_remove(&place, 0);
}

static void test_path_that_does_not_fit(void)
{
    char path[16];

    make_place();
    CU_ASSERT_STRING_EQUAL(recorder_place_path(&place, "file", path, sizeof path), "");
    recorder_place_remove(&place, 0);
}

/* A directory as a dead run leaves it, or as a live one holds it. */
static int fake_run(char *dir, size_t size, bool old, bool locked)
{
    struct timespec times[2] = {{time(NULL) - LONG_AGO_S, 0}, {time(NULL) - LONG_AGO_S, 0}};
    char path[128];
    int fd;

    snprintf(dir, size, "/dev/shm/rundown-recorder-%dXXXXXX", (int)getpid());
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    make_file(path, "x");
    if (old)
        CU_ASSERT_EQUAL(utimensat(AT_FDCWD, dir, times, 0), 0);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (locked)
        CU_ASSERT_EQUAL(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void check_next_run(bool old, bool locked, bool stays)
{
    char dir[64];
    int fd = fake_run(dir, sizeof dir, old, locked);

    make_place();
    CU_ASSERT_EQUAL(exists(dir), stays);
    recorder_place_remove(&place, 0);
    close(fd);
    recorder_place_clear(dir);
    CU_ASSERT_FALSE(exists(dir));
}

static void test_dead_runs_are_swept(void)
{
    check_next_run(true, false, false);
}

static void test_live_runs_are_not(void)
{
    check_next_run(true, true, true);
    check_next_run(false, false, true);
}

static void test_own_lock_lasts_as_long_as_anybody_holds_it(void)
{
    int copy, again;

    make_place();
    again = open(place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    copy = dup(place.lock);
    close(place.lock);
    place.lock = copy;
    CU_ASSERT_TRUE(flock(again, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
    close(again);
    recorder_place_remove(&place, 0);
}

/* --- trees --- */

static void test_link_outlives_the_tree(void)
{
    char from[128], to[128], path[256], line[32];

    make_place();
    recorder_place_path(&place, "from", from, sizeof from);
    recorder_place_path(&place, "to", to, sizeof to);
    CU_ASSERT_EQUAL(mkdir(from, 0700), 0);
    CU_ASSERT_EQUAL(mkdir(recorder_place_path(&place, "from/in", path, sizeof path), 0700), 0);
    make_file(recorder_place_path(&place, "from/in/a", path, sizeof path), "text");
    make_file(recorder_place_path(&place, "from/b", path, sizeof path), "");
    CU_ASSERT_EQUAL(recorder_place_link(from, to), 2);
    recorder_place_clear(from);
    CU_ASSERT_FALSE(exists(from));
    recorder_place_path(&place, "to/in/a", path, sizeof path);
    recorder_place_last_line(path, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "text");
    CU_ASSERT_EQUAL(recorder_place_link(from, to), -1);
    recorder_place_remove(&place, 0);
}

static void test_clear_follows_no_link(void)
{
    char tree[128], path[256], outside[64] = "/tmp/rundown-test-place-XXXXXX";
    int fd = mkstemp(outside);

    close(fd);
    make_place();
    recorder_place_path(&place, "tree", tree, sizeof tree);
    CU_ASSERT_EQUAL(mkdir(tree, 0700), 0);
    CU_ASSERT_EQUAL(symlink(outside, recorder_place_path(&place, "tree/file", path, sizeof path)),
                    0);
    CU_ASSERT_EQUAL(symlink("/tmp", recorder_place_path(&place, "tree/dir", path, sizeof path)), 0);
    recorder_place_clear(tree);
    CU_ASSERT_FALSE(exists(tree));
    CU_ASSERT_TRUE(exists(outside));
    unlink(outside);
    recorder_place_remove(&place, 0);
}

static void check_last_line(const char *text, const char *expected)
{
    char path[128], line[8];

    recorder_place_path(&place, "log", path, sizeof path);
    unlink(path);
    make_file(path, text);
    recorder_place_last_line(path, line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, expected);
}

static void test_last_line(void)
{
    char line[8] = "before";

    make_place();
    check_last_line("one\ntwo\n\n\n", "two");
    check_last_line("one\ntwo", "two");
    check_last_line("", "");
    check_last_line("longer than it\n", "longer ");
    recorder_place_last_line("/nowhere/log", line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "");
    recorder_place_remove(&place, 0);
}

/* --- wait files --- */

static void test_unused_wait_file_goes(void)
{
    make_file(wait_file, "x");
    make_place();
    recorder_place_remove(&place, 0);
    CU_ASSERT_FALSE(exists(wait_file));
    make_place();
    make_file(wait_file, "x");
    recorder_place_remove(&place, 0);
    CU_ASSERT_FALSE(exists(wait_file));
    unlink(wait_file);
}

/* Of another user, of another kind, or of another name. */
static void test_what_is_no_wait_file_of_ours_stays(void)
{
    char other[64];

    snprintf(other, sizeof other, "/dev/shm/lttng-ust-other-%d", (int)getpid());
    make_file(other, "x");
    CU_ASSERT_EQUAL(symlink(other, wait_file), 0);
    make_place();
    recorder_place_remove(&place, 0);
    CU_ASSERT_TRUE(exists(other));
    CU_ASSERT_TRUE(exists(wait_file));
    unlink(wait_file);
    unlink(other);
    if (geteuid() != 0)
        return;
    make_file(wait_file, "x");
    CU_ASSERT_EQUAL(chown(wait_file, 12345, 12345), 0);
    make_place();
    recorder_place_remove(&place, 0);
    CU_ASSERT_TRUE(exists(wait_file));
    unlink(wait_file);
}

static void test_wait_file_in_use_stays(void)
{
    pid_t mapper;

    make_place();
    make_file(wait_file, "x");
    mapper = start_mapper(0);
    recorder_place_remove(&place, 0);
    CU_ASSERT_TRUE(exists(wait_file));
    end_mapper(mapper);
    unlink(wait_file);
}

static void test_its_user_may_take_a_while_to_end(void)
{
    pid_t mapper;

    make_place();
    make_file(wait_file, "x");
    mapper = start_mapper(1);
    recorder_place_remove(&place, WAIT_MS);
    CU_ASSERT_FALSE(exists(wait_file));
    CU_ASSERT_EQUAL(waitpid(mapper, NULL, WNOHANG), mapper);
    unlink(wait_file);
}

/* Nobody waits for the users of a file that was there long before; its time says so. */
static void test_older_wait_file_is_not_waited_for(void)
{
    pid_t mapper;

    make_file(wait_file, "x");
    make_place();
    place.made += LONG_AGO_S;
    mapper = start_mapper(0);
    /* With a wait, this would last for ever: the mapper does not end. */
    recorder_place_remove(&place, FOREVER_MS);
    CU_ASSERT_TRUE(exists(wait_file));
    end_mapper(mapper);
    unlink(wait_file);
}

static void test_the_owner_itself_holds_up_nothing(void)
{
    make_place();
    make_file(wait_file, "x");
    map_wait_file();
    recorder_place_remove(&place, 0);
    CU_ASSERT_FALSE(exists(wait_file));
    unlink(wait_file);
}

/* Of a file that other users may use, too, a plain user can see less: he asks the kernel. */
static void test_wait_file_of_all_users(void)
{
    pid_t mapper;

    make_place();
    make_file(wait_file, "x");
    CU_ASSERT_EQUAL(chmod(wait_file, 0666), 0);
    mapper = start_mapper(0);
    recorder_place_remove(&place, 0);
    CU_ASSERT_TRUE(exists(wait_file));
    end_mapper(mapper);
    unlink(wait_file);
    make_place();
    make_file(wait_file, "x");
    CU_ASSERT_EQUAL(chmod(wait_file, 0666), 0);
    recorder_place_remove(&place, 0);
    CU_ASSERT_FALSE(exists(wait_file));
    unlink(wait_file);
}

/* --- processes --- */

/* This program again, under another name and with its own idea of the directory. */
static pid_t start_user(const char *name, const char *home)
{
    char link[256], self[256], entry[256];
    char *const environment[] = {"A=b", entry, "C=d", NULL};
    char *const arguments[] = {"user", "--wait", NULL};
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    int ready[2];
    pid_t pid;
    char byte;

    self[n > 0 ? n : 0] = '\0';
    snprintf(entry, sizeof entry, "LTTNG_HOME=%s", home);
    CU_ASSERT_EQUAL(symlink(self, recorder_place_path(&place, name, link, sizeof link)), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ready[1], STDOUT_FILENO);
        execve(link, arguments, environment);
        _exit(1);
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    unlink(link);
    return pid;
}

static void test_only_our_tracers_are_ended(void)
{
    char longer[128];
    pid_t ours, other_name, other_home;

    make_place();
    snprintf(longer, sizeof longer, "%s0", place.dir);
    ours = start_user("lttng-sessiond", place.dir);
    other_name = start_user("sessiond", place.dir);
    other_home = start_user("lttng-consumerd", longer);
    recorder_place_end_users(&place, WAIT_MS);
    CU_ASSERT_EQUAL(waitpid(ours, NULL, WNOHANG), ours);
    CU_ASSERT_EQUAL(waitpid(other_name, NULL, WNOHANG), 0);
    CU_ASSERT_EQUAL(waitpid(other_home, NULL, WNOHANG), 0);
    end_mapper(other_name);
    end_mapper(other_home);
    recorder_place_remove(&place, 0);
}

/* One test at a time may make and remove the tracer's files; the lock goes with the process. */
static void wait_for_turn(void)
{
    int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        flock(fd, LOCK_EX);
}

static void add_tests(CU_pSuite suite)
{
    CU_add_test(suite, "made and removed", test_made_and_removed);
    CU_add_test(suite, "path that does not fit", test_path_that_does_not_fit);
    CU_add_test(suite, "dead runs are swept", test_dead_runs_are_swept);
    CU_add_test(suite, "live runs are not", test_live_runs_are_not);
    CU_add_test(suite, "the lock lasts", test_own_lock_lasts_as_long_as_anybody_holds_it);
    CU_add_test(suite, "link outlives the tree", test_link_outlives_the_tree);
    CU_add_test(suite, "clear follows no link", test_clear_follows_no_link);
    CU_add_test(suite, "last line", test_last_line);
    CU_add_test(suite, "unused wait file goes", test_unused_wait_file_goes);
    CU_add_test(suite, "what is none of ours stays", test_what_is_no_wait_file_of_ours_stays);
    CU_add_test(suite, "wait file in use stays", test_wait_file_in_use_stays);
    CU_add_test(suite, "its user may take a while", test_its_user_may_take_a_while_to_end);
    CU_add_test(suite, "an older one is not waited for", test_older_wait_file_is_not_waited_for);
    CU_add_test(suite, "the owner holds up nothing", test_the_owner_itself_holds_up_nothing);
    CU_add_test(suite, "wait file of all users", test_wait_file_of_all_users);
    CU_add_test(suite, "only our tracers are ended", test_only_our_tracers_are_ended);
}

int main(int argc, char **argv)
{
    unsigned failures;

    if (argc > 1 && strcmp(argv[1], "--wait") == 0) {
        if (write(STDOUT_FILENO, "x", 1) == 1)
            pause();
        return 0;
    }
    if (access("/dev/shm", W_OK) < 0) {
        printf("skipped: /dev/shm: %s\n", strerror(errno));
        return 77;
    }
    wait_for_turn();
    snprintf(wait_file, sizeof wait_file, "/dev/shm/lttng-ust-wait-test-%d", (int)getpid());
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    add_tests(CU_add_suite("recorder_place", NULL, NULL));
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
