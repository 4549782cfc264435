/*
 * recorder_helper: owns the recorder's directory and its processes, and watches them.
 *
 * It answers the supervisor and never talks to the daemon itself, so nothing here may block
 * without a deadline. When the supervisor goes, however it goes, the helper ends every
 * process below it, removes every file and leaves. It is a sub-reaper: no daemon escapes it.
 */
#include <harness/supervisor/recorder/recorder_helper.h>

#include <harness/supervisor/process/clock.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <harness/recorder.h>

enum { FD_SUPERVISOR = 3, FD_LOCK = 4, FD_FIRST_FREE = 5 };
enum { END_MS = 2000, WAIT_FILE_MS = 1000, WAIT_FILE_ORPHAN_MS = 3000 };

/* Sent to the helper when the thread that forked it ends; only then the parent is checked. */
#define SIGNAL_PARENT SIGUSR2

struct helper {
    struct recorder_place *place;
    const struct recorder_options *options;
    pid_t parent;
    int signals;
    int control; /* socket to the control process, -1 when it is gone */
    int beater;  /* socket to the beater, likewise */
    int cpus;    /* of the last beats, 0: there were none */
    unsigned long long beats;
    unsigned keeps;
    bool leaving;
    bool orphan;
    bool extracted;
    char rings[RECORDER_PLACE_PATH]; /* where to extract from; "" before there are any */
    char failure[512];               /* "" while it records */
};

enum wake { WAKE_READY, WAKE_LATE, WAKE_LEAVE };

/* --- notes --- */

int note_send(int fd, enum note_kind kind, int code, const char *format, ...)
{
    struct note note = {.kind = kind, .code = code};
    va_list args;

    va_start(args, format);
    vsnprintf(note.text, sizeof note.text, format, args);
    va_end(args);
    return send(fd, &note, offsetof(struct note, text) + strlen(note.text) + 1, MSG_NOSIGNAL) < 0
               ? -1
               : 0;
}

int note_receive(int fd, struct note *note)
{
    ssize_t n;

    do {
        n = recv(fd, note, sizeof *note, 0);
    } while (n < 0 && errno == EINTR);
    if (n <= (ssize_t)offsetof(struct note, text))
        return 0;
    note->text[(size_t)n - offsetof(struct note, text) - 1] = '\0';
    return 1;
}

void child_reset(pid_t parent, int signal)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, signal);
    if (getppid() != parent)
        _exit(1);
}

/* --- waiting --- */

static void read_signals(struct helper *h)
{
    struct signalfd_siginfo info;

    while (read(h->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM)
            h->leaving = true;
    }
    if (getppid() != h->parent)
        h->leaving = h->orphan = true;
}

/* Waits until @fd is readable; @ms < 0: for ever. Ends early when the helper has to leave. */
static enum wake wait_for(struct helper *h, int fd, int ms)
{
    long end = clock_ms() + ms;

    while (!h->leaving) {
        struct pollfd fds[3] = {{.fd = fd, .events = POLLIN},
                                {.fd = FD_SUPERVISOR},
                                {.fd = h->signals, .events = POLLIN}};
        long left = ms < 0 ? -1 : end - clock_ms();
        int n = ms >= 0 && left <= 0 ? 0 : poll(fds, 3, (int)left);

        if (n == 0)
            return WAKE_LATE;
        if (n > 0 && fds[2].revents != 0)
            read_signals(h);
        if (n > 0 && (fds[1].revents & (POLLHUP | POLLERR)) != 0)
            h->leaving = h->orphan = true;
        else if (n > 0 && fds[0].revents != 0)
            return WAKE_READY;
    }
    return WAKE_LEAVE;
}

