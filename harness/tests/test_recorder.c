/*
 * Tests of the recorder as a whole: provider, session, helper and decoder, on a real daemon.
 *
 * A zygote is forked from here as the product's fork servers are: it loads the provider after
 * the daemon is up and forks targets under the fork guard. The gate that keeps deaths out of
 * the recorder is built here in small: a counter per thread in shared memory. Deaths of every
 * process of the recorder follow, each time with a look at what is left.
 *
 * Exit status 77, with the reason, where LTTng is absent.
 */
#include <harness/supervisor/recorder/recorder.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/Basic.h>

#include <harness/recorder.h>
#include <results/trace/decode.h>

enum {
    LANES = 2,
    KILLS = 40,
    TICKS = 50,       /* events of every lane before the kill */
    FILL = 30000,     /* events that overwrite the ring of one CPU more than once */
    PAUSES = 300,     /* between two events, so that all lanes are outside now and then */
    WAIT_MS = 30000,  /* deadline of everything: a failure, never a measure */
    SETTLE_MS = 5000, /* of the comings and goings of other runs */
    FAMILY = 64,
};

/* --- shared with targets --- */

struct lane {
    _Atomic uint32_t in_tp;
    _Atomic uint32_t tid;
    _Atomic uint64_t published;
};

static struct {
    struct lane lane[LANES];
} * shared;

enum order_kind {
    ORDER_KILL = 1,
    ORDER_BEAT,
    ORDER_FILL,
    ORDER_STEPS,
    ORDER_OVERTAKE,
    ORDER_ALL_KINDS,
};

struct order {
    enum order_kind kind;
    int cpu;
    long number;
};

struct outcome {
    pid_t pid;
    long number;
    bool gated;
};

static struct recorder *recorder;
static struct recorder_env env;
static const struct recorder_ops *ops;
static pid_t zygote;
static int zygote_socket = -1;
static char scratch[] = "/tmp/rundown-test-recorder-XXXXXX";
static int extractions;

/* --- small things --- */

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_environment(void)
{
    for (unsigned i = 0; i < env.count; i++)
        putenv(env.entry[i]);
}

static void clear_environment(void)
{
    unsetenv("LTTNG_HOME");
    unsetenv("LTTNG_UST_REGISTER_TIMEOUT");
    unsetenv("LTTNG_UST_WITHOUT_BADDR_STATEDUMP");
}

/* What the agent does: two calls. A loaded machine may need longer than the 0.2 s of a run. */
static bool load_provider(const char *path)
{
    void *library;

    set_environment();
    setenv("LTTNG_UST_REGISTER_TIMEOUT", "20000", 1);
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    ops = library == NULL ? NULL : dlsym(library, RECORDER_SYMBOL);
    clear_environment();
    return ops != NULL && ops->version == RECORDER_VERSION && ops->size == sizeof *ops &&
           ops->enabled();
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int first_cpu(void)
{
    cpu_set_t set;
    int cpu = 0;

    sched_getaffinity(0, sizeof set, &set);
    while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &set))
        cpu++;
    return cpu;
}

/* --- targets: run in children of the zygote --- */

static void *tick(void *argument)
{
    struct lane *lane = argument;
    struct recorder_event event = {.kind = RECORDER_LOCK_ACQUIRE,
                                   .pid = (uint32_t)getpid(),
                                   .tid = (uint32_t)gettid(),
                                   .text = "lock",
                                   .text2 = "mutex"};

    lane->tid = event.tid;
    for (;;) {
        event.seq++;
        atomic_fetch_add(&lane->in_tp, 1);
        ops->event(&event);
        atomic_fetch_sub(&lane->in_tp, 1);
        lane->published = event.seq;
        for (int i = 0; i < PAUSES; i++)
            __builtin_ia32_pause();
    }
    return NULL;
}

static void run_ticks(const struct order *order)
{
    pthread_t thread;

    (void)order;
    for (int i = 1; i < LANES; i++)
        pthread_create(&thread, NULL, tick, &shared->lane[i]);
    tick(&shared->lane[0]);
}

static void run_beats(const struct order *order)
{
    struct recorder_event beat = {.kind = RECORDER_BEAT,
                                  .pid = (uint32_t)getpid(),
                                  .tid = (uint32_t)getpid(),
                                  .a = (uint64_t)order->cpu};
    long count = order->kind == ORDER_FILL ? FILL : order->kind == ORDER_OVERTAKE ? TICKS : 1;

    pin(order->cpu);
    for (long i = 0; i < count; i++) {
        beat.seq++;
        beat.b = (uint64_t)order->number;
        ops->event(&beat);
    }
    _exit(0);
}

