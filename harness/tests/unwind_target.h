/*
 * unwind_target.h: small targets for the tests of stacks, and ways to wait for them.
 *
 * A target is a fork of the test program that runs one function. Both sides share a board of
 * memory; they meet at its numbered stages and by what /proc says, never by the clock. Each
 * wait has a deadline, after which the test program ends as broken.
 */
#ifndef TESTS_UNWIND_TARGET_H
#define TESTS_UNWIND_TARGET_H

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A function that stays one in the stack: not inlined, cloned or called as the last act. */
#ifdef __clang__
#define TARGET_KEPT __attribute__((noinline, used))
#else
#define TARGET_KEPT __attribute__((noipa))
#endif
#define TARGET_NOT_LAST() __asm__ volatile("" ::: "memory")

enum {
    TARGET_WAIT_S = 60,
    TARGET_TIDS = 32,
    TARGET_BROKEN = 99,
};

/** struct board - what a target and its test share. @stage: rises; both sides wait on it. */
struct board {
    _Atomic uint32_t stage;
    _Atomic uint32_t counter;
    _Atomic int64_t sum;
    _Atomic int tid[TARGET_TIDS];
    _Atomic uint64_t address[8];
    uint64_t regs[17];
    _Alignas(16) uint8_t stack[4096];
};

static inline struct board *board_new(void)
{
    void *map =
        mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        exit(TARGET_BROKEN);
    return map;
}

static inline void board_free(struct board *board)
{
    munmap(board, sizeof *board);
}

static inline int64_t target_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static inline void target_broken(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "broken: waited in vain for %s\n", what);
    _exit(TARGET_BROKEN);
}

static inline void board_post(struct board *board, uint32_t stage)
{
    atomic_store(&board->stage, stage);
    syscall(SYS_futex, &board->stage, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Safe in a signal handler. */
static inline void board_wait(struct board *board, uint32_t stage)
{
    struct timespec limit = {TARGET_WAIT_S, 0};
    uint32_t now;

    while ((now = atomic_load(&board->stage)) < stage) {
        long code = syscall(SYS_futex, &board->stage, FUTEX_WAIT, now, &limit, NULL, 0);

        if (code != 0 && errno == ETIMEDOUT)
            target_broken("a stage");
    }
}

/* Waits for ever in one system call that no signal needs; for threads that are to be found. */
static inline void target_sleep(struct board *board)
{
    for (;;)
        syscall(SYS_futex, &board->sum, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static inline pid_t target_tid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* Forks a target that dies with the test, runs @body and exits with 0. */
static inline pid_t target_start(void (*body)(struct board *), struct board *board)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0)
        exit(TARGET_BROKEN);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body(board);
    _exit(0);
}

/* The wait status of a target; it must end by itself within the deadline. */
static inline int target_join(pid_t pid)
{
    int64_t deadline = target_now_s() + TARGET_WAIT_S;
    int status;

    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (target_now_s() > deadline) {
            kill(pid, SIGKILL);
            target_broken("a target's end");
        }
        sched_yield();
    }
    return status;
}

static inline void target_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    target_join(pid);
}

/* State letter and number of the system call of a thread; 'X' if there is none such. */
static inline char target_state(pid_t pid, pid_t tid, long *call)
{
    char path[64], text[512] = "", *end;
    FILE *file;

    *call = -1;
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    file = fopen(path, "re");
    if (file != NULL && fgets(text, sizeof text, file) != NULL && text[0] != 'r')
        *call = strtol(text, NULL, 10);
    if (file != NULL)
        fclose(file);
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    file = fopen(path, "re");
    if (file == NULL)
        return 'X';
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    end = strrchr(text, ')');
    return end != NULL ? end[2] : 'X';
}

/* Until the thread sleeps in system call @call (state S or D). */
static inline void target_wait_call(pid_t pid, pid_t tid, long call)
{
    int64_t deadline = target_now_s() + TARGET_WAIT_S;
    long now;

    for (;;) {
        char state = target_state(pid, tid, &now);

        if ((state == 'S' || state == 'D') && now == call)
            return;
        if (target_now_s() > deadline)
            target_broken("a thread to block");
        sched_yield();
    }
}

static inline void target_wait_state(pid_t pid, pid_t tid, char state)
{
    int64_t deadline = target_now_s() + TARGET_WAIT_S;
    long call;

    while (target_state(pid, tid, &call) != state) {
        if (target_now_s() > deadline)
            target_broken("a thread's state");
        sched_yield();
    }
}

/* A small generator, so that a failing case can be made again from its seed. */
static inline uint64_t target_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

#endif
