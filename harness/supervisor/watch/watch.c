/*
 * watch: samples /proc of a target that is older than its siblings ever were.
 */
#include "watch.h"

#include "watch_files.h"
#include "watch_spin.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = EVIDENCE_THREADS, TREE = 64 };

static const uint64_t BACKOFF_LOW = 1000000, BACKOFF_HIGH = 50000000;

static ssize_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = -1;

    if (fd >= 0) {
        length = read(fd, out, size - 1);
        close(fd);
    }
    out[length > 0 ? length : 0] = 0;
    return length;
}

unsigned watch_tids(int pid, int *tids, unsigned max)
{
    char path[64];
    unsigned count = 0;
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    tasks = opendir(path);
    if (tasks == NULL)
        return 0;
    while (count < max && (entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.')
            tids[count++] = atoi(entry->d_name);
    closedir(tasks);
    return count;
}

char watch_letter(int pid, int tid)
{
    char path[64];
    char text[512];
    char *paren;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    if (read_file(path, text, sizeof text) <= 0 || (paren = strrchr(text, ')')) == NULL)
        return 'X';
    return paren[1] == ' ' ? paren[2] : 'X';
}

static void parse_syscall(const char *text, struct evidence_thread *out)
{
    unsigned long long number[8] = {0};

    if (strncmp(text, "running", 7) == 0) {
        out->syscall = -1;
        return;
    }
    if (sscanf(text, "%ld %llx %llx %llx %llx %llx %llx %llx", &out->syscall, &number[0],
               &number[1], &number[2], &number[3], &number[4], &number[5], &number[6]) < 2) {
        out->syscall = -2;
        return;
    }
    for (unsigned i = 0; i < 6; i++)
        out->argument[i] = number[i];
    out->stack_pointer = number[6];
}

/* Futex operations that wait, without a time limit. */
static bool futex_for_ever(const struct evidence_thread *thread)
{
    int operation = (int)thread->argument[1] & FUTEX_CMD_MASK;

    if (thread->argument[3] != 0)
        return false;
    return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET ||
           operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2 ||
           operation == FUTEX_WAIT_REQUEUE_PI;
}

void watch_thread(int pid, int tid, struct evidence_thread *out)
{
    char path[64];
    char text[256];
    char letter = watch_letter(pid, tid);

    memset(out->argument, 0, sizeof out->argument);
    out->tid = tid;
    out->lane = -1;
    out->waits = false;
    out->stack_pointer = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    if (read_file(path, text, sizeof text) <= 0)
        out->syscall = -2;
    else
        parse_syscall(text, out);
    out->state = letter == 'Z'   ? THREAD_ZOMBIE
                 : letter == 'X' ? THREAD_GONE
                 : letter == 'R' ? THREAD_RUNNING
                                 : THREAD_WAITING;
    if (out->state == THREAD_WAITING && out->syscall == SYS_futex)
        out->waits = futex_for_ever(out);
}

/* --- one sample --------------------------------------------------------------------------- */

struct sample {
    const struct abi_memory *memory;
    int pid; /* the target */
    uint64_t fingerprint;
    bool waits;  /* every thread waits for ever */
    bool spins;  /* but for some that spin on what the dead hold */
    bool files;  /* some wait on files of their own */
    bool shares; /* some wait on memory that relatives alone can share */
    int process[TREE];
    unsigned processes;
    unsigned alive; /* threads that can still wait */
    int runner[WATCH_SPINNERS];
    unsigned runners; /* threads of the target that run, and may spin on what nobody knows of */
    char *why;
};

static void mix(struct sample *sample, uint64_t value)
{
    sample->fingerprint = (sample->fingerprint ^ value) * UINT64_C(0x100000001b3);
}

static const struct abi_lane *lane_of(const struct abi_memory *memory, int tid)
{
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;

    for (uint32_t i = lanes; i-- > 0;) {
        const struct abi_lane *lane = &memory->lane[i];

        if (lane->epoch == memory->control.epoch && lane->tid == (uint32_t)tid)
            return lane;
    }
    return NULL;
}

static bool holds(const struct abi_lane *lane, uint64_t object)
{
    uint32_t count = lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;

    for (uint32_t i = 0; i < count; i++)
        if (lane->held[i].object == object)
            return true;
    return false;
}

/* Its last event says that it was giving the lock back. */
static bool died_giving(const struct abi_memory *memory, uint32_t index, uint64_t object)
{
    const struct abi_lane *lane = &memory->lane[index];
    const struct abi_event *event;
    uint64_t seq = lane->seq;

    /* After it come only the intent of the strike and the park. */
    for (unsigned back = 1; back <= 4 && back <= seq; back++) {
        event = &lane->ring[(seq - back) % ABI_RING_EVENTS];
        if (event->kind == EVENT_RELEASED)
            return event->object == object;
    }
    return false;
}

/*
 * Whether what that lane holds, or died in while it took or gave it, stays locked as long as all
 * others wait or spin. A living holder counts in its own process alone, whose threads are all
 * looked at: it cannot give anything back while it waits or spins itself.
 */
static bool stays_locked(const struct abi_memory *memory, uint32_t index,
                         const struct abi_lane *spinner)
{
    const struct abi_lane *lane = &memory->lane[index];
    uint64_t object = spinner->wait_object;

    if (lane->state == LANE_KILLED || lane->state == LANE_PARKED)
        return holds(lane, object) || lane->wait_object == object ||
               died_giving(memory, index, object);
    return (lane->state == LANE_ENDED || lane->pid == spinner->pid) && holds(lane, object);
}

/*
 * Spinning (rwlocks spin, too, until a word is put right) on a lock that nobody will give back.
 * That is so only if no other thread of the sample runs freely.
 */
static bool spins_for_ever(const struct abi_memory *memory, const struct abi_lane *spinner)
{
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;

    if (spinner == NULL || spinner->wait_object == 0)
        return false;
    for (uint32_t i = 0; i < lanes; i++)
        if (memory->lane[i].epoch == memory->control.epoch && stays_locked(memory, i, spinner))
            return true;
    return false;
}

/* Who else can have the memory that somebody waits on. */
enum sharing { SHARED_BY_NOBODY, SHARED_BY_RELATIVES, SHARED_BY_ANYBODY };

/* Shared memory without a file comes by fork alone; the kernel gives it this name. */
static enum sharing sharing_of(const char *line, const char *flags)
{
    if (flags[3] != 's' || strstr(line, "memfd:rundown") != NULL)
        return SHARED_BY_NOBODY;
    return strstr(line, " /dev/zero (deleted)") != NULL ? SHARED_BY_RELATIVES : SHARED_BY_ANYBODY;
}

static enum sharing shared_by(int pid, uint64_t address)
{
    char path[64];
    char line[512];
    enum sharing sharing = SHARED_BY_NOBODY;
    FILE *maps;

    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    maps = fopen(path, "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from, to;
        char flags[8];

        if (sscanf(line, "%llx-%llx %7s", &from, &to, flags) == 3 && address >= from &&
            address < to) {
            sharing = sharing_of(line, flags);
            break;
        }
    }
    if (maps != NULL)
        fclose(maps);
    return sharing;
}

static uint64_t status_number(const char *status, const char *name, int base)
{
    const char *line = strstr(status, name);

    return line != NULL ? strtoull(line + strlen(name), NULL, base) : 0;
}

/* A signal that is pending and not blocked will wake the thread; its switches tell of a past. */
static bool signals_pending(int pid, int tid, uint64_t *switches)
{
    char path[64];
    char text[4096];
    uint64_t pending, blocked;

    snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
    *switches = 0;
    if (read_file(path, text, sizeof text) <= 0)
        return false;
    pending = status_number(text, "\nSigPnd:", 16) | status_number(text, "\nShdPnd:", 16);
    blocked = status_number(text, "\nSigBlk:", 16);
    *switches = status_number(text, "\nvoluntary_ctxt_switches:", 10) +
                status_number(text, "\nnonvoluntary_ctxt_switches:", 10);
    return (pending & ~blocked) != 0;
}

/*
 * A thread that the kernel is taking down has no signal pending any more, and shows the call that
 * it was in when the process was ended, for as long as it waits for a processor or a lock in there.
 */
bool watch_leaves(int pid, int tid)
{
    enum { PF_EXITING = 0x4 };
    char path[64];
    char text[1024];
    const char *end;
    unsigned flags = 0;
    char letter;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    if (read_file(path, text, sizeof text) <= 0 || (end = strrchr(text, ')')) == NULL ||
        sscanf(end, ") %c %*d %*d %*d %*d %*d %u", &letter, &flags) != 2)
        return true;
    return letter == 'Z' || letter == 'X' || (flags & PF_EXITING) != 0;
}

static bool say(struct sample *sample, const char *format, int tid)
{
    snprintf(sample->why, FINDING_TEXT_BYTES, format, tid);
    sample->waits = false;
    return false;
}

/* @format has a %s for the thread's name, "T1.2", or its id if it has no lane. */
static bool say_thread(struct sample *sample, const char *format, int tid)
{
    const struct abi_lane *lane = lane_of(sample->memory, tid);
    char name[PLAN_THREAD_BYTES];

    if (lane != NULL)
        snprintf(name, sizeof name, "%.*s", (int)sizeof lane->name, lane->name);
    else
        snprintf(name, sizeof name, "thread %d", tid);
    snprintf(sample->why, FINDING_TEXT_BYTES, format, name);
    sample->waits = false;
    return false;
}

static bool is_recorders(int pid, int tid)
{
    char path[64];
    char name[32];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", pid, tid);
    length = read_file(path, name, sizeof name);
    return length > 5 && strcmp(name + length - 5, "-ust\n") == 0;
}

static bool sample_process(struct sample *sample, int pid);

static bool children_wait(struct sample *sample, int pid, int tid)
{
    char path[64];
    char text[4096];
    char *at = text;
    unsigned children = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, tid);
    if (read_file(path, text, sizeof text) < 0)
        return true;
    while (*at != 0) {
        long child = strtol(at, &at, 10);

        if (child <= 0)
            break;
        children++;
        if (!sample_process(sample, (int)child))
            return false;
    }
    mix(sample, children);
    return true;
}

/* Whether it gets anywhere is found out only once everybody else is known to wait. */
static bool add_runner(struct sample *sample, int pid, int tid)
{
    if (sample->runners == WATCH_SPINNERS || pid != sample->pid)
        return say_thread(sample, "%s runs", tid);
    sample->runner[sample->runners++] = tid;
    mix(sample, (uint64_t)tid);
    return true;
}

static bool sample_thread(struct sample *sample, int pid, int tid)
{
    struct evidence_thread thread;
    enum sharing sharing;
    uint64_t switches;

    watch_thread(pid, tid, &thread);
    if (thread.state == THREAD_GONE || thread.state == THREAD_ZOMBIE || is_recorders(pid, tid))
        return true;
    sample->alive++;
    if (signals_pending(pid, tid, &switches))
        return say_thread(sample, "%s has a signal pending", tid);
    if (watch_leaves(pid, tid))
        return say_thread(sample, "%s is ending", tid);
    if (thread.state == THREAD_RUNNING) {
        if (!spins_for_ever(sample->memory, lane_of(sample->memory, tid)))
            return add_runner(sample, pid, tid);
        sample->spins = true;
        return true;
    }
    mix(sample, (uint64_t)tid);
    mix(sample, switches);
    mix(sample, thread.argument[0]);
    mix(sample, thread.stack_pointer);
    if (thread.syscall == SYS_wait4 || thread.syscall == SYS_waitid)
        return true; /* the children are looked at below; without any it would not wait */
    if (thread.syscall != SYS_futex) {
        sample->files = true;
        if (watch_files_inside(sample->pid, pid, &thread))
            return true;
        return say_thread(sample, "%s waits in a system call that something outside can end", tid);
    }
    if (!thread.waits)
        return say_thread(sample, "%s waits with a time limit", tid);
    sharing = shared_by(pid, thread.argument[0]);
    if (sharing == SHARED_BY_ANYBODY)
        return say_thread(sample, "%s waits on memory that other programs can share", tid);
    sample->shares |= sharing == SHARED_BY_RELATIVES;
    return true;
}

static bool has_timers(int pid)
{
    char path[64];
    char text[64];

    snprintf(path, sizeof path, "/proc/%d/timers", pid);
    return read_file(path, text, sizeof text) > 0;
}

static bool sample_process(struct sample *sample, int pid)
{
    int tids[THREADS];
    unsigned count = watch_tids(pid, tids, THREADS);

    if (sample->processes == TREE)
        return say(sample, "more than %d processes", TREE);
    sample->process[sample->processes++] = pid;
    if (count == 0)
        return true; /* ended meanwhile */
    if (count == THREADS)
        return say(sample, "more than %d threads", THREADS);
    if (has_timers(pid))
        return say(sample, "process %d has a timer", pid);
    for (unsigned i = 0; i < count; i++)
        if (!sample_thread(sample, pid, tids[i]))
            return false;
    for (unsigned i = 0; i < count; i++)
        if (!children_wait(sample, pid, tids[i]))
            return false;
    return true;
}

static bool was_sampled(const struct sample *sample, int pid)
{
    for (unsigned i = 0; i < sample->processes; i++)
        if (sample->process[i] == pid)
            return true;
    return false;
}

/*
 * Memory that came by fork can be written by a relative that is in the tree no more, since its
 * own parent has ended. Every process forked off has a lane, as long as there are lanes.
 */
static bool relatives_wait(struct sample *sample)
{
    const struct abi_memory *memory = sample->memory;
    uint32_t lanes = __atomic_load_n(&memory->control.lanes, __ATOMIC_RELAXED); /* once: it moves */

    if (lanes >= ABI_LANES)
        return say(sample, "more than %d threads", ABI_LANES);
    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &memory->lane[i];
        int pid = (int)lane->pid;

        if (lane->epoch == memory->control.epoch && pid > 0 && !was_sampled(sample, pid) &&
            watch_letter(pid, pid) != 'X')
            return say(sample, "process %d can write to memory that is waited on", pid);
    }
    return true;
}

