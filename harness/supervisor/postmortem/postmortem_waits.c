/*
 * postmortem_waits: what each thread waits for, and whom.
 *
 * The kernel says which call it is and on which word; the stack says which function of the C
 * library sleeps there; the bytes around the word say who has it. Where the stack has no names
 * (a stripped static program), the bytes alone have to do, and the answer is marked as guessed.
 * What no object records is said to be unrecorded, never made up.
 */
#include "postmortem_parts.h"

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/locks.h>
#include <harness/supervisor/evidence/syscall_words.h>
#include <harness/supervisor/process/space.h>

#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    NAMED_FRAMES = 16,    /* of the C library, on top of a stack */
    PTHREAD_BYTES = 4096, /* a struct pthread with room to grow */
};

/* --- functions of the C library --------------------------------------------------------------- */

/* Beginnings of names without underscores before them; the first that fits counts. */
static const struct {
    const char *name;
    enum postmortem_kind kind;
} functions[] = {
    {"pthread_mutex_", POSTMORTEM_MUTEX},
    {"mtx_lock", POSTMORTEM_MUTEX},
    {"mtx_timedlock", POSTMORTEM_MUTEX},
    {"pthread_rwlock_rdlock", POSTMORTEM_READ_LOCK},
    {"pthread_rwlock_timedrdlock", POSTMORTEM_READ_LOCK},
    {"pthread_rwlock_clockrdlock", POSTMORTEM_READ_LOCK},
    {"pthread_rwlock_wrlock", POSTMORTEM_WRITE_LOCK},
    {"pthread_rwlock_timedwrlock", POSTMORTEM_WRITE_LOCK},
    {"pthread_rwlock_clockwrlock", POSTMORTEM_WRITE_LOCK},
    {"pthread_cond_", POSTMORTEM_CONDITION},
    {"cnd_wait", POSTMORTEM_CONDITION},
    {"cnd_timedwait", POSTMORTEM_CONDITION},
    {"sem_wait", POSTMORTEM_SEMAPHORE},
    {"sem_timedwait", POSTMORTEM_SEMAPHORE},
    {"sem_clockwait", POSTMORTEM_SEMAPHORE},
    {"new_sem_wait", POSTMORTEM_SEMAPHORE},
    {"pthread_barrier_wait", POSTMORTEM_BARRIER},
    {"pthread_join", POSTMORTEM_JOIN},
    {"pthread_timedjoin", POSTMORTEM_JOIN},
    {"pthread_clockjoin", POSTMORTEM_JOIN},
    {"thrd_join", POSTMORTEM_JOIN},
    {"pthread_once", POSTMORTEM_ONCE},
    {"call_once", POSTMORTEM_ONCE},
    {"cxa_guard_acquire", POSTMORTEM_GUARD},
    {"pthread_spin_lock", POSTMORTEM_SPIN},
    {"flockfile", POSTMORTEM_STREAM},
};

static const char *plain(const char *function)
{
    if (strncmp(function, "__GI_", 5) == 0)
        function += 5;
    return function + strspn(function, "_");
}

/* Functions that only put a thread to sleep: what called them tells more. */
static bool is_primitive(const char *function)
{
    const char *name = plain(function);

    return name[0] == 0 || strncmp(name, "lll_", 4) == 0 || strncmp(name, "futex", 5) == 0 ||
           strncmp(name, "syscall", 7) == 0 || strncmp(name, "internal_syscall", 16) == 0;
}

static enum postmortem_kind kind_of_name(const char *function)
{
    const char *name = plain(function);

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strncmp(name, functions[i].name, strlen(functions[i].name)) == 0)
            return functions[i].kind;
    return POSTMORTEM_KINDS;
}

/* Of the program's own frames it cannot tell where there is no C library apart. */
static bool is_own(const struct postmortem_process *process, const struct evidence_frame *frame)
{
    if (!process->fixed)
        return frame->module[0] != 0 && !evidence_is_system(frame->module);
    return frame->function[0] != 0 && !is_primitive(frame->function) &&
           kind_of_name(frame->function) == POSTMORTEM_KINDS &&
           postmortem_frame_kind(process, frame) == STACK_ELSEWHERE && frame->function[0] != '_';
}

static unsigned own_frame(const struct postmortem_thread *thread, unsigned from)
{
    for (; from < thread->frames; from++)
        if (is_own(thread->process, &thread->frame[from]))
            return from;
    return thread->frames;
}

