/*
 * cycle: what becomes of a cycle that the server could not call a pass: it came out otherwise than
 * planned, it hangs, or the harness itself failed. Evidence is gathered while the target is
 * held, judged, kept with the batch, and then the target is let go or ended.
 */
#include "cycle.h"

#include <harness/target/perform.h>
#include <harness/supervisor/watch/watch_spin.h>
#include <harness/supervisor/process/source.h>
#include <harness/supervisor/evidence/timeline.h>

#include <harness/common/server.h>
#include <results/store/latency.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TRACES_MOST = 50, /* recorder's traces kept per run */
    DEADLINE_MOST_S = 1800,
    DRY_LEAST_S = 60,
};

static const uint64_t STALLED_NS = 10000000000, ASLEEP_NS = 200000000;
static const uint64_t GRACE_NS = 2000000000, STOPPED_NS = 2000000000, PATIENCE_LEAST_NS = 3000000,
                      PATIENCE_FIRST_NS = 20000000;

/* --- judging one cycle
 * ----------------------------------------------------------------------------------- */

/* A trace of a failing cycle: "traces/CELL-CYCLE" below the run's directory, or NULL. */
static const char *keep_trace(struct worker *worker, char *path, size_t size)
{
    struct run *run = worker->run;
    size_t base;
    uint64_t most = run->options.traces != 0 ? run->options.traces : TRACES_MOST;
    struct error e;

    if (run->recorder == NULL || run->options.directory == NULL || run->traces >= most ||
        worker->cell->planted != NULL)
        return NULL;
    base = (size_t)snprintf(path, size, "%s/", run->options.directory);
    snprintf(path + base, size - base, "traces");
    mkdir(path, 0777);
    snprintf(path + base, size - base, "traces/%lld-%llu", (long long)worker->cell->row.id,
             (unsigned long long)worker_control(worker)->cycle);
    if (recorder_extract(run->recorder, path, &e) != 0)
        return NULL;
    run->traces++;
    return path + base;
}

/* A stream that has lost the recorder's own beats is dead: only a new session revives it. */
static void check_streams(struct run *run, const struct timeline_trace *trace, unsigned beats)
{
    struct error e;

    if (!trace->read || trace->beats >= beats)
        return;
    if (recorder_renew(run->recorder, &e) != 0 && !run->options.quiet)
        fprintf(stderr, "rundown: recorder: %s\n", e.text);
}

static bool is_first_try(const struct worker *worker)
{
    return !worker->retrying && !worker->run->options.only_cycle;
}

/*
 * After its batch, and its second outcome counts. What was broken and does not come back was the
 * machine's doing; what is not done at three times the deadline either is no longer a note.
 */
static bool must_be_rerun(const struct worker *worker, enum evidence_hang hang,
                          enum verdict verdict)
{
    return is_first_try(worker) &&
           (verdict == VERDICT_BROKEN ||
            (verdict == VERDICT_PASS && hang == HANG_DEADLINE && !worker->cell->confirmed));
}

/* Of the findings from @first on: those of the cycle in hand. */
static void keep_sources(struct run *run, const struct verdict_list *list, size_t first)
{
    struct error e;

    for (size_t i = first; run->store != NULL && i < list->count; i++)
        if (source_keep(run->store, list->finding[i].text, &e) != 0)
            return; /* an excerpt more or less; what stops the store stops the batch, and is told */
}

static void add_verdict(struct worker *worker, struct verdict_list *list,
                        const struct judgement *judgement, enum verdict verdict)
{
    struct run *run = worker->run;
    struct timeline_trace trace = {0};
    char path[4400];
    const char *name = verdict == VERDICT_FAIL ? keep_trace(worker, path, sizeof path) : NULL;
    uint64_t mark = 0;
    unsigned beats = name != NULL ? recorder_mark(run->recorder, &mark) : 0;
    size_t first = list->count;
    char *timeline =
        timeline_write(&run->autopsy.evidence, judgement, name != NULL ? path : NULL, mark, &trace);

    verdict_add(list, judgement, &run->autopsy.evidence, &worker->job, worker->cell->row.id,
                worker->cell->injector, name, timeline);
    free(timeline);
    keep_sources(run, list, first);
    if (name != NULL)
        check_streams(run, &trace, beats);
}