/* One event between two marks in shared memory, for a tracer that counts instructions. */
static void run_stepped(const struct order *order)
{
    struct recorder_event event = {.kind = RECORDER_LOCK_WAIT,
                                   .pid = (uint32_t)getpid(),
                                   .text = "a site of some length",
                                   .text2 = "mutex"};

    pin(order->cpu);
    ops->event(&event);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    shared->lane[0].in_tp = 1;
    ops->event(&event);
    shared->lane[0].in_tp = 0;
    _exit(0);
}

/* Every kind once; members are told apart by their numbers. */
static void run_all_kinds(const struct order *order)
{
    struct recorder_event event = {.pid = (uint32_t)getpid(), .tid = 77, .inj = 5};

    (void)order;
    event.cycle = UINT64_C(1) << 40;
    event.b = 22;
    event.c = (uint64_t)-33;
    event.d = 44;
    event.text = "first";
    event.text2 = "second";
    for (event.kind = 0; event.kind < RECORDER_KINDS + 1; event.kind++) {
        event.seq++;
        event.a = event.kind == RECORDER_EXIT_GATE ? RECORDER_PHASE_FINI : UINT64_MAX - 10;
        ops->event(&event);
    }
    event.kind = RECORDER_CYCLE_END;
    event.text = event.text2 = NULL;
    ops->event(&event);
    _exit(0);
}

/* --- the zygote --- */

