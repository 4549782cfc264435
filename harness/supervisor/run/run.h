/*
 * run.h: one run: cells, jobs, and the loop that drives them.
 *
 *     run.c      the loop: what to wait for, who gets which cell, when it is over
 *     worker.c   one job's way from a started server to a committed batch
 *     cycle.c    what becomes of a cycle that is not simply a pass
 *     matrix.c   from options to cells
 *
 * Single-threaded; epoll over bells, output pipes, the guardian, signals and one tick.
 */
#ifndef SUPERVISOR_RUN_H
#define SUPERVISOR_RUN_H

#include <results/store/store.h>

#include <harness/supervisor/evidence/autopsy.h>
#include <harness/supervisor/guardian/guardian.h>
#include "job.h"
#include "laps.h"
#include <harness/supervisor/recorder/recorder.h>
#include "target.h"
#include <harness/supervisor/evidence/verdict.h>
#include <harness/supervisor/watch/watch.h>
#include <harness/supervisor/watch/watch_held.h>

enum { RUN_JOBS = 64, RUN_INJECTORS = 64 };

/** struct run_injection - one --inject: an injector and what is fixed of its point. */
struct run_injection {
    int injector;
    struct plan_point point;
    bool placed; /* a site or point was given */
    char *text;  /* "thread-kill@malloc" */
};

/**
 * struct run_planted - a cell that is there to try the detectors; its findings are no findings.
 * @bad: it has a fault, and @codes must be found (see struct store_planted); else a clean twin.
 */
struct run_planted {
    bool bad;
    const char *codes;
};

/** struct run_wish - one cell by itself. @injection->text: kept. @planted: NULL for a real one. */
struct run_wish {
    struct target *target;
    const struct run_injection *injection;
    const struct run_planted *planted;
};

struct run;
struct run_cell;

/**
 * struct run_policy - who gets the next batch, where not simply the one that had least.
 * @begin: once, when all cells are known and what the store knows of them. ERROR_...
 * @next: the cell for a job that serves @target now, among those that run_wants(); NULL: none.
 * @learn: a batch of @cell is over; its findings are in @found. May set @cell->done.
 * @enough: asked now and then; true ends the run as if its time were over.
 */
struct run_policy {
    int (*begin)(struct run *run, struct error *e);
    struct run_cell *(*next)(struct run *run, const struct target *target);
    void (*learn)(struct run *run, struct run_cell *cell, const struct verdict_list *found);
    bool (*enough)(struct run *run);
};

/** struct run_options - what the command line wants. Owned by the caller. */
struct run_options {
    struct target **target;
    unsigned targets;
    struct run_injection injection[RUN_INJECTORS];
    unsigned injections;         /* 0: every injector that applies, and none */
    const struct run_wish *wish; /* these cells, and no others; targets must hold theirs */
    size_t wishes;
    uint64_t planted_cycles; /* at most so many in a planted cell, 0: as in any other */
    const struct run_policy *policy;
    void *policy_context;
    double again_seconds;  /* no longer for @again, 0: as long as the run took */
    uint64_t memory_bytes; /* data of one target, 0: no limit */
    bool core_limited;     /* @core_bytes is the most that one target's core file has */
    uint64_t core_bytes;
    unsigned traces; /* recorder's traces kept, 0: 50 */
    bool no_control;
    uint64_t cycles;      /* per cell; 0: by time */
    double seconds;       /* --for; 0: by cycles */
    uint64_t until_found; /* 0: never */
    double until_sure;    /* share of failing cycles; 0: never */
    uint64_t again;       /* tries of each finding's line when the run is over, 0: none */
    uint64_t seed;
    unsigned jobs;
    uint32_t mode;
    const char *directory; /* NULL: nothing is stored (replay, dry run) */
    bool resume;
    bool dry_run;
    double deadline_s;  /* 0: learned */
    double held_long_s; /* a lock is held long from there on; 0: WATCH_HELD_S */
    const char *const *without;
    bool must_unload;
    bool reach;     /* look for unreachable blocks at every target's end */
    bool temporary; /* the directory goes with us, even if we are killed */
    bool trace;     /* the recorder for programs, too; workloads have it anyway */
    bool no_trace;
    bool quiet;
    bool progress; /* a terminal shows it */
    bool stop_at;  /* replay --gdb: stop where the injection is due */
    /* replay: this cycle of the only cell, again and again */
    bool only_cycle;
    uint64_t cycle;
    /** Called for each judged cycle; may be NULL. */
    void (*judged)(void *context, const struct judgement *judgement,
                   const struct abi_control *control);
    /** Called while a failing target is held still, before it is ended; may be NULL. */
    void (*held)(void *context, int pid);
    void *context;
};

/** struct run_cell - one cell and how far it is. */
struct run_cell {
    struct store_cell row;
    struct target *target;
    int injector;
    struct plan_spec spec;
    uint64_t key;
    const struct run_planted *planted; /* NULL: a cell like any */
    uint64_t wanted;                   /* cycles, 0: by time */
    uint64_t next;                     /* first cycle that no job has */
    uint64_t median_ns;
    uint64_t found;   /* cycles with findings */
    uint64_t counted; /* cycles that passed or failed: neither broken nor without their injection */
    double spent_s;   /* in its cycles */
    double
        used_s; /* of a job: its cycles, and the starts and dry cycles that it was first to need */
    bool busy;
    bool done;
    bool explicit_point;
    bool confirmed; /* a rerun at three times the deadline was not done either */
    unsigned server_deaths;
};

