/*
 * run: the loop. What it waits for: bells of servers, output of targets, the guardian's
 * notices, signals, and one tick that lets the watch look.
 */
#include "run.h"

#include "cycle.h"
#include "limits.h"
#include "machine.h"
#include "place.h"
#include <harness/supervisor/process/source.h>

#include <harness/injector.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 2, SOURCE_SIGNALS = -1, SOURCE_TIMER = -2, SOURCE_GUARDIAN = -3, OUTPUT = 4096 };

uint64_t run_now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void run_fail(struct run *run, int code, const char *format, ...)
{
    va_list args;

    if (run->error != 0)
        return;
    run->error = code;
    run->why.code = code;
    va_start(args, format);
    vsnprintf(run->why.text, sizeof run->why.text, format, args);
    va_end(args);
}

/* --- who gets which cell ----------------------------------------------------------------- */

static bool incomplete(const struct run_cell *cell)
{
    return !cell->done && (cell->wanted == 0 || cell->next < cell->wanted);
}

bool run_wants(const struct run *run, const struct run_cell *cell)
{
    return incomplete(cell) && !cell->busy && !cell->target->profiling;
}

/* By count: the first one, rather of the target at hand. By time: the one that had least. */
struct run_cell *run_next_cell(struct run *run, const struct target *target)
{
    struct run_cell *best = NULL;

    if (run->options.policy != NULL)
        return run->options.policy->next(run, target);
    for (size_t i = 0; i < run->cells; i++) {
        struct run_cell *cell = &run->cell[i];

        if (!run_wants(run, cell))
            continue;
        if (run->options.cycles != 0 && cell->target == target)
            return cell;
        if (best == NULL || (run->options.cycles == 0 && cell->spent_s < best->spent_s))
            best = cell;
    }
    return best;
}

static bool anything_left(const struct run *run)
{
    for (unsigned i = 0; i < run->workers; i++)
        if (run->worker[i].cell != NULL)
            return true;
    if (run->interrupted)
        return false;
    for (size_t i = 0; i < run->cells; i++)
        if (incomplete(&run->cell[i]))
            return true;
    return false;
}

/* --- sources ------------------------------------------------------------------------------- */

static int add_source(struct run *run, int fd, int64_t source)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = (uint64_t)source}};

    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_signals(struct run *run)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_sources(struct run *run, struct error *e)
{
    struct itimerspec tick = {{0, TICK_MS * 1000000L}, {0, TICK_MS * 1000000L}};

    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    run->signals = open_signals(run);
    run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (run->epoll < 0 || run->signals < 0 || run->timer < 0 ||
        timerfd_settime(run->timer, 0, &tick, NULL) != 0 ||
        add_source(run, run->signals, SOURCE_SIGNALS) != 0 ||
        add_source(run, run->timer, SOURCE_TIMER) != 0 ||
        add_source(run, guardian_fd(run->guardian), SOURCE_GUARDIAN) != 0)
        return error_set(e, ERROR_SYSTEM, "event loop: %s", strerror(errno));
    return 0;
}

static int open_workers(struct run *run, struct error *e)
{
    unsigned wanted_jobs = run->options.jobs;

    if (wanted_jobs > run->cells)
        wanted_jobs = (unsigned)run->cells;
    if (wanted_jobs == 0)
        wanted_jobs = 1;
    run->worker = calloc(wanted_jobs, sizeof *run->worker);
    if (run->worker == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    for (unsigned i = 0; i < wanted_jobs; i++, run->workers++) {
        int code = worker_open(&run->worker[i], run, e);

        if (code != 0)
            return code;
        if (add_source(run, run->worker[i].job.bell, i) != 0 ||
            add_source(run, run->worker[i].job.output, OUTPUT + i) != 0)
            return error_set(e, ERROR_SYSTEM, "event loop: %s", strerror(errno));
    }
    return 0;
}

/* --- what comes in --------------------------------------------------------------------------- */

static void stop_servers(struct run *run)
{
    if (run->ending_ns == 0)
        run->ending_ns = run_now_ns();
    for (unsigned i = 0; i < run->workers; i++)
        __atomic_store_n(&run->worker[i].job.memory->control.stop, 1, __ATOMIC_RELEASE);
}

static void take_signal(struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signals, &info, sizeof info) == sizeof info) {
        if (run->interrupted)
            run->aborted = true;
        run->interrupted = true;
        stop_servers(run);
    }
}

