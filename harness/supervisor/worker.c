/*
 * worker: one job's way: start a server, let two dry cycles tell the profile, then run batches
 * of one cell after the other; look at whatever the server could not call a pass.
 */
#include "run.h"

#include "timeline.h"

#include <harness/common/server.h>
#include <harness/injector.h>
#include <results/store/latency.h>

#include <linux/futex.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BATCH_MOST = 20000,
    SERVER_DEATHS = 3,
    TRACES_MOST = 50, /* recorder's traces kept per run */
};

static const uint64_t BATCH_NS = 250000000, GRACE_NS = 2000000000, PATIENCE_LEAST_NS = 3000000,
                      PATIENCE_FIRST_NS = 20000000;

static void wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static struct abi_control *control_of(struct worker *worker)
{
    return &worker->job.memory->control;
}

int worker_open(struct worker *worker, struct run *run, struct error *e)
{
    memset(worker, 0, sizeof *worker);
    worker->run = run;
    return job_open(&worker->job, e);
}

void worker_close(struct worker *worker)
{
    job_close(&worker->job, worker->run->guardian);
    verdict_clear(&worker->found);
    for (size_t i = 0; i < worker->series_count; i++)
        free((void *)worker->series[i].sample);
    free(worker->series);
    free(worker->lap);
}

/* --- cells ----------------------------------------------------------------------------- */

static void remark(struct worker *worker, struct run_cell *cell, const char *state,
                   const char *note)
{
    if (state != NULL) {
        free(cell->row.state);
        cell->row.state = strdup(state);
    }
    if (note != NULL && strstr(cell->row.notes, note) == NULL) {
        char *longer = NULL;

        if (asprintf(&longer, "%s%s%s", cell->row.notes, cell->row.notes[0] != 0 ? "\n" : "",
                     note) >= 0) {
            free(cell->row.notes);
            cell->row.notes = longer;
        }
    }
    if (worker->run->store != NULL && store_cell_remark(worker->run->store, &cell->row, NULL) != 0)
        run_fail(worker->run, ERROR_SYSTEM, "the results could not be written");
}

static void give_up_cell(struct worker *worker, const char *why)
{
    worker->cell->done = true;
    worker->cell->busy = false;
    remark(worker, worker->cell, why, NULL);
    worker->cell = NULL;
}

/* --- starting ----------------------------------------------------------------------------- */

static void clear_lengths(struct job *job)
{
    madvise(job->memory->lengths, sizeof job->memory->lengths, MADV_REMOVE);
}

static void start_server(struct worker *worker, struct target *target)
{
    struct run *run = worker->run;
    struct error e;

    job_stop(&worker->job, run->guardian);
    clear_lengths(&worker->job);
    if (job_start(&worker->job, run->guardian, &run->place, target, run->options.seed, &e) != 0) {
        target->profiling = false;
        give_up_cell(worker, e.text);
        worker->phase = WORKER_IDLE;
        worker_feed(worker);
        return;
    }
    if (run->options.stop_at)
        control_of(worker)->options |= OPTION_STOP_AT;
    worker->phase = WORKER_STARTING;
    worker->job.target = target;
}

static void run_dry(struct worker *worker, uint32_t purpose, enum worker_phase phase)
{
    struct abi_control *control = control_of(worker);

    worker->phase = phase;
    memset(&worker->job.memory->spec, 0, sizeof worker->job.memory->spec);
    worker->job.memory->spec.none = 1;
    control->purpose = purpose;
    control->plan.cell = 0;
    control->plan.mode = PLAN_CONTROLLED; /* hooks in thread order: the same profile each time */
    control->batch_first = 0;
    control->batch_count = 1;
    control->stop = 0;
    job_command(&worker->job, COMMAND_RUN);
}

static void set_trouble(struct target *target, const char *text)
{
    if (target->trouble == NULL)
        target->trouble = strdup(text);
}

/* Hits come from the counted cycle where the stepped one did not end. */
static void take_profile(struct worker *worker)
{
    struct target *target = worker->job.target;

    if (target->trouble != NULL)
        return;
    job_profile(&worker->job, &target->profile);
    memcpy(target->user_site, control_of(worker)->user_site, sizeof target->user_site);
}