enum worker_phase {
    WORKER_IDLE,
    WORKER_STARTING,
    WORKER_COUNT, /* dry cycle: hits */
    WORKER_STEP,  /* dry cycle: lengths */
    WORKER_READY, /* the server waits for a batch */
    WORKER_BATCH,
};

/** struct worker - one job and what it is doing. */
struct worker {
    struct run *run;
    struct job job;
    enum worker_phase phase;
    struct run_cell *cell;
    uint64_t given_ns; /* since when it has this cell */
    uint64_t start_ns; /* when its server was started */
    struct watch watch;
    struct watch_held held;
    struct verdict_list found;
    struct store_batch sum;    /* of the batch, its cycles run again included */
    uint64_t judged_passed;    /* cycles the supervisor looked at and found sound */
    uint64_t judged_not_fired; /* the same, but the injection had not fired */
    uint64_t failed;
    uint64_t broken;
    struct verdict_list suspect; /* broken, or beyond the deadline: each is run again */
    size_t retried;              /* findings of those that have been */
    size_t retry_from;           /* first finding of the cycle under way */
    bool retrying;               /* the cycle under way is one of them */
    uint64_t judged_epoch;
    bool has_verdict; /* the cycle of @verdict_epoch was judged, or is to be run again */
    uint64_t verdict_epoch;
    bool abandoned;          /* the cycle under way was given up, unjudged, to come to an end */
    uint64_t seen_mark;      /* the cycle under way, as the last tick saw it */
    uint64_t seen_ns;        /* since when: by our own clock, what we slept through left out */
    uint64_t tick_ns;        /* the last tick */
    uint64_t lacking_ns;     /* since when the machine has no process for a server, 0: it has */
    uint64_t again_ns;       /* before then none is asked for */
    uint64_t stopped_ns;     /* since when the target is stopped by a signal, 0: it is not */
    bool resumed;            /* parked threads of this cycle have been let go */
    struct judgement parked; /* what was seen while they were parked */
    struct judgement looked; /* what the heap has shown before this cycle's end */
    uint64_t looked_epoch;   /* of that cycle */
    struct laps laps;
};

static inline struct abi_control *worker_control(struct worker *worker)
{
    return &worker->job.memory->control;
}

struct run {
    struct run_options options;
    struct store *store;
    struct guardian *guardian;
    struct recorder *recorder;
    struct recorder_env recorder_env;
    char *recorder_words[RECORDER_ENV_ENTRIES + 1];
    char recorder_line[300]; /* "lttng" or why there is none */
    struct place place;
    struct autopsy autopsy;
    struct run_cell *cell;
    size_t cells;
    struct worker *worker;
    unsigned workers;
    int epoll;
    int signals;
    int timer;
    bool interrupted;   /* finish the batches, then report */
    bool aborted;       /* at once */
    uint64_t ending_ns; /* since when batches are being ended early, 0: they are not */
    bool ptrace_told;
    bool heap_told;
    uint64_t started_ns;
    uint64_t started_ticks;
    uint64_t total_cycles;
    uint64_t total_failed;
    uint64_t total_broken;
    uint64_t traces;
    int error; /* first failure of the supervisor itself */
    struct error why;
};

/** run_execute() - the whole run; @run is filled and can be asked afterwards. */
int run_execute(struct run *run, const struct run_options *options, struct error *e);

/** run_close() - gives everything back; leaves no process. */
void run_close(struct run *run);

/** run_cell_seldom_fired() - a point that the user named came about in less than half the cycles.
 */
bool run_cell_seldom_fired(const struct run_cell *cell);

/** run_wants() - a batch of this cell may be begun. */
bool run_wants(const struct run *run, const struct run_cell *cell);

/** run_status() - the exit status that design.md promises. */
int run_status(const struct run *run);

/** run_now_ns() - CLOCK_MONOTONIC. */
uint64_t run_now_ns(void);

/** run_fail() - the supervisor cannot go on; the loop ends. */
void run_fail(struct run *run, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* matrix.c */
/** matrix_applies() - this injector has something to do in such a target. */
bool matrix_applies(int injector, const struct target *target);
int matrix_build(struct run *run, struct error *e);
void matrix_free(struct run *run);
int matrix_store(struct run *run, struct error *e);

/* worker.c */
int worker_open(struct worker *worker, struct run *run, struct error *e);
void worker_close(struct worker *worker);
/** Gives the worker something to do, if there is anything. */
void worker_feed(struct worker *worker);
/** The server has rung. */
void worker_bell(struct worker *worker);
/** The server's process has ended by itself. */
void worker_server_died(struct worker *worker, int status);
/** The next cell for a worker that serves @target now; NULL if there is none to have. */
struct run_cell *run_next_cell(struct run *run, const struct target *target);

/** Every cycle of the batch has its verdict: one more can't be. */
bool worker_spent(const struct worker *worker);
/** What is said of a program that scribbles over what it shares with us. */
extern const char worker_scribbled[];
/**
 * worker_check() - false where the memory was written over: then the server is ended, and all is
 * said.
 * @target: also that the target's number is that of the server's child, which costs a file of
 * /proc.
 */
bool worker_check(struct worker *worker, bool target);
/** The server, or what it says, can't be relied on: it is ended, and @text says why. */
void worker_server_lost(struct worker *worker, const char *text);

/* progress.c */
void progress_show(const struct run *run);
void progress_clear(const struct run *run);

#endif
