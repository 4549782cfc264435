/*
 * postmortem_live: copies what a running process has: registers, stacks, the words that its
 * threads sleep on.
 *
 * While the process stands still nothing is worked out: no file is opened, no name looked up.
 * It is held by PTRACE_SEIZE alone, which the kernel undoes when we end, however that comes
 * about; so there is no handler to run and nothing to tidy up.
 */
#include "postmortem_parts.h"

#include <harness/supervisor/process/process_tree.h>
#include <harness/supervisor/process/space.h>
#include <harness/supervisor/watch/watch.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOKS_APART_MS = 4, /* so that what runs has moved in between */
    CS_32_BIT = 0x23,
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- under the stop ----------------------------------------------------------------------------
 */

/* In a system call that was blocking: the kernel will do it again, or says that it was broken off.
 */
static bool is_blocked(const struct user_regs_struct *all)
{
    long result = (long)all->rax;

    return (long)all->orig_rax >= 0 && (result == -512 || result == -513 || result == -514 ||
                                        result == -516 || result == -EINTR);
}

static void take_registers(struct postmortem_thread *thread, const struct user_regs_struct *all)
{
    uint64_t argument[6] = {all->rdi, all->rsi, all->rdx, all->r10, all->r8, all->r9};

    thread->regs = (struct unwind_regs){{all->rax, all->rdx, all->rcx, all->rbx, all->rsi, all->rdi,
                                         all->rbp, all->rsp, all->r8, all->r9, all->r10, all->r11,
                                         all->r12, all->r13, all->r14, all->r15, all->rip}};
    thread->fs_base = all->fs_base;
    thread->call = is_blocked(all) ? (long)all->orig_rax : -1;
    memcpy(thread->argument, argument, sizeof argument);
    thread->stopped = true;
}

static bool copy_registers(struct postmortem_thread *thread)
{
    struct user_regs_struct all;
    struct iovec area = {&all, sizeof all};

    if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)(uintptr_t)NT_PRSTATUS, &area) != 0 ||
        area.iov_len != sizeof all || all.cs == CS_32_BIT)
        return false;
    take_registers(thread, &all);
    return true;
}

static void copy_threads(struct postmortem_process *process, const pid_t *tids, size_t count)
{
    size_t budget = POSTMORTEM_STACKS_BYTES;

    for (size_t i = 0; i < count; i++) {
        struct postmortem_thread *thread = &process->thread[process->threads++];

        thread->process = process;
        thread->tid = tids[i];
        thread->own = tids[i];
        thread->call = -1;
        if (!copy_registers(thread)) {
            process->unstopped++;
            continue;
        }
        budget -= postmortem_copy_stack(thread, budget);
        postmortem_copy_words(thread);
    }
}

/* On a loaded machine nobody else should run while somebody stands still; root alone may ask. */
static void copy_quickly(struct postmortem_process *process, const pid_t *tids, size_t count)
{
    int usual = getpriority(PRIO_PROCESS, 0);
    bool hurried = setpriority(PRIO_PROCESS, 0, -20) == 0;

    copy_threads(process, tids, count);
    unwind_detach_all(process->pid, tids, count);
    if (hurried)
        setpriority(PRIO_PROCESS, 0, usual);
}

/* Not hurried: until they stand, its threads need the processors themselves. */
static int copy_stopped(struct postmortem_process *process, pid_t *tids, struct error *e)
{
    double start = now_ms();
    size_t count = 0;
    int code = unwind_seize_all(process->pid, tids, POSTMORTEM_THREADS, &count, e);

    if (code != 0 && code != ERROR_FULL)
        return code;
    process->more = code == ERROR_FULL;
    copy_quickly(process, tids, count);
    process->stopped_ms = now_ms() - start;
    return 0;
}

/* --- afterwards ----------------------------------------------------------------------------------
 */

