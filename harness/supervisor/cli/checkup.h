/*
 * checkup.h: what a run needs of the machine, each thing tried for real where that is possible.
 *
 * A check changes nothing that outlives it. What could kill or block is tried in a child with
 * a deadline. Checks know what a lack costs the user and how to mend it; they print nothing.
 */
#ifndef SUPERVISOR_CHECKUP_H
#define SUPERVISOR_CHECKUP_H

#include <stdbool.h>
#include <stddef.h>

enum { CHECKUP_SECONDS = 10 };

/**
 * enum checkup_state - what a check came to.
 * @CHECKUP_DEGRADED: a run works, with less. @CHECKUP_MISSING: a run can't work.
 */
enum checkup_state { CHECKUP_OK, CHECKUP_DEGRADED, CHECKUP_MISSING };

/** struct checkup - @lost and @mend are "" where nothing is. */
struct checkup {
    enum checkup_state state;
    char fact[400];
    char lost[240];
    char mend[400];
};

/** struct checkup_item - one check. @look fills all of its argument. */
struct checkup_item {
    const char *name;
    void (*look)(struct checkup *checkup);
};

/** Every check in order; @name is NULL at the end. */
extern const struct checkup_item checkup_items[];

/** checkup_ok() - nothing is lost; printf format of the fact. */
void checkup_ok(struct checkup *checkup, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** checkup_bad() - something is; printf format of the fact. */
void checkup_bad(struct checkup *checkup, enum checkup_state state, const char *lost,
                 const char *mend, const char *format, ...) __attribute__((format(printf, 5, 6)));

/**
 * checkup_child() - calls @body in a child with default signals and a deadline.
 *
 * Returns its exit status, or -1 with @why filled ("killed by SIGSEGV") if it has none.
 */
int checkup_child(int (*body)(void *context), void *context, char *why, size_t size);

/** checkup_read() - first line of a small file; false if it cannot be read. */
bool checkup_read(const char *path, char *line, size_t size);

/** checkup_find() - true if a program is in PATH; @path: where. */
bool checkup_find(const char *program, char *path, size_t size);

/* checkup_machine.c: the processor and the kernel */
void checkup_processor(struct checkup *checkup);
void checkup_memory(struct checkup *checkup);
void checkup_pidfd(struct checkup *checkup);
void checkup_ptrace(struct checkup *checkup);
void checkup_target_memory(struct checkup *checkup);
void checkup_waits(struct checkup *checkup);
void checkup_steps(struct checkup *checkup);
void checkup_breakpoints(struct checkup *checkup);
void checkup_namespaces(struct checkup *checkup);

/* checkup_limits.c: limits and places */
void checkup_files(struct checkup *checkup);
void checkup_processes(struct checkup *checkup);
void checkup_stack(struct checkup *checkup);
void checkup_shm(struct checkup *checkup);
void checkup_cores(struct checkup *checkup);

/* checkup_parts.c: our own files and other people's programs */
void checkup_runner(struct checkup *checkup);
void checkup_agent(struct checkup *checkup);
void checkup_modules(struct checkup *checkup);
void checkup_daemon(struct checkup *checkup);
void checkup_crash_tool(struct checkup *checkup);
void checkup_provider(struct checkup *checkup);
void checkup_recorder(struct checkup *checkup);
void checkup_libc(struct checkup *checkup);
void checkup_libc_symbols(struct checkup *checkup);
void checkup_debug_info(struct checkup *checkup);
void checkup_gdb(struct checkup *checkup);
void checkup_compiler(struct checkup *checkup);

#endif