static void take_notices(struct run *run)
{
    struct guardian_notice notice;

    while (guardian_notice(run->guardian, &notice)) {
        if (notice.lost) {
            run_fail(run, ERROR_SYSTEM, "the guardian process was killed");
            return;
        }
        for (unsigned i = 0; i < run->workers; i++)
            if (!notice.adopted && run->worker[i].job.server == notice.pid)
                worker_server_died(&run->worker[i], notice.status);
    }
}

static bool out_of_time(struct run *run)
{
    const struct run_policy *policy = run->options.policy;

    return (run->options.seconds > 0 &&
            (double)(run_now_ns() - run->started_ns) / 1e9 >= run->options.seconds) ||
           (policy != NULL && policy->enough != NULL && policy->enough(run));
}

static void take_tick(struct run *run)
{
    uint64_t times;
    uint64_t now = run_now_ns();

    if (read(run->timer, &times, sizeof times) != sizeof times)
        return;
    for (unsigned i = 0; i < run->workers; i++)
        cycle_tick(&run->worker[i], now);
    if (out_of_time(run)) {
        /* Time's end is no interruption, but batches end the same way. */
        for (size_t i = 0; i < run->cells; i++)
            run->cell[i].done = true;
        stop_servers(run);
    }
    if (run->options.progress)
        progress_show(run);
}

static void take_bell(struct run *run, unsigned index)
{
    uint64_t count;

    if (read(run->worker[index].job.bell, &count, sizeof count) == sizeof count)
        worker_bell(&run->worker[index]);
}

static void take(struct run *run, int64_t source)
{
    if (source == SOURCE_SIGNALS)
        take_signal(run);
    else if (source == SOURCE_TIMER)
        take_tick(run);
    else if (source == SOURCE_GUARDIAN)
        take_notices(run);
    else if (source >= OUTPUT)
        job_drain(&run->worker[source - OUTPUT].job);
    else
        take_bell(run, (unsigned)source);
}

static void feed_idle(struct run *run)
{
    for (unsigned i = 0; i < run->workers; i++)
        if (run->worker[i].cell == NULL)
            worker_feed(&run->worker[i]);
}

static void loop(struct run *run)
{
    struct epoll_event events[64];

    feed_idle(run);
    while (run->error == 0 && !run->aborted && anything_left(run)) {
        int count = epoll_wait(run->epoll, events, 64, -1);

        for (int i = 0; i < count; i++)
            take(run, (int64_t)events[i].data.u64);
        feed_idle(run);
    }
}

/* --- beginning and end --------------------------------------------------------------------------
 */