static void note_function(struct postmortem_thread *thread, unsigned frame)
{
    snprintf(thread->wait.function, sizeof thread->wait.function, "%.63s",
             thread->frame[frame].function);
}

/* The kind that the names on top of the stack tell; POSTMORTEM_KINDS where none does. */
static enum postmortem_kind kind_of_stack(struct postmortem_thread *thread)
{
    unsigned own = own_frame(thread, 0);
    unsigned end = own < NAMED_FRAMES ? own : NAMED_FRAMES;
    int named = -1;

    for (unsigned i = 0; i < end; i++) {
        enum postmortem_kind kind = kind_of_name(thread->frame[i].function);
        enum stack_kind part = postmortem_frame_kind(thread->process, &thread->frame[i]);

        if (named < 0 && !is_primitive(thread->frame[i].function))
            named = (int)i;
        if (kind == POSTMORTEM_KINDS && part == STACK_ELSEWHERE)
            continue;
        note_function(thread, i);
        if (kind != POSTMORTEM_KINDS)
            return kind;
        return part == STACK_HEAP     ? POSTMORTEM_HEAP
               : part == STACK_LOADER ? POSTMORTEM_LOADER
                                      : POSTMORTEM_STREAM;
    }
    if (named < 0 || thread->process->fixed || !evidence_is_libc(thread->frame[named].module))
        return POSTMORTEM_KINDS;
    note_function(thread, (unsigned)named);
    return POSTMORTEM_LIBC;
}

/* --- the word ------------------------------------------------------------------------------------
 */

static bool read_words(const struct postmortem_thread *thread, uint64_t address, void *out,
                       size_t bytes)
{
    return postmortem_words(thread, address, out, bytes) ||
           postmortem_read(thread->process, address, out, bytes);
}

static int futex_operation(const struct postmortem_thread *thread)
{
    return (int)thread->argument[1] & FUTEX_CMD_MASK;
}

static bool is_pi(const struct postmortem_thread *thread)
{
    int operation = futex_operation(thread);

    return operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2;
}

/* The word of a lock that notes no owner, or the first one of a mutex. */
static bool is_plain_lock(const struct postmortem_thread *thread)
{
    int operation = futex_operation(thread);

    return (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) &&
           (uint32_t)thread->argument[2] == 2;
}

static bool is_joined_word(const struct postmortem_thread *thread)
{
    uint64_t at = thread->argument[0];
    const struct postmortem_thread *joined =
        postmortem_own(thread->process, (pid_t)thread->argument[2]);

    return joined != NULL && joined->fs_base != 0 && at > joined->fs_base &&
           at - joined->fs_base < PTHREAD_BYTES;
}

/*
 * Up to glibc 2.40 the words slept on lie 40 bytes into it, and 24 bytes before each of them is a
 * count of who sleeps there, times two; since 2.41, which has no such count, 32 bytes. What stands
 * before them is alike. Source: glibc, sysdeps/nptl/bits/thread-shared-types.h.
 */
static bool looks_like_condition(const struct postmortem_thread *thread, uint64_t *object)
{
    enum { OLD = 40, NEW = 32, REFERENCES = 16 };
    uint64_t word = thread->argument[0] & ~UINT64_C(7);
    uint8_t bytes[LOCKS_CONDITION_BYTES];
    struct locks_condition condition;
    uint32_t references;

    *object = 0;
    if (word < OLD || !read_words(thread, word - OLD, bytes, sizeof bytes))
        return false;
    locks_condition(bytes, &condition);
    memcpy(&references, bytes + REFERENCES + thread->argument[0] % 8, sizeof references);
    references >>= 1;
    *object = word - (references >= 1 && references <= condition.waiters ? OLD : NEW);
    return condition.plausible;
}

static bool looks_like_mutex(const struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_MUTEX_BYTES];
    struct locks_mutex mutex;

    if (!read_words(thread, thread->argument[0], bytes, sizeof bytes))
        return false;
    locks_mutex(bytes, &mutex);
    return mutex.plausible && mutex.taken && mutex.owner != 0;
}

static bool is_descriptor(const struct postmortem_process *process, uint64_t address)
{
    for (size_t i = 0; i < process->threads; i++)
        if (process->thread[i].fs_base == address)
            return true;
    return false;
}

