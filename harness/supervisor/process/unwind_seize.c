/*
 * unwind_seize: stops all threads of a process for the time of an autopsy.
 *
 * By PTRACE_SEIZE and PTRACE_INTERRUPT alone: no signal is sent, so nothing is left pending
 * and a stopped process stays stopped. What a thread reports instead of our stop (a signal on
 * its way, its death) is handed on, never swallowed. Waits poll with a deadline, since a
 * thread may never stop and SIGCHLD belongs to the rest of the supervisor.
 */
#include <harness/supervisor/process/unwind.h>

#include "clock.h"
#include <harness/supervisor/process/space.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SEIZE_MS = 2000, /* all of them */
    LETGO_MS = 2000, /* one that is dying */
    ASLEEP_MS = 100, /* a thread that nothing interrupts gets no longer than this */
    ROUNDS_MAX = 256,
    SPINS = 50,
};

/* UNREPORTED: a leader that ended under our hands; the kernel tells when its last thread ends. */
enum outcome {
    STOPPED,
    GONE,
    UNREPORTED,
    NOT_YET,
};

static void pause_between_polls(unsigned poll)
{
    struct timespec pause = {0, poll < 4 * SPINS ? 20000 : 500000};

    if (poll < SPINS)
        sched_yield();
    else
        nanosleep(&pause, NULL);
}

/* A number from /proc/PID/task/TID/status, such as "TracerPid:"; -1 if the thread is gone. */
static long status_number(pid_t pid, pid_t tid, const char *field)
{
    char path[64], line[256];
    long number = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (number < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0)
            number = strtol(line + strlen(field), NULL, 10);
    }
    fclose(file);
    return number;
}

/* The state letter of a thread, 'X' if it is gone. */
static char thread_state(pid_t pid, pid_t tid)
{
    char path[64], text[512] = "";
    const char *end;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    file = fopen(path, "re");
    if (file == NULL)
        return 'X';
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' ? end[2] : 'X';
}

static bool is_dead(char state)
{
    return state == 'Z' || state == 'X' || state == 'x';
}

/*
 * A tracer is told of a thread's end, and has to take the news. A process that is our own
 * child is left as it is, for the caller's wait to find.
 */
static void take_end(pid_t pid, pid_t tid)
{
    if (tid != pid || status_number(pid, tid, "PPid:") != getpid())
        waitpid(tid, NULL, __WALL | WNOHANG);
}

/* A dead thread that we trace stays a zombie until its report comes. */
static enum outcome without_news(pid_t pid, pid_t tid)
{
    char state = thread_state(pid, tid);

    if (state == 'X')
        return GONE;
    return state == 'Z' && tid == pid ? UNREPORTED : NOT_YET;
}

/* False if it was killed since its stop was reported. */
static bool take_stop(pid_t tid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL) == 0 && info.si_pid == tid;
}

static enum outcome poll_thread(pid_t pid, pid_t tid)
{
    const int how = WNOHANG | __WALL;
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOWAIT | how) != 0)
        return GONE;
    if (info.si_pid == 0)
        return without_news(pid, tid);
    if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
        return take_stop(tid) ? STOPPED : NOT_YET;
    take_end(pid, tid);
    return GONE;
}

static bool out_of_reach(pid_t pid, pid_t tid, enum outcome outcome)
{
    return outcome == UNREPORTED || thread_state(pid, tid) == 'D';
}

/* Gives up early on a thread that nothing reaches all the time; one that has to run gets all. */
static enum outcome wait_stopped(pid_t pid, pid_t tid, int64_t deadline)
{
    int64_t patience = clock_ms() + ASLEEP_MS;

    for (unsigned poll = 0;; poll++) {
        enum outcome outcome = poll_thread(pid, tid);
        int64_t now = clock_ms();

        if (outcome == STOPPED || outcome == GONE || now >= deadline)
            return outcome;
        if (poll >= SPINS && !out_of_reach(pid, tid, outcome))
            patience = now + ASLEEP_MS;
        if (now >= patience)
            return outcome;
        pause_between_polls(poll);
    }
}

/* Why the kernel said EPERM. 0: the thread was dead already. */
static int explain_refusal(pid_t pid, pid_t tid, struct error *e)
{
    long tracer = status_number(pid, tid, "TracerPid:");

    if (is_dead(thread_state(pid, tid)))
        return 0;
    if (tracer > 0)
        return error_set(e, ERROR_BUSY, "ptrace: process %d: process %ld traces it: end that one",
                         (int)pid, tracer);
    return space_refused(e, "ptrace", pid);
}

