/*
 * error.h: what can go wrong in the world, as opposed to in our code.
 *
 * A function that can fail returns 0 or one code of this list, and where a
 * sentence helps it fills a struct error. Nobody but the supervisor's main and the
 * report writers prints. Broken assumptions of our own are asserts, not codes.
 */
#ifndef HARNESS_ERROR_H
#define HARNESS_ERROR_H

/* name, what it means to a user */
#define ERROR_LIST(X)                                                                              \
    X(USAGE, "the command line or the configuration is wrong")                                     \
    X(RANGE, "a number is outside what the function accepts")                                      \
    X(MEMORY, "out of memory")                                                                     \
    X(SYSTEM, "a system call failed")                                                              \
    X(PERMISSION, "the system refuses this to us")                                                 \
    X(NOT_FOUND, "no such file, name or record")                                                   \
    X(NOT_EXECUTABLE, "the program cannot be executed")                                            \
    X(FULL, "no space is left")                                                                    \
    X(CORRUPT, "the data contradicts its own format")                                              \
    X(VERSION, "the data was written by another version")                                          \
    X(BUSY, "somebody else is using it")                                                           \
    X(TARGET, "the target could not be prepared")                                                  \
    X(RECORDER, "the flight recorder failed")                                                      \
    X(INTERRUPTED, "interrupted by the user")

enum error_code {
    ERROR_NONE = 0,
#define ERROR_ENUM(name, text) ERROR_##name,
    ERROR_LIST(ERROR_ENUM)
#undef ERROR_ENUM
        ERROR_COUNT
};

/**
 * struct error - a code and one sentence of the form "what: where: mend".
 * @code: enum error_code; 0 while nothing failed.
 * @text: at most 511 bytes and a NUL, UTF-8, no newline.
 */
struct error {
    int code;
    char text[512];
};

/**
 * error_set() - fill an error and hand back its code, so callers can return it.
 * @e: may be NULL, then only the code is returned.
 * @code: not ERROR_NONE.
 * @format: printf format of the sentence.
 *
 * Keeps errno. Safe in any thread; not in a signal handler.
 */
int error_set(struct error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** error_name() - the code's name in lower case, "unknown" for anything else. */
const char *error_name(int code);

/** error_sentence() - what the code means, for a user; never NULL. */
const char *error_sentence(int code);

#endif
