/*
 * workload.h: the code under stress.
 *
 * One file in workloads/ is one workload: heap_churn.c defines
 *     const struct workload workload_heap_churn
 * It runs in a program of its own (rundown-target) like anybody's program: detectors cannot
 * see which workload runs, and no verdict is special-cased for a shipped one.
 *
 * A cycle is setup, then body once per lap (quiesce after each), then check, then teardown,
 * then return from main. A workload is deterministic given its parameters and seed, as far as
 * the kernel's scheduler lets it: fixed numbers of operations, no clock.
 */
#ifndef HARNESS_WORKLOAD_H
#define HARNESS_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/error.h>
#include <harness/marks.h>

enum { WORKLOAD_PARAMETERS = 16, WORKLOAD_VARIANTS = 12 };

/**
 * struct workload_parameter - a whole number that shapes the load.
 * @name: NULL ends the list. @help: one line. Values outside [low, high] are refused.
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
 * @name: NULL ends the list. The first entry is the default, a clean twin.
 * @bad: it plants a fault; @codes must be found. A clean twin has no codes.
 * @codes: slugs separated by blanks; "a|b" means either.
 * @injectors: names separated by blanks under which @codes are expected; "" means `none`.
 * @environment: "NAME=value NAME=value" that the target needs (GLIBC_TUNABLES), or NULL.
 * @tolerates: injectors (blanks between) under which even this twin may break: a thread
 *             killed inside an update breaks any structure. NULL for none.
 * @laps: bodies in a cycle, unless the user says otherwise; 0 for one. What is left behind from
 *        lap to lap takes more than one to be seen.
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
};

/**
 * struct workload_context - what the runner gives to each function.
 * @value: parameters in the order of the list. @variant: index in the list.
 * @seed: of this cycle. @laps: bodies to run. @module_dir: where the modules lie.
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
 * struct workload - one entry of the registry.
 * @name: the user's spelling. @summary: one line. @source: catalogue rows, or "".
 * @parameters, @variants: NULL-terminated as above; variants may be NULL (only "plain").
 * @setup: before the first lap; 0, or an error code: the cycle is broken. May be NULL.
 * @body: one lap. Returns nothing: a broken promise is said by workload_broken().
 * @quiesce: brings counts to rest after a lap (join, flush). May be NULL.
 * @check: invariants, after the last lap. May be NULL.
 * @teardown: frees everything. May be NULL.
 * @modules: it loads modules, so module injectors apply.
 * @unavailable: says why this machine cannot run it, or NULL if it can. May be NULL.
 */
struct workload {
    const char *name;
    const char *summary;
    const char *source;
    const struct workload_parameter *parameters;
    const struct workload_variant *variants;
    bool modules;
    int (*setup)(struct workload_context *);
    void (*body)(struct workload_context *, uint32_t lap);
    void (*quiesce)(struct workload_context *);
    void (*check)(struct workload_context *);
    void (*teardown)(struct workload_context *);
    const char *(*unavailable)(void);
};

/** Every workload, sorted by file name, NULL at the end. Generated. */
extern const struct workload *const workload_registry[];

/** workload_broken() - a promise is broken; printf format; goes to the agent and to stderr. */
void workload_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * workload_random() - the next number of a stream of the cycle's seed.
 * @state: set it to workload_stream() once per thread.
 */
uint64_t workload_random(uint64_t *state);

/** workload_stream() - where the stream of thread @index of this cycle starts. */
uint64_t workload_stream(const struct workload_context *context, uint64_t index);

/** workload_parameter_index() - place of a parameter in the list, or -1. */
int workload_parameter_index(const struct workload *workload, const char *name);

/** workload_find() - index in the registry of the user's name, or -1. */
int workload_find(const char *name);

#endif