static pid_t guarded_fork(void)
{
    sigset_t saved;
    pid_t pid;

    ops->before_fork(&saved);
    pid = fork();
    ops->after_fork(&saved);
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static bool lanes_outside(void)
{
    for (int i = 0; i < LANES; i++) {
        if (shared->lane[i].in_tp != 0)
            return false;
    }
    return true;
}

/* Stop, look, go on for some microseconds, until no lane is inside. False: none was found. */
static bool gate(pid_t pid)
{
    long end = now_ms() + WAIT_MS;
    int status;

    for (unsigned i = 0; now_ms() < end;
         i++) { /* on a busy machine lanes often lose the CPU inside */
        struct timespec on = {0, 1000 + i % 20 * 1000};

        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
            return false;
        if (lanes_outside())
            return true;
        kill(pid, SIGCONT);
        nanosleep(&on, NULL);
    }
    return false;
}

/* Yields rather than sleeps: the target publishes as fast as it gets a CPU. */
static void wait_for_ticks(void)
{
    long end = now_ms() + WAIT_MS;

    for (int i = 0; i < LANES; i++) {
        while (shared->lane[i].published < TICKS && now_ms() < end)
            sched_yield();
    }
}

static void zygote_kill(const struct order *order, struct outcome *outcome)
{
    memset(shared, 0, sizeof *shared);
    outcome->pid = guarded_fork();
    if (outcome->pid == 0)
        run_ticks(order);
    wait_for_ticks();
    outcome->gated = gate(outcome->pid);
    kill(outcome->pid, SIGKILL);
    waitpid(outcome->pid, NULL, 0);
}

/* Steps over one event, or up to @most instructions into it (0: to its end). Returns how many. */
static long step_event(pid_t pid, long most)
{
    int status;
    long steps = 0;

    waitpid(pid, &status, 0);
    while (WIFSTOPPED(status)) {
        steps += shared->lane[0].in_tp;
        if (most > 0 && steps == most)
            break;
        if (steps > 0 && shared->lane[0].in_tp == 0)
            ptrace(PTRACE_CONT, pid, NULL, NULL);
        else
            ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
        waitpid(pid, &status, 0);
    }
    return steps;
}

/* After @order->number instructions of an event the target dies (0: never). */
static void zygote_step(const struct order *order, struct outcome *outcome)
{
    memset(shared, 0, sizeof *shared);
    outcome->pid = guarded_fork();
    if (outcome->pid == 0)
        run_stepped(order);
    outcome->number = step_event(outcome->pid, order->number);
    if (order->number == 0 || outcome->number != order->number)
        return;
    kill(outcome->pid, SIGKILL);
    waitpid(outcome->pid, NULL, 0);
}

static void zygote_run(const struct order *order, struct outcome *outcome,
                       void (*run)(const struct order *))
{
    outcome->pid = guarded_fork();
    if (outcome->pid == 0)
        run(order);
    waitpid(outcome->pid, NULL, 0);
}

/* While one process stands inside an event, another writes on the same CPU; then the first ends. */
static void zygote_overtake(const struct order *order, struct outcome *outcome)
{
    pid_t slow;

    memset(shared, 0, sizeof *shared);
    slow = guarded_fork();
    if (slow == 0)
        run_stepped(order);
    step_event(slow, order->number);
    zygote_run(order, outcome, run_beats);
    ptrace(PTRACE_DETACH, slow, NULL, NULL);
    waitpid(slow, NULL, 0);
}

static void zygote_serve(int socket)
{
    struct order order;

    while (recv(socket, &order, sizeof order, 0) == (ssize_t)sizeof order) {
        struct outcome outcome = {.pid = 0};

        if (order.kind == ORDER_KILL)
            zygote_kill(&order, &outcome);
        else if (order.kind == ORDER_STEPS)
            zygote_step(&order, &outcome);
        else if (order.kind == ORDER_OVERTAKE)
            zygote_overtake(&order, &outcome);
        else if (order.kind == ORDER_ALL_KINDS)
            zygote_run(&order, &outcome, run_all_kinds);
        else
            zygote_run(&order, &outcome, run_beats);
        send(socket, &outcome, sizeof outcome, MSG_NOSIGNAL);
    }
    _exit(0);
}

static bool zygote_start(void)
{
    int pair[2];
    bool ready = false;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    zygote = fork();
    if (zygote == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        ready = load_provider(recorder_provider(recorder));
        send(pair[1], &ready, sizeof ready, MSG_NOSIGNAL);
        zygote_serve(pair[1]);
    }
    close(pair[1]);
    zygote_socket = pair[0];
    return recv(zygote_socket, &ready, sizeof ready, 0) == (ssize_t)sizeof ready && ready;
}

static void zygote_stop(void)
{
    if (zygote_socket >= 0)
        close(zygote_socket);
    zygote_socket = -1;
    if (zygote > 0)
        waitpid(zygote, NULL, 0);
    zygote = 0;
}

static struct outcome command(enum order_kind kind, int cpu, long number)
{
    struct order order = {kind, cpu, number};
    struct outcome outcome = {.pid = -1};

    send(zygote_socket, &order, sizeof order, MSG_NOSIGNAL);
    recv(zygote_socket, &outcome, sizeof outcome, 0);
    return outcome;
}

/* --- reading back --- */

struct query {
    uint32_t pid;
    uint32_t tid;
    uint64_t last; /* highest seq of tid in pid; with tid 0 of pid */
    uint64_t count;
    uint64_t n; /* field "n" of the last beat */
};

static int answer_query(const struct decode_event *event, void *context)
{
    struct query *query = context;
    const struct decode_field *n = decode_field(event, "n");

    if (event->pid != query->pid || (query->tid != 0 && event->tid != query->tid))
        return 0;
    query->count++;
    if (event->seq >= query->last)
        query->last = event->seq;
    if (n != NULL)
        query->n = n->number;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int extract(char *dir, size_t size)
{
    struct error e = {.code = 0};
    int rc;

    snprintf(dir, size, "%s/x%d", scratch, extractions++);
    rc = recorder_extract(recorder, dir, &e);
    if (rc != 0)
        fprintf(stderr, "\nextract: %s\n", e.text);
    return rc;
}

static bool decode(const char *dir, decode_callback callback, void *context)
{
    struct error e = {.code = 0};
    int rc = decode_directory(dir, callback, context, NULL, &e);

    if (rc != 0)
        fprintf(stderr, "\ndecode: %s\n", e.text);
    return rc == 0;
}

static bool look_up(struct query *query)
{
    char dir[128];
    bool ok = extract(dir, sizeof dir) == 0 && decode(dir, answer_query, query);

    remove_tree(dir);
    return ok;
}

/* --- what is left --- */

/* Does anybody live there: a run that holds its lock, or a program that has the file open? */
static bool in_use(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    bool free;

    if (fd < 0)
        return true;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
        free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    else
        free = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
    close(fd);
    return !free;
}

/* The recorder's and the tracer's entries that we own and that nobody uses. */
static unsigned count_left(bool tell)
{
    DIR *dir = opendir("/dev/shm");
    const struct dirent *entry;
    char path[300];
    unsigned left = 0;
    struct stat info;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof path, "/dev/shm/%s", entry->d_name);
        if ((strncmp(entry->d_name, "rundown-recorder-", 17) != 0 &&
             strncmp(entry->d_name, "lttng-", 6) != 0) ||
            stat(path, &info) < 0 || info.st_uid != geteuid() || in_use(path))
            continue;
        left++;
        if (tell)
            fprintf(stderr, "\nleft: %s\n", path);
    }
    if (dir != NULL)
        closedir(dir);
    return left;
}

/* Other runs on this machine come and go, so what is unused must stay so to count as left. */
static bool nothing_left_in_shm(void)
{
    long end = now_ms() + SETTLE_MS;

    while (count_left(false) > 0 && now_ms() < end)
        sched_yield();
    return count_left(true) == 0;
}

/* The recorder's own directory is gone, too: nobody else could hold it. */
static bool own_place_is_gone(void)
{
    return access(strchr(env.entry[0], '=') + 1, F_OK) < 0 && errno == ENOENT;
}

/** All processes below one, held by pidfd so that their end can be waited for. */
struct family {
    unsigned count;
    pid_t pid[FAMILY];
    int fd[FAMILY];
};

static void family_add(struct family *family, pid_t pid);

