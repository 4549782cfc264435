/*
 * postmortem_quiet: can anything inside the tree still happen?
 *
 * Two looks at /proc before the stop, some milliseconds apart, must agree in every thread's
 * state, system call and count of switches; then each wait must be one that only a thread of
 * the tree can end. Everything else is no proof, and the first reason against it is told. Of a
 * core there is one look, so what it says is of that moment.
 */
#include "postmortem_parts.h"

#include <harness/supervisor/process/space.h>
#include <harness/supervisor/watch/watch.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, out, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    out[length > 0 ? length : 0] = 0;
    return length;
}

/* --- a look
 * ----------------------------------------------------------------------------------------- */

static void mix(struct postmortem_look *look, uint64_t value)
{
    look->mark = (look->mark ^ value) * UINT64_C(0x100000001b3);
}

static void refuse(struct postmortem_look *look, const char *format, int tid)
{
    if (!look->able)
        return;
    look->able = false;
    snprintf(look->why, sizeof look->why, format, tid);
}

static uint64_t number_of(const char *status, const char *name, int base)
{
    const char *line = strstr(status, name);

    return line != NULL ? strtoull(line + strlen(name), NULL, base) : 0;
}

static void look_at_thread(struct postmortem_look *look, pid_t pid, pid_t tid)
{
    struct evidence_thread thread;
    char path[64], status[4096];

    memset(&thread, 0, sizeof thread);
    watch_thread(pid, tid, &thread);
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    if (read_file(path, status, sizeof status) <= 0 || thread.state == THREAD_ZOMBIE)
        return;
    if (thread.state == THREAD_RUNNING)
        refuse(look, "thread %d runs", tid);
    if (((number_of(status, "\nSigPnd:", 16) | number_of(status, "\nShdPnd:", 16)) &
         ~number_of(status, "\nSigBlk:", 16)) != 0)
        refuse(look, "thread %d has a signal pending", tid);
    mix(look, (uint64_t)tid);
    mix(look, thread.state);
    mix(look, (uint64_t)thread.syscall);
    mix(look, thread.argument[0]);
    mix(look, thread.stack_pointer);
    mix(look, number_of(status, "\nvoluntary_ctxt_switches:", 10));
    mix(look, number_of(status, "\nnonvoluntary_ctxt_switches:", 10));
}

/* What the program does not use for itself: faults, and the C library's own two. */
static bool is_from_outside(int number)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT:
    case SIGPIPE:
    case SIGCHLD:
    case 32:
    case 33:
        return false;
    default:
        return true;
    }
}

static void name_handlers(struct postmortem_look *look, uint64_t caught)
{
    for (int i = 1; i <= 64; i++) {
        size_t length = strlen(look->handlers);
        const char *name = sigabbrev_np(i);

        if (!(caught & UINT64_C(1) << (i - 1)) || !is_from_outside(i))
            continue;
        if (name != NULL)
            snprintf(look->handlers + length, sizeof look->handlers - length, "%sSIG%s",
                     length > 0 ? " " : "", name);
        else
            snprintf(look->handlers + length, sizeof look->handlers - length, "%ssignal %d",
                     length > 0 ? " " : "", i);
    }
}

static void look_at_process(struct postmortem_look *look, pid_t pid)
{
    char path[64], text[4096];
    uint64_t caught;

    snprintf(path, sizeof path, "/proc/%d/timers", (int)pid);
    if (read_file(path, text, 64) > 0)
        refuse(look, "process %d has a timer", pid);
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (read_file(path, text, sizeof text) <= 0)
        return;
    caught = number_of(text, "\nSigCgt:", 16);
    if (caught & UINT64_C(1) << (SIGALRM - 1))
        refuse(look,
               "process %d has a handler for SIGALRM: an alarm may be set, and cannot be seen",
               pid);
    name_handlers(look, caught);
}

void postmortem_look(pid_t pid, struct postmortem_look *look)
{
    int *tids = calloc(POSTMORTEM_THREADS, sizeof *tids);
    unsigned count = tids != NULL ? watch_tids(pid, tids, POSTMORTEM_THREADS) : 0;

    memset(look, 0, sizeof *look);
    look->able = true;
    look->mark = UINT64_C(0xcbf29ce484222325);
    if (count == 0 || count == POSTMORTEM_THREADS)
        refuse(look,
               count == 0 ? "process %d cannot be looked at" : "process %d has too many threads",
               pid);
    for (unsigned i = 0; i < count; i++)
        look_at_thread(look, pid, tids[i]);
    look_at_process(look, pid);
    free(tids);
}

/* --- the verdict
 * -------------------------------------------------------------------------------------- */

static bool can_be_shared(const struct postmortem_thread *thread)
{
    const struct space_map *map =
        space_find(unwind_space(thread->process->unwind), thread->wait.object);

    return map != NULL && map->shared;
}

/* Why this thread may yet go on by itself or by somebody outside; NULL if it can't. */
static const char *way_out(const struct postmortem_thread *thread)
{
    switch (thread->wait.kind) {
    case POSTMORTEM_DEAD:
        return NULL;
    case POSTMORTEM_RUNS:
        return "runs";
    case POSTMORTEM_SPIN:
        return "spins for a lock that notes no owner";
    case POSTMORTEM_SLEEP:
        return "sleeps, and will wake up";
    case POSTMORTEM_CHILD:
        return thread->wait.owner == POSTMORTEM_OWNER_PROCESS || thread->wait.value > 1
                   ? NULL /* they are judged themselves */
                   : "waits for a child that was not read";
    case POSTMORTEM_PEER:
    case POSTMORTEM_FILE_LOCK:
        return thread->wait.owner == POSTMORTEM_OWNER_SELF_SIDE ? NULL
                                                                : "waits for something outside";
    case POSTMORTEM_SIGNAL:
    case POSTMORTEM_CALL:
        return "waits in a system call that something outside can end";
    default:
        break;
    }
    if (thread->wait.limited)
        return "waits with a time limit";
    if (thread->wait.owner == POSTMORTEM_OWNER_FREE)
        return "is about to get what it waits for";
    return can_be_shared(thread) ? "waits on memory that other programs can share" : NULL;
}

static void judge(struct postmortem_process *process)
{
    struct postmortem_quiet *quiet = &process->quiet;
    char name[POSTMORTEM_NAME * 2];

    for (size_t i = 0; i < process->threads; i++) {
        const char *way = way_out(&process->thread[i]);

        if (way == NULL)
            continue;
        postmortem_label(&process->thread[i], name);
        snprintf(quiet->why, sizeof quiet->why, "%s %s", name, way);
        quiet->still = false;
        return;
    }
    if (process->refused[0] != 0 || quiet->still || quiet->why[0] != 0)
        return;
    snprintf(quiet->why, sizeof quiet->why, "%s",
             quiet->moved ? "something moved between two looks at it"
                          : "not all of it could be read");
}

void postmortem_judge_quiet(struct postmortem *all)
{
    for (unsigned i = 0; i < all->processes; i++) {
        struct postmortem_process *process = &all->process[i];

        process->quiet.still = process->quiet.still || all->core;
        if (process->more || process->unstopped > 0)
            process->quiet.still = false;
        judge(process);
    }
}
