/*
 * recorder: the supervisor's side of the flight recorder.
 *
 * It speaks with the helper alone, by notes, each answer under a deadline that the helper
 * announces. A helper that is late or gone is killed, and its work of removal is done here.
 */
#include <harness/supervisor/recorder/recorder.h>

#include <harness/supervisor/process/clock.h>
#include <harness/supervisor/recorder/recorder_helper.h>
#include <harness/recorder.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The helper's own deadlines come first; this much later we doubt the helper. */
enum { SLACK_MS = 3000, END_MS = 15000, ORPHAN_MS = 2000 };

struct recorder {
    struct recorder_place place;
    struct recorder_options options;
    char provider[RECORDER_PLACE_PATH];
    pid_t helper;
    int pidfd;
    int socket; /* -1 once the helper has been given up */
    uint64_t mark;
    unsigned mark_cpus;
    char failure[512];
};

static void default_provider(char *path, size_t size)
{
    char self[RECORDER_PLACE_PATH - 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(path, size, "%s/../lib/rundown/" RECORDER_LIBRARY, self);
}

static void fill_options(struct recorder *r, const struct recorder_options *given)
{
    struct recorder_options *o = &r->options;

    if (given != NULL)
        *o = *given;
    if (o->provider != NULL)
        snprintf(r->provider, sizeof r->provider, "%s", o->provider);
    else
        default_provider(r->provider, sizeof r->provider);
    o->provider = r->provider;
    o->daemon = o->daemon != NULL ? o->daemon : "lttng-sessiond";
    o->crash = o->crash != NULL ? o->crash : "lttng-crash";
    o->daemon_ms = o->daemon_ms > 0 ? o->daemon_ms : 5000;
    o->call_ms = o->call_ms > 0 ? o->call_ms : 8000;
    o->extract_ms = o->extract_ms > 0 ? o->extract_ms : 20000;
}

/* --- talking to the helper --- */

static void give_up(struct recorder *r, const char *reason)
{
    if (r->failure[0] == '\0')
        snprintf(r->failure, sizeof r->failure, "%.500s", reason);
}

/* poll() over signals; > 0 when @fd is readable or at its end. */
static int wait_readable(int fd, int ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    long end = clock_ms() + ms;
    int n;

    do {
        long left = end - clock_ms();

        n = poll(&poller, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Nothing more can be had from the helper. What it made is removed by recorder_stop(). */
static void drop_helper(struct recorder *r, const char *reason)
{
    give_up(r, reason);
    if (r->pidfd >= 0)
        pidfd_send_signal(r->pidfd, SIGKILL, NULL, 0);
    close(r->socket);
    r->socket = -1;
}

/* One note, or -1 when the helper was dropped. */
static int next_note(struct recorder *r, struct note *note, int ms)
{
    if (r->socket < 0)
        return -1;
    if (wait_readable(r->socket, ms) <= 0)
        return drop_helper(r, "the recorder's helper does not answer"), -1;
    if (note_receive(r->socket, note) == 0)
        return drop_helper(r, "the recorder's helper has died"), -1;
    if (note->kind == NOTE_FAILED)
        give_up(r, note->text);
    return 0;
}

/* Sends a request (0: none) and waits for its answer @note: 0, or ERROR_RECORDER. */
static int ask(struct recorder *r, unsigned kind, const char *text, struct note *note,
               struct error *e)
{
    int ms = r->options.call_ms + SLACK_MS;

    if (kind != 0 && r->socket >= 0 && note_send(r->socket, kind, 0, "%s", text) < 0)
        drop_helper(r, "the recorder's helper has died");
    note->kind = 0;
    while (note->kind != NOTE_DONE) {
        if (next_note(r, note, ms) < 0)
            return error_set(e, ERROR_RECORDER, "%s", r->failure);
        if (note->kind == NOTE_STEP)
            ms = note->code + SLACK_MS;
    }
    return note->code == 0 ? 0 : error_set(e, ERROR_RECORDER, "%.500s", note->text);
}

/* --- the interface --- */

static void fill_env(const struct recorder *r, struct recorder_env *env)
{
    env->count = RECORDER_ENV_ENTRIES;
    snprintf(env->entry[0], RECORDER_ENV_BYTES, "LTTNG_HOME=%s", r->place.dir);
    /* A frozen daemon then costs a fork server 0.2 s, not 3. */
    snprintf(env->entry[1], RECORDER_ENV_BYTES, "LTTNG_UST_REGISTER_TIMEOUT=200");
    /* The state dump walks the loaded modules, under the loader's lock. */
    snprintf(env->entry[2], RECORDER_ENV_BYTES, "LTTNG_UST_WITHOUT_BADDR_STATEDUMP=1");
}

/* The signals are blocked over the fork: no handler of the supervisor runs in the helper. */
static int fork_helper(struct recorder *r, struct error *e)
{
    sigset_t all, saved;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(e, ERROR_RECORDER, "socketpair: %s", strerror(errno));
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &saved);
    r->helper = fork();
    if (r->helper == 0)
        helper_main(pair[1], &r->place, &r->options);
    sigprocmask(SIG_SETMASK, &saved, NULL);
    close(pair[1]);
    r->socket = pair[0];
    if (r->helper < 0)
        return error_set(e, ERROR_RECORDER, "fork: %s", strerror(errno));
    r->pidfd = pidfd_open(r->helper, 0);
    return 0;
}

static int start(struct recorder *r, struct error *e)
{
    struct note note;
    int rc = recorder_place_make(&r->place, r->options.announce, r->options.context, e);

    if (rc == 0)
        rc = fork_helper(r, e);
    if (rc == 0)
        rc = ask(r, 0, "", &note, e);
    return rc;
}

int recorder_start_with(struct recorder **out, const struct recorder_options *options,
                        struct recorder_env *env, struct error *e)
{
    struct recorder *r;
    int rc;

    if (session_missing() != NULL)
        return error_set(e, ERROR_RECORDER, "%s", session_missing());
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, ERROR_MEMORY, "recorder: out of memory");
    r->socket = r->pidfd = r->place.lock = -1;
    fill_options(r, options);
    rc = start(r, e);
    if (rc != 0) {
        recorder_stop(r);
        return rc;
    }
    fill_env(r, env);
    *out = r;
    return 0;
}

int recorder_start(struct recorder **out, struct recorder_env *env, struct error *e)
{
    return recorder_start_with(out, NULL, env, e);
}

int recorder_extract(struct recorder *r, const char *dir, struct error *e)
{
    char path[RECORDER_PLACE_PATH], here[RECORDER_PLACE_PATH];
    struct note note;
    int n, rc;

    if (dir[0] == '/')
        n = snprintf(path, sizeof path, "%s", dir);
    else if (getcwd(here, sizeof here) != NULL)
        n = snprintf(path, sizeof path, "%s/%s", here, dir);
    else
        n = -1;
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(e, ERROR_RECORDER, "%.200s: the path is too long", dir);
    rc = ask(r, NOTE_EXTRACT, path, &note, e);
    if (rc != 0 || sscanf(note.text, "%" SCNu64 " %u", &r->mark, &r->mark_cpus) != 2)
        r->mark_cpus = 0;
    return rc;
}

unsigned recorder_mark(const struct recorder *r, uint64_t *n)
{
    *n = r->mark;
    return r->mark_cpus;
}

int recorder_renew(struct recorder *r, struct error *e)
{
    struct error own = {.code = 0};
    struct note note;
    int rc;

    if (recorder_reason(r) != NULL)
        return error_set(e, ERROR_RECORDER, "%s", r->failure);
    rc = ask(r, NOTE_RENEW, "", &note, &own);
    if (rc != 0) {
        give_up(r, own.text);
        error_set(e, rc, "%s", own.text);
    }
    return rc;
}

const char *recorder_reason(struct recorder *r)
{
    struct note note;

    while (r->socket >= 0 && wait_readable(r->socket, 0) > 0)
        next_note(r, &note, 0);
    return r->failure[0] != '\0' ? r->failure : NULL;
}

int recorder_fd(const struct recorder *r)
{
    return r->socket;
}

const char *recorder_provider(const struct recorder *r)
{
    return r->provider;
}

pid_t recorder_pid(const struct recorder *r)
{
    return r->helper;
}

/* Asks the helper to go and waits for its end; kills it when it is late. */
static void end_helper(struct recorder *r)
{
    if (r->helper <= 0)
        return;
    if (r->socket >= 0 && note_send(r->socket, NOTE_STOP, 0, "%s", "") < 0)
        drop_helper(r, "the recorder's helper has died");
    if (r->socket < 0 || r->pidfd < 0 || wait_readable(r->pidfd, END_MS) <= 0)
        kill(r->helper, SIGKILL);
    while (waitpid(r->helper, NULL, 0) < 0 && errno == EINTR)
        continue;
}

void recorder_stop(struct recorder *r)
{
    if (r == NULL)
        return;
    end_helper(r);
    if (r->place.dir[0] != '\0' && access(r->place.dir, F_OK) == 0)
        recorder_place_end_users(&r->place, ORPHAN_MS);
    recorder_place_remove(&r->place, 0);
    if (r->socket >= 0)
        close(r->socket);
    if (r->pidfd >= 0)
        close(r->pidfd);
    free(r);
}
