/*
 * target.h: what is run: a shipped workload or a program, with everything that shapes it.
 *
 * The head of a target names it in replay lines: "heap-churn variant=shared-arena threads=4"
 * for a workload (every parameter that differs from its default), "" for a program, whose
 * command comes at the line's end behind "--".
 */
#ifndef SUPERVISOR_TARGET_H
#define SUPERVISOR_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/error.h>
#include <harness/workload.h>

struct target {
    char *head;        /* "" for a program */
    char *tail;        /* "" for a workload, "-- xz -T4 file" for a program, shell-quoted */
    char *name;        /* workload's name, program's base name */
    char *variant;     /* "" for a program */
    char **argv;       /* of the process, NULL at the end; argv[0] as the user gave it */
    char *path;        /* file to execute */
    char *environment; /* "NAME=value NAME=value" on top of our own; may be "" */
    char *input;       /* file for stdin, NULL for /dev/null */
    char build[17];    /* first 8 bytes of the executable's build id in hex, "" without one */
    const struct workload *workload; /* NULL for a program */
    uint32_t laps;
    bool fresh;        /* start it anew for each cycle */
    bool probe;        /* probe survivors after a kill */
    bool modules;      /* it loads modules (workloads say so; programs may) */
    /* Filled by the first job that prepares it. */
    bool profiled;
    bool profiling;
    char *trouble;     /* why no profile could be had, NULL if it could */
    char *notes;
    int baseline_status;
    char user_site[ABI_USER_SITES][ABI_NAME_BYTES]; /* names in the profile's numbering */
    struct profile profile;
};

/**
 * target_workload() - from "NAME[,key=value]...".
 * @libdir: where rundown-target lies. Returns 0 or ERROR_USAGE with a suggestion.
 */
int target_workload(const char *text, const char *libdir, struct target **out, struct error *e);

/** target_program() - from a command; ERROR_NOT_FOUND or ERROR_NOT_EXECUTABLE as a shell would. */
int target_program(char *const *argv, struct target **out, struct error *e);

void target_free(struct target *target);

/** target_key() - names the target's cells in the plan's streams. */
uint64_t target_key(const struct target *target, const char *injector, uint32_t mode);

/** target_quote() - appends @word to @out as a POSIX shell would have to be told it. Caller frees. */
char *target_quote(char *const *argv);

#endif
