/*
 * leaver.h: a module that has itself called back, and may forget to take that back.
 */
#ifndef WORKLOADS_MODULES_LEAVER_H
#define WORKLOADS_MODULES_LEAVER_H

#include <stdint.h>

#define LEAVER_EXPORT __attribute__((visibility("default")))

/** enum leaver_kind - who calls back, and when: a thread's end, the exit, a signal. */
enum leaver_kind {
    LEAVER_KEY,          /* the destructor of thread-specific data */
    LEAVER_THREAD_LOCAL, /* that of a thread_local object, registered in the host's name */
    LEAVER_SIGNAL,       /* a handler of SIGUSR1 */
    LEAVER_CLEANUP,      /* a cleanup handler, which the host pushes */
    LEAVER_EXIT,         /* an exit handler; last, since its module stays */
    LEAVER_KINDS,
};

/** leaver_register() - has it called back; @calls is counted up by each call, and must last. */
LEAVER_EXPORT void leaver_register(enum leaver_kind kind, uint64_t *calls);

/** leaver_take_back() - does so, in the thread that registered; what can't be taken back stays. */
LEAVER_EXPORT void leaver_take_back(enum leaver_kind kind);

/** leaver_call() - what is called back, for the kinds that the host registers: adds one to the
 * number that @counter leads to. */
LEAVER_EXPORT void leaver_call(void *counter);

#endif