/* Since glibc 2.37 it counts from 0; then its owner must be one of the threads. */
static bool looks_like_stream(const struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_STREAM_BYTES];
    struct locks_stream stream;

    if (!read_words(thread, thread->argument[0], bytes, sizeof bytes))
        return false;
    locks_stream(bytes, &stream);
    return stream.plausible && (stream.count > 0 || is_descriptor(thread->process, stream.owner));
}

static bool looks_like_semaphore(const struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_SEMAPHORE_BYTES];
    struct locks_semaphore semaphore;

    if (!read_words(thread, thread->argument[0], bytes, sizeof bytes))
        return false;
    locks_semaphore(bytes, &semaphore);
    return semaphore.plausible && semaphore.value == 0 && thread->argument[2] == 0;
}

static bool looks_like_rwlock(const struct postmortem_thread *thread)
{
    uint64_t at = (thread->argument[0] & ~UINT64_C(7)) - 8;
    uint8_t bytes[LOCKS_RWLOCK_BYTES];
    struct locks_rwlock rwlock;

    if (!read_words(thread, at, bytes, sizeof bytes))
        return false;
    locks_rwlock(bytes, &rwlock);
    return rwlock.plausible && (rwlock.readers > 0 || rwlock.writer != 0);
}

/* Writers queue at a word of their own; who waits for a phase of writing to begin is one, too. */
static enum postmortem_kind kind_of_rwlock(const struct postmortem_thread *thread)
{
    uint64_t at = (thread->argument[0] & ~UINT64_C(7)) - 8;
    uint8_t bytes[LOCKS_RWLOCK_BYTES] = {0};
    struct locks_rwlock rwlock;

    read_words(thread, at, bytes, sizeof bytes);
    locks_rwlock(bytes, &rwlock);
    return thread->argument[0] % 8 == 4 || !rwlock.write_phase ? POSTMORTEM_WRITE_LOCK
                                                               : POSTMORTEM_READ_LOCK;
}

/* No name helps: what the operation and the bytes can be. */
static enum postmortem_kind kind_of_words(const struct postmortem_thread *thread)
{
    uint64_t object;

    if (is_pi(thread) || ((futex_operation(thread) == FUTEX_WAIT || is_plain_lock(thread)) &&
                          looks_like_mutex(thread)))
        return POSTMORTEM_MUTEX;
    if (is_joined_word(thread))
        return POSTMORTEM_JOIN;
    if (futex_operation(thread) != FUTEX_WAIT_BITSET)
        return is_plain_lock(thread) && looks_like_stream(thread) ? POSTMORTEM_STREAM
                                                                  : POSTMORTEM_FUTEX;
    if (looks_like_semaphore(thread))
        return POSTMORTEM_SEMAPHORE;
    if (looks_like_rwlock(thread))
        return kind_of_rwlock(thread);
    return looks_like_condition(thread, &object) ? POSTMORTEM_CONDITION : POSTMORTEM_FUTEX;
}

/*
 * A wait for a condition ends with taking its mutex again, inside the same call; and what the
 * loader and stdio sleep for may be a mutex like any other.
 */
static enum postmortem_kind refine_kind(const struct postmortem_thread *thread,
                                        enum postmortem_kind kind)
{
    uint64_t object;

    switch (kind) {
    case POSTMORTEM_CONDITION:
        if (is_pi(thread) || (is_plain_lock(thread) && looks_like_mutex(thread) &&
                              !looks_like_condition(thread, &object)))
            return POSTMORTEM_MUTEX;
        return kind;
    case POSTMORTEM_LOADER:
        return looks_like_mutex(thread) &&
                       !postmortem_in_loader(thread->process, thread->argument[0])
                   ? POSTMORTEM_MUTEX
                   : kind;
    case POSTMORTEM_MUTEX:
        return postmortem_in_loader(thread->process, thread->argument[0]) ? POSTMORTEM_LOADER
                                                                          : kind;
    case POSTMORTEM_STREAM: /* the list of all streams has a lock of its own */
        return looks_like_stream(thread) ? kind : POSTMORTEM_LIBC;
    default:
        return kind;
    }
}