static void tell_refusal(struct worker *worker)
{
    struct run *run = worker->run;

    if (run->autopsy.refused[0] == 0 || run->ptrace_told)
        return;
    run->ptrace_told = true;
    if (!run->options.quiet)
        fprintf(stderr, "rundown: stacks are missing: %s (see rundown doctor)\n",
                run->autopsy.refused);
}

/* Once a run, and only where it would have told something: a cycle has failed. */
static void tell_heap_refusal(struct worker *worker)
{
    struct run *run = worker->run;

    if (run->autopsy.evidence.heap.refused[0] == 0 || run->heap_told)
        return;
    run->heap_told = true;
    if (!run->options.quiet)
        fprintf(stderr, "rundown: the heap was not walked: %s\n",
                run->autopsy.evidence.heap.refused);
}

/* The count is the target's word, and may be anything. */
static bool all_fired(const struct abi_control *control)
{
    uint32_t count = control->plan.count;

    return count < 64 && control->fired == (UINT64_C(1) << count) - 1;
}

static void count_verdict(struct worker *worker, enum verdict verdict)
{
    const struct abi_control *control = worker_control(worker);
    uint64_t enough = worker->run->options.until_found;

    if (verdict == VERDICT_FAIL)
        worker->failed++;
    else if (verdict == VERDICT_BROKEN)
        worker->broken++;
    else if (!all_fired(control))
        worker->judged_not_fired++; /* nothing but notes: it says nothing of the injection */
    else
        worker->judged_passed++;
    if (enough != 0 && worker->cell->found + worker->failed >= enough)
        __atomic_store_n(&worker_control(worker)->stop, 1, __ATOMIC_RELEASE);
}

static void merge(struct judgement *judgement, const struct judgement *more)
{
    for (unsigned i = 0; i < more->findings && judgement->findings < FINDINGS_PER_CYCLE; i++)
        judgement->finding[judgement->findings++] = more->finding[i];
    judgement_order(judgement);
}

static bool must_be_explained(const struct abi_control *control, enum evidence_hang hang)
{
    return hang != HANG_NONE || (control->anomaly & ~(uint32_t)(ANOMALY_SERIES | ANOMALY_NOTE |
                                                                ANOMALY_LEFT | ANOMALY_LOOK)) != 0;
}

void cycle_broken(struct worker *worker, const char *text)
{
    bool again;

    if (worker->phase != WORKER_BATCH) {
        target_set_trouble(worker->job.target, text);
        return;
    }
    worker->has_verdict = true;
    worker->verdict_epoch = worker_control(worker)->epoch;
    again = must_be_rerun(worker, HANG_NONE, VERDICT_BROKEN);
    verdict_broken(again ? &worker->suspect : &worker->found, &worker->job, worker->cell->row.id,
                   worker->cell->injector, text);
    if (!again)
        count_verdict(worker, VERDICT_BROKEN);
}

/* Runs the detectors on what autopsy_collect() has gathered; counts and keeps the outcome. */
static void judge_cycle(struct worker *worker, enum evidence_hang hang)
{
    struct run *run = worker->run;
    struct abi_control *control = worker_control(worker);
    struct judgement judgement;
    enum verdict verdict;

    worker->has_verdict = true;
    worker->verdict_epoch = control->epoch;
    run->autopsy.evidence.must_unload = run->options.must_unload;
    run->autopsy.evidence.confirmed = worker->cell->confirmed || !is_first_try(worker);
    verdict_judge(&run->autopsy.evidence, run->options.without, &judgement);
    merge(&judgement, &worker->parked);
    memset(&worker->parked, 0, sizeof worker->parked);
    if (worker->looked_epoch == control->epoch)
        merge(&judgement, &worker->looked);
    worker->looked_epoch = 0;
    tell_refusal(worker);
    tell_heap_refusal(worker);
    if (run->options.judged != NULL)
        run->options.judged(run->options.context, &judgement, control);
    if (judgement.findings == 0 && must_be_explained(control, hang) &&
        run->options.without == NULL) {
        char text[128];

        snprintf(text, sizeof text, "no detector explains anomaly 0x%x, wait status 0x%x",
                 control->anomaly, (unsigned)control->status);
        cycle_broken(worker, text);
        return;
    }
    verdict =
        verdict_of(&judgement, worker->cell->planted != NULL ? worker->cell->planted->codes : NULL);
    if (must_be_rerun(worker, hang, verdict)) {
        add_verdict(worker, &worker->suspect, &judgement, verdict);
        return;
    }
    add_verdict(worker, &worker->found, &judgement, verdict);
    count_verdict(worker, verdict);
    worker->cell->confirmed |= worker->retrying && hang == HANG_DEADLINE && verdict == VERDICT_FAIL;
}

