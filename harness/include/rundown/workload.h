/*
 * workload.h: the code under stress, as rundown takes it. For C (gnu11 or later) and C++20.
 *
 * A workload is a struct of functions and of data about itself: parameters, variants, and what
 * must be found in the bad ones. It is used in either of two ways, or in both:
 *
 *     as a shared object     cc -shared -fPIC -g mine.c $(pkg-config --cflags rundown) -o mine.so
 *                            rundown run --workload ./mine.so,threads=8
 *     as part of a program   int main(int argc, char **argv)
 *                            { return rundown_workload_run(&mine, argc, argv); }
 *                            cc mine.c main.c $(pkg-config --cflags --libs rundown) -o mine
 *                            ./mine threads=8          or: rundown run -- ./mine threads=8
 *
 * A cycle is one process: setup, then body once for each lap (quiesce after each), then check,
 * then teardown, then the return from main. A workload is deterministic given its parameters
 * and its seed, as far as the kernel's scheduler lets it: fixed numbers of operations, no
 * clock, no random numbers but those of workload_random().
 *
 * Smallest one, as a whole:
 *
 *     #include <rundown/workload.h>
 *     static void body(struct workload_context *context, uint32_t lap) { ... }
 *     static const struct workload mine = {
 *         .name = "mine", .summary = "what it does", .body = body };
 *     RUNDOWN_WORKLOAD(mine);
 *
 * rundown's own workloads are written against this very header. What stands here is stable:
 * it changes only together with RUNDOWN_WORKLOAD_ABI, and what was built for another number is
 * refused in one line.
 */
#ifndef RUNDOWN_WORKLOAD_H
#define RUNDOWN_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rundown/marks.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Version of everything below.
 *     1  first
 *     2  held_long_ms of variants
 *     3  deadline_ms of variants
 */
enum { RUNDOWN_WORKLOAD_ABI = 3, RUNDOWN_WORKLOAD_MAGIC = 0x52444e57 /* "WNDR" */ };

/* Most parameters and most variants that one workload may have. */
enum { WORKLOAD_PARAMETERS = 16, WORKLOAD_VARIANTS = 12 };

/**
 * struct workload_parameter - a whole number that shapes the load ("threads=4").
 * @name: small letters, digits, '-' and '_', beginning with a letter; NULL ends the list. Words
 *        that replay lines use themselves (variant, seed, laps, cycle, mode ...) are refused.
 * @help: one line. @standard: its value unless given. Values outside [low, high] are refused.
 *
 * `rundown minimise` makes them smaller, towards @low, so smaller should mean simpler.
 */
struct workload_parameter {
    const char *name;
    const char *help;
    int64_t standard;
    int64_t low;
    int64_t high;
};

/**
 * struct workload_variant - one value of variant=.
 * @name: as a parameter's; NULL ends the list. The first entry is the default, a clean twin.
 * @summary: one line, or NULL.
 * @bad: it plants a fault; @codes must be found. A clean twin has no codes.
 * @codes: stop codes separated by blanks; "a|b" means either.
 * @injectors: names separated by blanks under which @codes are expected; "" or NULL: `none`.
 * @environment: "NAME=value NAME=value" that the target needs (GLIBC_TUNABLES), or NULL.
 * @tolerates: injectors (blanks between) under which even this twin may break: a thread
 *             killed inside an update breaks any structure. NULL for none.
 * @laps: bodies in a cycle, unless the user says otherwise; 0 for one. What is left behind from
 *        lap to lap takes more than one to be seen.
 * @held_long_ms: as --held-long, unless the user says otherwise; 0 for rundown's own. A lock that
 *                is to be seen held for long need not be held for seconds then.
 * @deadline_ms: as --deadline, unless the user says otherwise; 0 for what rundown learns. For what
 * is seen at the deadline alone. A cycle that is not done then is run again with three times that.
 */
struct workload_variant {
    const char *name;
    const char *summary;
    bool bad;
    const char *codes;
    const char *injectors;
    const char *environment;
    const char *tolerates;
    uint32_t laps;
    uint32_t held_long_ms;
    uint32_t deadline_ms;
};

/**
 * struct workload_context - what each function is given; lives as long as the process.
 * @value: parameters in the order of the list. @variant: index in the list.
 * @seed: of this cycle. @laps: bodies to run.
 * @module_dir: folder of modules to load: for a workload in a shared object the one that it
 *              lies in itself. NULL unless the workload says @modules.
 * @user: the workload's own, set in setup.
 */