static uint64_t progress_of(const struct abi_memory *memory)
{
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;
    uint64_t sum = memory->control.beats + memory->control.lap;

    for (uint32_t i = 0; i < lanes; i++)
        if (memory->lane[i].epoch == memory->control.epoch)
            sum += memory->lane[i].seq;
    return sum + lanes;
}

/* --- over time ---------------------------------------------------------------------------------
 */

static void start_over(struct watch *watch, uint64_t epoch)
{
    memset(watch, 0, sizeof *watch);
    watch->epoch = epoch;
    watch->backoff_ns = BACKOFF_LOW;
}

static void wait_longer(struct watch *watch, uint64_t now_ns)
{
    watch->next_ns = now_ns + watch->backoff_ns;
    if (watch->backoff_ns < BACKOFF_HIGH)
        watch->backoff_ns *= 2;
}

static enum watch_state conclude(struct watch *watch, const struct sample *sample)
{
    if (!sample->waits || sample->alive == 0) { /* with nobody alive it has just ended */
        watch->agreeing = 0;
        return WATCH_FINE;
    }
    watch->agreeing = sample->fingerprint == watch->fingerprint ? watch->agreeing + 1 : 1;
    watch->fingerprint = sample->fingerprint;
    /* A spinner's registers are not compared: it gets more chances to move on. */
    if (watch->agreeing < (sample->spins ? 5u : 2u))
        return WATCH_FINE;
    return sample->spins ? WATCH_SPINNING : WATCH_PROVED;
}

