/*
 * recorder_session: the control process: starts the private daemon and talks to it.
 *
 * The only file that knows liblttng-ctl. Any call may block for ever (a frozen daemon), so
 * every one is announced to the helper first, which kills this process when it takes too
 * long. Nothing here may own anything that only this process could clean up.
 */
#include <harness/supervisor/recorder/recorder_helper.h>

#ifndef HAVE_LTTNG

#include <unistd.h>

const char *session_missing(void)
{
    return "built without liblttng-ctl: install liblttng-ctl-dev and build again";
}

noreturn void session_main(int helper, const struct recorder_place *place,
                           const struct recorder_options *options)
{
    (void)place, (void)options;
    note_send(helper, NOTE_FAILED, ERROR_RECORDER, "%s", session_missing());
    _exit(1);
}

#else

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lttng/lttng.h>

#include <harness/recorder.h>

/*
 * Inside the namespace we are nobody's uid: LTTng names a file of /dev/shm after it, and that
 * name must not be one that a user of this machine needs.
 */
enum { INNER_UID_BASE = 1000000000, SUBBUFFERS = 4, SUBBUFFER_BYTES = 256 << 10 };
/* Without a read timer, writers wake the reader through pipes that targets inherit. */
enum { READ_TIMER_US = 1000000, DAEMON_END_S = 2 };

#define CHANNEL "ch"

struct session {
    const struct recorder_place *place;
    const struct recorder_options *options;
    int helper;
    pid_t daemon;
    unsigned number;
    char name[32];
    char rings[RECORDER_PLACE_PATH];
    char failure[512];
};

const char *session_missing(void)
{
    return NULL;
}

static int fail(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct session *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->failure, sizeof s->failure, format, args);
    va_end(args);
    return -1;
}

static void announce(struct session *s, const char *what, int ms)
{
    if (note_send(s->helper, NOTE_STEP, ms, "%s", what) < 0)
        _exit(0);
}

static int checked(struct session *s, const char *call, int rc)
{
    return rc >= 0 ? 0 : fail(s, "%s: %s", call, lttng_strerror(rc));
}