static void find_libdir(struct place *place)
{
    char self[3000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (length <= 0)
        return;
    self[length] = 0;
    if ((slash = strrchr(self, '/')) != NULL)
        *slash = 0;
    if ((slash = strrchr(self, '/')) != NULL)
        *slash = 0;
    snprintf(place->libdir, sizeof place->libdir, "%s/lib/rundown", self);
}

void run_place(struct place *place)
{
    memset(place, 0, sizeof *place);
    find_libdir(place);
}

static bool wants_recorder(const struct run *run)
{
    if (run->options.no_trace)
        return false;
    for (unsigned i = 0; i < run->options.targets; i++)
        if (!target_is_shipped(run->options.target[i]))
            return run->options.trace;
    return true;
}

static int remove_if_killed(void *guardian, const char *path, struct error *e)
{
    return guardian_remove_on_death(guardian, path, e);
}

static void start_recorder(struct run *run)
{
    struct recorder_options options = {.announce = remove_if_killed, .context = run->guardian};
    struct error e;

    snprintf(run->recorder_line, sizeof run->recorder_line, "memfd only (lttng: not asked for)");
    if (run->options.dry_run || !wants_recorder(run))
        return;
    if (recorder_start_with(&run->recorder, &options, &run->recorder_env, &e) != 0) {
        snprintf(run->recorder_line, sizeof run->recorder_line, "memfd only (lttng: %.250s)",
                 e.text);
        if (!run->options.quiet)
            fprintf(stderr, "recorder: %s\n", run->recorder_line);
        return;
    }
    for (unsigned i = 0; i < run->recorder_env.count && i < RECORDER_ENV_ENTRIES; i++)
        run->recorder_words[i] = run->recorder_env.entry[i];
    run->place.recorder_env = run->recorder_words;
    run->place.trace = true;
    snprintf(run->recorder_line, sizeof run->recorder_line, "lttng");
}

/* What a replay has to be told, since it would have it otherwise. */
static void note_recorder(struct run *run)
{
    bool traced = run->options.dry_run ? wants_recorder(run) : run->place.trace;

    for (unsigned i = 0; i < run->options.targets; i++) {
        struct target *target = run->options.target[i];

        if (traced == target_is_shipped(target))
            target->recorder = RECORDER_USUAL;
        else
            target->recorder = traced ? RECORDER_LTTNG : RECORDER_NONE;
    }
}

/* What shapes every cycle and is in no cell's key. Caller frees. */
static char *shape_text(const struct run_options *options)
{
    const struct target *target = options->targets > 0 ? options->target[0] : NULL;
    char check[HEAP_CHECK_BYTES];
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fprintf(out, "laps=%u", target != NULL ? target->laps : 1);
    if (target != NULL && target->lap_text != NULL)
        fprintf(out, " lap-at=%s", target->lap_text);
    if (target != NULL && target->lap_every != 0)
        fprintf(out, " lap-every=%u", target->lap_every);
    if (options->until_sure > 0)
        fprintf(out, " until-sure=%.9g", options->until_sure);
    if (target != NULL && target->fresh)
        fputs(" fresh", out);
    if (target != NULL && target->probe && target->workload == NULL)
        fputs(" probe", out);
    if (target != NULL && target->input != NULL)
        fprintf(out, " stdin=%s", target->input);
    if (options->must_unload)
        fputs(" must-unload", out);
    if (options->reach)
        fputs(" reach", out);
    if (target != NULL && target->heap_check.options != 0)
        fprintf(out, " heap-check=%s", heap_check_format(&target->heap_check, check));
    for (const char *const *name = options->without; name != NULL && *name != NULL; name++)
        fprintf(out, " without=%s", *name);
    fclose(out);
    return text;
}

/* A run goes on as it was begun: its counts must be of one kind of cycle. */
static int check_shape(struct run *run, const char *shape, struct error *e)
{
    char *begun;
    int code = 0;

    if (store_meta_get(run->store, "options", &begun, NULL) != 0)
        return 0;
    if (strcmp(begun, shape) != 0)
        code = error_set(e, ERROR_USAGE, "--resume: %s was begun with %s, not %s",
                         run->options.directory, begun, shape);
    free(begun);
    return code;
}

/* The quota is the run's, however often it was interrupted. */
static uint64_t kept_traces(const char *directory)
{
    struct dirent *entry;
    uint64_t count = 0;
    char path[4400];
    DIR *list;

    snprintf(path, sizeof path, "%s/traces", directory);
    list = opendir(path);
    while (list != NULL && (entry = readdir(list)) != NULL)
        count += entry->d_name[0] != '.';
    if (list != NULL)
        closedir(list);
    return count;
}

static int open_old(struct run *run, const char *shape, struct error *e)
{
    int code = store_open(run->options.directory, true, &run->store, e);

    run->traces = kept_traces(run->options.directory);
    return code == 0 ? check_shape(run, shape, e) : code;
}

/* When what grows will be at its end. */
static int keep_limits(struct run *run, struct error *e)
{
    char *limits = limits_text(run->options.memory_bytes);
    int code = limits != NULL ? store_meta_set(run->store, "limits", limits, e) : 0;

    free(limits);
    return code;
}

static int open_new(struct run *run, const char *shape, struct error *e)
{
    const struct run_options *options = &run->options;
    char text[64];
    int code;

    if (mkdir(options->directory, 0777) != 0 && errno != EEXIST)
        return error_set(e, errno == EACCES ? ERROR_PERMISSION : ERROR_USAGE,
                         "--out: %s: %s: choose another directory", options->directory,
                         strerror(errno));
    code = store_create(options->directory, &run->store, e);
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)options->seed);
    if (code == 0)
        code = store_meta_set(run->store, "seed", text, e);
    if (code == 0)
        code = store_meta_set(run->store, "options", shape, e);
    if (code == 0)
        code = store_meta_set(run->store, "version", RUNDOWN_VERSION, e);
    if (code == 0)
        code = keep_limits(run, e);
    return code == 0 ? machine_note(run->store, options, e) : code;
}