static void add_children(struct family *family, const char *path)
{
    FILE *file = fopen(path, "re");
    int child;

    while (file != NULL && fscanf(file, "%d", &child) == 1)
        family_add(family, child);
    if (file != NULL)
        fclose(file);
}

static void family_add(struct family *family, pid_t pid)
{
    char path[300];
    const struct dirent *entry;
    DIR *tasks;

    if (family->count == FAMILY)
        return;
    family->pid[family->count] = pid;
    family->fd[family->count++] = pidfd_open(pid, 0);
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, entry->d_name);
        add_children(family, path);
    }
    if (tasks != NULL)
        closedir(tasks);
}

static bool family_gone(struct family *family)
{
    long end = now_ms() + WAIT_MS;
    bool gone = true;

    for (unsigned i = 0; i < family->count; i++) {
        struct pollfd poller = {.fd = family->fd[i], .events = POLLIN};
        long left = end - now_ms();

        if (family->fd[i] >= 0 && poll(&poller, 1, left > 0 ? (int)left : 0) != 1) {
            fprintf(stderr, "\nstill there: process %d\n", (int)family->pid[i]);
            gone = false;
        }
        if (family->fd[i] >= 0)
            close(family->fd[i]);
    }
    return gone;
}

static pid_t daemon_pid(void)
{
    char path[200];
    int pid = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/.lttng/lttng-sessiond.pid", strchr(env.entry[0], '=') + 1);
    file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file != NULL)
        fclose(file);
    return pid;
}

/* Waits until the recorder says why it does not record; NULL: it never did. */
static const char *wait_for_reason(void)
{
    long end = now_ms() + WAIT_MS;
    const char *reason;

    while ((reason = recorder_reason(recorder)) == NULL && now_ms() < end) {
        struct pollfd poller = {.fd = recorder_fd(recorder), .events = POLLIN};

        poll(&poller, 1, (int)(end - now_ms()));
    }
    return reason;
}

/* --- set-up --- */

static bool begin_with(const struct recorder_options *options)
{
    struct error e = {.code = 0};
    int rc;

    rc = recorder_start_with(&recorder, options, &env, &e);
    CU_ASSERT_EQUAL(rc, 0);
    if (rc != 0)
        fprintf(stderr, "\nstart: %s\n", e.text);
    return rc == 0;
}

static bool begin(const struct recorder_options *options)
{
    if (!begin_with(options))
        return false;
    CU_ASSERT_TRUE_FATAL(zygote_start());
    return true;
}

static void end(void)
{
    struct family family = {.count = 0};

    family_add(&family, recorder_pid(recorder));
    zygote_stop();
    recorder_stop(recorder);
    recorder = NULL;
    CU_ASSERT_TRUE(family_gone(&family));
    CU_ASSERT_TRUE(own_place_is_gone());
    CU_ASSERT_TRUE(nothing_left_in_shm());
}

/* --- events --- */

/* Name and fields of every kind, as run_all_kinds() emits them. Numbers are decimal. */
static const struct {
    const char *name;
    const char *fields;
} kinds[RECORDER_KINDS] = {
    {"cycle_begin", "seed=18446744073709551605 workload=first variant=second"},
    {"cycle_end", "how=first status=-11 verdict=second"},
    {"inject_decided", "kind=second site=first victim=18446744073709551605 due_ns=22"},
    {"inject_fired", "kind=second site=first victim=18446744073709551605 result=22 "
                     "deferred=18446744073709551583"},
    {"lock_wait", "lock=18446744073709551605 kind=second site=first owner=22"},
    {"lock_acquire", "lock=18446744073709551605 kind=second site=first waited_ns=22 "
                     "owner_died=18446744073709551583"},
    {"lock_release", "lock=18446744073709551605 kind=second site=first"},
    {"alloc", "addr=18446744073709551605 size=22 site=first every_n=18446744073709551583"},
    {"free", "addr=18446744073709551605 size=22 site=first every_n=18446744073709551583"},
    {"module_load_begin", "name=first base=18446744073709551605 handle=22 rc=-33"},
    {"module_load_end", "name=first base=18446744073709551605 handle=22 rc=-33"},
    {"module_unload_begin", "name=first base=18446744073709551605 handle=22 rc=-33"},
    {"module_unload_end", "name=first base=18446744073709551605 handle=22 rc=-33"},
    {"thread_start", "start=18446744073709551605 creator=22"},
    {"thread_exit", "how=first"},
    {"exit_gate", "phase=fini by=22"},
    {"beat", "cpu=18446744073709551605 n=22"},
};

static void print_fields(const struct decode_event *event, char *text, size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < event->field_count && n < size; i++) {
        const struct decode_field *field = &event->field[i];
        const char *space = i > 0 ? " " : "";

        if (field->kind == DECODE_TEXT)
            n += (size_t)snprintf(text + n, size - n, "%s%s=%s", space, field->name, field->text);
        else if (field->kind == DECODE_SIGNED)
            n += (size_t)snprintf(text + n, size - n, "%s%s=%lld", space, field->name,
                                  (long long)field->number);
        else
            n += (size_t)snprintf(text + n, size - n, "%s%s=%llu", space, field->name,
                                  (unsigned long long)field->number);
    }
}