static bool needs_profile(const struct run_cell *cell)
{
    return !cell->spec.none && !(cell->spec.point.hit != 0 && cell->spec.point.site != 0 &&
                                 cell->spec.point.thread[0] != 0);
}

/* Stepping every kind of call is only worth while if some injector strikes inside calls. */
static bool needs_lengths(const struct run *run, const struct target *target)
{
    for (size_t i = 0; i < run->cells; i++)
        if (run->cell[i].target == target && needs_profile(&run->cell[i]) &&
            run->cell[i].spec.inside && !run->cell[i].spec.point.insn_fixed)
            return true;
    return false;
}

static void dry_done(struct worker *worker)
{
    struct target *target = worker->job.target;
    struct abi_control *control = control_of(worker);

    take_profile(worker);
    if (worker->phase == WORKER_COUNT && target->trouble == NULL &&
        needs_lengths(worker->run, target)) {
        target->baseline_status = control->baseline_status;
        run_dry(worker, PURPOSE_STEP, WORKER_STEP);
        return;
    }
    target->baseline_status = control->baseline_status;
    target->profiled = true;
    target->profiling = false;
    worker->phase = WORKER_READY;
    worker_feed(worker);
}

/* --- batches --------------------------------------------------------------------------------- */

/* By what the cell's cycles cost so far, hung ones too: they are most of it where there are any. */
static uint64_t batch_size(const struct worker *worker, const struct run_cell *cell)
{
    const struct run_options *options = &worker->run->options;
    double each_ns = cell->next > 0 ? cell->spent_s * 1e9 / (double)cell->next : 0;
    uint64_t size = each_ns > 0 ? (uint64_t)((double)BATCH_NS / each_ns) + 1 : 1;

    if (size > BATCH_MOST)
        size = BATCH_MOST;
    if (options->cycles != 0 && cell->next + size > options->cycles)
        size = options->cycles - cell->next;
    if (options->only_cycle)
        size = 1;
    return size;
}

static void start_batch(struct worker *worker)
{
    struct run_cell *cell = worker->cell;
    struct abi_memory *memory = worker->job.memory;
    struct abi_control *control = &memory->control;

    memory->spec = cell->spec;
    memory->profile = cell->target->profile;
    control->purpose = PURPOSE_CYCLE;
    control->baseline_status = cell->target->baseline_status;
    control->plan.seed = worker->run->options.seed;
    control->plan.cell = cell->key;
    control->plan.mode = worker->run->options.mode;
    control->laps = cell->target->laps;
    worker->batch_first = cell->next;
    worker->batch_size = batch_size(worker, cell);
    worker->judged_passed = worker->judged_not_fired = 0;
    worker->failed = worker->broken = 0;
    control->batch_first =
        worker->run->options.only_cycle ? worker->run->options.cycle : cell->next;
    control->batch_count = worker->batch_size;
    control->stop = 0;
    worker->phase = WORKER_BATCH;
    job_command(&worker->job, COMMAND_RUN);
}

/* A cell with nowhere to strike would count cycles of nothing. */
static bool can_strike(const struct run_cell *cell)
{
    struct plan plan;

    if (cell->spec.none)
        return true;
    plan_draw(&cell->spec, &cell->target->profile, 1, cell->key, 0, PLAN_FREE, &plan);
    return plan.count > 0;
}

/* Why the cell cannot be run, now that its target's dry cycles are over; NULL if it can. */
static const char *unfit(const struct run_cell *cell)
{
    if (cell->target->trouble != NULL && needs_profile(cell))
        return cell->target->trouble;
    return can_strike(cell) ? NULL : "the dry cycle passes no site that it could strike at";
}

static void start_cell(struct worker *worker)
{
    if (worker->cell->target->notes != NULL)
        remark(worker, worker->cell, NULL, worker->cell->target->notes);
    if (worker->run->options.dry_run)
        give_up_cell(worker, ""), worker_feed(worker);
    else
        start_batch(worker);
}

