/*
 * test_server: the loop around cycles, with children of the test's own as targets. What is
 * tried is who judges a target that stops or ends while the supervisor has it in its hands.
 */
#include <harness/common/server.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, STATUS = 7 };

static struct abi_memory *memory;
static int bell;
static pid_t loop;

/* The supervisor has taken the cycle before its target does anything. */
static pid_t spawn_claimed(struct server *server)
{
    server->memory->control.hello = 1;
    server->memory->control.claim = CLAIM_SUPERVISOR;
    return fork();
}

/* Others have all the processes, for a moment. */
static pid_t spawn_late(struct server *server)
{
    static int tries;

    if (++tries < 4) {
        errno = EAGAIN;
        return -1;
    }
    server->memory->control.hello = 1;
    return fork();
}

static void stop_and_end(void)
{
    raise(SIGSTOP);
    _exit(STATUS);
}

static void end_at_once(void)
{
    _exit(STATUS);
}

/* One batch of one cycle: server_run() comes back in the target too. */
static void serve(pid_t (*spawn)(struct server *), void (*target)(void))
{
    struct server server = {memory, bell, spawn, NULL};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO); /* its output is waited for */
    if (server_run(&server) == 0)
        _exit(0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    target();
}

static void wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void command(uint32_t what)
{
    __atomic_store_n(&memory->control.command, what, __ATOMIC_RELEASE);
    wake(&memory->control.command);
}

static uint32_t next_state(void)
{
    struct pollfd ready = {.fd = bell, .events = POLLIN};
    uint64_t rings;

    if (poll(&ready, 1, PATIENCE_MS) != 1 || read(bell, &rings, sizeof rings) != sizeof rings)
        return SERVER_GONE;
    return __atomic_load_n(&memory->control.server, __ATOMIC_ACQUIRE);
}

static char letter(pid_t pid)
{
    char path[64], text[512] = "", *paren;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 'X';
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    paren = strrchr(text, ')');
    return paren != NULL && paren[1] == ' ' ? paren[2] : 'X';
}

/* Both stand still: the target has done its part, and the loop has seen it. */
static void wait_for(char of_target)
{
    for (unsigned poll_count = 0; poll_count < PATIENCE_MS; poll_count++) {
        pid_t pid = (pid_t)memory->control.pid;

        if (pid != 0 && letter(pid) == of_target && letter(loop) == 'S')
            return;
        poll(NULL, 0, 1);
    }
    CU_FAIL("the target has not come so far");
}

static void give_back(void)
{
    __atomic_store_n(&memory->control.claim, CLAIM_NONE, __ATOMIC_RELEASE);
    wake(&memory->control.claim);
}

static void begin_with(pid_t (*spawn)(struct server *), void (*target)(void))
{
    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bell = eventfd(0, EFD_CLOEXEC);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(memory, MAP_FAILED);
    memory->spec.none = 1;
    memory->control.batch_count = 1;
    loop = fork();
    if (loop == 0)
        serve(spawn, target);
    CU_ASSERT_EQUAL(next_state(), SERVER_READY);
}

static void begin(void (*target)(void))
{
    begin_with(spawn_claimed, target);
    command(COMMAND_RUN);
}

static void end(void)
{
    kill(loop, SIGKILL);
    waitpid(loop, NULL, 0);
    close(bell);
    munmap(memory, sizeof *memory);
}

static void a_stop_while_claimed_is_told_when_given_back(void)
{
    begin(stop_and_end);
    wait_for('T');
    give_back();
    CU_ASSERT_EQUAL(next_state(), SERVER_ANOMALY);
    CU_ASSERT(memory->control.anomaly & ANOMALY_STOPPED);
    kill((pid_t)memory->control.pid, SIGCONT);
    memory->control.anomaly = 0;
    command(COMMAND_CONTINUE);
    CU_ASSERT_EQUAL(next_state(), SERVER_ANOMALY); /* its status */
    CU_ASSERT(memory->control.anomaly & ANOMALY_STATUS);
    command(COMMAND_CONTINUE);
    CU_ASSERT_EQUAL(next_state(), SERVER_DONE);
    end();
}

static void an_end_while_claimed_is_judged_when_given_back(void)
{
    begin(end_at_once);
    wait_for('X'); /* the loop reaps it, and then waits */
    give_back();
    CU_ASSERT_EQUAL(next_state(), SERVER_ANOMALY);
    CU_ASSERT(memory->control.anomaly & ANOMALY_STATUS);
    CU_ASSERT_EQUAL(WEXITSTATUS(memory->control.status), STATUS);
    command(COMMAND_CONTINUE);
    CU_ASSERT_EQUAL(next_state(), SERVER_DONE);
    end();
}

/* The supervisor has read it and ended it: nobody asks a second time. */
static void what_the_supervisor_ended_is_not_judged_again(void)
{
    begin(end_at_once);
    wait_for('X');
    __atomic_store_n(&memory->control.claim, CLAIM_DONE, __ATOMIC_RELEASE);
    wake(&memory->control.claim);
    CU_ASSERT_EQUAL(next_state(), SERVER_DONE);
    CU_ASSERT_EQUAL(memory->control.failed, 1);
    CU_ASSERT_EQUAL(memory->control.anomaly, 0);
    end();
}

static void end_well(void)
{
    _exit(0);
}

static void a_cycle_waits_for_a_process(void)
{
    begin_with(spawn_late, end_well);
    command(COMMAND_RUN);
    CU_ASSERT_EQUAL(next_state(), SERVER_DONE);
    CU_ASSERT_EQUAL(memory->control.passed, 1);
    CU_ASSERT_EQUAL(memory->control.failed, 0);
    CU_ASSERT_EQUAL(memory->control.disturbed, 1);
    end();
}

/* Another one has taken its place, and has been told to go on. */
static void a_server_of_the_past_takes_no_command(void)
{
    int status = -1;

    begin_with(spawn_late, end_well);
    memory->control.server_pid = (uint32_t)getpid();
    command(COMMAND_RUN);
    CU_ASSERT_EQUAL(waitpid(loop, &status, 0), loop);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CU_ASSERT_EQUAL(memory->control.command, COMMAND_RUN);
    close(bell);
    munmap(memory, sizeof *memory);
}

int main(void)
{
    CU_pSuite suite;
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("server", NULL, NULL);
    CU_add_test(suite, "a_stop_while_claimed_is_told_when_given_back",
                a_stop_while_claimed_is_told_when_given_back);
    CU_add_test(suite, "an_end_while_claimed_is_judged_when_given_back",
                an_end_while_claimed_is_judged_when_given_back);
    CU_add_test(suite, "what_the_supervisor_ended_is_not_judged_again",
                what_the_supervisor_ended_is_not_judged_again);
    CU_add_test(suite, "a_cycle_waits_for_a_process", a_cycle_waits_for_a_process);
    CU_add_test(suite, "a_server_of_the_past_takes_no_command",
                a_server_of_the_past_takes_no_command);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