static void collect(struct worker *worker, enum evidence_hang hang, const char *why)
{
    struct run *run = worker->run;

    job_drain(&worker->job);
    laps_collect(&worker->laps, worker->job.memory);
    run->autopsy.hz = autopsy_clock(run->started_ns, run->started_ticks);
    run->autopsy.watch = &worker->watch;
    run->autopsy.held = &worker->held;
    autopsy_collect(&run->autopsy, &worker->job, hang, why, worker->laps.lap,
                    (unsigned)worker->laps.count);
    lap_sites_find(&worker->laps.sites, &run->autopsy.evidence);
}

/* Back to the server, which judges it if it ends. */
static void unclaim(struct abi_control *control)
{
    __atomic_store_n(&control->claim, CLAIM_NONE, __ATOMIC_RELEASE);
    job_wake(&control->claim);
}

/* The server keeps the pid from being used again until it has seen CLAIM_DONE. */
static void kill_claimed(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);

    trust_signal(control, worker->job.server, SIGKILL);
    __atomic_store_n(&control->claim, CLAIM_DONE, __ATOMIC_RELEASE);
    job_wake(&control->claim);
}

static void end_target(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);
    struct run *run = worker->run;
    pid_t pid = trust_pid(control, worker->job.server);

    if (run->options.held != NULL && worker->phase == WORKER_BATCH && !run->options.stop_at &&
        pid != 0) {
        autopsy_release(&run->autopsy);
        run->options.held(run->options.context, (int)pid);
    }
    if (server_claim(control, CLAIM_SUPERVISOR) || control->claim == CLAIM_SUPERVISOR)
        kill_claimed(worker);
    worker->seen_ns = run_now_ns(); /* from here on it is the server's turn */
    autopsy_release(&run->autopsy);
}

const char *cycle_no_agent_text(const struct abi_control *control)
{
    if (control->anomaly & ANOMALY_SPAWN)
        return "the target could not be started";
    return "the agent did not come up in the target: is the program static, set-uid, linked to a "
           "C library older than the agent's (glibc 2.35 at least), or does it not exist?";
}

static void finish_anomaly(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);
    bool alive = (control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED)) != 0;

    if (!abi_takes_laps(control))
        worker->laps.count = 0;
    collect(worker, HANG_NONE, NULL);
    if (control->lap_mode != LAPS_BODY && control->lap == 0)
        __atomic_fetch_or(&control->remarks, REMARK_NO_LAP, __ATOMIC_RELAXED);
    if (abi_takes_laps(control) && worker->run->store != NULL)
        laps_keep(&worker->laps, worker->run->autopsy.evidence.memory, worker->cell->row.id,
                  control->cycle);
    judge_cycle(worker, HANG_NONE);
    if (alive)
        end_target(worker);
    autopsy_release(&worker->run->autopsy);
    job_command(&worker->job, COMMAND_CONTINUE);
}

/* What the workload's runner said when it did not come to the first lap. It ends with these
 * statuses then, and a workload of its own accord may, too; so the line decides. */
static char *unready_text(const struct worker *worker)
{
    static const char *const lines[] = {": set-up failed: ", " cannot run here: "};
    int status = WEXITSTATUS(worker->job.memory->control.status);
    char *tail, *text = NULL;
    size_t length;

    if (worker->job.target->workload == NULL ||
        (status != PERFORM_SETUP && status != PERFORM_SKIPPED) ||
        (tail = job_tail(&worker->job, &length)) == NULL)
        return NULL;
    tail[strcspn(tail, "\n")] = 0;
    if (strstr(tail, lines[status == PERFORM_SKIPPED]) != NULL)
        text = strdup(tail);
    free(tail);
    return text;
}

/* A dry cycle may end as it likes: that is what the others are compared with. But where nothing was
 * done the others would all be like it, and pass. */
static void dry_exited(struct worker *worker)
{
    struct target *target = worker->job.target;
    struct abi_control *control = worker_control(worker);
    char *why;

    job_drain(&worker->job);
    control->baseline_status = control->status;
    why = unready_text(worker);
    if (why == NULL)
        return;
    target_set_trouble(target, why);
    target->unready = true;
    free(why);
}