/* The last number of "NSpid:" is what the thread itself takes for its own. */
static pid_t own_number(pid_t pid, pid_t tid)
{
    char path[64], line[512];
    long number = tid;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *at = line + 6;

        if (strncmp(line, "NSpid:", 6) != 0)
            continue;
        for (char *end; (strtol(at, &end, 10)) > 0 && end != at; at = end)
            number = strtol(at, NULL, 10);
    }
    if (file != NULL)
        fclose(file);
    return (pid_t)number;
}

/* State and time of birth: fields 3 and 22 of its line, in which the name may hold anything. */
static void read_stat(struct postmortem_thread *thread)
{
    char path[64], text[512];
    const char *at;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)thread->process->pid,
             (int)thread->tid);
    postmortem_read_line(path, text, sizeof text);
    at = strrchr(text, ')');
    thread->state = at != NULL && at[1] == ' ' ? at[2] : 'X';
    for (unsigned i = 2; at != NULL && i < 22; i++)
        at = strchr(at + 1, ' ');
    thread->born = at != NULL ? strtoull(at, NULL, 10) : 0;
}

static void read_thread(struct postmortem_thread *thread)
{
    char path[64];
    pid_t pid = thread->process->pid;

    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)pid, (int)thread->tid);
    postmortem_read_line(path, thread->comm, sizeof thread->comm);
    thread->own = own_number(pid, thread->tid);
    read_stat(thread);
}

static void read_program(struct postmortem_process *process)
{
    char path[64], target[4096];
    const char *slash;
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/comm", (int)process->pid);
    postmortem_read_line(path, process->comm, sizeof process->comm);
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process->pid);
    length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    slash = strrchr(target, '/');
    snprintf(process->program, sizeof process->program, "%.63s",
             slash != NULL ? slash + 1 : process->comm);
    process->own = own_number(process->pid, process->pid);
}

/* Code that is in no map has been loaded since the maps were read. */
static void refresh_maps(struct postmortem_process *process, pid_t live)
{
    const struct space *space = unwind_space(process->unwind);

    for (size_t i = 0; i < process->threads; i++) {
        const struct postmortem_thread *thread = &process->thread[i];

        if (thread->stopped && space_find(space, thread->regs.r[UNWIND_RIP]) == NULL) {
            if (unwind_retarget(process->unwind, process->pid, live, NULL) != 0)
                process->ended = true;
            return;
        }
    }
}

/* --- one process ------------------------------------------------------------------------------ */

static pid_t live_tid(pid_t pid)
{
    int tids[64];
    unsigned count = watch_tids(pid, tids, 64);
    struct evidence_thread thread;

    for (unsigned i = 0; i < count; i++) {
        memset(&thread, 0, sizeof thread);
        watch_thread(pid, tids[i], &thread);
        if (thread.state != THREAD_ZOMBIE && thread.state != THREAD_GONE)
            return tids[i];
    }
    return pid;
}

static void look_apart(double first)
{
    double left = LOOKS_APART_MS - (now_ms() - first);
    struct timespec pause = {0, (long)(left * 1e6)};

    if (left > 0)
        nanosleep(&pause, NULL);
}

static void compare_looks(struct postmortem_process *process, const struct postmortem_look *one,
                          const struct postmortem_look *other)
{
    process->quiet.still = one->able && other->able && one->mark == other->mark;
    process->quiet.moved = one->able && other->able && one->mark != other->mark;
    if (!other->able || !one->able)
        snprintf(process->quiet.why, sizeof process->quiet.why, "%s",
                 other->able ? one->why : other->why);
    snprintf(process->quiet.handlers, sizeof process->quiet.handlers, "%s", other->handlers);
}

static int read_process(struct postmortem_process *process, struct error *e)
{
    struct postmortem_look one, other;
    double first = now_ms();
    pid_t live = live_tid(process->pid);
    pid_t *tids = calloc(POSTMORTEM_THREADS, sizeof *tids);
    int code;

    process->thread = calloc(POSTMORTEM_THREADS, sizeof *process->thread);
    if (tids == NULL || process->thread == NULL) {
        free(tids);
        return error_set(e, ERROR_MEMORY, "process %d: no memory", (int)process->pid);
    }
    postmortem_look(process->pid, &one);
    code = unwind_open(&process->unwind, process->pid, live, e);
    if (code == 0) {
        look_apart(first);
        postmortem_look(process->pid, &other);
        compare_looks(process, &one, &other);
        code = copy_stopped(process, tids, e);
    }
    free(tids);
    return code;
}