static uint64_t object_of(const struct postmortem_thread *thread, enum postmortem_kind kind)
{
    uint64_t at = thread->argument[0];
    uint64_t object;

    switch (kind) {
    case POSTMORTEM_READ_LOCK:
    case POSTMORTEM_WRITE_LOCK:
        return (at & ~UINT64_C(7)) - 8;
    case POSTMORTEM_CONDITION:
        return looks_like_condition(thread, &object) ? object : at;
    case POSTMORTEM_BARRIER:
        return at - 4;
    default:
        return at;
    }
}

static bool is_limited(const struct postmortem_thread *thread)
{
    int operation = futex_operation(thread);

    return thread->argument[3] != 0 &&
           (operation == FUTEX_WAIT || is_pi(thread) || operation == FUTEX_WAIT_BITSET ||
            operation == FUTEX_WAIT_REQUEUE_PI);
}

/* --- owners --------------------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 4))) static void
say_owner(struct postmortem_thread *thread, enum postmortem_owner owner, const char *format, ...)
{
    va_list args;

    thread->wait.owner = owner;
    va_start(args, format);
    vsnprintf(thread->wait.owner_text, sizeof thread->wait.owner_text, format, args);
    va_end(args);
}

static void own_by(struct postmortem_thread *thread, struct postmortem_thread *owner,
                   enum postmortem_owner how, const char *verb)
{
    char name[POSTMORTEM_NAME * 2];

    thread->wait.thread = owner;
    thread->wait.owner_tid = owner->own;
    postmortem_label(owner, name);
    say_owner(thread, how, "%s %s%s", verb, owner == thread ? "this thread itself" : name,
              how == POSTMORTEM_OWNER_LIKELY ? ", by its stack" : "");
}

/* Numbers in another namespace of processes cannot be looked up from here. */
static bool is_our_namespace(const struct postmortem_thread *thread)
{
    return !thread->process->all->core && thread->own == thread->tid;
}

static bool in_shared_memory(const struct postmortem_thread *thread, uint64_t address)
{
    const struct space_map *map = space_find(unwind_space(thread->process->unwind), address);

    return map != NULL && map->shared;
}

static struct postmortem_thread *in_tree(const struct postmortem *all, pid_t own)
{
    for (unsigned i = 0; i < all->processes; i++) {
        struct postmortem_thread *thread = postmortem_own(&all->process[i], own);

        if (thread != NULL)
            return thread;
    }
    return NULL;
}

static void own_by_stranger(struct postmortem_thread *thread, pid_t own, const char *verb)
{
    bool shared = in_shared_memory(thread, thread->wait.object);
    char comm[17] = "";
    pid_t pid = is_our_namespace(thread) ? postmortem_elsewhere(own, comm) : 0;

    if (shared && pid != 0)
        say_owner(thread, POSTMORTEM_OWNER_OUTSIDE, "%s thread %d of process %d (%s)", verb,
                  (int)own, (int)pid, comm);
    else if (shared && !is_our_namespace(thread))
        say_owner(thread, POSTMORTEM_OWNER_OUTSIDE,
                  "%s thread %d of another process, which cannot be looked up from here", verb,
                  (int)own);
    else if (pid != 0 && postmortem_is_ancestor(thread->process, pid))
        say_owner(thread, POSTMORTEM_OWNER_NOT_HERE,
                  "%s thread %d, which lives in the parent, process %d (%s): fork did not copy it "
                  "into this one",
                  verb, (int)own, (int)pid, comm);
    else
        say_owner(thread, POSTMORTEM_OWNER_GONE, "%s thread %d, which does not exist any more",
                  verb, (int)own);
}

static void own_by_tid(struct postmortem_thread *thread, pid_t own, const char *verb)
{
    struct postmortem_process *process = thread->process;
    struct postmortem_thread *owner = postmortem_own(process, own);

    thread->wait.owner_tid = own;
    if (owner == NULL && in_shared_memory(thread, thread->wait.object))
        owner = in_tree(process->all, own);
    if (owner != NULL)
        own_by(thread, owner, POSTMORTEM_OWNER_THREAD, verb);
    else if (process->more)
        say_owner(thread, POSTMORTEM_OWNER_OUTSIDE, "%s thread %d, which was not read", verb,
                  (int)own);
    else
        own_by_stranger(thread, own, verb);
}