void worker_feed(struct worker *worker)
{
    struct run *run = worker->run;
    const char *why;

    if (run->error != 0 || run->aborted)
        return;
    for (;;) {
        if (worker->cell == NULL) {
            worker->cell = run->interrupted ? NULL : run_next_cell(run, worker->job.target);
            if (worker->cell == NULL)
                return;
            worker->cell->busy = true;
            if (worker->job.target != worker->cell->target || !worker->job.alive) {
                worker->cell->target->profiling = !worker->cell->target->profiled;
                start_server(worker, worker->cell->target);
                return;
            }
        }
        if (worker->phase != WORKER_READY)
            return;
        if ((why = unfit(worker->cell)) == NULL)
            break;
        give_up_cell(worker, why);
    }
    start_cell(worker);
}

/* --- what was left after a batch ------------------------------------------------------------------ */

static void set_median(struct run_cell *cell)
{
    struct latency median;

    if (latency_quantile(cell->row.histogram, 0.5, &median) == 0)
        cell->median_ns = (uint64_t)(median.microseconds * 1000);
    if (cell->median_ns == 0)
        cell->median_ns = 1000;
}

static void sum_up(struct worker *worker, struct store_batch *batch)
{
    struct abi_control *control = control_of(worker);
    struct run_cell *cell = worker->cell;
    struct run *run = worker->run;

    memset(batch, 0, sizeof *batch);
    batch->cell = cell->row.id;
    batch->first = worker->batch_first;
    batch->count = control->done - (worker->abandoned ? 1 : 0);
    worker->abandoned = false;
    batch->passed = control->passed + worker->judged_passed;
    batch->not_fired = control->not_fired + worker->judged_not_fired;
    batch->failed = worker->failed;
    batch->broken = worker->broken;
    batch->nanoseconds = control->nanoseconds;
    batch->longest = control->longest;
    memcpy(batch->histogram, control->histogram, sizeof batch->histogram);
    for (unsigned i = 0; i < ABI_HISTOGRAM; i++)
        cell->row.histogram[i] += control->histogram[i];
    cell->row.not_fired += batch->not_fired;
    cell->row.next += batch->count;
    cell->spent_s += (double)batch->nanoseconds / 1e9;
    cell->next += batch->count;
    cell->found += batch->failed;
    run->total_cycles += batch->count;
    run->total_failed += batch->failed;
    run->total_broken += batch->broken;
    set_median(cell);
}

static void clear_found(struct worker *worker)
{
    verdict_clear(&worker->found);
    for (size_t i = 0; i < worker->series_count; i++)
        free((void *)worker->series[i].sample);
    worker->series_count = 0;
}

static bool cell_complete(const struct run *run, const struct run_cell *cell)
{
    const struct run_options *options = &run->options;

    return (options->cycles != 0 && cell->next >= options->cycles) ||
           (options->until_found != 0 && cell->found >= options->until_found);
}

/* In a replay every try is the same cycle; its rows are numbered by try. */
static void number_by_try(struct worker *worker)
{
    for (size_t i = 0; i < worker->found.count; i++)
        worker->found.finding[i].cycle = worker->batch_first;
    for (size_t i = 0; i < worker->series_count; i++)
        worker->series[i].cycle = worker->batch_first;
}

static void batch_done(struct worker *worker)
{
    struct run *run = worker->run;
    struct store_batch batch;
    struct error e;

    sum_up(worker, &batch);
    if (run->options.only_cycle)
        number_by_try(worker);
    if (run->store != NULL && batch.count > 0 &&
        store_commit_batch(run->store, &batch, worker->found.finding, worker->found.count,
                           worker->series, worker->series_count, &e) != 0)
        run_fail(run, e.code, "%s", e.text);
    clear_found(worker);
    worker->cell->done |= cell_complete(run, worker->cell); /* time may have run out already */
    worker->cell->busy = false;
    worker->cell = NULL;
    worker->phase = WORKER_READY;
    worker_feed(worker);
}

/* --- laps ------------------------------------------------------------------------------------------- */