/*
 * To look into a thread that runs costs the target some milliseconds, so it is done after 5, 10,
 * 20 ... samples without any event, however often they start over. The waiting threads were
 * stopped with it, so one more sample is taken when they are back in their waits. A wait in
 * epoll_wait would end by the stop, with EINTR (signal(7)): such a program is not stopped.
 */
static enum watch_state conclude_runners(struct watch *watch, struct sample *sample)
{
    bool waits = sample->waits && sample->processes == 1 && !sample->files;

    say_thread(sample, "%s runs", sample->runner[0]);
    if (waits && watch->proved > 0 && sample->runners >= watch->proved)
        return sample->runners == watch->proved ? WATCH_SPINNING : WATCH_FINE;
    watch->agreeing = waits && sample->fingerprint == watch->fingerprint ? watch->agreeing + 1 : 1;
    watch->fingerprint = sample->fingerprint;
    watch->proved = 0;
    if (!waits || watch->agreeing < 5u << watch->spinning)
        return WATCH_FINE;
    watch->spinning += watch->spinning < 16;
    if (watch_spin_proved(sample->pid, sample->runner, sample->runners, watch->why)) {
        watch->proved = sample->runners;
        watch->words = watch_spin_words(watch->word);
        watch->backoff_ns = BACKOFF_LOW;
    }
    return WATCH_FINE;
}

