/*
 * agent_stage.h: a stage for the tests of the agent: one target program, its fork server and
 * the shared memory that both write, driven cycle by cycle as the supervisor would.
 *
 * A test opens a scene of a target program, says what the next cycle is to do (spec, mode,
 * purpose), runs it and reads the evidence: lanes, events, counts, wait status. Every wait has
 * a deadline; what does not end by then is killed and reported as STAGE_HUNG, never waited for.
 * For tests only, all static inline.
 */
#ifndef TESTS_AGENT_STAGE_H
#define TESTS_AGENT_STAGE_H

#include <harness/common/server.h>
#include <harness/injector.h>
#include <harness/supervisor/guardian/guardian.h>
#include <harness/supervisor/run/job.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/Basic.h>

#ifndef STAGE_DEADLINE
#define STAGE_DEADLINE 60000 /* ms: for a step that should take milliseconds */
#endif

enum { STAGE_SEED = 0x5eed };

/**
 * enum stage_end - how far a cycle came.
 * @STAGE_DONE: the server counted it. @STAGE_ANOMALY: the server waits for stage_go_on(), the
 * target stands still or is gone. @STAGE_HUNG: the deadline came, everything was killed.
 */
enum stage_end { STAGE_DONE, STAGE_ANOMALY, STAGE_HUNG };

/** struct stage - one target. @spec, @mode, @purpose, @cycle: of the next stage_run(). */
struct stage {
    struct job job;
    struct place place;
    struct target target;
    char path[4096];
    char *argv[4];
    struct plan_spec spec;
    uint32_t mode;
    uint32_t purpose;
    uint64_t cycle;
    bool refused; /* the program cannot be forked at its main */
    uint64_t epoch_before;
};

static struct guardian *stage_guardian;

/** Of the targets that are opened from now on. */
static struct heap_check stage_heap_check;