static void collect_laps(struct worker *worker)
{
    struct abi_memory *memory = worker->job.memory;
    struct abi_control *control = &memory->control;
    uint64_t lap = __atomic_load_n(&control->lap, __ATOMIC_ACQUIRE);

    if (control->laps <= 1)
        return;
    if (control->laps_read == 0)
        worker->laps = 0;
    for (uint64_t i = control->laps_read; i < lap; i++) {
        if (worker->laps == worker->lap_room) {
            size_t room = worker->lap_room != 0 ? worker->lap_room * 2 : 1024;
            struct abi_lap *longer = realloc(worker->lap, room * sizeof *longer);

            if (longer == NULL)
                break;
            worker->lap = longer;
            worker->lap_room = room;
        }
        worker->lap[worker->laps++] = memory->lap[i % ABI_LAPS];
    }
    if (lap == control->laps_read)
        return;
    __atomic_store_n(&control->laps_read, lap, __ATOMIC_RELEASE);
    wake((uint32_t *)&control->laps_read);
}

static void add_series(struct worker *worker, const char *kind, size_t field)
{
    int64_t *sample = malloc((worker->laps + 1) * sizeof *sample);
    struct store_series *series;

    if (worker->series_count == worker->series_room) {
        size_t room = worker->series_room != 0 ? worker->series_room * 2 : 16;
        struct store_series *longer = realloc(worker->series, room * sizeof *longer);

        if (longer == NULL) {
            free(sample);
            return;
        }
        worker->series = longer;
        worker->series_room = room;
    }
    if (sample == NULL)
        return;
    for (size_t i = 0; i < worker->laps; i++)
        sample[i] = *(const int64_t *)((const char *)&worker->lap[i] + field);
    series = &worker->series[worker->series_count++];
    memset(series, 0, sizeof *series);
    series->cell = worker->cell->row.id;
    series->cycle = control_of(worker)->cycle;
    series->kind = kind;
    series->sample = sample;
    series->samples = worker->laps;
}

static void keep_series(struct worker *worker)
{
    if (worker->laps == 0 || worker->run->store == NULL)
        return;
    add_series(worker, "heap.bytes", offsetof(struct abi_lap, heap_bytes));
    add_series(worker, "heap.blocks", offsetof(struct abi_lap, heap_blocks));
    add_series(worker, "threads", offsetof(struct abi_lap, threads));
    add_series(worker, "modules", offsetof(struct abi_lap, modules));
    add_series(worker, "fds", offsetof(struct abi_lap, fds));
    add_series(worker, "map.pages", offsetof(struct abi_lap, map_pages));
    add_series(worker, "rss.pages", offsetof(struct abi_lap, rss_pages));
}

/* --- judging one cycle ----------------------------------------------------------------------------------- */

/* A trace of a failing cycle: "traces/CELL-CYCLE" below the run's directory, or NULL. */
static const char *keep_trace(struct worker *worker, char *path, size_t size)
{
    struct run *run = worker->run;
    size_t base;
    struct error e;

    if (run->recorder == NULL || run->options.directory == NULL || run->traces >= TRACES_MOST)
        return NULL;
    base = (size_t)snprintf(path, size, "%s/", run->options.directory);
    snprintf(path + base, size - base, "traces");
    mkdir(path, 0777);
    snprintf(path + base, size - base, "traces/%lld-%llu", (long long)worker->cell->row.id,
             (unsigned long long)control_of(worker)->cycle);
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

static void add_verdict(struct worker *worker, const struct judgement *judgement,
                        enum verdict verdict)
{
    struct run *run = worker->run;
    struct timeline_trace trace = {0};
    char path[4400];
    const char *name = verdict == VERDICT_FAIL ? keep_trace(worker, path, sizeof path) : NULL;
    uint64_t mark = 0;
    unsigned beats = name != NULL ? recorder_mark(run->recorder, &mark) : 0;
    char *timeline =
        timeline_write(&run->autopsy.evidence, name != NULL ? path : NULL, mark, &trace);

    verdict_add(&worker->found, judgement, &run->autopsy.evidence, &worker->job,
                worker->cell->row.id, worker->cell->injector, name, timeline);
    free(timeline);
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

static void count_verdict(struct worker *worker, enum verdict verdict)
{
    const struct abi_control *control = control_of(worker);
    uint64_t enough = worker->run->options.until_found;

    if (verdict == VERDICT_FAIL)
        worker->failed++;
    else if (verdict == VERDICT_BROKEN)
        worker->broken++;
    else if (control->fired != (UINT64_C(1) << control->plan.count) - 1)
        worker->judged_not_fired++; /* nothing but notes: it says nothing of the injection */
    else
        worker->judged_passed++;
    if (enough != 0 && worker->cell->found + worker->failed >= enough)
        __atomic_store_n(&control_of(worker)->stop, 1, __ATOMIC_RELEASE);
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
                                                               ANOMALY_LEFT)) != 0;
}

