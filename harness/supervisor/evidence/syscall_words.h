/*
 * syscall_words.h: what a thread does in a system call that it does not come back from.
 */
#ifndef SUPERVISOR_SYSCALL_WORDS_H
#define SUPERVISOR_SYSCALL_WORDS_H

/** enum syscall_kind - calls that more can be said about, from outside. */
enum syscall_kind {
    SYSCALL_OTHER,
    SYSCALL_SLEEP, /* has a time limit, always */
    SYSCALL_SIGNAL,
    SYSCALL_READ,
    SYSCALL_WRITE,
    SYSCALL_FILE_LOCK,
    SYSCALL_CHILD,
};

/**
 * struct syscall_words - one call.
 * @waits: of a thread that is in it and does not go on, "waits for something to read".
 * @slow: of one that came back after a while, "reads". Both go behind the thread's name.
 */
struct syscall_words {
    long number;
    enum syscall_kind kind;
    const char *waits;
    const char *slow;
};

/** syscall_words() - NULL for a call that has none. Static, constant. */
const struct syscall_words *syscall_words(long number);

#endif