static void read_mutex(struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_MUTEX_BYTES];
    struct locks_mutex mutex;

    if (!read_words(thread, thread->wait.object, bytes, sizeof bytes)) {
        say_owner(thread, POSTMORTEM_OWNER_DAMAGED, "its memory cannot be read");
        return;
    }
    locks_mutex(bytes, &mutex);
    if (thread->wait.kind == POSTMORTEM_MUTEX)
        locks_mutex_kind(&mutex, thread->wait.details, sizeof thread->wait.details);
    if (mutex.destroyed)
        say_owner(thread, POSTMORTEM_OWNER_DAMAGED, "it was destroyed");
    else if (!mutex.plausible)
        say_owner(thread, POSTMORTEM_OWNER_DAMAGED, "its memory makes no sense as a mutex");
    else if (mutex.owner != 0 && mutex.taken)
        own_by_tid(thread, mutex.owner, "held by");
    else if (mutex.taken)
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "taken, but it notes no owner");
    else
        say_owner(thread, POSTMORTEM_OWNER_FREE, "free now: it is about to be taken");
}

static void read_rwlock(struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_RWLOCK_BYTES];
    struct locks_rwlock rwlock;

    if (!read_words(thread, thread->wait.object, bytes, sizeof bytes)) {
        say_owner(thread, POSTMORTEM_OWNER_DAMAGED, "its memory cannot be read");
        return;
    }
    locks_rwlock(bytes, &rwlock);
    if (!rwlock.plausible)
        say_owner(thread, POSTMORTEM_OWNER_DAMAGED, "its memory makes no sense as a rwlock");
    else if (rwlock.writer != 0)
        own_by_tid(thread, rwlock.writer, "held for writing by");
    else if (rwlock.readers > 0)
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED,
                  "%u hold it for reading or wait to: a rwlock does not note who", rwlock.readers);
    else
        say_owner(thread, POSTMORTEM_OWNER_FREE, "free now: it is about to be taken");
}

/* The clean-up record of a wait has the condition and, right behind, its mutex. */
static uint64_t mutex_of_condition(const struct postmortem_thread *thread, uint64_t condition)
{
    uint64_t at = 0, mutex;

    for (unsigned i = 0; i < 64; i++) {
        at = postmortem_stack_has(thread, condition, at != 0 ? at + 8 : 0);
        if (at == 0 || at + 16 > thread->stack_address + thread->stack_bytes)
            return 0;
        memcpy(&mutex, thread->stack + (at + 8 - thread->stack_address), sizeof mutex);
        if (mutex != condition && mutex > SPACE_PAGE && mutex % 4 == 0 &&
            unwind_space(thread->process->unwind) != NULL &&
            space_find(unwind_space(thread->process->unwind), mutex) != NULL) {
            const struct space_map *map = space_find(unwind_space(thread->process->unwind), mutex);

            if (map->writable && !map->executable)
                return mutex;
        }
    }
    return 0;
}

static void read_condition(struct postmortem_thread *thread)
{
    uint64_t mutex = mutex_of_condition(thread, thread->wait.object);
    char name[96];

    if (mutex != 0) {
        postmortem_object(thread->process, mutex, name, sizeof name);
        snprintf(thread->wait.details, sizeof thread->wait.details, "with mutex %s", name);
    }
    say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "a condition does not know who will signal it");
}

static void remark_python(struct postmortem_thread *thread)
{
    for (unsigned i = 0; i < thread->frames; i++)
        if (strncmp(thread->frame[i].function, "PyThread_acquire_lock", 21) == 0)
            postmortem_remark(thread->process->all,
                              "who has a threading.Lock, and the lines of Python: a Lock is a "
                              "semaphore; faulthandler, py-spy or gdb's py-bt tell the lines");
}

static void read_semaphore(struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_SEMAPHORE_BYTES];
    struct locks_semaphore semaphore = {.plausible = false};

    if (read_words(thread, thread->wait.object, bytes, sizeof bytes))
        locks_semaphore(bytes, &semaphore);
    if (semaphore.plausible)
        snprintf(thread->wait.details, sizeof thread->wait.details, "its value is %u, %u wait",
                 semaphore.value, semaphore.waiters);
    remark_python(thread);
    say_owner(thread, POSTMORTEM_OWNER_UNRECORDED,
              "a semaphore does not note who took it, or who "
              "will post it");
}