static void dry_anomaly(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);
    char text[160];

    if (control->anomaly & (ANOMALY_SPAWN | ANOMALY_NO_AGENT)) {
        target_set_trouble(worker->job.target, cycle_no_agent_text(control));
    } else if (control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED)) {
        snprintf(text, sizeof text, "the program %s without any injection",
                 control->anomaly & ANOMALY_SIGNAL ? "crashes" : "stops itself");
        target_set_trouble(worker->job.target, text);
        end_target(worker);
    } else if (WIFEXITED(control->status)) {
        dry_exited(worker);
    } else {
        target_set_trouble(worker->job.target, "the program dies without any injection");
    }
    job_drain(&worker->job);
    laps_collect(&worker->laps, worker->job.memory);
    job_command(&worker->job, COMMAND_CONTINUE);
}

static bool is_of_the_heap(enum stop_code code)
{
    return code == STOP_HEAP_CORRUPT_FREE_BLOCK || code == STOP_HEAP_INCONSISTENT ||
           code == STOP_LEAK_UNREACHABLE;
}

/* The target is not at its end yet: of what the detectors say the heap's part is kept till then. */
static void judge_heap(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);
    struct judgement judgement;

    collect(worker, HANG_NONE, NULL);
    verdict_judge(&worker->run->autopsy.evidence, worker->run->options.without, &judgement);
    memset(&worker->looked, 0, sizeof worker->looked);
    worker->looked_epoch = control->epoch;
    for (unsigned i = 0; i < judgement.findings; i++)
        if (is_of_the_heap(judgement.finding[i].code))
            worker->looked.finding[worker->looked.findings++] = judgement.finding[i];
    if (worker->looked.findings > 0)
        __atomic_fetch_or(&control->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
    tell_heap_refusal(worker);
    autopsy_release(&worker->run->autopsy);
}

/* It stopped itself for this, and goes on to its end. */
static void stopped_for_heap(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);

    if (worker->phase == WORKER_BATCH)
        judge_heap(worker);
    control->disturbed = 1;
    control->look = LOOK_DONE;
    trust_signal(control, worker->job.server, SIGCONT);
    job_command(&worker->job, COMMAND_CONTINUE);
}

/* The plan's injection is due: somebody looks, and then it goes on. */
static void stopped_for_debugger(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);
    struct run *run = worker->run;

    __atomic_fetch_and(&control->anomaly, ~(uint32_t)ANOMALY_STOPPED, __ATOMIC_RELAXED);
    if (run->options.held != NULL)
        run->options.held(run->options.context, (int)trust_pid(control, worker->job.server));
    trust_signal(control, worker->job.server, SIGCONT);
    job_command(&worker->job, COMMAND_CONTINUE);
}

/*
 * Whoever has stopped it may continue it: somebody at a terminal, a debugger, a child of its own.
 * Only what is still stopped after a while is judged.
 */
static void look_at_stopped(struct worker *worker, uint64_t now_ns)
{
    struct abi_control *control = worker_control(worker);

    pid_t pid = trust_pid(control, worker->job.server);

    if (pid != 0 && watch_letter((int)pid, (int)pid) == 'T') {
        if (now_ns - worker->stopped_ns < STOPPED_NS && worker->run->ending_ns == 0)
            return;
        worker->stopped_ns = 0;
        finish_anomaly(worker);
        return;
    }
    worker->stopped_ns = 0;
    control->disturbed = 1; /* how long it took is nobody's duration */
    __atomic_fetch_and(&control->anomaly, ~(uint32_t)ANOMALY_STOPPED, __ATOMIC_RELAXED);
    job_command(&worker->job, COMMAND_CONTINUE);
}

void cycle_anomaly(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);

    job_drain(&worker->job);
    if (worker_spent(worker)) {
        worker_server_lost(worker, worker_scribbled);
        return;
    }
    if (server_looks(control) && !(control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED))) {
        stopped_for_heap(worker);
    } else if (worker->run->options.stop_at && (control->anomaly & ANOMALY_STOPPED)) {
        stopped_for_debugger(worker);
    } else if (worker->phase != WORKER_BATCH) {
        dry_anomaly(worker);
    } else if (control->anomaly & (ANOMALY_SPAWN | ANOMALY_NO_AGENT)) {
        cycle_broken(worker, cycle_no_agent_text(control));
        job_command(&worker->job, COMMAND_CONTINUE);
    } else if (control->anomaly & ANOMALY_STOPPED) {
        worker->stopped_ns = run_now_ns(); /* the ticks look at it */
    } else {
        finish_anomaly(worker);
    }
}