/* Kills all that descends from us, and reaps it: orphans come to a sub-reaper. */
static void end_everything(void)
{
    char path[64];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    do {
        file = fopen(path, "re");
        while (file != NULL && fscanf(file, "%d", &child) == 1)
            kill(child, SIGKILL);
        if (file != NULL)
            fclose(file);
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

static void give_up(struct helper *h, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* From now on it does not record. The rings stay: they are linked, and can be extracted. */
static void give_up(struct helper *h, const char *format, ...)
{
    va_list args;

    if (h->failure[0] == '\0') {
        va_start(args, format);
        vsnprintf(h->failure, sizeof h->failure, format, args);
        va_end(args);
    }
    if (h->control >= 0)
        close(h->control);
    if (h->beater >= 0)
        close(h->beater);
    h->control = h->beater = -1;
    end_everything();
}

static void announce(const char *what, int ms)
{
    note_send(FD_SUPERVISOR, NOTE_STEP, ms, "%s", what);
}

/* --- children that do one thing --- */

/* 0 and @status, or -1: it was late (killed) or we have to leave. */
static int wait_child(struct helper *h, pid_t pid, int ms, int *status)
{
    int fd = pidfd_open(pid, 0);
    enum wake wake = fd < 0 ? WAKE_LATE : wait_for(h, fd, ms);

    if (fd >= 0)
        close(fd);
    if (wake != WAKE_READY)
        kill(pid, SIGKILL);
    waitpid(pid, status, 0);
    return wake == WAKE_READY ? 0 : -1;
}

static noreturn void extract_main(const struct helper *h, const char *dir, pid_t parent)
{
    char path[RECORDER_PLACE_PATH];
    int log = open(recorder_place_path(h->place, "extract.log", path, sizeof path),
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    child_reset(parent, SIGKILL);
    if (log >= 0)
        dup2(log, STDERR_FILENO);
    execlp(h->options->crash, h->options->crash, "-x", dir, h->rings, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* 0, or -1 with a sentence. */
static int extract(struct helper *h, const char *dir, char *text, size_t size)
{
    char path[RECORDER_PLACE_PATH];
    int status = 0;
    pid_t self = getpid(), pid;

    announce("lttng-crash", h->options->extract_ms);
    if (h->rings[0] == '\0')
        return snprintf(text, size, "there are no rings to extract"), -1;
    pid = fork();
    if (pid == 0)
        extract_main(h, dir, self);
    if (pid < 0)
        return snprintf(text, size, "fork: %s", strerror(errno)), -1;
    if (wait_child(h, pid, h->options->extract_ms, &status) < 0)
        return snprintf(text, size, "%s took longer than %d ms", h->options->crash,
                        h->options->extract_ms),
               -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
        return snprintf(text, size, "no %s that can be run: install lttng-tools",
                        h->options->crash),
               -1;
    if (status == 0)
        return 0;
    recorder_place_path(h->place, "extract.log", path, sizeof path);
    recorder_place_last_line(path, text, size);
    if (text[0] == '\0')
        snprintf(text, size, "%s: wait status %#x", h->options->crash, (unsigned)status);
    return -1;
}

/* --- the beater --- */

/* Loads the provider as a fork server does; NULL with the reason told. */
static const struct recorder_ops *beater_load(const struct helper *h, int up)
{
    const struct recorder_ops *ops;
    char wait[16];
    void *library;

    snprintf(wait, sizeof wait, "%d", h->options->call_ms / 2);
    setenv("LTTNG_HOME", h->place->dir, 1);
    setenv("LTTNG_UST_REGISTER_TIMEOUT", wait, 1);
    setenv("LTTNG_UST_WITHOUT_BADDR_STATEDUMP", "1", 1);
    library = dlopen(h->options->provider, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    ops = library == NULL ? NULL : dlsym(library, RECORDER_SYMBOL);
    if (ops == NULL)
        note_send(up, NOTE_FAILED, 0, "no provider: %s", dlerror());
    else if (ops->version != RECORDER_VERSION || ops->size != sizeof *ops)
        note_send(up, NOTE_FAILED, 0, "%s: of another version: build again", h->options->provider);
    else if (!ops->enabled())
        note_send(up, NOTE_FAILED, 0, "the daemon did not take the provider on within %s ms", wait);
    else
        return ops;
    return NULL;
}

/* One beat on every CPU that we may run on; returns how many. */
static int beat_everywhere(const struct recorder_ops *ops, uint64_t n, const cpu_set_t *cpus)
{
    struct recorder_event beat = {.kind = RECORDER_BEAT,
                                  .pid = (uint32_t)getpid(),
                                  .tid = (uint32_t)getpid(),
                                  .seq = n,
                                  .b = n};
    cpu_set_t one;
    int count = 0;

    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (!CPU_ISSET(cpu, cpus) || sched_setaffinity(0, sizeof one, &one) < 0)
            continue;
        beat.a = (uint64_t)cpu;
        ops->event(&beat);
        count++;
    }
    return count;
}

/*
 * The beater is a process with the provider loaded, that writes an event on every CPU when it
 * is told to. For three reasons: once it is registered the rings exist and can be linked; a
 * CPU whose beat is missing has lost its stream; and the reader of a ring sees only up to the
 * last event that was committed when no earlier one was still open. A thread that was moved
 * or held up inside an event hides all later ones of that CPU until the next is written.
 */
static noreturn void beater_main(const struct helper *h, int up)
{
    const struct recorder_ops *ops = beater_load(h, up);
    struct note note;
    cpu_set_t cpus;

    prctl(PR_SET_NAME, "rundown-beat");
    if (ops != NULL)
        note_send(up, NOTE_DONE, 0, "%s", "");
    while (ops != NULL && note_receive(up, &note) != 0) {
        if (sched_getaffinity(0, sizeof cpus, &cpus) < 0)
            CPU_ZERO(&cpus);
        note_send(up, NOTE_DONE, beat_everywhere(ops, strtoull(note.text, NULL, 10), &cpus), "%s",
                  "");
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    _exit(0);
}

/* The beater's next note: 0, or -1 if it failed, is gone or late, or we have to leave. */
static int beater_answer(struct helper *h, struct note *note)
{
    note->kind = 0;
    if (wait_for(h, h->beater, h->options->call_ms) != WAKE_READY)
        return -1;
    return note_receive(h->beater, note) == 0 || note->kind != NOTE_DONE ? -1 : 0;
}

static int beater_start(struct helper *h)
{
    int pair[2];
    pid_t self = getpid(), pid;
    struct note note;

    announce("the load of the provider", h->options->call_ms);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0) {
        give_up(h, "%s", strerror(errno));
        return -1;
    }
    if (pid == 0) {
        child_reset(self, SIGKILL);
        close_range(FD_SUPERVISOR, (unsigned)pair[1] - 1, 0);
        beater_main(h, pair[1]);
    }
    close(pair[1]);
    h->beater = pair[0];
    if (beater_answer(h, &note) == 0)
        return 0;
    if (!h->leaving)
        give_up(h, "%.400s", note.kind == NOTE_FAILED ? note.text : "the provider does not load");
    return -1;
}

/* A beat on every CPU; -1: there is no beater, or not any more (one that is late never gets
 * its answer taken for the next one's). */
static int beat(struct helper *h)
{
    struct note note;

    h->cpus = 0;
    if (h->beater < 0)
        return -1;
    if (note_send(h->beater, NOTE_BEAT, 0, "%llu", ++h->beats) < 0 || beater_answer(h, &note) < 0) {
        close(h->beater);
        h->beater = -1;
        return -1;
    }
    h->cpus = note.code;
    return 0;
}

/* The first beat after a start or a renewal has to come; else nothing would be recorded. */
static int first_beat(struct helper *h)
{
    if (h->beater < 0 && beater_start(h) < 0)
        return -1;
    announce("the provider's first event", h->options->call_ms);
    if (beat(h) < 0 && !h->leaving)
        give_up(h, "the provider did not write its first event");
    return h->failure[0] != '\0' || h->leaving ? -1 : 0;
}

/* --- the control process --- */

static void control_start(struct helper *h)
{
    int pair[2];
    pid_t self = getpid(), pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0) {
        give_up(h, "%s", strerror(errno));
        return;
    }
    if (pid == 0) {
        child_reset(self, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        close(FD_SUPERVISOR);
        close(FD_LOCK);
        close(h->signals);
        close(pair[0]);
        session_main(pair[1], h->place, h->options);
    }
    close(pair[1]);
    h->control = pair[0];
}

/*
 * Passes steps on until the answer comes, each under its own deadline, but none above
 * @most_ms. 0, or -1: given up.
 */
static int control_answer(struct helper *h, struct note *note, int most_ms)
{
    char step[256] = "the control process";
    int ms = most_ms < h->options->call_ms ? most_ms : h->options->call_ms;

    while (h->control >= 0) {
        enum wake wake = wait_for(h, h->control, ms);

        if (wake == WAKE_LEAVE)
            return -1;
        if (wake == WAKE_LATE) {
            give_up(h, "%s did not return within %d ms", step, ms);
        } else if (note_receive(h->control, note) == 0) {
            give_up(h, "the control process has died");
        } else if (note->kind == NOTE_STEP) {
            ms = note->code < most_ms ? note->code : most_ms;
            snprintf(step, sizeof step, "%.255s", note->text);
            announce(step, ms);
        } else if (note->kind == NOTE_FAILED) {
            give_up(h, "%.500s", note->text);
        } else {
            return 0;
        }
    }
    return -1;
}

/*
 * The rings vanish when the daemon or its session ends, and are wanted most just then: they
 * get a second name, and the one before is dropped.
 */
static int keep_rings(struct helper *h, const char *rings)
{
    char name[32], keep[RECORDER_PLACE_PATH];

    if (h->options->per_process) {
        snprintf(h->rings, sizeof h->rings, "%s", rings);
        return 0;
    }
    snprintf(name, sizeof name, "keep-%u", ++h->keeps);
    recorder_place_path(h->place, name, keep, sizeof keep);
    if (recorder_place_link(rings, keep) < 2) {
        give_up(h, "no rings came in %s", rings);
        return -1;
    }
    if (h->rings[0] != '\0')
        recorder_place_clear(h->rings);
    snprintf(h->rings, sizeof h->rings, "%s", keep);
    return 0;
}

/* The whole way once: an extraction that works, and holds a trace. */
static void prove(struct helper *h)
{
    char trial[RECORDER_PLACE_PATH], text[400];

    recorder_place_path(h->place, "trial", trial, sizeof trial);
    if (extract(h, trial, text, sizeof text) < 0)
        give_up(h, "%s", text);
    recorder_place_clear(trial);
}

/* After the control process has answered: rings, and a process that uses them. */
static void session_ready(struct helper *h)
{
    struct note note;

    if (control_answer(h, &note, INT_MAX) == 0 && first_beat(h) == 0)
        keep_rings(h, note.text);
}

/* --- requests --- */

static void answer(struct helper *h)
{
    bool failed = h->failure[0] != '\0';

    if (!h->leaving)
        note_send(FD_SUPERVISOR, NOTE_DONE, failed ? ERROR_RECORDER : 0, "%s", h->failure);
}

static void request_extract(struct helper *h, const char *dir)
{
    char text[400] = "";
    int rc;

    announce("the beats", h->options->call_ms);
    beat(h);
    rc = extract(h, dir, text, sizeof text);
    if (rc == 0)
        snprintf(text, sizeof text, "%llu %d", h->beats, h->cpus);
    if (!h->leaving)
        note_send(FD_SUPERVISOR, NOTE_DONE, rc < 0 ? ERROR_RECORDER : 0, "%s", text);
}

static void request_renew(struct helper *h)
{
    if (h->control >= 0 && note_send(h->control, NOTE_RENEW, 0, "%s", "") == 0)
        session_ready(h);
    answer(h);
}

/* The daemon may end in order, but no call of its end may take longer than END_MS. */
static void request_stop(struct helper *h)
{
    struct note note;

    announce("the end of the session", END_MS);
    if (h->control >= 0 && note_send(h->control, NOTE_STOP, 0, "%s", "") == 0)
        control_answer(h, &note, END_MS);
    h->leaving = true;
}

static void serve_supervisor(struct helper *h)
{
    struct note note;

    if (note_receive(FD_SUPERVISOR, &note) == 0)
        h->leaving = h->orphan = true;
    else if (note.kind == NOTE_EXTRACT)
        request_extract(h, note.text);
    else if (note.kind == NOTE_RENEW)
        request_renew(h);
    else if (note.kind == NOTE_STOP)
        request_stop(h);
}

/* Unasked, the control process speaks only of an end. */
static void serve_control(struct helper *h)
{
    struct note note;

    if (note_receive(h->control, &note) == 0)
        give_up(h, "the control process has died");
    else if (note.kind == NOTE_FAILED)
        give_up(h, "%.500s", note.text);
    if (h->failure[0] != '\0')
        note_send(FD_SUPERVISOR, NOTE_FAILED, ERROR_RECORDER, "%s", h->failure);
}

static void serve(struct helper *h)
{
    struct pollfd fds[3] = {{.fd = FD_SUPERVISOR, .events = POLLIN},
                            {.fd = h->control, .events = POLLIN},
                            {.fd = h->signals, .events = POLLIN}};

    if (poll(fds, 3, -1) < 0)
        return;
    if (fds[2].revents != 0)
        read_signals(h);
    if (fds[1].revents != 0)
        serve_control(h);
    if (fds[0].revents != 0)
        serve_supervisor(h);
}

/* --- birth and end --- */

/* Our three descriptors get fixed numbers, everything inherited is closed. */
static void take_descriptors(int supervisor, struct recorder_place *place)
{
    int null = open("/dev/null", O_RDWR);
    int high = fcntl(supervisor, F_DUPFD, 64), lock = -1;

    if (place->lock >= 0)
        lock = fcntl(place->lock, F_DUPFD, 64);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    dup3(high, FD_SUPERVISOR, O_CLOEXEC);
    close(FD_LOCK);
    place->lock = lock < 0 ? -1 : dup3(lock, FD_LOCK, O_CLOEXEC);
    close_range(FD_FIRST_FREE, ~0U, 0);
}

static void take_signals(struct helper *h)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t all, ours;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &plain, NULL);
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGNAL_PARENT);
    h->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_PDEATHSIG, SIGNAL_PARENT);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (getppid() != h->parent)
        h->leaving = h->orphan = true;
}

noreturn void helper_main(int supervisor, struct recorder_place *place,
                          const struct recorder_options *options)
{
    struct helper h = {
        .place = place, .options = options, .parent = place->owner, .control = -1, .beater = -1};

    setsid();
    prctl(PR_SET_NAME, "rundown-rec");
    take_descriptors(supervisor, place);
    take_signals(&h);
    if (chdir("/") == 0 && !h.leaving) {
        control_start(&h);
        session_ready(&h);
        if (h.failure[0] == '\0' && !h.leaving && !options->per_process)
            prove(&h);
        answer(&h);
    }
    while (!h.leaving)
        serve(&h);
    end_everything();
    recorder_place_remove(place, h.orphan ? WAIT_FILE_ORPHAN_MS : WAIT_FILE_MS);
    _exit(0);
}