static void read_barrier(struct postmortem_thread *thread)
{
    uint8_t bytes[LOCKS_BARRIER_BYTES];
    struct locks_barrier barrier = {.plausible = false};

    if (read_words(thread, thread->wait.object, bytes, sizeof bytes))
        locks_barrier(bytes, &barrier);
    if (barrier.plausible)
        snprintf(thread->wait.details, sizeof thread->wait.details, "%u of %u have come",
                 barrier.come, barrier.wanted);
    say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "a barrier does not know who is to come");
}

static void read_join(struct postmortem_thread *thread)
{
    pid_t own = (pid_t)thread->argument[2];
    struct postmortem_thread *joined = postmortem_own(thread->process, own);
    char name[POSTMORTEM_NAME * 2] = "a thread";

    own_by_tid(thread, own, "which is");
    if (joined != NULL)
        postmortem_label(joined, name);
    else
        snprintf(name, sizeof name, "thread %d", (int)own);
    snprintf(thread->wait.object_text, sizeof thread->wait.object_text, "%s", name);
    snprintf(thread->wait.what, sizeof thread->wait.what, "waits for %s to end", name);
    if (joined != NULL)
        thread->wait.owner_text[0] = 0;
}

static void read_stream(struct postmortem_thread *thread)
{
    struct postmortem_process *process = thread->process;
    uint8_t bytes[LOCKS_STREAM_BYTES];
    struct locks_stream stream = {.plausible = false};

    if (read_words(thread, thread->wait.object, bytes, sizeof bytes))
        locks_stream(bytes, &stream);
    for (size_t i = 0; stream.plausible && i < process->threads; i++)
        if (process->thread[i].fs_base == stream.owner) {
            own_by(thread, &process->thread[i], POSTMORTEM_OWNER_THREAD, "held by");
            return;
        }
    if (stream.plausible && !process->more && process->unstopped == 0)
        say_owner(thread, POSTMORTEM_OWNER_GONE, "held by a thread that does not exist any more");
    else
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "its owner cannot be read");
}

/* --- owners by the stacks
 * --------------------------------------------------------------------------- */

static bool is_inside(const struct postmortem_thread *thread, unsigned parts)
{
    for (unsigned i = 0; i < thread->frames; i++)
        if ((postmortem_frame_kind(thread->process, &thread->frame[i]) & parts) != 0)
            return true;
    return false;
}

static bool same_futex(const struct postmortem_thread *one, const struct postmortem_thread *other)
{
    return other->call == SYS_futex && other->argument[0] == one->argument[0];
}

/*
 * Nobody alive being inside the allocator, whoever had the lock is gone. That needs every stack
 * to be known: names on it, and more than one frame.
 */
static void read_heap(struct postmortem_thread *thread)
{
    struct postmortem_process *process = thread->process;
    struct postmortem_thread *inside = NULL;
    bool known = process->unstopped == 0 && !process->more;
    unsigned count = 0;

    for (size_t i = 0; i < process->threads; i++) {
        struct postmortem_thread *other = &process->thread[i];

        if (other == thread || same_futex(thread, other))
            continue;
        known = known && (other->frames > 1 || other->state == 'Z');
        if (is_inside(other, STACK_HEAP)) {
            inside = other;
            count++;
        }
    }
    if (count == 1)
        own_by(thread, inside, POSTMORTEM_OWNER_LIKELY, "held by");
    else if (count > 1)
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED,
                  "an arena notes no owner: %u threads are inside the allocator", count);
    else if (known)
        say_owner(thread, POSTMORTEM_OWNER_GONE,
                  "no thread alive is inside the allocator: whoever had it is gone");
    else
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "an arena notes no owner");
}

/* How many frames of a thread run under a once, its own wait for one left out. */
static bool runs_once(const struct postmortem_thread *thread, uint64_t object, bool itself)
{
    unsigned own = own_frame(thread, 0);

    for (unsigned i = itself ? own : 0; i < thread->frames; i++)
        if (kind_of_name(thread->frame[i].function) == POSTMORTEM_ONCE)
            return postmortem_stack_has(thread, object, 0) != 0;
    return false;
}

static void read_once(struct postmortem_thread *thread)
{
    struct postmortem_process *process = thread->process;

    for (size_t i = 0; i < process->threads; i++) {
        struct postmortem_thread *other = &process->thread[i];

        if (other != thread && same_futex(thread, other))
            continue;
        if (runs_once(other, thread->wait.object, other == thread)) {
            own_by(thread, other, POSTMORTEM_OWNER_LIKELY, "its routine is run by");
            return;
        }
    }
    say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "a once does not note who runs its routine");
}