/* Announce a control call, make it, and keep its failure's sentence. */
#define CALL(s, function, ...)                                                                     \
    (announce(s, #function, (s)->options->call_ms), checked(s, #function, function(__VA_ARGS__)))

/* --- the namespace --- */

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        close(fd);
    return n < 0 ? -1 : 0;
}

/* As uid 0, LTTng knows the machine-wide daemon alone; as another uid, that of LTTNG_HOME. */
static int leave_root(struct session *s)
{
    unsigned inner = (unsigned)INNER_UID_BASE + (unsigned)s->place->owner;
    char uids[64], gids[64];

    if (geteuid() != 0 && getuid() != 0)
        return 0;
    snprintf(uids, sizeof uids, "%u %u 1", inner, (unsigned)geteuid());
    snprintf(gids, sizeof gids, "%u %u 1", inner, (unsigned)getegid());
    if (unshare(CLONE_NEWUSER) < 0 || write_text("/proc/self/setgroups", "deny") < 0 ||
        write_text("/proc/self/uid_map", uids) < 0 || write_text("/proc/self/gid_map", gids) < 0)
        return fail(s, "user namespace: %s: run as another user than root, or allow namespaces",
                    strerror(errno));
    return 0;
}

/* --- the daemon --- */

static noreturn void daemon_exec(const struct session *s, pid_t parent)
{
    char path[RECORDER_PLACE_PATH];
    int log = open(recorder_place_path(s->place, "daemon.log", path, sizeof path),
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    child_reset(parent, SIGKILL);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    execlp(s->options->daemon, s->options->daemon, "--no-kernel", "--sig-parent", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static int daemon_ended(struct session *s, int status)
{
    char path[RECORDER_PLACE_PATH], line[256];

    s->daemon = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
        return fail(s, "no %s that can be run: install lttng-tools", s->options->daemon);
    recorder_place_last_line(recorder_place_path(s->place, "daemon.log", path, sizeof path), line,
                             sizeof line);
    if (WIFSIGNALED(status))
        return fail(s, "the session daemon was ended by signal %d", WTERMSIG(status));
    return fail(s, "the session daemon ended with status %d: %s", WEXITSTATUS(status), line);
}

/* Waits for readiness (SIGUSR1) or the end (SIGCHLD); both are blocked here. */
static int daemon_wait_ready(struct session *s)
{
    struct timespec left = {s->options->daemon_ms / 1000, s->options->daemon_ms % 1000 * 1000000L};
    sigset_t set;
    int status, got;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    do {
        got = sigtimedwait(&set, NULL, &left);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail(s, "the session daemon was not ready after %d ms", s->options->daemon_ms);
    if (got == SIGCHLD && waitpid(s->daemon, &status, WNOHANG) == s->daemon)
        return daemon_ended(s, status);
    return 0;
}

static int daemon_start(struct session *s)
{
    pid_t self = getpid();

    announce(s, "the start of the session daemon", s->options->daemon_ms + 1000);
    s->daemon = fork();
    if (s->daemon == 0)
        daemon_exec(s, self);
    if (s->daemon < 0)
        return fail(s, "fork: %s", strerror(errno));
    if (daemon_wait_ready(s) < 0)
        return -1;
    announce(s, "lttng_session_daemon_alive", s->options->call_ms);
    if (lttng_session_daemon_alive() != 1)
        return fail(s, "the session daemon does not answer at %s", s->place->dir);
    return 0;
}

/* Our files go anyway; the daemon gets a moment so that it ends its consumer in order. */
static void daemon_stop(struct session *s)
{
    struct timespec left = {DAEMON_END_S, 0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (s->daemon <= 0)
        return;
    kill(s->daemon, SIGTERM);
    if (sigtimedwait(&set, NULL, &left) < 0)
        kill(s->daemon, SIGKILL);
    waitpid(s->daemon, NULL, 0);
    s->daemon = 0;
}

/* --- the session --- */

static int add_channel(struct session *s, struct lttng_handle *handle, struct lttng_domain *domain)
{
    struct lttng_channel *channel = lttng_channel_create(domain);
    int rc;

    if (channel == NULL)
        return fail(s, "lttng_channel_create: out of memory");
    snprintf(channel->name, sizeof channel->name, "%s", CHANNEL);
    channel->attr.overwrite = 1;
    channel->attr.num_subbuf = SUBBUFFERS;
    channel->attr.subbuf_size = SUBBUFFER_BYTES;
    channel->attr.read_timer_interval = READ_TIMER_US;
    channel->attr.switch_timer_interval = 0;
    channel->attr.output = LTTNG_EVENT_MMAP;
    rc = CALL(s, lttng_enable_channel, handle, channel);
    lttng_channel_destroy(channel);
    return rc;
}

static int add_events(struct session *s, struct lttng_handle *handle)
{
    struct lttng_event *event = lttng_event_create();
    int rc;

    if (event == NULL)
        return fail(s, "lttng_event_create: out of memory");
    event->type = LTTNG_EVENT_TRACEPOINT;
    event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
    event->loglevel = -1;
    snprintf(event->name, sizeof event->name, "%s:*", RECORDER_PROVIDER);
    rc = CALL(s, lttng_enable_event_with_filter, handle, event, CHANNEL, NULL);
    lttng_event_destroy(event);
    return rc;
}

static int fill_session(struct session *s)
{
    struct lttng_domain domain = {
        .type = LTTNG_DOMAIN_UST,
        .buf_type = s->options->per_process ? LTTNG_BUFFER_PER_PID : LTTNG_BUFFER_PER_UID,
    };
    struct lttng_handle *handle = lttng_create_handle(s->name, &domain);
    int rc;

    if (handle == NULL)
        return fail(s, "lttng_create_handle: out of memory");
    rc = add_channel(s, handle, &domain);
    if (rc == 0)
        rc = add_events(s, handle);
    lttng_destroy_handle(handle);
    return rc;
}

static int session_create(struct session *s)
{
    char rings[32];

    s->number++;
    snprintf(s->name, sizeof s->name, "rundown-%u", s->number);
    snprintf(rings, sizeof rings, "rings-%u", s->number);
    recorder_place_path(s->place, rings, s->rings, sizeof s->rings);
    if (CALL(s, lttng_create_session_snapshot, s->name, NULL) < 0 ||
        CALL(s, lttng_set_session_shm_path, s->name, s->rings) < 0 || fill_session(s) < 0)
        return -1;
    return CALL(s, lttng_start_tracing, s->name);
}

static int session_renew(struct session *s)
{
    if (CALL(s, lttng_destroy_session_no_wait, s->name) < 0)
        return -1;
    return session_create(s);
}

/* --- the process --- */

static void answer(struct session *s, int rc)
{
    if (rc == 0)
        note_send(s->helper, NOTE_DONE, 0, "%s", s->rings);
    else
        note_send(s->helper, NOTE_FAILED, ERROR_RECORDER, "%s", s->failure);
    if (rc != 0) {
        daemon_stop(s);
        _exit(1);
    }
}

static void stop(struct session *s)
{
    (void)CALL(s, lttng_destroy_session_no_wait, s->name);
    announce(s, "the end of the session daemon", s->options->call_ms);
    daemon_stop(s);
    note_send(s->helper, NOTE_DONE, 0, "%s", "");
    _exit(0);
}

/* One turn: a note from the helper, or the daemon's end. */
static void serve(struct session *s, int ends)
{
    struct pollfd fds[2] = {{.fd = s->helper, .events = POLLIN}, {.fd = ends, .events = POLLIN}};
    struct signalfd_siginfo info;
    struct note note;
    int status;

    if (poll(fds, 2, -1) < 0)
        return;
    if (fds[1].revents != 0 && read(ends, &info, sizeof info) > 0 &&
        waitpid(s->daemon, &status, WNOHANG) == s->daemon)
        answer(s, daemon_ended(s, status));
    if (fds[0].revents == 0)
        return;
    if (note_receive(s->helper, &note) == 0)
        _exit(0);
    if (note.kind == NOTE_STOP)
        stop(s);
    if (note.kind == NOTE_RENEW)
        answer(s, session_renew(s));
}

static int prepare(struct session *s)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    setenv("LTTNG_HOME", s->place->dir, 1);
    if (leave_root(s) < 0)
        return -1;
    /* A change of credentials takes the parent's death signal away. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A member of the tracing group would be led to the machine-wide daemon. */
    lttng_set_tracing_group("");
    return 0;
}

noreturn void session_main(int helper, const struct recorder_place *place,
                           const struct recorder_options *options)
{
    struct session s = {.place = place, .options = options, .helper = helper};
    sigset_t set;
    int ends;

    prctl(PR_SET_NAME, "rundown-control");
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    ends = signalfd(-1, &set, SFD_CLOEXEC);
    answer(&s, prepare(&s) < 0 || daemon_start(&s) < 0 || session_create(&s) < 0 ? -1 : 0);
    for (;;)
        serve(&s, ends);
}

#endif
