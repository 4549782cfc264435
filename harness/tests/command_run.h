/*
 * command_run.h: runs the built program, or a function in a child, in a private place, under a
 * deadline; keeps all that it said, and knows what it left behind. For tests only.
 *
 * Output goes to files in memory, so a child may say as much as it likes without anybody reading
 * meanwhile. The test is a sub-reaper: whatever a run leaves alive becomes its child, so a run
 * has left nothing exactly if waitpid() knows no child any more, and that is asked of every run.
 * Nothing here sleeps; waiting is for an event (pidfd, SIGCHLD, a name in a directory, a byte in
 * a pipe) and has a deadline that is far beyond what any run needs.
 */
#ifndef HARNESS_TESTS_COMMAND_RUN_H
#define HARNESS_TESTS_COMMAND_RUN_H

#include <CUnit/CUnit.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_PROGRAM RUNDOWN_BUILD_DIR "/bin/rundown"
#define ACTS            RUNDOWN_BUILD_DIR "/tests/programs/acts"

enum {
    COMMAND_SECONDS = 120, /* then a run is killed, and has failed */
    LEFT_SECONDS = 60,     /* for the last process of a run to be gone after the run itself */
    COMMAND_WORDS = 256,
    COMMAND_NAME = 1024,
};

/* --- files --------------------------------------------------------------------------------- */

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