static void finish_process(struct postmortem_process *process)
{
    read_program(process);
    for (size_t i = 0; i < process->threads; i++)
        read_thread(&process->thread[i]);
    refresh_maps(process, live_tid(process->pid));
    postmortem_name_threads(process);
    postmortem_name_stacks(process);
    if (process->threads > 0 && process->thread[0].tid != process->pid) /* main comes first */
        postmortem_remark(process->all, "the main thread of process %d has ended before the others",
                          (int)process->pid);
    if (process->more)
        postmortem_remark(process->all,
                          "process %d has more than %d threads: the rest was not read",
                          (int)process->pid, POSTMORTEM_THREADS);
    if (process->unstopped > 0)
        postmortem_remark(process->all,
                          "%zu threads of process %d sleep where nothing interrupts "
                          "them, or run 32-bit code: they were not read",
                          process->unstopped, (int)process->pid);
}

/* --- the tree ----------------------------------------------------------------------------------
 */

static bool is_read(const struct postmortem *all, pid_t pid)
{
    for (unsigned i = 0; i < all->processes; i++)
        if (all->process[i].pid == pid)
            return true;
    return false;
}

static void read_child(struct postmortem_process *parent, int proc, pid_t pid)
{
    struct postmortem *all = parent->all;
    struct process_tree_look look;
    struct postmortem_process *child;
    struct error e = {0};

    if (is_read(all, pid) || process_tree_look(proc, pid, &look) != PROCESS_TREE_SEEN ||
        process_tree_dead(&look))
        return;
    child = postmortem_process_new(all, pid);
    if (child == NULL) {
        postmortem_remark(all, "more than %d processes: the rest was not read",
                          POSTMORTEM_PROCESSES);
        return;
    }
    child->parent = parent;
    if (read_process(child, &e) == 0) {
        finish_process(child);
        return;
    }
    read_program(child);
    snprintf(child->refused, sizeof child->refused, "%s", e.text);
    snprintf(child->quiet.why, sizeof child->quiet.why, "process %d could not be read", (int)pid);
    child->quiet.still = false;
}

static void read_children(struct postmortem_process *parent, int proc)
{
    struct process_tree_pids pids = {0};
    bool waits = false;

    for (size_t i = 0; i < parent->threads; i++)
        waits = waits || postmortem_waits_for_child(&parent->thread[i]);
    if (waits)
        process_tree_children(proc, parent->pid, &pids);
    for (size_t i = 0; i < pids.count; i++)
        read_child(parent, proc, pids.at[i]);
    process_tree_free(&pids);
}

static int check_pid(pid_t pid, struct error *e)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    if (access(path, F_OK) != 0)
        return error_set(e, ERROR_NOT_FOUND, "%d: there is no such process; see ps", (int)pid);
    if (pid == getpid())
        return error_set(e, ERROR_USAGE, "%d: that is rundown itself: name another process",
                         (int)pid);
    return 0;
}

int postmortem_live(struct postmortem *all, pid_t pid, struct error *e)
{
    struct postmortem_process *first;
    int proc, code = check_pid(pid, e);

    if (code != 0)
        return code;
    first = postmortem_process_new(all, pid);
    snprintf(all->what, sizeof all->what, "process %d", (int)pid);
    code = read_process(first, e);
    if (code != 0)
        return code;
    finish_process(first);
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; proc >= 0 && i < all->processes; i++) /* it grows meanwhile */
        read_children(&all->process[i], proc);
    if (proc >= 0)
        close(proc);
    postmortem_read_waits(all);
    postmortem_read_held(all);
    postmortem_find_circles(all);
    postmortem_judge_quiet(all);
    return 0;
}