struct workload_context {
    int64_t value[WORKLOAD_PARAMETERS];
    int variant;
    uint64_t seed;
    uint32_t laps;
    const char *module_dir;
    void *user;
};

/**
 * struct workload - all about one.
 * @name: what the user calls it: as a parameter's name. @summary: one line.
 * @source: where the hazard is described, or NULL.
 * @parameters, @variants: ended by an entry without a name; either may be NULL (then the only
 *                         variant is "plain").
 * @modules: it loads modules, so module injectors apply.
 * @setup: before the first lap. 0; or -errno, or anything else: the cycle is broken, exit
 *         status 3. A shared object's is tried once before the run, too. May be NULL.
 * @body: one lap, counted from 0. It returns nothing: a broken promise is told by
 *        workload_broken().
 * @quiesce: brings counts to rest after a lap (join, flush): leaks are judged by what is there
 *           then. May be NULL.
 * @check: invariants, after the last lap, by workload_broken(). May be NULL.
 * @teardown: frees everything. May be NULL.
 * @unavailable: says why this machine cannot run it, or NULL if it can. May be NULL.
 *
 * All are called on the main thread. Any thread may be killed, parked or cancelled inside them,
 * and allocations may fail: that is what this is for. Nothing that other threads use should
 * lie on main's stack, since the plan may end main's thread early.
 */
struct workload {
    const char *name;
    const char *summary;
    const char *source;
    const struct workload_parameter *parameters;
    const struct workload_variant *variants;
    bool modules;
    int (*setup)(struct workload_context *context);
    void (*body)(struct workload_context *context, uint32_t lap);
    void (*quiesce)(struct workload_context *context);
    void (*check)(struct workload_context *context);
    void (*teardown)(struct workload_context *context);
    const char *(*unavailable)(void);
};

/**
 * struct workload_export - what rundown looks for in a shared object, by the name
 * rundown_workload_export. Its first two members have their places in every version.
 */
struct workload_export {
    uint32_t magic;
    uint32_t abi;
    uint32_t bytes; /* of struct workload */
    uint32_t reserved;
    const struct workload *workload;
};

/**
 * RUNDOWN_WORKLOAD() - makes @object (a struct workload) the one of this shared object. Once, at
 * file scope. Does no harm in a program.
 */
#define RUNDOWN_WORKLOAD(object)                                                                   \
    const struct workload_export rundown_workload_export = {                                       \
        RUNDOWN_WORKLOAD_MAGIC, RUNDOWN_WORKLOAD_ABI, sizeof(struct workload), 0, &(object)}

#pragma GCC visibility push(default)

/** What RUNDOWN_WORKLOAD() defines. */
extern const struct workload_export rundown_workload_export;

/**
 * workload_broken() - a promise is broken; printf format. It goes to rundown, which makes a
 * state.invariant of it, and to stderr; rundown_workload_run() then returns 1.
 *
 * At most 255 bytes. Allocates nothing and takes no lock. Any thread; not in signal handlers.
 */
void workload_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * workload_random() - the next number of a stream of the cycle's seed, all 64 bits of it.
 * @state: set it to workload_stream() once per thread.
 *
 * Source: SplitMix64, G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014, 453-472.
 */
uint64_t workload_random(uint64_t *state);

/** workload_stream() - where the stream of thread @index of this cycle starts. */
uint64_t workload_stream(const struct workload_context *context, uint64_t index);

/** rundown_workload_run_abi() - what rundown_workload_run() calls; call that. */
int rundown_workload_run_abi(uint32_t abi, uint32_t bytes, const struct workload *workload,
                             int argc, char **argv);

#pragma GCC visibility pop

/**
 * rundown_workload_run() - one cycle, in a program that is linked with librundown-workload.a.
 * @argc, @argv: main's. Behind argv[0] may come NAME=VALUE of parameters, variant=V, seed=N and
 *               laps=N; 0 and NULL: all as standard.
 *
 * Works with rundown (seed and laps are then what it says) and without (unit tests; RUNDOWN_SEED
 * in the environment sets the seed). Not to be called by two threads at once; again, one after
 * the other, it may be.
 *
 * Returns an exit status: 0 nothing broke, 1 a promise broke, 2 bad arguments, 3 set-up failed or
 * the workload makes no sense, 77 this machine cannot run it; for all but 0 a line on stderr
 * says why.
 */
static inline int rundown_workload_run(const struct workload *workload, int argc, char **argv)
{
    return rundown_workload_run_abi(RUNDOWN_WORKLOAD_ABI, sizeof(struct workload), workload, argc,
                                    argv);
}

#ifdef __cplusplus
}
#endif

#endif