struct kinds_seen {
    uint32_t pid;
    unsigned count;
    bool all_right;
    uint64_t last_ns;
};

static int check_kind(const struct decode_event *event, void *context)
{
    struct kinds_seen *seen = context;
    char fields[512];
    bool right;

    if (event->pid != seen->pid)
        return 0;
    print_fields(event, fields, sizeof fields);
    if (seen->count == RECORDER_KINDS)
        right = strcmp(fields, "how= status=-11 verdict=") == 0;
    else
        right = event->seq == seen->count + 1 && event->tid == 77 && event->inj == 5 &&
                event->cycle == UINT64_C(1) << 40 && event->time_ns >= seen->last_ns &&
                strcmp(event->name, kinds[seen->count].name) == 0 &&
                strcmp(fields, kinds[seen->count].fields) == 0;
    if (!right)
        fprintf(stderr, "\nevent %u: %s: %s\n", seen->count, event->name, fields);
    seen->all_right = seen->all_right && right;
    seen->last_ns = event->time_ns;
    seen->count++;
    return seen->count > RECORDER_KINDS;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void test_every_kind_comes_back(void)
{
    struct kinds_seen seen = {.all_right = true, .last_ns = now_ns()};
    char dir[128];

    if (!begin(NULL))
        return;
    seen.pid = (uint32_t)command(ORDER_ALL_KINDS, 0, 0).pid;
    CU_ASSERT_EQUAL(extract(dir, sizeof dir), 0);
    CU_ASSERT_TRUE(decode(dir, check_kind, &seen));
    CU_ASSERT_TRUE(seen.all_right);
    CU_ASSERT_EQUAL(seen.count, RECORDER_KINDS + 1);
    CU_ASSERT_TRUE(seen.last_ns <= now_ns());
    end();
}

/* --- the last event --- */

static int answer_queries(const struct decode_event *event, void *context)
{
    struct query *queries = context;

    for (int i = 0; i < LANES; i++)
        answer_query(event, &queries[i]);
    return 0;
}

static bool last_events_are_there(const struct outcome *killed)
{
    struct query queries[LANES];
    char dir[128];
    bool there;

    memset(queries, 0, sizeof queries);
    for (int i = 0; i < LANES; i++) {
        queries[i].pid = (uint32_t)killed->pid;
        queries[i].tid = shared->lane[i].tid;
    }
    there = extract(dir, sizeof dir) == 0 && decode(dir, answer_queries, queries);
    for (int i = 0; i < LANES; i++) {
        uint64_t published = shared->lane[i].published;
        bool last = queries[i].last == published || queries[i].last == published + 1;

        if (!last)
            fprintf(stderr, "\npid %d lane %d: published %llu, recorded %llu\n", (int)killed->pid,
                    i, (unsigned long long)published, (unsigned long long)queries[i].last);
        there = there && last;
    }
    remove_tree(dir);
    return there;
}

static void test_last_event_before_a_kill(void)
{
    int there = 0, gated = 0;

    if (!begin(NULL))
        return;
    for (int i = 0; i < KILLS; i++) {
        struct outcome killed = command(ORDER_KILL, 0, 0);

        gated += killed.gated;
        there += last_events_are_there(&killed);
    }
    CU_ASSERT_EQUAL(gated, KILLS);
    CU_ASSERT_EQUAL(there, KILLS);
    end();
}

/* Events of the process that can be had now; 0 also when there is nothing to extract. */
static uint64_t events_of(pid_t pid)
{
    struct query query = {.pid = (uint32_t)pid};
    struct error e = {.code = 0};
    char dir[128];

    snprintf(dir, sizeof dir, "%s/x%d", scratch, extractions++);
    if (recorder_extract(recorder, dir, &e) == 0)
        decode_directory(dir, answer_query, &query, NULL, &e);
    remove_tree(dir);
    return query.count;
}

/* The twin: with rings per process, what a process wrote goes soon after it. */
static void test_rings_per_process_lose_it(void)
{
    const struct recorder_options options = {.per_process = true};
    long deadline = now_ms() + WAIT_MS;
    struct outcome killed;

    if (!begin(&options))
        return;
    killed = command(ORDER_KILL, 0, 0);
    CU_ASSERT_TRUE(events_of(killed.pid) >= TICKS);
    zygote_stop();
    while (events_of(killed.pid) > 0 && now_ms() < deadline)
        continue;
    CU_ASSERT_EQUAL(events_of(killed.pid), 0);
    end();
}

/* --- the window between reserve and commit --- */

/* Overwrites one CPU's ring more than once, then looks for a mark on that CPU. */
static bool stream_lives(int cpu, long mark)
{
    struct outcome beat;
    struct query query = {.pid = 0};

    command(ORDER_FILL, cpu, 0);
    beat = command(ORDER_BEAT, cpu, mark);
    query.pid = (uint32_t)beat.pid;
    return look_up(&query) && query.count == 1 && query.n == (uint64_t)mark;
}

/*
 * The twin of the gate: a death at a counted instruction inside the recorder. Some of them
 * end the stream for good, which only a new session cures. This is why the gate exists.
 */
static void test_death_inside_ends_the_stream(void)
{
    int cpu = first_cpu(), parts = 16;
    struct error e = {.code = 0};
    bool alive = true;
    long steps;

    if (!begin(NULL))
        return;
    steps = command(ORDER_STEPS, cpu, 0).number;
    CU_ASSERT_TRUE(steps > parts);
    CU_ASSERT_TRUE(stream_lives(cpu, 1));
    for (int i = 1; i < parts && alive; i++) {
        command(ORDER_STEPS, cpu, steps * i / parts);
        alive = stream_lives(cpu, 1 + i);
    }
    CU_ASSERT_FALSE(alive);
    CU_ASSERT_FALSE(stream_lives(cpu, 1000));
    CU_ASSERT_EQUAL(recorder_renew(recorder, &e), 0);
    CU_ASSERT_TRUE(stream_lives(cpu, 1001));
    end();
}

/*
 * An event that was begun earlier and ends later than others of its CPU hides them from the
 * reader, wherever in it its thread was held up, until another is written there.
 */
static void test_held_up_event_hides_nothing(void)
{
    int cpu = first_cpu(), parts = 8;
    long steps;

    if (!begin(NULL))
        return;
    steps = command(ORDER_STEPS, cpu, 0).number;
    CU_ASSERT_TRUE(steps > parts);
    for (int i = 1; i < parts; i++) {
        struct outcome fast = command(ORDER_OVERTAKE, cpu, steps * i / parts);
        struct query query = {.pid = (uint32_t)fast.pid};

        CU_ASSERT_TRUE(look_up(&query));
        CU_ASSERT_EQUAL(query.count, TICKS);
    }
    end();
}

struct marks {
    uint64_t n;
    cpu_set_t cpus;
};

static int collect_mark(const struct decode_event *event, void *context)
{
    struct marks *marks = context;
    const struct decode_field *n = decode_field(event, "n"), *cpu = decode_field(event, "cpu");

    if (strcmp(event->name, "beat") == 0 && n->number == marks->n && cpu->number < CPU_SETSIZE)
        CPU_SET(cpu->number, &marks->cpus);
    return 0;
}

/* CPUs that carry the mark of a fresh extraction; @expected: how many should. */
static unsigned count_marks(unsigned *expected)
{
    struct marks marks;
    char dir[128];

    CPU_ZERO(&marks.cpus);
    CU_ASSERT_EQUAL(extract(dir, sizeof dir), 0);
    *expected = recorder_mark(recorder, &marks.n);
    CU_ASSERT_TRUE(decode(dir, collect_mark, &marks));
    remove_tree(dir);
    return (unsigned)CPU_COUNT(&marks.cpus);
}

static void test_marks_tell_a_dead_stream(void)
{
    int cpu = first_cpu();
    struct error e = {.code = 0};
    unsigned expected, count;
    cpu_set_t all;
    long steps;

    if (!begin(NULL))
        return;
    sched_getaffinity(0, sizeof all, &all);
    count = count_marks(&expected);
    CU_ASSERT_EQUAL(expected, (unsigned)CPU_COUNT(&all));
    CU_ASSERT_EQUAL(count, expected);
    steps = command(ORDER_STEPS, cpu, 0).number;
    for (int i = 1; i < 16 && count == expected; i++) {
        command(ORDER_STEPS, cpu, steps * i / 16);
        command(ORDER_FILL, cpu, 0);
        count = count_marks(&expected);
    }
    CU_ASSERT_EQUAL(count, expected - 1);
    CU_ASSERT_EQUAL(recorder_renew(recorder, &e), 0);
    CU_ASSERT_EQUAL(count_marks(&expected), expected);
    end();
}

/* --- deaths of the recorder's own processes --- */

/* Targets still end as they should, though nothing records them any more. */
static void check_targets_go_on(void)
{
    for (int i = 0; i < 5; i++) {
        struct outcome killed = command(ORDER_KILL, 0, 0);

        CU_ASSERT_TRUE(killed.gated);
        CU_ASSERT_TRUE(shared->lane[0].published >= TICKS);
    }
}

static void test_daemon_killed(void)
{
    struct error e = {.code = 0};
    struct outcome killed;
    struct lane lanes[LANES];
    const char *reason;

    if (!begin(NULL))
        return;
    CU_ASSERT_PTR_NULL(recorder_reason(recorder));
    killed = command(ORDER_KILL, 0, 0);
    memcpy(lanes, shared->lane, sizeof lanes);
    CU_ASSERT_EQUAL(kill(daemon_pid(), SIGKILL), 0);
    reason = wait_for_reason();
    CU_ASSERT_TRUE(reason != NULL && strstr(reason, "signal 9") != NULL);
    check_targets_go_on();
    /* The daemon's consumer removed the rings; what was in them is there all the same. */
    memcpy(shared->lane, lanes, sizeof lanes);
    CU_ASSERT_TRUE(last_events_are_there(&killed));
    CU_ASSERT_EQUAL(recorder_renew(recorder, &e), ERROR_RECORDER);
    CU_ASSERT_TRUE(strstr(e.text, "signal 9") != NULL);
    end();
}

static void test_daemon_stopped(void)
{
    const struct recorder_options options = {.call_ms = 1500};
    struct error e = {.code = 0};
    struct outcome killed;
    struct lane lanes[LANES];
    long start;

    if (!begin(&options))
        return;
    CU_ASSERT_EQUAL(kill(daemon_pid(), SIGSTOP), 0);
    /* Writing and reading need no daemon. */
    killed = command(ORDER_KILL, 0, 0);
    memcpy(lanes, shared->lane, sizeof lanes);
    CU_ASSERT_TRUE(last_events_are_there(&killed));
    start = now_ms();
    CU_ASSERT_EQUAL(recorder_renew(recorder, &e), ERROR_RECORDER);
    /* It was the watchdog, not an error of the call. */
    CU_ASSERT_TRUE(now_ms() - start >= options.call_ms);
    CU_ASSERT_TRUE(strstr(e.text, "within 1500 ms") != NULL);
    CU_ASSERT_PTR_NOT_NULL(recorder_reason(recorder));
    check_targets_go_on();
    memcpy(shared->lane, lanes, sizeof lanes);
    CU_ASSERT_TRUE(last_events_are_there(&killed));
    end();
}

static void test_stop_with_daemon_stopped(void)
{
    if (!begin(NULL))
        return;
    CU_ASSERT_EQUAL(kill(daemon_pid(), SIGSTOP), 0);
    end();
}

static void test_helper_killed(void)
{
    struct error e = {.code = 0};
    const char *reason;

    if (!begin(NULL))
        return;
    CU_ASSERT_EQUAL(kill(recorder_pid(recorder), SIGKILL), 0);
    reason = wait_for_reason();
    CU_ASSERT_TRUE(reason != NULL && strstr(reason, "helper") != NULL);
    CU_ASSERT_EQUAL(recorder_extract(recorder, scratch, &e), ERROR_RECORDER);
    CU_ASSERT_EQUAL(recorder_renew(recorder, &e), ERROR_RECORDER);
    CU_ASSERT_EQUAL(recorder_fd(recorder), -1);
    end();
}

/* --- deaths of the supervisor --- */

/* A supervisor of its own: starts a recorder, reports its pid, and waits to be killed. */
static void supervisor_main(int report, bool leak)
{
    struct error e = {.code = 0};
    pid_t helper = 0, holder = 0;

    if (recorder_start(&recorder, &env, &e) == 0)
        helper = recorder_pid(recorder);
    /* A child that keeps every descriptor open, so that the helper sees no end-of-file. */
    if (leak)
        holder = fork();
    if (leak && holder == 0) {
        pause();
        _exit(0);
    }
    dprintf(report, "%d %d %s\n", (int)helper, (int)holder, env.entry[0]);
    for (;;)
        pause();
}

static void supervisor_dies(bool leak)
{
    struct family family = {.count = 0};
    int report[2], helper = 0, holder = 0;
    pid_t supervisor;
    FILE *file;

    CU_ASSERT_EQUAL_FATAL(pipe2(report, O_CLOEXEC), 0);
    supervisor = fork();
    if (supervisor == 0)
        supervisor_main(report[1], leak);
    close(report[1]);
    file = fdopen(report[0], "r");
    CU_ASSERT_EQUAL(fscanf(file, "%d %d %127s", &helper, &holder, env.entry[0]), 3);
    CU_ASSERT_TRUE_FATAL(helper > 0);
    family_add(&family, helper);
    CU_ASSERT_TRUE(family.count >= 6);
    kill(supervisor, SIGKILL);
    waitpid(supervisor, NULL, 0);
    CU_ASSERT_TRUE(family_gone(&family));
    CU_ASSERT_TRUE(own_place_is_gone());
    CU_ASSERT_TRUE(nothing_left_in_shm());
    if (holder > 0)
        kill(holder, SIGKILL);
    fclose(file);
}

static void test_supervisor_killed(void)
{
    supervisor_dies(false);
}

static void test_supervisor_killed_with_leaked_socket(void)
{
    supervisor_dies(true);
}

/* --- failures to start --- */

static void check_refusal(const struct recorder_options *options, const char *reason)
{
    struct recorder *none = NULL;
    struct error e = {.code = 0};

    CU_ASSERT_EQUAL(recorder_start_with(&none, options, &env, &e), ERROR_RECORDER);
    CU_ASSERT_PTR_NULL(none);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, reason));
    CU_ASSERT_PTR_NULL(strchr(e.text, '\n'));
    if (strstr(e.text, reason) == NULL)
        fprintf(stderr, "\nexpected '%s', got: %s\n", reason, e.text);
    CU_ASSERT_TRUE(nothing_left_in_shm());
    CU_ASSERT_TRUE(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void test_refusals(void)
{
    const struct recorder_options no_provider = {.provider = "/nowhere/librundown-lttng.so"};
    const struct recorder_options no_daemon = {.daemon = "/nowhere/lttng-sessiond"};
    const struct recorder_options bad_daemon = {.daemon = "false"};
    const struct recorder_options slow_daemon = {.daemon = "/proc/self/exe", .daemon_ms = 300};
    const struct recorder_options no_crash = {.crash = "/nowhere/lttng-crash"};
    const struct recorder_options slow_crash = {.crash = "/proc/self/exe", .extract_ms = 300};

    check_refusal(&no_provider, "no provider: /nowhere/librundown-lttng.so");
    check_refusal(&no_daemon, "no /nowhere/lttng-sessiond that can be run");
    check_refusal(&bad_daemon, "ended with status 1");
    check_refusal(&slow_daemon, "not ready after 300 ms");
    check_refusal(&no_crash, "no /nowhere/lttng-crash that can be run");
    check_refusal(&slow_crash, "took longer than 300 ms");
}

static void test_home_is_left_alone(void)
{
    if (!begin(NULL))
        return;
    for (unsigned i = 0; i < env.count; i++)
        CU_ASSERT_TRUE(strncmp(env.entry[i], "HOME=", 5) != 0);
    CU_ASSERT_TRUE(strncmp(env.entry[0], "LTTNG_HOME=/dev/shm/rundown-recorder-", 37) == 0);
    end();
}

/* --- the program --- */

/* One test at a time may make and remove the tracer's files; the lock goes with the process. */
static void wait_for_turn(void)
{
    int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        flock(fd, LOCK_EX);
}

/* The reason to skip; NULL where everything is there. A broken recorder is no reason. */
static const char *absent(void)
{
    static const char *const reasons[] = {"built without", "no provider", "no lttng-sessiond",
                                          "no lttng-crash", "user namespace"};
    static struct error e;
    uint64_t count;

    if (decode_directory(scratch, answer_query, NULL, &count, &e) == ERROR_RECORDER)
        return e.text;
    if (recorder_start(&recorder, &env, &e) == 0) {
        recorder_stop(recorder);
        return NULL;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strncmp(e.text, reasons[i], strlen(reasons[i])) == 0)
            return e.text;
    }
    return NULL;
}