/** stage_begin() - once, before anything else of a test program. */
static inline void stage_begin(void)
{
    struct error e;

    if (guardian_start(&stage_guardian, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
}

/** stage_end() - once, at the end; returns how many processes would not go (0). */
static inline int stage_finish(void)
{
    return guardian_stop(stage_guardian, NULL);
}

static inline uint64_t stage_now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static inline struct abi_control *stage_control(struct stage *stage)
{
    return &stage->job.memory->control;
}

/* The next state that the server rings for; SERVER_GONE at the deadline or when it has died. */
static inline uint32_t stage_wait(struct stage *stage)
{
    uint64_t until = stage_now_ms() + STAGE_DEADLINE;
    struct pollfd polled[3] = {{stage->job.bell, POLLIN, 0},
                               {stage->job.output, POLLIN, 0},
                               {guardian_fd(stage_guardian), POLLIN, 0}};
    struct guardian_notice notice;
    uint64_t rings;

    for (uint64_t now; (now = stage_now_ms()) < until;) {
        poll(polled, 3, (int)(until - now));
        job_drain(&stage->job);
        while (guardian_notice(stage_guardian, &notice))
            if (notice.pid == stage->job.server && !notice.adopted)
                return SERVER_GONE;
        if (read(stage->job.bell, &rings, sizeof rings) == sizeof rings) {
            job_drain(&stage->job);
            return __atomic_load_n(&stage_control(stage)->server, __ATOMIC_ACQUIRE);
        }
    }
    return SERVER_GONE;
}

/**
 * stage_open_as() - starts the server of "PROGRAM SCENE". @fresh: exec anew for each cycle.
 * @program: in the build's tests/targets, or a path. False: it did not come up.
 */
static inline bool stage_open_as(struct stage *stage, const char *program, const char *scene,
                                 bool fresh)
{
    struct error e;
    uint32_t state;

    memset(stage, 0, sizeof *stage);
    stage->spec.none = 1;
    snprintf(stage->path, sizeof stage->path, "%s%s",
             program[0] == '/' ? "" : RUNDOWN_BUILD_DIR "/tests/targets/", program);
    snprintf(stage->place.libdir, sizeof stage->place.libdir, "%s",
             RUNDOWN_BUILD_DIR "/lib/rundown");
    stage->argv[0] = stage->path;
    stage->argv[1] = (char *)scene;
    stage->target.path = stage->path;
    stage->target.argv = stage->argv;
    stage->target.environment = (char *)"";
    stage->target.laps = 1;
    stage->target.fresh = fresh;
    stage->target.heap_check = stage_heap_check;
    if (job_open(&stage->job, &e) != 0 || job_start(&stage->job, stage_guardian, &stage->place,
                                                    &stage->target, STAGE_SEED, &e) != 0) {
        fprintf(stderr, "%s %s: %s\n", program, scene, e.text);
        return false;
    }
    state = stage_wait(stage);
    stage->refused = state == SERVER_REFUSED;
    return state == SERVER_READY || stage->refused;
}

static inline bool stage_open(struct stage *stage, const char *program, const char *scene)
{
    return stage_open_as(stage, program, scene, false) && !stage->refused;
}

static inline void stage_close(struct stage *stage)
{
    job_close(&stage->job, stage_guardian);
}

/** stage_strike() - the next cycles strike @thread at @site, @hit, @insn; @argument of the
 * injector. */
static inline void stage_strike(struct stage *stage, const char *injector, const char *thread,
                                uint16_t site, uint32_t hit, uint32_t insn, int64_t argument)
{
    int index = injector_find(injector);
    struct plan_point *point = &stage->spec.point;

    memset(&stage->spec, 0, sizeof stage->spec);
    injector_spec(index, &stage->spec);
    stage->spec.main_only = stage->spec.not_main = 0;
    stage->spec.draw_argument = 0;
    snprintf(point->thread, sizeof point->thread, "%s", thread);
    point->injector = (uint16_t)index;
    point->site = site;
    point->hit = hit;
    point->insn = insn;
    point->insn_fixed = 1;
    point->argument = argument;
}

static inline enum stage_end stage_settle(struct stage *stage)
{
    switch (stage_wait(stage)) {
    case SERVER_DONE:
        return STAGE_DONE;
    case SERVER_ANOMALY:
        return STAGE_ANOMALY;
    default:
        job_stop(&stage->job, stage_guardian);
        return STAGE_HUNG;
    }
}

/** stage_go_on() - after STAGE_ANOMALY: lets the server finish; a target that stands is killed. */
static inline enum stage_end stage_go_on(struct stage *stage)
{
    struct abi_control *control = stage_control(stage);

    if (server_claim(control, CLAIM_SUPERVISOR)) {
        kill((pid_t)control->pid, SIGKILL);
        __atomic_store_n(&control->claim, CLAIM_DONE, __ATOMIC_RELEASE);
    }
    job_command(&stage->job, COMMAND_CONTINUE);
    return stage_settle(stage);
}

/** stage_start() - one cycle; stage_settle() waits for its end. */
static inline void stage_start(struct stage *stage)
{
    struct abi_control *control = stage_control(stage);

    stage->job.memory->spec = stage->spec;
    control->purpose = stage->purpose;
    control->plan.mode = stage->mode;
    control->batch_first = stage->cycle;
    control->batch_count = 1;
    control->stop = 0;
    stage->epoch_before = control->epoch;
    job_command(&stage->job, COMMAND_RUN);
}

/** stage_run() - one cycle up to its end or its first anomaly. */
static inline enum stage_end stage_run(struct stage *stage)
{
    stage_start(stage);
    return stage_settle(stage);
}

/**
 * stage_until() - watches a started cycle until @seen says yes; false at the deadline, or if the
 * server rings before.
 */
static inline bool stage_until(struct stage *stage, bool (*seen)(struct stage *stage))
{
    uint64_t until = stage_now_ms() + STAGE_DEADLINE;
    struct pollfd bell = {stage->job.bell, POLLIN, 0};

    while (stage_control(stage)->epoch == stage->epoch_before || !stage_control(stage)->hello ||
           !seen(stage)) {
        if (stage_now_ms() >= until || poll(&bell, 1, 1) != 0)
            return false;
        job_drain(&stage->job);
    }
    return true;
}

/** stage_pass() - one cycle that must end by itself, with status 0, and with notes at most. */
static inline bool stage_pass(struct stage *stage)
{
    enum stage_end end = stage_run(stage);
    struct abi_control *control = stage_control(stage);
    size_t length;
    char *text;

    if (end == STAGE_DONE)
        return true;
    if (end == STAGE_ANOMALY && control->anomaly == ANOMALY_NOTE)
        return stage_go_on(stage) == STAGE_DONE;
    text = job_tail(&stage->job, &length);
    fprintf(stderr, "\n%s %s: %s, anomaly 0x%x, status 0x%x, signal %u: %s\n", stage->path,
            stage->argv[1], end == STAGE_HUNG ? "hung" : "anomaly", control->anomaly,
            (unsigned)control->status, control->crash.signal, text != NULL ? text : "");
    free(text);
    if (end == STAGE_ANOMALY)
        stage_go_on(stage);
    return false;
}

/**
 * stage_plain() - the scene without the agent, output thrown away: true if it ends with status 0.
 * What then fails on the stage is the agent's doing.
 */
static inline bool stage_plain(const char *program, const char *scene)
{
    char path[4096];
    int status = -1;
    pid_t pid;

    snprintf(path, sizeof path, RUNDOWN_BUILD_DIR "/tests/targets/%s", program);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        setsid();
        dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO);
        dup2(STDIN_FILENO, STDOUT_FILENO);
        close_range(3, ~0u, 0);
        alarm(STAGE_DEADLINE / 1000);
        execl(path, path, scene, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        fprintf(stderr, "\n%s %s without the agent: status 0x%x\n", program, scene,
                (unsigned)status);
    return status == 0;
}

/** stage_give_up() - kills the target of a started cycle, as the supervisor does with a hang. */
static inline enum stage_end stage_give_up(struct stage *stage)
{
    struct abi_control *control = stage_control(stage);

    if (!server_claim(control, CLAIM_SUPERVISOR))
        return stage_settle(stage);
    kill((pid_t)control->pid, SIGKILL);
    __atomic_store_n(&control->claim, CLAIM_DONE, __ATOMIC_RELEASE);
    syscall(SYS_futex, &control->claim, 1 /* FUTEX_WAKE */, INT32_MAX, NULL, NULL, 0);
    return stage_settle(stage);
}

/* --- evidence ------------------------------------------------------------------------------ */

static inline const struct abi_lane *stage_lane_at(struct stage *stage, unsigned index)
{
    const struct abi_lane *lane = &stage->job.memory->lane[index];

    return index < stage_control(stage)->lanes && index < ABI_LANES &&
                   lane->epoch == stage_control(stage)->epoch
               ? lane
               : NULL;
}

/** stage_lane() - the lane of this cycle that has this name, or NULL. */
static inline const struct abi_lane *stage_lane(struct stage *stage, const char *name)
{
    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = stage_lane_at(stage, i);

        if (lane != NULL && strcmp(lane->name, name) == 0)
            return lane;
    }
    return NULL;
}

/** stage_event() - event @number (from 0) of @kind in the ring, oldest first; NULL if fewer. */
static inline const struct abi_event *stage_event(const struct abi_lane *lane, uint16_t kind,
                                                  unsigned number)
{
    uint64_t first;

    if (lane == NULL)
        return NULL;
    first = lane->seq > ABI_RING_EVENTS ? lane->seq - ABI_RING_EVENTS : 0;
    for (uint64_t i = first; i < lane->seq; i++) {
        const struct abi_event *event = &lane->ring[i % ABI_RING_EVENTS];

        if (event->kind == kind && number-- == 0)
            return event;
    }
    return NULL;
}

static inline unsigned stage_count(const struct abi_lane *lane, uint16_t kind)
{
    unsigned count = 0;

    while (stage_event(lane, kind, count) != NULL)
        count++;
    return count;
}

/** stage_live() - sums over the lanes of one process; @pid 0: of the target. */
static inline void stage_live(struct stage *stage, uint32_t pid, int64_t *blocks, int64_t *bytes)
{
    *blocks = *bytes = 0;
    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = stage_lane_at(stage, i);

        if (lane == NULL || lane->pid != (pid != 0 ? pid : stage->job.memory->lane[0].pid))
            continue;
        *blocks += lane->live_blocks;
        *bytes += lane->live_bytes;
    }
}