/* A home-grown lock may hold the number of its owner. */
static void read_futex(struct postmortem_thread *thread)
{
    struct postmortem_thread *named =
        postmortem_own(thread->process, (pid_t)(thread->argument[2] & FUTEX_TID_MASK));

    snprintf(thread->wait.details, sizeof thread->wait.details, "while it is %u",
             (unsigned)thread->argument[2]);
    if (named != NULL && named != thread)
        own_by(thread, named, POSTMORTEM_OWNER_LIKELY, "its value is the number of");
    else
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "nobody can be told from it");
    if (named != NULL && named != thread)
        snprintf(thread->wait.owner_text, sizeof thread->wait.owner_text,
                 "its value is the number of %s", named->name);
}

/* --- words
 * ------------------------------------------------------------------------------------------- */

static const char *const nouns[POSTMORTEM_KINDS] = {
    [POSTMORTEM_MUTEX] = "mutex",         [POSTMORTEM_READ_LOCK] = "rwlock",
    [POSTMORTEM_WRITE_LOCK] = "rwlock",   [POSTMORTEM_CONDITION] = "condition",
    [POSTMORTEM_SEMAPHORE] = "semaphore", [POSTMORTEM_BARRIER] = "barrier",
    [POSTMORTEM_ONCE] = "once",           [POSTMORTEM_GUARD] = "the initialiser of",
    [POSTMORTEM_SPIN] = "spin lock",      [POSTMORTEM_FUTEX] = "futex",
};

static void word_wait(struct postmortem_thread *thread)
{
    struct postmortem_wait *wait = &thread->wait;
    char name[80];

    switch (wait->kind) {
    case POSTMORTEM_HEAP:
        snprintf(wait->object_text, sizeof wait->object_text, "the heap lock");
        break;
    case POSTMORTEM_LOADER:
        snprintf(wait->object_text, sizeof wait->object_text, "the loader lock");
        break;
    case POSTMORTEM_STREAM:
        snprintf(wait->object_text, sizeof wait->object_text, "the lock of a stream");
        break;
    case POSTMORTEM_LIBC:
        snprintf(wait->object_text, sizeof wait->object_text, "a lock inside the C library");
        break;
    default:
        postmortem_object(thread->process, wait->object, name, sizeof name);
        snprintf(wait->object_text, sizeof wait->object_text, "%.14s %s",
                 nouns[wait->kind] != NULL ? nouns[wait->kind] : "", name);
        break;
    }
    snprintf(wait->what, sizeof wait->what, "%s %s%s",
             wait->kind == POSTMORTEM_SPIN ? "spins for" : "waits for", wait->object_text,
             wait->kind == POSTMORTEM_READ_LOCK    ? " to read"
             : wait->kind == POSTMORTEM_WRITE_LOCK ? " to write"
                                                   : "");
}

static void read_owner(struct postmortem_thread *thread)
{
    switch (thread->wait.kind) {
    case POSTMORTEM_MUTEX:
    case POSTMORTEM_LOADER:
        read_mutex(thread);
        break;
    case POSTMORTEM_READ_LOCK:
    case POSTMORTEM_WRITE_LOCK:
        read_rwlock(thread);
        break;
    case POSTMORTEM_CONDITION:
        read_condition(thread);
        break;
    case POSTMORTEM_SEMAPHORE:
        read_semaphore(thread);
        break;
    case POSTMORTEM_BARRIER:
        read_barrier(thread);
        break;
    case POSTMORTEM_JOIN:
        read_join(thread);
        break;
    case POSTMORTEM_STREAM:
        read_stream(thread);
        break;
    case POSTMORTEM_HEAP:
        read_heap(thread);
        break;
    case POSTMORTEM_ONCE:
        read_once(thread);
        break;
    case POSTMORTEM_FUTEX:
        read_futex(thread);
        break;
    case POSTMORTEM_GUARD:
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "who runs it is not noted");
        break;
    default:
        say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "it notes no owner");
        break;
    }
}

