/*
 * postmortem.h: who waits for whom in a program that rundown did not start.
 *
 *     postmortem_live.c, postmortem_core.c   a process or a core file -> registers, stacks, words
 *     postmortem_waits.c, _outside.c         each thread -> what it waits for, and whom
 *     postmortem_held.c                      each thread -> the locks that it has
 *     postmortem_quiet.c                     can anything still happen?
 *     postmortem_circles.c                   chains, circles, the verdict
 *     postmortem_text.c, _json.c             words
 *
 * There is no agent to ask (if there is one, it is asked for names and held locks). Everything
 * read was left by a program that is broken: every count, list and pointer in its memory is
 * bounded before it is used. A process is stopped only while it is copied.
 */
#ifndef SUPERVISOR_POSTMORTEM_H
#define SUPERVISOR_POSTMORTEM_H

#include <harness/detector.h>
#include <harness/error.h>
#include <harness/supervisor/process/unwind.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    POSTMORTEM_PROCESSES = 32,
    POSTMORTEM_THREADS = 4096, /* of one process; more are held still, but not looked at */
    POSTMORTEM_STACK_BYTES = 64 << 10,
    POSTMORTEM_STACKS_BYTES = 256 << 20, /* of one process */
    POSTMORTEM_WORDS = 64,               /* bytes before and behind a futex that are kept */
    POSTMORTEM_HELD = 16,
    POSTMORTEM_TEXT = 200,
    POSTMORTEM_NAME = 32,
    POSTMORTEM_REMARKS = 24,
};

/* What a thread does or waits for. The name is that of the JSON field "kind". */
#define POSTMORTEM_KIND_LIST(X)                                                                    \
    X(RUNS, "runs")                                                                                \
    X(SPIN, "spin")                                                                                \
    X(MUTEX, "mutex")                                                                              \
    X(READ_LOCK, "rwlock-read")                                                                    \
    X(WRITE_LOCK, "rwlock-write")                                                                  \
    X(CONDITION, "condition")                                                                      \
    X(SEMAPHORE, "semaphore")                                                                      \
    X(BARRIER, "barrier")                                                                          \
    X(JOIN, "join")                                                                                \
    X(ONCE, "once")                                                                                \
    X(GUARD, "guard")                                                                              \
    X(STREAM, "stream")                                                                            \
    X(HEAP, "heap")                                                                                \
    X(LOADER, "loader")                                                                            \
    X(LIBC, "libc")                                                                                \
    X(FUTEX, "futex")                                                                              \
    X(CHILD, "child")                                                                              \
    X(FILE_LOCK, "file-lock")                                                                      \
    X(PEER, "peer")                                                                                \
    X(SLEEP, "sleep")                                                                              \
    X(SIGNAL, "signal")                                                                            \
    X(CALL, "call")                                                                                \
    X(DEAD, "ended")

enum postmortem_kind {
#define POSTMORTEM_KIND_ENUM(name, text) POSTMORTEM_##name,
    POSTMORTEM_KIND_LIST(POSTMORTEM_KIND_ENUM)
#undef POSTMORTEM_KIND_ENUM
        POSTMORTEM_KINDS
};

/* Who could let a waiting thread go on. The name is that of the JSON field "owner.how". */
#define POSTMORTEM_OWNER_LIST(X)                                                                   \
    X(NONE, "none")             /* it does not wait for anybody */                                 \
    X(UNRECORDED, "unrecorded") /* this kind of object notes nobody */                             \
    X(THREAD, "recorded")       /* a thread; the object says so */                                 \
    X(LIKELY, "by-stack")       /* a thread; the stacks say so */                                  \
    X(GONE, "gone")             /* a thread that is no more */                                     \
    X(NOT_HERE, "not-here")     /* a thread of an ancestor, which fork did not copy */             \
    X(OUTSIDE, "outside")       /* somebody outside of what was read */                            \
    X(PROCESS, "process")       /* a process of the tree */                                        \
    X(SELF_SIDE, "inside")      /* this program alone, whichever thread */                         \
    X(FREE, "free")             /* nobody has it now */                                            \
    X(DAMAGED, "damaged")       /* what the object says can't be */

enum postmortem_owner {
#define POSTMORTEM_OWNER_ENUM(name, text) POSTMORTEM_OWNER_##name,
    POSTMORTEM_OWNER_LIST(POSTMORTEM_OWNER_ENUM)
#undef POSTMORTEM_OWNER_ENUM
        POSTMORTEM_OWNERS
};

struct postmortem_thread;
struct postmortem_process;

/**
 * struct postmortem_wait - what a thread waits for.
 * @limited: it ends by itself. @guessed: the kind is told from memory, not from a function's name.
 * @what: "waits for mutex table_lock". @details: "recursive, robust", "2 of 5 have come".
 * @function: the C library's function that waits, "" where no symbol tells.
 * @site: index of the program's own frame; thread->frames if there is none.
 * @thread, @process: whom, for those owners that have one. @owner_tid: its number.
 * @owner_text: "held by T?1", "held by thread 4711, which does not exist any more".
 */
struct postmortem_wait {
    enum postmortem_kind kind;
    enum postmortem_owner owner;
    bool limited;
    bool guessed;
    uint64_t object;
    uint64_t value;
    pid_t owner_tid;
    struct postmortem_thread *thread;
    struct postmortem_process *process;
    unsigned site;
    char function[64];
    char object_text[96];
    char what[POSTMORTEM_TEXT];
    char details[POSTMORTEM_TEXT];
    char owner_text[POSTMORTEM_TEXT];
};

