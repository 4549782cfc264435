/*
 * stage.h: what host and modules of loader-rules share. stage.so is loaded before the others, for
 * all to see, so that their constructors know what they are to do.
 */
#ifndef WORKLOADS_MODULES_STAGE_H
#define WORKLOADS_MODULES_STAGE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#define STAGE_EXPORT __attribute__((visibility("default")))

/**
 * enum stage_rule - the rule that is broken.
 * @STAGE_LAZY: none: all is done once dlopen has returned, and undone before dlclose.
 * @STAGE_LOAD_INSIDE: a constructor loads another module.
 * @STAGE_LOCK_INSIDE: it takes a lock of which the owner loads a module.
 * @STAGE_CALL_BEFORE_INIT: it calls another module, which is set up after it.
 * @STAGE_CALL_AFTER_FINI: a destructor calls another module, which was taken down before it.
 * @STAGE_JOIN_INSIDE: a destructor tells a thread to leave and joins it.
 * @STAGE_RENDEZVOUS: a constructor makes a thread and waits for its word; the thread loads first.
 */
enum stage_rule {
    STAGE_LAZY,
    STAGE_LOAD_INSIDE,
    STAGE_LOCK_INSIDE,
    STAGE_CALL_BEFORE_INIT,
    STAGE_CALL_AFTER_FINI,
    STAGE_JOIN_INSIDE,
    STAGE_RENDEZVOUS,
};

/**
 * struct stage - @rules: path of a module to load. @mutex: the host's lock, which nests inside
 * the loader's for who breaks the rule, and outside of it for the host's thread. @wanted: posted
 * before the mutex is taken. @log: journal_write(), NULL until the journal is there.
 */
struct stage {
    enum stage_rule rule;
    const char *rules;
    pthread_mutex_t mutex;
    sem_t wanted;
    unsigned entries; /* guarded by the mutex */
    void (*log)(const char *text);
};

/* Weak: a module that is loaded without its stage finds NULL here, and does nothing. */
extern STAGE_EXPORT struct stage stage __attribute__((weak));

/** journal_write() - of journal.so: keeps @text. */
STAGE_EXPORT void journal_write(const char *text) __attribute__((weak));

/** bound_use(), bound_end() - of bound.so: what its constructor and destructor should leave. */
STAGE_EXPORT void bound_use(void);
STAGE_EXPORT void bound_end(void);

#endif
