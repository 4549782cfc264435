/*
 * target.h: what is run: a shipped workload, a program or a module in our host, with
 * everything that shapes it.
 *
 * The head of a target names it in replay lines: "heap-churn variant=shared-arena threads=4"
 * for a workload (every parameter that was given), "/home/me/mine.so variant=plain" for one in a
 * shared object of the user's own, "module /lib/libfoo.so where=a use='fn(1)'" for a module, "" for
 * a program, whose command comes at the line's end behind "--".
 */
#ifndef SUPERVISOR_TARGET_H
#define SUPERVISOR_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/error.h>
#include <harness/workload.h>

#include <harness/supervisor/cli/heap_check.h>
#include <harness/supervisor/cli/uses.h>

#include "own.h"

/**
 * enum target_recorder - whether the flight recorder runs beside it. @RECORDER_USUAL: as runs have
 * it that say nothing, with it for what is shipped and without for programs of one's own. It is in
 * replay lines since its threads take their part of the heap: counts of instructions are others.
 */
enum target_recorder { RECORDER_USUAL, RECORDER_NONE, RECORDER_LTTNG };

struct target {
    char *head;        /* "" for a program */
    char *tail;        /* "" for a workload, "-- xz -T4 file" for a program, shell-quoted */
    char *name;        /* workload's name, program's or module's base name */
    char *variant;     /* "" for a program, "a", "b" or "c" for a module */
    char **argv;       /* of the process, NULL at the end; argv[0] as the user gave it */
    char *path;        /* file to execute */
    char *environment; /* "NAME=value NAME=value" on top of our own; may be "" */
    char *input;       /* file for stdin, NULL for /dev/null */
    char *directory;   /* that it starts in, NULL: ours */
    char **variable;   /* of its environment, "NAME=any value", NULL at the end; may be NULL */
    char build[17];    /* first 8 bytes of the program's or module's build id in hex, or "" */
    const struct workload *workload; /* NULL for a program or module */
    struct own *own;                 /* NULL but for a workload in somebody's shared object */
    struct uses *uses;               /* NULL but for a module */
    uint32_t laps;
    uint32_t usual_laps;           /* what @laps is where nobody says otherwise */
    uint32_t lap_mode;             /* enum abi_lap_mode */
    uint32_t lap_every;            /* of LAPS_EVERY */
    struct abi_lap_at *lap_at;     /* of LAPS_AT, else NULL; owned, as the two below */
    char *lap_text;                /* as it was given */
    char *lap_note;                /* what ends its laps, for the report; NULL for a body's */
    bool fresh;                    /* start it anew for each cycle */
    bool probe;                    /* probe survivors after a kill */
    bool must_unload;              /* a module that stays mapped is a finding */
    bool reach;                    /* unreachable blocks are looked for at its end */
    double deadline_s;             /* age at which an unproved hang is reported, 0: learned */
    enum target_recorder recorder; /* for its replay lines */
    double held_long_s;            /* what the holder of a lock may sleep, 0: WATCH_HELD_S */
    struct heap_check heap_check;
    bool modules; /* it loads modules (workloads say so; programs may) */
    /* Filled by the first job that prepares it. */
    double start_s; /* what its last start took, dry cycles left out */
    bool profiled;
    bool profiling;
    char *trouble; /* why no profile could be had, NULL if it could */
    bool unready;  /* @trouble is that it does not come to its work: no cell of it can be run */
    char *notes;
    int baseline_status;
    char user_site[ABI_USER_SITES][ABI_NAME_BYTES]; /* names in the profile's numbering */
    struct profile profile;
};

/**
 * target_workload() - from "NAME[,key=value]...", or "./mine.so[,key=value]..." for a workload of
 * the user's own, which is loaded and set up once, in a process of its own.
 * @libdir: where rundown-target lies. Returns 0 or ERROR_USAGE with a suggestion, or what
 * own_open() and own_try() return.
 */
int target_workload(const char *text, const char *libdir, struct target **out, struct error *e);

/** target_program() - from a command; ERROR_NOT_FOUND or ERROR_NOT_EXECUTABLE as a shell would. */
int target_program(char *const *argv, struct target **out, struct error *e);

/**
 * target_surround() - where a program runs. Both stand in its head, and so in its replay lines.
 * @directory: NULL: ours. @variable: "NAME=value", NULL at the end; NULL: none. Copied.
 * ERROR_MEMORY, or ERROR_USAGE if there is no such directory.
 */
int target_surround(struct target *target, const char *directory, char *const *variable,
                    struct error *e);

/**
 * target_module() - one cell of a module: load, use, unload it in each lap, by our host.
 * @uses: held until target_free(). @where: 'a' used on the loading thread, 'b' on a thread that
 * outlives the unload and then ends, 'c' on one that is still inside when it is unloaded.
 * Returns 0, ERROR_USAGE (no such @where) or ERROR_MEMORY.
 */
int target_module(struct uses *uses, char where, const char *libdir, struct target **out,
                  struct error *e);

/** target_host() - path of the program that loads modules; caller frees. NULL: no memory. */
char *target_host(const char *libdir);

void target_free(struct target *target);

/** target_is_shipped() - a workload of ours, not somebody's own code. */
static inline bool target_is_shipped(const struct target *target)
{
    return target->workload != NULL && target->own == NULL;
}

/** target_set_trouble() - why its dry cycles tell nothing; the first reason stays. Copied. */
void target_set_trouble(struct target *target, const char *text);

/** target_key() - names the target's cells in the plan's streams. */
uint64_t target_key(const struct target *target, const char *injector, uint32_t mode);

/** target_quote() - appends @word to @out as a POSIX shell would have to be told it. Caller frees.
 */
char *target_quote(char *const *argv);

#endif
