/*
 * unwind.h: the stacks of a failing target, with names.
 *
 * For the autopsy alone: nothing here is called for a cycle that passes. libdw lives behind
 * this header. A handle belongs to one thread at a time, and what ptrace does must be done
 * by the thread that seized. No call here changes the target's memory or registers.
 */
#ifndef SUPERVISOR_UNWIND_H
#define SUPERVISOR_UNWIND_H

#include <harness/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    UNWIND_FRAMES_MAX = 64,
    /* indices in struct unwind_regs that are used by name */
    UNWIND_RBP = 6,
    UNWIND_RSP = 7,
    UNWIND_RIP = 16,
    UNWIND_REGS = 17,
};

/* What is special about a frame; struct unwind_frame.flags. */
enum unwind_flag {
    UNWIND_EXACT = 1 << 0,      /* pc is the instruction itself, not where a call returns to */
    UNWIND_TRAMPOLINE = 1 << 1, /* the return from a signal handler; the next frame was hit */
    UNWIND_GUESSED = 1 << 2,    /* found by frame pointer or return slot, not by unwind tables */
    UNWIND_UNLOADED = 1 << 3,   /* the module is gone; named from its file */
    UNWIND_DELETED = 1 << 4,    /* the module's file was deleted or replaced since */
};

/**
 * struct unwind_frame - one line of a stack, or one address. Empty strings where unknown.
 * @pc: the instruction at which the thread is, or to which the call returns.
 * @offset: in the module: pc minus its load bias, as addr2line and objdump take it; in other
 *          memory pc minus the start of its map.
 * @function_offset: from the start of @function.
 * @module: last part of the path; "linux-vdso.so.1"; "[anon]", "[stack]" or "[heap]" for
 *          memory that is no file; "" where nothing is mapped.
 * @module_path: "" where there is no file.
 * @build_id: lower-case hex.
 * @function: as in the symbol table, C++ names demangled and without their parameters, cut to
 *          fit. For an address of data the variable's name.
 * @file, @line: "" and 0 without line information.
 * @flags: of enum unwind_flag.
 */
struct unwind_frame {
    uint64_t pc;
    uint64_t offset;
    uint64_t function_offset;
    unsigned flags;
    int line;
    char module[64];
    char build_id[48];
    char function[128];
    char file[128];
    char module_path[512];
};

/** struct unwind_regs - in DWARF order: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip. */
struct unwind_regs {
    uint64_t r[UNWIND_REGS];
};

/**
 * struct unwind_stack - a copy of stack memory, which counts instead of the target's own.
 * @address: in the target, of @bytes[0].
 */
struct unwind_stack {
    uint64_t address;
    const void *bytes;
    size_t length;
};

struct space;
struct unwind;

/**
 * unwind_open() - look into a process.
 * @live_tid: a thread of it that is alive; the leader's own id unless it has ended, since a
 *            dead leader's maps read empty.
 *
 * The process need not be traced or stopped; if it runs, the modules are those of now. Opens
 * no ELF file yet: that is done for the modules that stacks turn out to touch. Returns 0,
 * ERROR_NOT_FOUND (gone, or @live_tid is dead), ERROR_PERMISSION, ERROR_MEMORY or
 * ERROR_SYSTEM. unwind_close() gives the handle back.
 */
int unwind_open(struct unwind **out, pid_t pid, pid_t live_tid, struct error *e);

/**
 * unwind_retarget() - use the handle for another process, or again after modules changed.
 *
 * Modules that are the same file at the same address keep all that was read of them. For
 * forks of one server these are nearly all, which makes this many times cheaper than opening.
 * Returns as unwind_open(); after an error the handle can be retargeted again or closed,
 * and until then knows no process.
 */
int unwind_retarget(struct unwind *u, pid_t pid, pid_t live_tid, struct error *e);

/**
 * unwind_open_space() - look into a process that is no more, by what was kept of it.
 * @space: maps and a source; the handle takes it over, also after an error.
 *
 * Stacks come by unwind_regs() alone. Returns 0, ERROR_MEMORY or ERROR_SYSTEM.
 */
int unwind_open_space(struct unwind **out, struct space *space, struct error *e);

/** unwind_space() - the maps that the handle works with; valid until it is retargeted or closed. */
const struct space *unwind_space(const struct unwind *u);

/** unwind_kept() - how many modules the last unwind_retarget() kept. */
size_t unwind_kept(const struct unwind *u);

/** unwind_close() - NULL is allowed. */
void unwind_close(struct unwind *u);