/* --- time
 * ---------------------------------------------------------------------------------------------- */

static uint64_t patience(const struct worker *worker)
{
    uint64_t median = worker->cell != NULL ? worker->cell->median_ns : 0;

    if (median == 0)
        return PATIENCE_FIRST_NS;
    return median * 3 > PATIENCE_LEAST_NS ? median * 3 : PATIENCE_LEAST_NS;
}

/* statistics.md, section 4: 20 times the 95 % quantile, from 2 to 30 minutes. */
static double learned_deadline_s(const struct run_cell *cell)
{
    uint64_t cycles = 0;
    struct latency q95;

    for (unsigned i = 0; i < ABI_HISTOGRAM; i++)
        cycles += cell->row.histogram[i];
    if (cycles < 20 || latency_quantile(cell->row.histogram, 0.95, &q95) != 0 || q95.above)
        return DEADLINE_MOST_S;
    return fmin(fmax(20 * q95.microseconds / 1e6, 120), DEADLINE_MOST_S);
}

/*
 * A dry cycle is stepped and goes thread by thread: what was asked for is of the others, and so is
 * what a workload's variant says.
 */
static uint64_t deadline(const struct worker *worker)
{
    double seconds = worker->run->options.deadline_s;

    if (worker->cell == NULL || (worker->phase != WORKER_BATCH && seconds == 0))
        seconds = DEADLINE_MOST_S;
    else if (worker->phase != WORKER_BATCH)
        seconds = fmax(seconds, DRY_LEAST_S);
    else if ((seconds = worker->cell->target->deadline_s) == 0)
        seconds = learned_deadline_s(worker->cell);
    return (uint64_t)(seconds * 1e9) * (worker->retrying ? 3 : 1);
}

/* While threads are parked only what they hold is a finding; then they are let go. */
static void resume_parked(struct worker *worker)
{
    struct abi_memory *memory = worker->job.memory;
    struct judgement judgement;
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;

    worker->resumed = true;
    worker->judged_epoch = memory->control.epoch;
    verdict_judge(&worker->run->autopsy.evidence, worker->run->options.without, &judgement);
    memset(&worker->parked, 0, sizeof worker->parked);
    for (unsigned i = 0; i < judgement.findings; i++)
        if (judgement.finding[i].code == STOP_LOCK_OWNER_SUSPENDED)
            worker->parked.finding[worker->parked.findings++] = judgement.finding[i];
    if (worker->parked.findings > 0)
        __atomic_fetch_or(&memory->control.anomaly, ANOMALY_LOCK, __ATOMIC_RELAXED);
    autopsy_release(&worker->run->autopsy);
    memory->control.disturbed = 1;
    unclaim(&memory->control);
    memory->control.parked = 0;
    for (uint32_t i = 0; i < lanes; i++) {
        if (memory->lane[i].park == 0)
            continue;
        __atomic_store_n(&memory->lane[i].park, 0, __ATOMIC_RELEASE);
        job_wake(&memory->lane[i].park);
    }
}

static void hung(struct worker *worker, enum evidence_hang hang)
{
    struct abi_control *control = worker_control(worker);

    if (worker_spent(worker)) {
        worker_server_lost(worker, worker_scribbled);
        return;
    }
    if (!server_claim(control, CLAIM_SUPERVISOR))
        return; /* it has just ended after all */
    if (control->epoch !=
        worker->watch.epoch) { /* the cycle that was watched, and this is the next */
        unclaim(control);
        return;
    }
    if (worker->phase != WORKER_BATCH) {
        char text[128];

        snprintf(text, sizeof text, "the program %s in a dry cycle, without any injection",
                 hang == HANG_DEADLINE ? "does not end within the deadline" : "hangs");
        target_set_trouble(worker->job.target, text);
        end_target(worker);
        return;
    }
    collect(worker, hang, worker->watch.why);
    if (control->parked != 0 && !(worker->resumed && worker->judged_epoch == control->epoch)) {
        resume_parked(worker);
        return;
    }
    judge_cycle(worker, hang);
    end_target(worker);
}

/* The run is to end, and this target does not: the cycle is left for a resumed run. */
static void abandon(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);

    if (!server_claim(control, CLAIM_SUPERVISOR))
        return;
    worker->abandoned = worker->phase == WORKER_BATCH;
    kill_claimed(worker);
}

