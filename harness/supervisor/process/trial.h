/*
 * trial.h: a look at somebody's code in a process of its own, before a run: what it answers, or
 * how it ended instead. Nothing of the user's is ever loaded into this process.
 */
#ifndef SUPERVISOR_TRIAL_H
#define SUPERVISOR_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include <harness/error.h>

enum {
    TRIAL_FD = 3,            /* where the answer is written */
    TRIAL_MS = 10000,        /* for the whole of it */
    TRIAL_BYTES = 64 * 1024, /* of an answer, with the NUL */
    TRIAL_COMPLAINT = 4096,  /* of what is kept of stderr, with the NUL */
};

/**
 * struct trial - what came of it.
 * @answer, @length: the bytes written to TRIAL_FD, and a NUL behind them.
 * @complaint: what it said on stderr, as much as there is room for.
 * @late: it was still there after TRIAL_MS, and was killed.
 * @status: of waitpid(), unless the answer was whole or it was late.
 */
struct trial {
    char answer[TRIAL_BYTES];
    size_t length;
    char complaint[TRIAL_COMPLAINT];
    bool late;
    int status;
};

/**
 * trial_run() - runs @argv, its stdin and stdout on /dev/null, until its answer is whole, or it
 * ends, or time is up; then kills it. No process is left but those it has moved away itself.
 * @envp: environment. @end: the @end_length bytes that end a whole answer.
 *
 * Returns 0 whatever came of it, or ERROR_SYSTEM (it could not be started).
 */
int trial_run(char *const *argv, char *const *envp, const char *end, size_t end_length,
              struct trial *out, struct error *e);

/**
 * trial_ending() - "crashed (SIGSEGV)", "ended with status 3" or "was not done after 10 s".
 * @out: 64 bytes. Only for a trial without a whole answer.
 */
const char *trial_ending(const struct trial *trial, char out[64]);

#endif