static void add_tests(CU_pSuite suite)
{
    CU_add_test(suite, "every kind comes back", test_every_kind_comes_back);
    CU_add_test(suite, "HOME is left alone", test_home_is_left_alone);
    CU_add_test(suite, "the last event before a kill", test_last_event_before_a_kill);
    CU_add_test(suite, "rings per process lose it", test_rings_per_process_lose_it);
    CU_add_test(suite, "a death inside ends the stream", test_death_inside_ends_the_stream);
    CU_add_test(suite, "a held up event hides nothing", test_held_up_event_hides_nothing);
    CU_add_test(suite, "marks tell a dead stream", test_marks_tell_a_dead_stream);
    CU_add_test(suite, "daemon killed", test_daemon_killed);
    CU_add_test(suite, "daemon stopped", test_daemon_stopped);
    CU_add_test(suite, "stop with the daemon stopped", test_stop_with_daemon_stopped);
    CU_add_test(suite, "helper killed", test_helper_killed);
    CU_add_test(suite, "supervisor killed", test_supervisor_killed);
    CU_add_test(suite, "supervisor killed, socket leaked",
                test_supervisor_killed_with_leaked_socket);
    CU_add_test(suite, "refusals", test_refusals);
}

int main(int argc, char **argv)
{
    unsigned failures;
    const char *reason;

    /* Run as a daemon that never gets ready, or an extraction that never ends. */
    if (argc > 1 && argv[1][0] == '-') {
        for (;;)
            pause();
    }
    wait_for_turn();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || mkdtemp(scratch) == NULL)
        return 1;
    reason = absent();
    if (reason != NULL) {
        printf("skipped: %s\n", reason);
        remove_tree(scratch);
        return 77;
    }
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    add_tests(CU_add_suite("recorder", NULL, NULL));
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    remove_tree(scratch);
    return failures != 0;
}