/**
 * unwind_add_unloaded() - a module that was mapped at [@start, @end) and is gone.
 *
 * Stacks that lead through it are then unwound and named by its file, which must not have
 * changed since; that can't be checked here. Holds until the next retarget. Returns 0,
 * ERROR_BUSY (the range is in use again), ERROR_NOT_FOUND, ERROR_PERMISSION, ERROR_CORRUPT
 * (no x86-64 ELF file) or ERROR_MEMORY.
 */
int unwind_add_unloaded(struct unwind *u, const char *path, uint64_t start, uint64_t end,
                        struct error *e);

/**
 * unwind_thread() - the stack of a thread that the caller has stopped by ptrace.
 * @frames: room for @max, innermost first; at most UNWIND_FRAMES_MAX are filled.
 *
 * A stack that can't be followed further ends there: that is no error. Where unwind tables
 * are missing, a return address is guessed only if a call stands before it, and flagged.
 * Returns 0 with at least one frame, or with @count 0 ERROR_NOT_FOUND (the thread has ended),
 * ERROR_BUSY (it isn't stopped by us), ERROR_TARGET (32-bit code) or ERROR_RANGE (@max is 0).
 */
int unwind_thread(struct unwind *u, pid_t tid, struct unwind_frame *frames, size_t max,
                  size_t *count, struct error *e);

/**
 * unwind_regs() - the stack that belongs to saved registers, of a thread dead or alive.
 * @stack: NULL, or a copy taken with the registers.
 *
 * Registers and copy may hold anything. Returns 0 with at least one frame, or ERROR_RANGE
 * (@max is 0).
 */
int unwind_regs(struct unwind *u, const struct unwind_regs *regs, const struct unwind_stack *stack,
                struct unwind_frame *frames, size_t max, size_t *count);

/**
 * unwind_address() - names one address, of code or data, exactly (no "minus one").
 *
 * Returns 0, or ERROR_NOT_FOUND where nothing is mapped or was added; then @frame holds the
 * address and empty strings.
 */
int unwind_address(struct unwind *u, uint64_t address, struct unwind_frame *frame);

/**
 * unwind_file_address() - names an address by a file on disk, with no process.
 * @offset: in the module, as in struct unwind_frame. For a return address give one less.
 *
 * For a module that is no longer mapped. Returns 0 (names may be empty), ERROR_NOT_FOUND,
 * ERROR_PERMISSION, ERROR_CORRUPT, ERROR_RANGE (@offset is outside the file's segments) or
 * ERROR_MEMORY; then @frame holds the offset and empty strings.
 */
int unwind_file_address(const char *path, uint64_t offset, struct unwind_frame *frame,
                        struct error *e);

/** unwind_read() - memory of the target; how many of the @bytes could be had from the start. */
size_t unwind_read(struct unwind *u, uint64_t address, void *out, size_t bytes);

/**
 * unwind_registers() - registers of a thread that the caller has stopped by ptrace.
 *
 * Errors as unwind_thread().
 */
int unwind_registers(pid_t tid, struct unwind_regs *regs, struct error *e);

/**
 * unwind_seize_all() - stop every thread of a process by ptrace.
 * @tids: room for @max. @count: set, also on ERROR_FULL.
 *
 * Goes on until /proc/PID/task shows no new thread, at most two seconds. Threads that end
 * meanwhile and a leader that has ended are left out. One that sleeps in the kernel where
 * nothing interrupts it (vfork, a dead disk) is in @tids without being stopped:
 * unwind_thread() then says ERROR_BUSY. Some blocking calls (epoll_wait, semop, sigtimedwait)
 * return EINTR to the target after it goes on: the kernel's rule for any stop.
 *
 * Returns 0 or, with more than @max threads, ERROR_FULL and @max of them held; the caller
 * ends both by unwind_detach_all(). Else @count is 0, or those that could not be let go again yet
 * and are to be let go by unwind_detach_all() later: ERROR_NOT_FOUND (no such process), ERROR_BUSY
 * (another debugger has it), ERROR_PERMISSION, ERROR_SYSTEM.
 */
int unwind_seize_all(pid_t pid, pid_t *tids, size_t max, size_t *count, struct error *e);

/**
 * unwind_detach_all() - let go what unwind_seize_all() holds.
 *
 * Each thread goes on as if nothing had been: a stopped process stays stopped, a signal that
 * came meanwhile is delivered. Threads that have died are no matter; a parent's own wait
 * still finds a process that did. Returns how many could not be let go, because they never
 * stopped, or are a leader that ended while we held it: call again once the process has been
 * killed. At the latest the kernel lets them go when the calling thread ends.
 */
size_t unwind_detach_all(pid_t pid, const pid_t *tids, size_t count);

#endif