/*
 * A cycle that is over its time and that nobody can end: the words by which server and supervisor
 * agree on that are in the target's reach. Time that we did not have ourselves does not count.
 */
static bool is_stalled(struct worker *worker, uint64_t now_ns)
{
    const struct abi_control *control = worker_control(worker);
    const struct run *run = worker->run;
    uint64_t mark = control->epoch ^ control->done << 32 ^ (uint64_t)worker->phase << 60;
    uint64_t most = run->ending_ns != 0 ? GRACE_NS : deadline(worker);
    uint64_t since = now_ns - worker->tick_ns;

    worker->tick_ns = now_ns;
    if (mark != worker->seen_mark || worker->stopped_ns != 0)
        worker->seen_ns = now_ns;
    else if (since > ASLEEP_NS)
        worker->seen_ns += since;
    worker->seen_mark = mark;
    /* A run that ends gives up its cycles first, however long they had been under way. */
    if (run->ending_ns > worker->seen_ns)
        worker->seen_ns = run->ending_ns;
    return now_ns > worker->seen_ns && now_ns - worker->seen_ns > most + STALLED_NS;
}

/* Nothing is done to a younger one. */
static bool is_old(const struct worker *worker, uint64_t now_ns)
{
    uint64_t start_ns = worker->job.memory->control.start_ns;

    return start_ns > now_ns || now_ns - start_ns > patience(worker);
}

/* The target that may be looked at; 0 if there is none. */
static pid_t old_target(struct worker *worker, uint64_t now_ns)
{
    return is_old(worker, now_ns) ? trust_pid(worker_control(worker), worker->job.server) : 0;
}

/* A child of the target has crashed and stands still for us: no bell rings for it, since the server
 * hears of the target alone. */
static bool has_crashed_below(const struct worker *worker, uint64_t now_ns)
{
    const struct abi_memory *memory = worker->job.memory;
    const struct abi_control *control = &memory->control;
    uint32_t lane = control->crash.lane;
    uint32_t pid = __atomic_load_n(&control->pid, __ATOMIC_ACQUIRE);

    return pid != 0 && (control->anomaly & ANOMALY_SIGNAL) && worker->phase == WORKER_BATCH &&
           __atomic_load_n(&control->crash.epoch, __ATOMIC_ACQUIRE) == control->epoch &&
           lane < ABI_LANES && memory->lane[lane].pid != pid && is_old(worker, now_ns);
}

void cycle_tick(struct worker *worker, uint64_t now_ns)
{
    struct run *run = worker->run;

    /* What could not be let go at once: until it is, its parent cannot reap it, and all wait. */
    if (run->autopsy.seized != 0)
        autopsy_release(&run->autopsy);
    watch_spin_release();
    if (!worker->job.alive || worker->phase == WORKER_IDLE || worker->phase == WORKER_READY)
        return;
    if (!worker_check(worker, is_old(worker, now_ns)))
        return;
    if (is_stalled(worker, now_ns)) {
        worker_server_lost(worker,
                           "the cycle is over its time, and can't be ended: the program has "
                           "written over what it shares with rundown, or its start hangs");
        return;
    }
    if (abi_takes_laps(worker_control(worker)) && worker->phase == WORKER_BATCH)
        laps_collect(&worker->laps, worker->job.memory);
    if (worker->stopped_ns != 0)
        look_at_stopped(worker, now_ns);
    if (__atomic_load_n(&worker_control(worker)->server, __ATOMIC_ACQUIRE) != SERVER_RUNS)
        return;
    if (run->ending_ns != 0 && now_ns - run->ending_ns > GRACE_NS && !worker->abandoned) {
        abandon(worker);
        return;
    }
    if (worker->phase == WORKER_BATCH)
        watch_held_look(&worker->held, worker->job.memory, now_ns,
                        worker->cell->target->held_long_s);
    switch (watch_look(&worker->watch, worker->job.memory, old_target(worker, now_ns), now_ns,
                       patience(worker), deadline(worker))) {
    case WATCH_PROVED:
        hung(worker, HANG_PROVED);
        return;
    case WATCH_SPINNING:
        hung(worker, HANG_SPINNING);
        return;
    case WATCH_DEADLINE:
        hung(worker, HANG_DEADLINE);
        return;
    default:
        if (has_crashed_below(worker, now_ns))
            hung(worker, HANG_NONE);
        return;
    }
}