/* Seizes one thread. 0 with *held false if it has ended. */
static int seize(pid_t pid, pid_t tid, bool *held, struct error *e)
{
    *held = ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0;
    if (*held) {
        ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
        return 0;
    }
    if (errno == ESRCH)
        return 0;
    if (errno == EPERM || errno == EACCES || errno == ENOSYS)
        return explain_refusal(pid, tid, e);
    return error_set(e, ERROR_SYSTEM, "ptrace: thread %d: %s", (int)tid, strerror(errno));
}

static bool listed(const pid_t *tids, size_t count, pid_t tid)
{
    for (size_t i = 0; i < count; i++) {
        if (tids[i] == tid)
            return true;
    }
    return false;
}

/*
 * Seizes what /proc shows and the list has not. @fresh: how many such threads there were, also
 * those that were dying: any of them may have made another one.
 */
static int seize_new(pid_t pid, pid_t *tids, size_t max, size_t *count, size_t *fresh,
                     struct error *e)
{
    char path[32];
    struct dirent *entry;
    int code = 0;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    *fresh = 0;
    while (tasks != NULL && code == 0 && (entry = readdir(tasks)) != NULL) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        bool held = false;

        if (tid <= 0 || listed(tids, *count, tid))
            continue;
        if (*count == max)
            code =
                error_set(e, ERROR_FULL, "process %d: it has more than %zu threads", (int)pid, max);
        else
            code = seize(pid, tid, &held, e);
        if (held)
            tids[(*count)++] = tid;
        *fresh += held || tid != pid; /* a leader that ended stays in /proc */
    }
    if (tasks != NULL)
        closedir(tasks);
    return code;
}

/* Waits for those from number @from on; the list loses those that ended. */
static void settle(pid_t pid, pid_t *tids, size_t from, size_t *count, int64_t deadline)
{
    size_t kept = from;

    for (size_t i = from; i < *count; i++) {
        if (wait_stopped(pid, tids[i], deadline) != GONE)
            tids[kept++] = tids[i];
    }
    *count = kept;
}

/*
 * A listing of /proc ends early when a thread dies under it, so one without news proves
 * nothing; two do, since by then all the others stand still.
 */
static int seize_rounds(pid_t pid, pid_t *tids, size_t max, size_t *count, struct error *e)
{
    int64_t deadline = clock_ms() + SEIZE_MS;
    int code = 0, quiet = 0;

    for (int round = 0; round < ROUNDS_MAX && code == 0 && quiet < 2; round++) {
        size_t before = *count, fresh;

        code = seize_new(pid, tids, max, count, &fresh, e);
        settle(pid, tids, before, count, deadline);
        quiet = fresh == 0 ? quiet + 1 : 0;
        if (clock_ms() >= deadline)
            break;
    }
    return code;
}

int unwind_seize_all(pid_t pid, pid_t *tids, size_t max, size_t *count, struct error *e)
{
    int code;

    assert(pid > 0);
    *count = 0;
    code = seize_rounds(pid, tids, max, count, e);
    if (code != 0 && code != ERROR_FULL && unwind_detach_all(pid, tids, *count) == 0)
        *count = 0;
    if (code == 0 && *count == 0)
        code = error_set(e, ERROR_NOT_FOUND, "process %d: it has no living thread", (int)pid);
    return code;
}

/* The signal that a thread was about to take when it stopped for us, or 0. */
static int signal_on_its_way(pid_t tid)
{
    siginfo_t info = {0};

    if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) != 0)
        return 0;
    return info.si_code >> 8 == PTRACE_EVENT_STOP ? 0 : info.si_signo;
}

static bool detach(pid_t pid, pid_t tid)
{
    if (ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal_on_its_way(tid)) == 0)
        return true;
    /* It runs, or waits in a call that it was stepped into, for us perhaps: its output is full. */
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    if (wait_stopped(pid, tid, clock_ms() + LETGO_MS) == GONE)
        return true;
    return ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal_on_its_way(tid)) == 0;
}

/* The leader comes last: the kernel reports its end only after the other threads are reaped. */
size_t unwind_detach_all(pid_t pid, const pid_t *tids, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        left += tids[i] != pid && !detach(pid, tids[i]);
    for (size_t i = 0; i < count; i++)
        left += tids[i] == pid && !detach(pid, tids[i]);
    return left;
}