/* Runs the detectors on what autopsy_collect() has gathered; counts and keeps the outcome. */
static void judge_cycle(struct worker *worker, enum evidence_hang hang)
{
    struct run *run = worker->run;
    struct abi_control *control = control_of(worker);
    struct judgement judgement;
    enum verdict verdict;

    run->autopsy.evidence.must_unload = run->options.must_unload;
    verdict_judge(&run->autopsy.evidence, run->options.without, &judgement);
    merge(&judgement, &worker->parked);
    memset(&worker->parked, 0, sizeof worker->parked);
    tell_refusal(worker);
    if (run->options.judged != NULL)
        run->options.judged(run->options.context, &judgement, control);
    if (judgement.findings == 0 && must_be_explained(control, hang) && run->options.without == NULL) {
        char text[128];

        snprintf(text, sizeof text, "no detector explains anomaly 0x%x, wait status 0x%x",
                 control->anomaly, (unsigned)control->status);
        verdict_broken(&worker->found, &worker->job, worker->cell->row.id, worker->cell->injector,
                       text);
        count_verdict(worker, VERDICT_BROKEN);
        return;
    }
    verdict = verdict_of(&judgement);
    add_verdict(worker, &judgement, verdict);
    count_verdict(worker, verdict);
}

static void collect(struct worker *worker, enum evidence_hang hang, const char *why)
{
    struct run *run = worker->run;

    job_drain(&worker->job);
    collect_laps(worker);
    run->autopsy.hz = autopsy_clock(run->started_ns, run->started_ticks);
    autopsy_collect(&run->autopsy, &worker->job, hang, why, worker->lap, (unsigned)worker->laps);
}

/* The server keeps the pid from being used again until it has seen CLAIM_DONE. */
static void kill_claimed(struct abi_control *control)
{
    if (control->pid != 0)
        kill((pid_t)control->pid, SIGKILL);
    __atomic_store_n(&control->claim, CLAIM_DONE, __ATOMIC_RELEASE);
    wake(&control->claim);
}

static void end_target(struct worker *worker)
{
    struct abi_control *control = control_of(worker);
    struct run *run = worker->run;

    if (run->options.held != NULL && !run->options.stop_at && control->pid != 0) {
        autopsy_release(&run->autopsy);
        run->options.held(run->options.context, (int)control->pid);
    }
    if (server_claim(control, CLAIM_SUPERVISOR) || control->claim == CLAIM_SUPERVISOR)
        kill_claimed(control);
    autopsy_release(&run->autopsy);
}

static void broken_cycle(struct worker *worker, const char *text)
{
    if (worker->phase == WORKER_BATCH) {
        verdict_broken(&worker->found, &worker->job, worker->cell->row.id, worker->cell->injector,
                       text);
        count_verdict(worker, VERDICT_BROKEN);
    } else {
        set_trouble(worker->job.target, text);
    }
}

static const char *no_agent_text(const struct abi_control *control)
{
    if (control->anomaly & ANOMALY_SPAWN)
        return "the target could not be started";
    return "the agent did not come up in the target: is the program static, set-uid, or does it "
           "not exist?";
}