static int open_store(struct run *run, struct error *e)
{
    char *shape;
    int code;

    if (run->options.directory == NULL)
        return 0;
    shape = shape_text(&run->options);
    if (shape == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    code = run->options.resume ? open_old(run, shape, e) : open_new(run, shape, e);
    free(shape);
    return code;
}

int run_execute(struct run *run, const struct run_options *options, struct error *e)
{
    int code;

    memset(run, 0, sizeof *run);
    run->options = *options;
    run->epoll = run->signals = run->timer = -1;
    run->started_ns = run_now_ns();
    run->started_ticks = __builtin_ia32_rdtsc();
    run_place(&run->place);
    run->place.memory_bytes = options->memory_bytes;
    run->place.core_limited = options->core_limited;
    run->place.core_bytes = options->core_bytes;
    if ((code = open_store(run, e)) != 0 || (code = guardian_start(&run->guardian, e)) != 0)
        return code;
    if (options->temporary &&
        (code = guardian_remove_on_death(run->guardian, options->directory, e)) != 0)
        return code;
    start_recorder(run);
    note_recorder(run);
    if ((code = matrix_build(run, e)) != 0 || (code = matrix_store(run, e)) != 0 ||
        (code = open_sources(run, e)) != 0 || (code = open_workers(run, e)) != 0)
        return code;
    if (run->store != NULL)
        store_meta_set(run->store, "recorder", run->recorder_line, NULL);
    if (options->policy != NULL && options->policy->begin != NULL &&
        (code = options->policy->begin(run, e)) != 0)
        return code;
    loop(run);
    if (run->options.progress)
        progress_clear(run);
    if (run->error != 0) {
        *e = run->why;
        return run->error;
    }
    return 0;
}

void run_close(struct run *run)
{
    for (unsigned i = 0; i < run->workers; i++)
        worker_close(&run->worker[i]);
    free(run->worker);
    autopsy_close(&run->autopsy);
    recorder_stop(run->recorder);
    if (run->guardian != NULL)
        guardian_stop(run->guardian, NULL);
    store_close(run->store);
    source_forget();
    matrix_free(run);
    if (run->epoll >= 0)
        close(run->epoll);
    if (run->signals >= 0)
        close(run->signals);
    if (run->timer >= 0)
        close(run->timer);
}

bool run_cell_seldom_fired(const struct run_cell *cell)
{
    return cell->explicit_point && cell->row.next > 0 && cell->row.not_fired * 2 > cell->row.next;
}

static bool trusted(const struct run *run)
{
    if (run->total_broken > 0 || (run->total_cycles == 0 && !run->interrupted))
        return false; /* a run of nothing has not found nothing */
    for (size_t i = 0; i < run->cells; i++)
        if (run_cell_seldom_fired(&run->cell[i]))
            return false;
    return true;
}

int run_status(const struct run *run)
{
    if (!trusted(run))
        return 3;
    if (run->interrupted)
        return 130;
    return run->total_failed > 0 ? 1 : 0;
}