/** stage_said() - the number behind "NAME=" in the target's output; -1 if it said none. */
static inline int64_t stage_said(struct stage *stage, const char *name)
{
    size_t length;
    char *text = job_tail(&stage->job, &length);
    size_t word = strlen(name);
    int64_t number = -1;

    for (const char *at = text; at != NULL && (at = strstr(at, name)) != NULL; at += word)
        if ((at == text || at[-1] == '\n' || at[-1] == ' ') && at[word] == '=')
            number = strtoll(at + word + 1, NULL, 0);
    free(text);
    return number;
}

/**
 * stage_main() - runs the suites on the stage; for a test's main().
 *
 * Suites whose title begins with "known red" tell of bugs that are not mended yet. They are
 * counted as inactive, unless the environment has RUNDOWN_KNOWN_RED.
 */
static inline int stage_main(CU_SuiteInfo *suites)
{
    unsigned failures;

    setvbuf(stdout, NULL, _IONBF, 0);
    unsetenv("LD_PRELOAD");
    stage_begin();
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_set_fail_on_inactive(CU_FALSE);
    for (; suites->pName != NULL; suites++)
        if (strncmp(suites->pName, "known red", 9) == 0 && getenv("RUNDOWN_KNOWN_RED") == NULL)
            CU_set_suite_active(CU_get_suite(suites->pName), CU_FALSE);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return stage_finish() != 0 || failures != 0;
}

static inline int stage_status(struct stage *stage)
{
    int status = stage_control(stage)->status;

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