static void finish_anomaly(struct worker *worker)
{
    struct abi_control *control = control_of(worker);
    bool alive = (control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED)) != 0;

    worker->laps = control->laps > 1 ? worker->laps : 0;
    collect(worker, HANG_NONE, NULL);
    if (control->laps > 1)
        keep_series(worker);
    judge_cycle(worker, HANG_NONE);
    if (alive)
        end_target(worker);
    autopsy_release(&worker->run->autopsy);
    job_command(&worker->job, COMMAND_CONTINUE);
}

/* A dry cycle may end as it likes: that is what the others are compared with. */
static void dry_anomaly(struct worker *worker)
{
    struct abi_control *control = control_of(worker);
    char text[160];

    if (control->anomaly & (ANOMALY_SPAWN | ANOMALY_NO_AGENT)) {
        set_trouble(worker->job.target, no_agent_text(control));
    } else if (control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED)) {
        snprintf(text, sizeof text, "the program %s without any injection",
                 control->anomaly & ANOMALY_SIGNAL ? "crashes" : "stops itself");
        set_trouble(worker->job.target, text);
        end_target(worker);
    } else if (WIFEXITED(control->status)) {
        control->baseline_status = control->status;
    } else {
        set_trouble(worker->job.target, "the program dies without any injection");
    }
    job_drain(&worker->job);
    collect_laps(worker);
    job_command(&worker->job, COMMAND_CONTINUE);
}

/* The plan's injection is due: somebody looks, and then it goes on. */
static void stopped_for_debugger(struct worker *worker)
{
    struct abi_control *control = control_of(worker);
    struct run *run = worker->run;

    __atomic_fetch_and(&control->anomaly, ~(uint32_t)ANOMALY_STOPPED, __ATOMIC_RELAXED);
    if (run->options.held != NULL)
        run->options.held(run->options.context, (int)control->pid);
    kill((pid_t)control->pid, SIGCONT);
    job_command(&worker->job, COMMAND_CONTINUE);
}

static void anomaly(struct worker *worker)
{
    struct abi_control *control = control_of(worker);

    job_drain(&worker->job);
    if (worker->run->options.stop_at && (control->anomaly & ANOMALY_STOPPED)) {
        stopped_for_debugger(worker);
    } else if (worker->phase != WORKER_BATCH) {
        dry_anomaly(worker);
    } else if (control->anomaly & (ANOMALY_SPAWN | ANOMALY_NO_AGENT)) {
        broken_cycle(worker, no_agent_text(control));
        job_command(&worker->job, COMMAND_CONTINUE);
    } else {
        finish_anomaly(worker);
    }
}

static void refused(struct worker *worker)
{
    struct target *target = worker->job.target;
    struct abi_control *control = control_of(worker);

    control->refusal[ABI_MESSAGE_BYTES - 1] = 0;
    target->fresh = true;
    free(target->notes);
    if (asprintf(&target->notes, "started afresh for each cycle: %s", control->refusal) < 0)
        target->notes = NULL;
    start_server(worker, target);
}

void worker_bell(struct worker *worker)
{
    switch (__atomic_load_n(&control_of(worker)->server, __ATOMIC_ACQUIRE)) {
    case SERVER_READY:
        if (worker->phase != WORKER_STARTING)
            return;
        if (worker->job.target->profiled) {
            worker->phase = WORKER_READY;
            worker_feed(worker);
        } else {
            run_dry(worker, PURPOSE_COUNT, WORKER_COUNT);
        }
        return;
    case SERVER_ANOMALY:
        anomaly(worker);
        return;
    case SERVER_DONE:
        job_drain(&worker->job);
        if (worker->phase == WORKER_COUNT || worker->phase == WORKER_STEP)
            dry_done(worker);
        else if (worker->phase == WORKER_BATCH)
            batch_done(worker);
        return;
    case SERVER_REFUSED:
        if (worker->phase == WORKER_STARTING)
            refused(worker);
        return;
    default:
        return;
    }
}

/* --- time ---------------------------------------------------------------------------------------------- */

static uint64_t patience(const struct worker *worker)
{
    uint64_t median = worker->cell != NULL ? worker->cell->median_ns : 0;

    if (median == 0)
        return PATIENCE_FIRST_NS;
    return median * 3 > PATIENCE_LEAST_NS ? median * 3 : PATIENCE_LEAST_NS;
}