static enum watch_state take_sample(struct watch *watch, const struct abi_memory *memory, int pid)
{
    struct sample sample = {.memory = memory,
                            .pid = pid,
                            .fingerprint = UINT64_C(0xcbf29ce484222325),
                            .waits = true,
                            .why = watch->why};
    uint64_t progress = progress_of(memory);

    if (progress != watch->progress) {
        watch->progress = progress;
        watch->backoff_ns = BACKOFF_LOW;
        watch->agreeing = 0;
        watch->proved = 0;
        return WATCH_FINE;
    }
    if (memory->control.timers) {
        snprintf(watch->why, sizeof watch->why, "an alarm or interval timer is set");
        return WATCH_FINE;
    }
    if (sample_process(&sample, pid) && sample.shares)
        relatives_wait(&sample);
    if (progress_of(memory) != progress || memory->control.epoch != watch->epoch ||
        (int)memory->control.pid != pid)
        return WATCH_FINE;
    if (sample.runners > 0)
        return conclude_runners(watch, &sample);
    watch->proved = 0;
    return conclude(watch, &sample);
}

/* A sample takes long enough for the cycle to be judged, and for the next one to begin. */
static bool is_open(const struct abi_control *control, uint64_t epoch)
{
    return __atomic_load_n(&control->claim, __ATOMIC_ACQUIRE) == CLAIM_NONE &&
           __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE) == epoch;
}

enum watch_state watch_look(struct watch *watch, const struct abi_memory *memory, int pid,
                            uint64_t now_ns, uint64_t patience_ns, uint64_t deadline_ns)
{
    const struct abi_control *control = &memory->control;
    uint64_t epoch = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE);
    enum watch_state state;
    uint64_t age;

    if (watch->epoch != epoch) {
        start_over(watch, epoch);
        return WATCH_FINE;
    }
    if (pid <= 0 || control->start_ns > now_ns)
        return WATCH_FINE;
    age = now_ns - control->start_ns;
    if (age < patience_ns || now_ns < watch->next_ns)
        return WATCH_FINE;
    state = take_sample(watch, memory, pid);
    wait_longer(watch, now_ns);
    if (!is_open(control, epoch))
        return WATCH_FINE;
    return state == WATCH_FINE && age > deadline_ns ? WATCH_DEADLINE : state;
}
