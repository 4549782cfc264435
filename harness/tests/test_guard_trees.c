/*
 * test_guard_trees: what becomes of a child's end when its keeper dies with it still unsaid.
 *
 * The test plays the keepers itself: processes that only die, and the words they would have
 * sent. What whole trees do is for test_guardian.
 */
#include <harness/supervisor/guardian/guard_trees.h>
#include <harness/supervisor/guardian/keeper.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAG = 7, STATUS = 3 << 8, FLOOD = GUARDIAN_AT_ONCE_MAX + 10, ROOM_BYTES = 16 << 20 };

static int proc, control[2], notices[2];
static struct guard_trees trees;

static void begin(void)
{
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, notices), 0);
    guard_trees_begin(&trees, control[0], notices[0], proc);
}

static void finish(void)
{
    CU_ASSERT_PTR_NULL(trees.first);
    hunt_free(&trees.hunt);
    for (int i = 0; i < 2; i++) {
        close(control[i]);
        close(notices[i]);
    }
}

/* A keeper that has ended, by a signal or with status 0, and waits to be reaped. */
static pid_t dead_keeper(int number)
{
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0) {
        if (number != 0)
            raise(number);
        _exit(0);
    }
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    return pid;
}

/* A child's number: of a process that was, so that nobody has it now. */
static pid_t dead_child(void)
{
    pid_t pid = dead_keeper(0);

    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    return pid;
}

/* A tree whose keeper will be found dead; returns the keeper's end of its socket. */
static int plant(pid_t child, int number)
{
    struct guard_tree *t = calloc(1, sizeof *t);
    int ends[2], room = ROOM_BYTES;

    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    *t = (struct guard_tree){
        .keeper = dead_keeper(number), .child = child, .sock = ends[0], .tag = TAG};
    guard_trees_add(&trees, t);
    return ends[1];
}

/* Reads all notices; the child's own goes to @own. Returns how many were the child's. */
static unsigned take_notices(pid_t child, struct guardian_notice *own)
{
    struct guardian_notice notice;
    unsigned found = 0;

    do {
        guard_trees_flush(&trees);
        while (recv(notices[1], &notice, sizeof notice, MSG_DONTWAIT) == sizeof notice)
            if (!notice.adopted && notice.pid == child) {
                *own = notice;
                found++;
            }
    } while (trees.waiting != NULL);
    return found;
}

static bool say(int sock, struct keeper_word word)
{
    return send(sock, &word, sizeof word, MSG_DONTWAIT) == (ssize_t)sizeof word;
}

/* How many words a keeper's socket takes, up to the flood. */
static unsigned capacity(void)
{
    int ends[2], room = ROOM_BYTES;
    unsigned words = 0;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    while (words < FLOOD && say(ends[1], (struct keeper_word){.kind = KEEPER_EXIT}))
        words++;
    close(ends[0]);
    close(ends[1]);
    return words;
}

/* However much a keeper said before it left, its child's end was among it. */
static void test_last_word(void)
{
    struct guardian_notice own = {0};
    struct keeper_word orphan = {.kind = KEEPER_EXIT, .pid = 1, .adopted = true};
    unsigned words = capacity();
    pid_t child = dead_child();
    int sock;

    begin();
    sock = plant(child, 0);
    if (words < FLOOD) /* without privilege */
        printf("(no flood: the socket takes %u words) ", words);
    for (unsigned i = 1; i < words; i++)
        CU_ASSERT(say(sock, orphan));
    CU_ASSERT(say(sock, (struct keeper_word){.kind = KEEPER_EXIT, .pid = child, .status = STATUS}));
    close(sock);
    guard_trees_reap(&trees);
    CU_ASSERT_EQUAL(take_notices(child, &own), 1);
    CU_ASSERT_EQUAL(own.status, STATUS);
    CU_ASSERT_EQUAL(own.tag, TAG);
    finish();
}

/* Killed between the reaping of its child and the word about it. */
static void test_unsaid(void)
{
    struct guardian_notice own = {0};
    pid_t child = dead_child();

    begin();
    close(plant(child, SIGKILL));
    guard_trees_reap(&trees);
    CU_ASSERT_PTR_NOT_NULL(trees.first);
    guard_trees_strays(&trees);
    CU_ASSERT_EQUAL(take_notices(child, &own), 1);
    CU_ASSERT_EQUAL(own.status, -1);
    CU_ASSERT_EQUAL(own.tag, TAG);
    finish();
}

/* Killed after it: once is enough. */
static void test_said(void)
{
    struct guardian_notice own = {0};
    pid_t child = dead_child();
    int sock;

    begin();
    sock = plant(child, SIGKILL);
    CU_ASSERT(say(sock, (struct keeper_word){.kind = KEEPER_EXIT, .pid = child, .status = STATUS}));
    close(sock);
    guard_trees_reap(&trees);
    guard_trees_strays(&trees);
    CU_ASSERT_EQUAL(take_notices(child, &own), 1);
    CU_ASSERT_EQUAL(own.status, STATUS);
    finish();
}

/* A kill that was asked for is answered, and the answer comes once. */
static void test_kill_is_answered(void)
{
    struct guardian_reply reply;
    struct guardian_notice own;
    pid_t child = dead_child();

    begin();
    close(plant(child, SIGKILL));
    trees.first->killing = 5;
    guard_trees_reap(&trees);
    CU_ASSERT_EQUAL(guard_trees_due(&trees), 0);
    guard_trees_strays(&trees);
    CU_ASSERT_EQUAL(recv(control[1], &reply, sizeof reply, MSG_DONTWAIT), (ssize_t)sizeof reply);
    CU_ASSERT_EQUAL(reply.sequence, 5);
    CU_ASSERT_EQUAL(reply.failure.stage, GUARDIAN_WENT_WELL);
    CU_ASSERT_EQUAL(reply.pid, child);
    CU_ASSERT_EQUAL(recv(control[1], &reply, sizeof reply, MSG_DONTWAIT), -1);
    CU_ASSERT_EQUAL(take_notices(child, &own), 1);
    finish();
}

int main(void)
{
    CU_TestInfo tests[] = {{"a keeper's last word after a flood", test_last_word},
                           {"a keeper killed before its last word", test_unsaid},
                           {"a keeper killed after its last word", test_said},
                           {"a kill is answered once", test_kill_is_answered},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"guard_trees", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned failed;

    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || CU_initialize_registry() != CUE_SUCCESS ||
        CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    close(proc);
    return failed != 0;
}
