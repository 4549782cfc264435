/*
 * command_run.h: runs the built program, or a function in a child, and keeps all that it said.
 * For tests only.
 *
 * Output goes to files in memory, so a child may say as much as it likes without anybody reading
 * meanwhile. A child that does not end in COMMAND_SECONDS is killed by its alarm, and its status
 * is then -1.
 */
#ifndef HARNESS_TESTS_COMMAND_RUN_H
#define HARNESS_TESTS_COMMAND_RUN_H

#include <CUnit/CUnit.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_PROGRAM RUNDOWN_BUILD_DIR "/bin/rundown"

enum { COMMAND_SECONDS = 60, COMMAND_WORDS = 32 };

/** struct said - what one run came to; strings end in NUL. Freed by the next run into it. */
struct said {
    int status; /* of exit, -1 if it was killed */
    char *out;
    char *err;
};

static inline char *said_read(int fd)
{
    off_t length = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)length + 1);

    if (text == NULL)
        abort();
    CU_ASSERT_EQUAL(pread(fd, text, (size_t)length, 0), length);
    close(fd);
    return text;
}

static inline void said_free(struct said *said)
{
    free(said->out);
    free(said->err);
    memset(said, 0, sizeof *said);
}

/** command_call() - calls @body in a child; what it returns is the status. */
static inline void command_call(struct said *said, int (*body)(void *context), void *context)
{
    int out = memfd_create("stdout", MFD_CLOEXEC), err = memfd_create("stderr", MFD_CLOEXEC);
    int status;
    pid_t child;

    said_free(said);
    CU_ASSERT_FATAL(out >= 0 && err >= 0);
    fflush(NULL);
    child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        alarm(COMMAND_SECONDS);
        status = body(context);
        fflush(NULL);
        _exit(status);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    said->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    said->out = said_read(out);
    said->err = said_read(err);
}

struct command_start {
    void (*hook)(void);
    char *const *argv;
};

static inline int command_start(void *context)
{
    const struct command_start *start = context;

    if (start->hook != NULL)
        start->hook();
    execv(start->argv[0], start->argv);
    return 127;
}

/** command_exec() - runs @argv; @hook is called in the child first, and may be NULL. */
static inline void command_exec(struct said *said, void (*hook)(void), char *const argv[])
{
    struct command_start start = {hook, argv};

    command_call(said, command_start, &start);
}

/** command_words() - runs the program with @line cut at blanks. */
static inline void command_words(struct said *said, void (*hook)(void), const char *line)
{
    char *copy = strdup(line), *rest;
    char *argv[COMMAND_WORDS + 2] = {(char *)COMMAND_PROGRAM};
    unsigned count = 1;

    for (char *word = strtok_r(copy, " ", &rest); word != NULL && count <= COMMAND_WORDS;
         word = strtok_r(NULL, " ", &rest))
        argv[count++] = word;
    command_exec(said, hook, argv);
    free(copy);
}

/** command_run() - the same with a printf format. No word may hold a blank. */
__attribute__((format(printf, 2, 3))) static inline void command_run(struct said *said,
                                                                     const char *format, ...)
{
    char *line;
    va_list args;

    va_start(args, format);
    CU_ASSERT_FATAL(vasprintf(&line, format, args) >= 0);
    va_end(args);
    command_words(said, NULL, line);
    free(line);
}

static inline bool said_one_line(const char *text)
{
    const char *end = strchr(text, '\n');

    return end != NULL && end != text && end[1] == 0;
}

/** said_has() - counts a failure, and shows all, if @text lacks @wanted. */
static inline void said_has(const char *what, const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        fprintf(stderr, "\n    '%s': wanted \"%s\" in: %.2000s\n", what, wanted,
                text != NULL ? text : "nothing");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
}

/** said_status() - the same for the exit status. */
static inline void said_status(const char *what, const struct said *said, int wanted)
{
    if (said->status != wanted)
        fprintf(stderr, "\n    '%s': status %d, wanted %d; said: %.500s%.500s\n", what,
                said->status, wanted, said->out, said->err);
    CU_ASSERT_EQUAL(said->status, wanted);
}

/** said_good() - status 0, something on stdout, nothing on stderr. */
static inline void said_good(const char *what, const struct said *said)
{
    said_status(what, said, 0);
    CU_ASSERT_NOT_EQUAL(said->out[0], 0);
    CU_ASSERT_STRING_EQUAL(said->err, "");
}

/** said_refused() - @status, nothing on stdout, and exactly the line @wanted on stderr. */
static inline void said_refused(const char *what, const struct said *said, int status,
                                const char *wanted)
{
    said_status(what, said, status);
    CU_ASSERT_STRING_EQUAL(said->out, "");
    CU_ASSERT_TRUE(said_one_line(said->err));
    said_has(what, said->err, wanted);
}

/** file_text() - a whole file; the caller frees. NULL if it cannot be read. */
static inline char *file_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (file == NULL)
        return NULL;
    if (getdelim(&text, &size, 0, file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

#endif