static void read_futex_wait(struct postmortem_thread *thread)
{
    enum postmortem_kind kind = kind_of_stack(thread);

    if (kind == POSTMORTEM_KINDS || (kind == POSTMORTEM_LIBC && !is_plain_lock(thread))) {
        kind = kind_of_words(thread);
        thread->wait.guessed = kind != POSTMORTEM_FUTEX;
    }
    kind = refine_kind(thread, kind);
    thread->wait.kind = kind;
    thread->wait.limited = is_limited(thread);
    thread->wait.value = (uint32_t)thread->argument[2];
    thread->wait.object = object_of(thread, kind);
    word_wait(thread);
    read_owner(thread);
}

/* --- other calls
 * ---------------------------------------------------------------------------------------- */

bool postmortem_waits_for_child(const struct postmortem_thread *thread)
{
    return thread->call == SYS_wait4 || thread->call == SYS_waitid;
}

static void read_call(struct postmortem_thread *thread)
{
    static const enum postmortem_kind kinds[] = {
        [SYSCALL_OTHER] = POSTMORTEM_CALL,    [SYSCALL_SLEEP] = POSTMORTEM_SLEEP,
        [SYSCALL_SIGNAL] = POSTMORTEM_SIGNAL, [SYSCALL_READ] = POSTMORTEM_CALL,
        [SYSCALL_WRITE] = POSTMORTEM_CALL,    [SYSCALL_FILE_LOCK] = POSTMORTEM_FILE_LOCK,
        [SYSCALL_CHILD] = POSTMORTEM_CHILD,
    };
    struct postmortem_wait *wait = &thread->wait;
    const struct syscall_words *words = syscall_words(thread->call);
    const char *text = words != NULL ? words->waits : NULL;
    enum syscall_kind kind = words != NULL ? words->kind : SYSCALL_OTHER;

    /* After a stop the kernel goes on with a call of another number: the stack has the name. */
    if (thread->call == SYS_restart_syscall && thread->frames > 0 &&
        strstr(thread->frame[0].function, "nanosleep") != NULL)
        text = "sleeps";
    wait->kind = kinds[kind];
    wait->limited = kind == SYSCALL_SLEEP;
    if (text != NULL)
        snprintf(wait->what, sizeof wait->what, "%s", text);
    else
        snprintf(wait->what, sizeof wait->what, "waits in system call %ld", thread->call);
    if (thread->frames > 0)
        note_function(thread, 0);
    if (thread->process->all->core)
        return;
    if (kind == SYSCALL_CHILD)
        postmortem_say_child(thread);
    else if (kind == SYSCALL_FILE_LOCK)
        postmortem_say_file_lock(thread);
    else if (kind == SYSCALL_READ || kind == SYSCALL_WRITE)
        postmortem_say_peer(thread, kind == SYSCALL_WRITE);
}

/* The argument of a spin lock stays in its register for as long as it spins. */
static void read_spin(struct postmortem_thread *thread)
{
    thread->wait.kind = POSTMORTEM_SPIN;
    thread->wait.object = thread->regs.r[5];
    note_function(thread, 0);
    word_wait(thread);
    say_owner(thread, POSTMORTEM_OWNER_UNRECORDED, "a spin lock does not note who has it");
}

static void read_wait(struct postmortem_thread *thread)
{
    struct postmortem_wait *wait = &thread->wait;

    memset(wait, 0, sizeof *wait);
    wait->site = own_frame(thread, 0);
    if (thread->state == 'Z' || (!thread->stopped && thread->state == 'X')) {
        wait->kind = POSTMORTEM_DEAD;
        snprintf(wait->what, sizeof wait->what, "has ended");
    } else if (!thread->stopped) {
        wait->kind = POSTMORTEM_CALL;
        snprintf(wait->what, sizeof wait->what, "sleeps where nothing interrupts it");
    } else if (thread->call == SYS_futex) {
        read_futex_wait(thread);
    } else if (thread->call >= 0) {
        read_call(thread);
    } else if (thread->frames > 0 && kind_of_name(thread->frame[0].function) == POSTMORTEM_SPIN) {
        read_spin(thread);
    } else {
        wait->kind = POSTMORTEM_RUNS;
        snprintf(wait->what, sizeof wait->what, "runs");
    }
}

void postmortem_read_waits(struct postmortem *all)
{
    for (unsigned i = 0; i < all->processes; i++)
        for (size_t t = 0; t < all->process[i].threads; t++)
            read_wait(&all->process[i].thread[t]);
}