/* statistics.md, section 4: 20 times the 95 % quantile, from 2 to 30 minutes. */
static uint64_t deadline(const struct worker *worker)
{
    double seconds = worker->run->options.deadline_s;
    uint64_t cycles = 0;
    struct latency q95;

    if (seconds > 0)
        return (uint64_t)(seconds * 1e9);
    if (worker->cell == NULL)
        return UINT64_C(1800) * 1000000000u;
    for (unsigned i = 0; i < ABI_HISTOGRAM; i++)
        cycles += worker->cell->row.histogram[i];
    if (cycles < 20 || latency_quantile(worker->cell->row.histogram, 0.95, &q95) != 0 || q95.above)
        return UINT64_C(1800) * 1000000000u;
    seconds = fmin(fmax(20 * q95.microseconds / 1e6, 120), 1800);
    return (uint64_t)(seconds * 1e9);
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
    __atomic_store_n(&memory->control.claim, CLAIM_NONE, __ATOMIC_RELEASE);
    memory->control.parked = 0;
    for (uint32_t i = 0; i < lanes; i++) {
        if (memory->lane[i].park == 0)
            continue;
        __atomic_store_n(&memory->lane[i].park, 0, __ATOMIC_RELEASE);
        wake(&memory->lane[i].park);
    }
}

static void hung(struct worker *worker, enum evidence_hang hang)
{
    struct abi_control *control = control_of(worker);

    if (!server_claim(control, CLAIM_SUPERVISOR))
        return; /* it has just ended after all */
    if (control->epoch != worker->watch.epoch) { /* the cycle that was watched, and this is the next */
        __atomic_store_n(&control->claim, CLAIM_NONE, __ATOMIC_RELEASE);
        wake(&control->claim);
        return;
    }
    if (worker->phase != WORKER_BATCH) {
        char text[128];

        snprintf(text, sizeof text, "the program %s without any injection",
                 hang == HANG_DEADLINE ? "does not end within the deadline" : "hangs");
        set_trouble(worker->job.target, text);
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
    struct abi_control *control = control_of(worker);

    if (!server_claim(control, CLAIM_SUPERVISOR))
        return;
    worker->abandoned = worker->phase == WORKER_BATCH;
    kill_claimed(control);
}

void worker_tick(struct worker *worker, uint64_t now_ns)
{
    struct run *run = worker->run;

    if (!worker->job.alive || worker->phase == WORKER_IDLE || worker->phase == WORKER_READY)
        return;
    if (control_of(worker)->laps > 1 && worker->phase == WORKER_BATCH)
        collect_laps(worker);
    if (__atomic_load_n(&control_of(worker)->server, __ATOMIC_ACQUIRE) != SERVER_RUNS)
        return;
    if (run->ending_ns != 0 && now_ns - run->ending_ns > GRACE_NS && !worker->abandoned) {
        abandon(worker);
        return;
    }
    switch (watch_look(&worker->watch, worker->job.memory, now_ns, patience(worker),
                       deadline(worker))) {
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
        return;
    }
}

void worker_server_died(struct worker *worker, int status)
{
    char text[128];

    snprintf(text, sizeof text, "the fork server ended (%s %d)",
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    worker->job.alive = false;
    worker->job.server = 0;
    if (worker->cell == NULL)
        return;
    if (worker->phase == WORKER_BATCH) {
        broken_cycle(worker, text);
        control_of(worker)->done++; /* the cycle that was under way is spent */
        worker->phase = WORKER_IDLE;
        if (++worker->cell->server_deaths >= SERVER_DEATHS)
            worker->cell->done = true;
        batch_done(worker);
        return;
    }
    worker->job.target->profiling = false;
    set_trouble(worker->job.target, control_of(worker)->hello ? text : no_agent_text(control_of(worker)));
    worker->job.target->profiled = true;
    give_up_cell(worker, worker->job.target->trouble);
    worker->phase = WORKER_IDLE;
    worker_feed(worker);
}