/**
 * struct postmortem_held - a lock that a thread has.
 * @source: how that is known: "waiters", "robust list", "memory", "loader", "agent".
 * @taken: where it was taken, known to the agent alone; "" else.
 */
struct postmortem_held {
    uint64_t object;
    const char *source;
    char text[96];
    char taken[POSTMORTEM_TEXT];
};

/**
 * struct postmortem_thread - one thread as it stood.
 * @own: its number as the process itself sees it: what lock words hold.
 * @name: "T1" for main, "T?1", "T?2" for the others by number; the agent's where there is one.
 * @state: letter of /proc/PID/stat before the stop, '?' in a core. @stopped: registers were read.
 * @born: in the kernel's ticks since it started; 0 in a core.
 * @call: system call under way, -1 for none.
 * @stack: a copy of @stack_bytes from @stack_address on.
 * @word: what lay around the futex: byte @word[i] was at @words_at + i; valid from @words_from
 *        to @words_to.
 */
struct postmortem_thread {
    struct postmortem_process *process;
    pid_t tid;
    pid_t own;
    char name[POSTMORTEM_NAME];
    char comm[17];
    char state;
    uint64_t born;
    bool stopped;
    long call;
    uint64_t argument[6];
    struct unwind_regs regs;
    uint64_t fs_base;
    uint64_t stack_address;
    uint8_t *stack;
    size_t stack_bytes;
    uint64_t words_at;
    unsigned words_from, words_to;
    uint8_t word[2 * POSTMORTEM_WORDS];
    struct evidence_frame *frame;
    unsigned frames;
    struct postmortem_wait wait;
    struct postmortem_held held[POSTMORTEM_HELD];
    unsigned helds;
    unsigned mark;   /* of the search for circles */
    unsigned circle; /* number of the circle that it is part of, from 1; 0 none */
};

/**
 * struct postmortem_quiet - can anything inside the process still happen?
 * @still: no. @why: else, the first thing that can.
 * @handlers: signals with a handler, which somebody outside could send: "SIGINT SIGTERM".
 */
struct postmortem_quiet {
    bool still;
    bool moved;
    char why[POSTMORTEM_TEXT];
    char handlers[POSTMORTEM_TEXT];
};

/**
 * struct postmortem_process - one process that was read.
 * @parent: the one of the tree that waits for it, NULL for the first.
 * @stopped_ms: how long it stood still for us; 0 for a core.
 * @unstopped: threads that could not be stopped, so were not read. @more: there were others.
 * @fixed: linked without a C library of its own (static): functions are told by name alone.
 */
struct postmortem_process {
    struct postmortem *all;
    struct postmortem_process *parent;
    struct unwind *unwind;
    pid_t pid;
    pid_t own;
    char comm[17];
    char program[64];
    struct postmortem_thread *thread;
    size_t threads;
    double stopped_ms;
    size_t unstopped;
    bool more;
    bool fixed;
    bool ended;
    bool agent;
    struct postmortem_quiet quiet;
    char refused[512];
};

/**
 * struct postmortem - all of it. Zero it before postmortem_live() or postmortem_core().
 * @circles: how many there are. @gone: waits for an owner that is no more.
 * @remark: what could not be known.
 */
struct postmortem {
    bool core;
    char what[256];
    struct postmortem_process process[POSTMORTEM_PROCESSES];
    unsigned processes;
    void *source;
    unsigned circles;
    unsigned likely_circles;
    unsigned gone;
    unsigned remarks;
    char remark[POSTMORTEM_REMARKS][POSTMORTEM_TEXT];
};

/**
 * postmortem_live() - reads a process, and the children that its threads wait for.
 *
 * Stops each while it is copied and lets it go before anything is worked out. Must be called
 * by a thread that does not trace it. Returns 0 or, of the process itself, ERROR_NOT_FOUND,
 * ERROR_PERMISSION, ERROR_BUSY (another debugger has it), ERROR_MEMORY or ERROR_SYSTEM.
 * postmortem_close() is called in every case.
 */
int postmortem_live(struct postmortem *all, pid_t pid, struct error *e);

/**
 * postmortem_core() - reads a core file, by the kernel or by gcore.
 *
 * Returns 0, ERROR_NOT_FOUND, ERROR_PERMISSION, ERROR_CORRUPT (no x86-64 core file),
 * ERROR_MEMORY or ERROR_SYSTEM.
 */
int postmortem_core(struct postmortem *all, const char *path, struct error *e);

/** postmortem_close() - gives everything back. */
void postmortem_close(struct postmortem *all);

/** postmortem_hang() - a circle, an owner that is gone, or a standstill of the whole tree. */
bool postmortem_hang(const struct postmortem *all);

/** postmortem_still() - nothing in any of the processes can still happen. */
bool postmortem_still(const struct postmortem *all);

/**
 * postmortem_text() - the report, to stdout.
 * @stacks: with every thread's stack. @columns: of the terminal, 0 for no limit.
 */
void postmortem_text(const struct postmortem *all, bool stacks, unsigned columns);

/** postmortem_json() - the same as one JSON object, to stdout; see docs/autopsy.md. */
void postmortem_json(const struct postmortem *all);

/** postmortem_kind_name(), postmortem_owner_name() - names that stay. */
const char *postmortem_kind_name(enum postmortem_kind kind);
const char *postmortem_owner_name(enum postmortem_owner owner);

/** postmortem_core_free() - gives back the source of a core; postmortem_close() does it. */
void postmortem_core_free(void *source);

/** postmortem_label() - "T1", or "T1 of 4712" in a process other than the first. */
void postmortem_label(const struct postmortem_thread *thread, char out[POSTMORTEM_NAME * 2]);

#endif