/** file_write() - a file with @text. */
static inline void file_write(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static inline int tree_remove_entry(const char *path, const struct stat *info, int type,
                                    struct FTW *at)
{
    return remove(path);
}

/** tree_remove() - a directory with all below it; 0 if it is gone now. */
static inline int tree_remove(const char *path)
{
    return nftw(path, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/** directory_find() - the first name in @path that begins so; "" in @name if there is none. */
static inline bool directory_find(const char *path, const char *prefix, char name[256])
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    name[0] = 0;
    while (directory != NULL && name[0] == 0 && (entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
    if (directory != NULL)
        closedir(directory);
    return name[0] != 0;
}

/** directory_wait() - waits for a name in @path that begins so; false if none ever comes. */
static inline bool directory_wait(const char *path, const char *prefix, char name[256])
{
    char events[4096];
    int watch = inotify_init1(IN_CLOEXEC);
    struct pollfd source = {watch, POLLIN, 0};

    CU_ASSERT_FATAL(watch >= 0 && inotify_add_watch(watch, path, IN_CREATE | IN_MOVED_TO) >= 0);
    while (!directory_find(path, prefix, name))
        if (poll(&source, 1, COMMAND_SECONDS * 1000) != 1 ||
            read(watch, events, sizeof events) <= 0)
            break;
    close(watch);
    return name[0] != 0;
}

/* --- the place ----------------------------------------------------------------------------- */

static char test_place[256];     /* absolute; the current directory of everything here */
static char test_temporary[280]; /* below it: TMPDIR of the runs */

/** place_open() - for CU_add_suite(). */
static inline int place_open(void)
{
    const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";

    snprintf(test_place, sizeof test_place, "%s/rundown-test.XXXXXX", base);
    if (mkdtemp(test_place) == NULL || chdir(test_place) != 0 ||
        getcwd(test_place, sizeof test_place) == NULL)
        return 1;
    snprintf(test_temporary, sizeof test_temporary, "%s/tmp", test_place);
    return mkdir(test_temporary, 0777) != 0 || setenv("TMPDIR", test_temporary, 1) != 0;
}

static inline int place_close(void)
{
    return chdir("/") != 0 || tree_remove(test_place) != 0;
}

/** pipe_open() - a pipe of the name "pipe", in which a target says that it is there. */
static inline int pipe_open(void)
{
    int fd;

    unlink("pipe");
    unlink("later"); /* by which a target knows whether it is the first */
    CU_ASSERT_EQUAL_FATAL(mkfifo("pipe", 0666), 0);
    fd = open("pipe", O_RDWR | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

/** pipe_wait() - until as many have said so. */
static inline void pipe_wait(int fd, unsigned times)
{
    struct pollfd source = {fd, POLLIN, 0};
    char byte;

    while (times-- > 0) {
        CU_ASSERT_EQUAL_FATAL(poll(&source, 1, COMMAND_SECONDS * 1000), 1);
        CU_ASSERT_EQUAL(read(fd, &byte, 1), 1);
    }
}

/* --- what is left -------------------------------------------------------------------------- */

static inline uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Names our children and kills them; what they leave comes to us in turn. */
static inline void children_end(bool tell)
{
    char path[64], line[256] = "";
    char *text, *rest;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    text = rest = file_text(path);
    for (char *word; text != NULL && (word = strsep(&rest, " ")) != NULL;) {
        if (*word == 0)
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", word);
        if ((file = fopen(path, "re")) != NULL) {
            line[fread(line, 1, sizeof line - 1, file)] = 0;
            fclose(file);
        }
        if (tell)
            fprintf(stderr, "\n    left behind: %s %s\n", word, line);
        kill(atoi(word), SIGKILL);
    }
    free(text);
}

/* Reaps until there is no child; false if that takes longer than @seconds. */
static inline bool children_reap(int seconds)
{
    uint64_t end = clock_ms() + (uint64_t)seconds * 1000;
    struct timespec left;
    sigset_t set;
    pid_t got;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    while ((got = waitpid(-1, NULL, WNOHANG)) >= 0) {
        uint64_t now = clock_ms();

        if (got > 0)
            continue;
        if (now >= end)
            return false;
        left =
            (struct timespec){(time_t)((end - now) / 1000), (long)((end - now) % 1000) * 1000000};
        sigtimedwait(&set, NULL, &left);
    }
    return true;
}

/** nobody_left() - waits for the last process of a run; counts a failure if one stays. */
static inline void nobody_left(const char *what)
{
    if (children_reap(LEFT_SECONDS))
        return;
    fprintf(stderr, "\n    '%s' has left processes\n", what);
    CU_FAIL("processes are left");
    children_end(true);
    while (!children_reap(1))
        children_end(false);
}

/* --- runs ---------------------------------------------------------------------------------- */

/** struct said - what one run came to; strings end in NUL. Freed by the next run into it. */
struct said {
    int status; /* of exit, -1 if it was killed */
    char *out;
    char *err;
};

/** struct going - a run that may still be going on. */
struct going {
    char what[COMMAND_NAME];
    pid_t pid;
    int pidfd;
    int out;
    int err;
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

/* What a run leaves comes to us, and its end wakes us. */
static inline void going_expect(void)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    CU_ASSERT_EQUAL_FATAL(sigprocmask(SIG_BLOCK, &child, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

/* The child of going_call(), before its body. */
static inline void going_child(const struct going *going)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    dup2(going->out, STDOUT_FILENO);
    dup2(going->err, STDERR_FILENO);
}

/** going_call() - starts @body in a child; what it returns is the status. */
static inline void going_call(struct going *going, int (*body)(void *context), void *context)
{
    int status;

    going_expect();
    going->out = memfd_create("stdout", MFD_CLOEXEC);
    going->err = memfd_create("stderr", MFD_CLOEXEC);
    CU_ASSERT_FATAL(going->out >= 0 && going->err >= 0);
    fflush(NULL);
    going->pid = fork();
    CU_ASSERT_FATAL(going->pid >= 0);
    if (going->pid == 0) {
        going_child(going);
        status = body(context);
        fflush(NULL);
        _exit(status);
    }
    going->pidfd = pidfd_open(going->pid, 0);
    CU_ASSERT_FATAL(going->pidfd >= 0);
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

/** going_exec() - starts @argv; @hook is called in the child first, and may be NULL. */
static inline void going_exec(struct going *going, void (*hook)(void), char *const argv[])
{
    struct command_start start = {hook, argv};
    size_t length = 0;

    for (unsigned i = 0; argv[i] != NULL && length < sizeof going->what; i++)
        length += (size_t)snprintf(going->what + length, sizeof going->what - length, "%s%s",
                                   i > 0 ? " " : "", argv[i]);
    going_call(going, command_start, &start);
}

/* Cuts @line at blanks, but for what stands in single or double quotes. */
static inline void words_cut(char *line, char *argv[])
{
    unsigned count = 1;

    for (char *at = line; *at != 0;) {
        char end = *at == '\'' || *at == '"' ? *at : ' ';

        if (*at == ' ') {
            at++;
            continue;
        }
        CU_ASSERT_FATAL(count < COMMAND_WORDS - 1);
        argv[count++] = at += end != ' ';
        while (*at != 0 && *at != end)
            at++;
        if (*at != 0)
            *at++ = 0;
    }
    argv[count] = NULL;
}

static inline void going_words(struct going *going, void (*hook)(void), const char *line)
{
    char *argv[COMMAND_WORDS] = {(char *)COMMAND_PROGRAM};
    char *copy = strdup(line);

    words_cut(copy, argv);
    going_exec(going, hook, argv);
    free(copy);
}

/** going_start() - starts the program with the words of a printf format. */
__attribute__((format(printf, 3, 4))) static inline void
going_start(struct going *going, void (*hook)(void), const char *format, ...)
{
    char *line;
    va_list args;

    va_start(args, format);
    CU_ASSERT_FATAL(vasprintf(&line, format, args) >= 0);
    va_end(args);
    going_words(going, hook, line);
    free(line);
}

static inline bool going_ended(const struct going *going, int within_ms)
{
    struct pollfd end = {.fd = going->pidfd, .events = POLLIN};

    return poll(&end, 1, within_ms) == 1;
}

/** going_take() - waits, kills what is late, takes what was said. Its processes are let be. */
static inline void going_take(struct going *going, struct said *said)
{
    int status = 0;
    bool late = !going_ended(going, COMMAND_SECONDS * 1000);

    if (late)
        kill(going->pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(going->pid, &status, 0), going->pid);
    close(going->pidfd);
    said_free(said);
    said->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    said->out = said_read(going->out);
    said->err = said_read(going->err);
    if (late)
        fprintf(stderr, "\n    '%s' did not end in %d s; it said: %.1000s%.1000s\n", going->what,
                COMMAND_SECONDS, said->out, said->err);
    CU_ASSERT_FALSE(late);
}

/** going_end() - the end of a run, which leaves nothing behind. */
static inline void going_end(struct going *going, struct said *said)
{
    going_take(going, said);
    nobody_left(going->what);
}

/** command_call() - a whole run of @body in a child; what it returns is the status. */
static inline void command_call(struct said *said, int (*body)(void *context), void *context)
{
    struct going going = {.what = "a function"};

    going_call(&going, body, context);
    going_end(&going, said);
}

/** command_exec() - a whole run of @argv; @hook as for going_exec(). */
static inline void command_exec(struct said *said, void (*hook)(void), char *const argv[])
{
    struct going going;

    going_exec(&going, hook, argv);
    going_end(&going, said);
}

/** command_words() - a whole run of the program, with @line cut at blanks outside of quotes. */
static inline void command_words(struct said *said, void (*hook)(void), const char *line)
{
    struct going going;

    going_words(&going, hook, line);
    going_end(&going, said);
}

/** command_run() - the same with a printf format. */
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

/* --- what was said ------------------------------------------------------------------------- */

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

/** text_same() - counts a failure, and tells the first line that differs. */
static inline void text_same(const char *what, const char *got, const char *wanted)
{
    size_t line = 1, at = 0, begin = 0;

    if (strcmp(got, wanted) == 0) {
        CU_PASS("same");
        return;
    }
    for (; got[at] == wanted[at]; at++)
        if (got[at] == '\n') {
            line++;
            begin = at + 1;
        }
    fprintf(stderr, "\n    '%s': line %zu differs\n    got:    %.*s\n    wanted: %.*s\n", what,
            line, (int)strcspn(got + begin, "\n"), got + begin, (int)strcspn(wanted + begin, "\n"),
            wanted + begin);
    CU_FAIL("texts differ");
}

/** text_fits() - counts a failure unless the extended regular expression fits a place in it. */
static inline void text_fits(const char *what, const char *text, const char *expression)
{
    regex_t regex;
    bool fits;

    CU_ASSERT_EQUAL_FATAL(regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB), 0);
    fits = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    if (!fits)
        fprintf(stderr, "\n    '%s': wanted /%s/ in: %.2000s\n", what, expression, text);
    CU_ASSERT_TRUE(fits);
}

/* --- what a run stored --------------------------------------------------------------------- */

/* Members that tests ask for. */
static const char *const record_views =
    "CREATE TABLE line(n INTEGER PRIMARY KEY, type TEXT, json TEXT);"
    "CREATE VIEW cell AS SELECT json_extract(json, '$.cell') AS cell,"
    " json_extract(json, '$.target') AS target,"
    " json_extract(json, '$.injector') AS injector, json_extract(json, '$.state') AS state,"
    " json_extract(json, '$.notes[0]') AS note, json_extract(json, '$.planned') AS planned,"
    " json_extract(json, '$.cycles') AS cycles, json_extract(json, '$.passed') AS passed,"
    " json_extract(json, '$.failed') AS failed, json_extract(json, '$.broken') AS broken,"
    " json_extract(json, '$.skipped') AS skipped, json_extract(json, '$.not_fired') AS not_fired"
    " FROM line WHERE type = 'cell';"
    "CREATE VIEW finding AS SELECT json_extract(json, '$.finding') AS finding,"
    " json_extract(json, '$.cell') AS cell, json_extract(json, '$.cycle') AS cycle,"
    " json_extract(json, '$.place') AS place, json_extract(json, '$.code') AS code,"
    " json_extract(json, '$.severity') AS severity, json_extract(json, '$.text') AS text,"
    " json_extract(json, '$.injected') AS injected, json_extract(json, '$.replay') AS replay,"
    " json_extract(json, '$.output') AS output FROM line WHERE type = 'finding';"
    "CREATE VIEW series AS SELECT json_extract(json, '$.cell') AS cell,"
    " json_extract(json, '$.cycle') AS cycle, json_extract(json, '$.kind') AS kind,"
    " json_extract(json, '$.samples') AS samples, json_extract(json, '$.first_lap') AS first_lap"
    " FROM line WHERE type = 'series';";

/** record_read() - JSON lines as tables that can be asked; every line must be valid JSON. */
static inline sqlite3 *record_read(const char *jsonl)
{
    char *copy = strdup(jsonl), *rest = copy;
    sqlite3_stmt *insert;
    sqlite3 *db;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_exec(db, record_views, NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_prepare_v2(db,
                           "INSERT INTO line(type, json) VALUES(json_extract(?1, '$.type'), ?1)",
                           -1, &insert, NULL),
        SQLITE_OK);
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != 0; sqlite3_reset(insert)) {
        sqlite3_bind_text(insert, 1, line, -1, SQLITE_TRANSIENT);
        CU_ASSERT_EQUAL(sqlite3_step(insert), SQLITE_DONE);
    }
    sqlite3_finalize(insert);
    free(copy);
    return db;
}

/** ask_text() - the first column of the first row, "" if there is none. Caller frees. */
static inline char *ask_text(sqlite3 *db, const char *query)
{
    sqlite3_stmt *statement = NULL;
    char *text;

    CU_ASSERT_EQUAL_FATAL(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    text = sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL
               ? strdup((const char *)sqlite3_column_text(statement, 0))
               : strdup("");
    sqlite3_finalize(statement);
    return text;
}

/** ask() - the same as a number; -1 if there is none. */
static inline long long ask(sqlite3 *db, const char *query)
{
    char *text = ask_text(db, query);
    long long number = *text != 0 ? atoll(text) : -1;

    free(text);
    return number;
}

/** asked() - counts a failure, and tells it, if the answer is another. */
static inline void asked(const char *what, sqlite3 *db, const char *query, long long wanted)
{
    long long number = ask(db, query);

    if (number != wanted)
        fprintf(stderr, "\n    '%s': %s: %lld, wanted %lld\n", what, query, number, wanted);
    CU_ASSERT_EQUAL(number, wanted);
}

/** answer_fits() - counts a failure unless the expression fits the answer. */
static inline void answer_fits(sqlite3 *db, const char *query, const char *expression)
{
    char *text = ask_text(db, query);

    text_fits(query, text, expression);
    free(text);
}

/** record_of() - what `rundown report DIR --format jsonl --verbose` says. */
static inline sqlite3 *record_of(const char *directory)
{
    struct said said = {0};
    sqlite3 *db;

    command_run(&said, "report %s --format jsonl --verbose", directory);
    said_status(directory, &said, 0);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    db = record_read(said.out);
    asked(directory, db, "SELECT count(*) FROM line WHERE type = 'end'", 1);
    asked(directory, db,
          "SELECT count(*) FROM cell WHERE cycles <> "
          "passed + failed + broken + skipped + not_fired",
          0);
    said_free(&said);
    return db;
}

#endif
