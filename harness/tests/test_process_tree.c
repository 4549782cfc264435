/*
 * test_process_tree: what is seen of processes whose states the test knows.
 */
#include <harness/supervisor/process/process_tree.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 300 };

static int proc;

/* A child that waits to be killed, under a name that would mislead a careless reader. */
static pid_t plant(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_NAME, "a) Z 1 (\n9");
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    CU_ASSERT_EQUAL(waitpid(pid, NULL, WUNTRACED), pid);
    return pid;
}

static void end(pid_t pid)
{
    siginfo_t info;

    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void test_look(void)
{
    struct process_tree_look look, own;
    pid_t pid = plant();

    CU_ASSERT_EQUAL(process_tree_look(proc, getpid(), &own), PROCESS_TREE_SEEN);
    CU_ASSERT_EQUAL(own.parent, getppid());
    CU_ASSERT_EQUAL(process_tree_look(proc, pid, &look), PROCESS_TREE_SEEN);
    CU_ASSERT_EQUAL(look.state, 'T');
    CU_ASSERT_EQUAL(look.parent, getpid());
    CU_ASSERT_EQUAL(look.threads, 1);
    CU_ASSERT(look.start >= own.start && own.start > 0);
    CU_ASSERT_FALSE(process_tree_dead(&look));
    end(pid);
    CU_ASSERT_EQUAL(process_tree_look(proc, pid, &look), PROCESS_TREE_SEEN);
    CU_ASSERT(process_tree_dead(&look));
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_EQUAL(process_tree_look(proc, pid, &look), PROCESS_TREE_GONE);
}

static void test_tracer(void)
{
    pid_t pid = plant();

    CU_ASSERT_EQUAL(process_tree_tracer(proc, pid), 0);
    CU_ASSERT_FALSE(process_tree_traced_stop(proc, pid));
    CU_ASSERT_EQUAL_FATAL(ptrace(PTRACE_ATTACH, pid, NULL, NULL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, __WALL), pid);
    CU_ASSERT_EQUAL(process_tree_tracer(proc, pid), getpid());
    CU_ASSERT(process_tree_traced_stop(proc, pid));
    end(pid);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void *plant_elsewhere(void *pid)
{
    *(pid_t *)pid = plant();
    return NULL;
}

struct bearer {
    pid_t pid;
    int said[2], go[2];
};

/* A thread keeps its children for as long as it lives. */
static void *bear(void *bearer)
{
    struct bearer *b = bearer;
    char byte = 0;

    plant_elsewhere(&b->pid);
    if (write(b->said[1], &byte, 1) == 1 && read(b->go[0], &byte, 1) >= 0)
        return b;
    return NULL;
}

static bool lists(const struct process_tree_pids *pids, pid_t pid)
{
    for (size_t i = 0; i < pids->count; i++)
        if (pids->at[i] == pid)
            return true;
    return false;
}

static void test_children_of_a_thread(void)
{
    struct process_tree_pids pids = {0};
    struct bearer b;
    pthread_t thread;
    char byte;
    void *well;

    CU_ASSERT(pipe(b.said) == 0 && pipe(b.go) == 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, bear, &b), 0);
    CU_ASSERT_EQUAL(read(b.said[0], &byte, 1), 1);
    CU_ASSERT_EQUAL(process_tree_children(proc, getpid(), &pids), PROCESS_TREE_SEEN);
    CU_ASSERT(pids.count == 1 && lists(&pids, b.pid));
    CU_ASSERT_EQUAL(write(b.go[1], "", 1), 1);
    CU_ASSERT_EQUAL(pthread_join(thread, &well), 0);
    CU_ASSERT_PTR_NOT_NULL(well);
    end(b.pid);
    CU_ASSERT_EQUAL(waitpid(b.pid, NULL, 0), b.pid);
    for (int i = 0; i < 2; i++) {
        close(b.said[i]);
        close(b.go[i]);
    }
    process_tree_free(&pids);
}

/* More than one read and one growth of the list. */
static void test_many_children(void)
{
    struct process_tree_pids pids = {0};
    pid_t pid[MANY];

    for (int i = 0; i < MANY; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            _exit(0);
    }
    CU_ASSERT_EQUAL(process_tree_children(proc, getpid(), &pids), PROCESS_TREE_SEEN);
    CU_ASSERT_EQUAL(pids.count, MANY);
    for (int i = 0; i < MANY; i++) {
        CU_ASSERT(lists(&pids, pid[i]));
        CU_ASSERT_EQUAL(waitpid(pid[i], NULL, 0), pid[i]);
    }
    process_tree_free(&pids);
    CU_ASSERT_EQUAL(process_tree_children(proc, pid[0], &pids), PROCESS_TREE_GONE);
    CU_ASSERT_EQUAL(pids.count, 0);
}

/* Without a descriptor "gone" would be a guess. */
static void test_unseen(void)
{
    struct process_tree_pids pids = {0};
    struct process_tree_look look;

    CU_ASSERT_EQUAL(process_tree_look(-1, getpid(), &look), PROCESS_TREE_UNSEEN);
    CU_ASSERT_EQUAL(process_tree_children(-1, getpid(), &pids), PROCESS_TREE_UNSEEN);
    CU_ASSERT_EQUAL(pids.count, 0);
}

int main(void)
{
    CU_TestInfo tests[] = {{"a stopped one, a dead one, a reaped one", test_look},
                           {"a traced one", test_tracer},
                           {"children of a thread", test_children_of_a_thread},
                           {"many children", test_many_children},
                           {"nothing to look with", test_unseen},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"process_tree", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
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
