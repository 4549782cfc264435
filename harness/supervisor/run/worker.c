/*
 * worker: one job's way: start a server, let two dry cycles tell the profile, then run batches
 * of one cell after the other. cycle.c looks at whatever the server could not call a pass.
 */
#include "run.h"

#include "cycle.h"
#include "profile_file.h"

#include <harness/injector.h>
#include <results/stats/sequential.h>
#include <results/store/latency.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { BATCH_MOST = 20000, SERVER_DEATHS = 3 };

/* LACK: a machine without a process to spare is asked again, and so long at most. */
static const uint64_t BATCH_NS = 250000000, LACK_PAUSE_NS = 100000000, LACK_MOST_NS = 30000000000;

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
    verdict_clear(&worker->suspect);
    laps_free(&worker->laps);
}

/* --- cells ----------------------------------------------------------------------------- */

static void remark(struct worker *worker, struct run_cell *cell, const char *state,
                   const char *note)
{
    bool known = note == NULL || strstr(cell->row.notes, note) != NULL;

    if (state == NULL && known)
        return; /* said in every batch, written once */
    if (state != NULL) {
        free(cell->row.state);
        cell->row.state = strdup(state);
    }
    if (!known) {
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

/* What the agent has found out about the program; a cell is told once. */
static void pass_on_remarks(struct worker *worker)
{
    uint32_t told = REMARK_UNREACHED | REMARK_NO_LAP; /* of this cell; others are every cell's */
    uint32_t remarks =
        __atomic_fetch_and(&worker_control(worker)->remarks, ~told, __ATOMIC_RELAXED);

    if (remarks & REMARK_OWN_HEAP)
        remark(worker, worker->cell, NULL, "it brings its own malloc: heap not watched");
    if (remarks & REMARK_UNREACHED)
        remark(worker, worker->cell, NULL,
               "not fired where a thread blocks even libc's own signals: it cannot be ended");
    if (remarks & REMARK_LAP_CODE)
        remark(worker, worker->cell, NULL,
               "--lap-at: no laps: the module's code in memory is not that of its file");
    if (remarks & REMARK_LAP_PLACE)
        remark(worker, worker->cell, NULL,
               "--lap-at: no laps: its code could not be changed in this process");
    if (remarks & REMARK_NO_LAP)
        remark(worker, worker->cell, NULL, "in some cycle no lap came about, so it has no series");
}

/* What it has used of the job counts, starts too. */
static void let_go(struct worker *worker)
{
    worker->cell->used_s += (double)(run_now_ns() - worker->given_ns) / 1e9;
    worker->cell->busy = false;
    worker->cell = NULL;
}

static void give_up_cell(struct worker *worker, const char *why)
{
    worker->cell->done = true;
    remark(worker, worker->cell, why, NULL);
    let_go(worker);
}

/* --- starting ----------------------------------------------------------------------------- */

static void clear_lengths(struct job *job)
{
    madvise(job->memory->lengths, sizeof job->memory->lengths, MADV_REMOVE);
}

static void could_not_start(struct worker *worker, const struct error *e);

static void start_server(struct worker *worker, struct target *target)
{
    struct run *run = worker->run;
    struct error e;

    job_stop(&worker->job, run->guardian);
    clear_lengths(&worker->job);
    if (job_start(&worker->job, run->guardian, &run->place, target, run->options.seed, &e) != 0) {
        target->profiling = false;
        worker->phase = WORKER_IDLE;
        could_not_start(worker, &e);
        return;
    }
    worker->lacking_ns = 0;
    if (run->options.stop_at)
        worker_control(worker)->options |= OPTION_STOP_AT;
    worker->phase = WORKER_STARTING;
    worker->start_ns = run_now_ns();
    worker->has_verdict = false;
    worker->job.target = target;
}

static void run_dry(struct worker *worker, uint32_t purpose, enum worker_phase phase)
{
    struct abi_control *control = worker_control(worker);

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

/* Hits come from the counted cycle where the stepped one did not end. */
static void take_profile(struct worker *worker)
{
    struct target *target = worker->job.target;

    if (target->trouble != NULL)
        return;
    job_profile(&worker->job, &target->profile);
    memcpy(target->user_site, worker_control(worker)->user_site, sizeof target->user_site);
    for (unsigned i = 0; i < ABI_USER_SITES; i++)
        target->user_site[i][ABI_NAME_BYTES - 1] = 0;
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

/* DIR/profile-1 is the first target's: for --profile. */
static void keep_profile(struct run *run, const struct target *target)
{
    char path[4200];
    struct error e;
    unsigned number = 0;

    if (run->options.directory == NULL || run->options.dry_run || run->options.temporary)
        return;
    while (number < run->options.targets && run->options.target[number] != target)
        number++;
    snprintf(path, sizeof path, "%s/profile-%u", run->options.directory, number + 1);
    profile_file_write(path, target, &e); /* what stops it stops the store, which will say so */
}

static void dry_done(struct worker *worker)
{
    struct target *target = worker->job.target;
    struct abi_control *control = worker_control(worker);

    if (worker->run->ending_ns != 0) { /* cut short, or not even begun: it says nothing */
        target->profiling = false;
        worker->phase = WORKER_READY;
        give_up_cell(worker, "");
        return;
    }
    take_profile(worker);
    target->baseline_status = control->baseline_status;
    if (worker->phase == WORKER_COUNT && target->trouble == NULL &&
        needs_lengths(worker->run, target)) {
        run_dry(worker, PURPOSE_STEP, WORKER_STEP);
        return;
    }
    target->profiled = true;
    target->profiling = false;
    if (target->trouble == NULL)
        keep_profile(worker->run, target);
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
    if (cell->wanted != 0 && cell->next + size > cell->wanted)
        size = cell->wanted - cell->next;
    if (options->only_cycle)
        size = 1;
    return size;
}

static void run_cycles(struct worker *worker, uint64_t first, uint64_t count)
{
    const struct run_cell *cell = worker->cell;
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
    control->batch_first = first;
    control->batch_count = count;
    control->stop = 0;
    worker->judged_passed = worker->judged_not_fired = 0;
    worker->failed = worker->broken = 0;
    worker->has_verdict = false;
    worker->phase = WORKER_BATCH;
    job_command(&worker->job, COMMAND_RUN);
}

static void start_batch(struct worker *worker)
{
    const struct run_cell *cell = worker->cell;

    worker->retrying = false;
    worker->retried = 0;
    memset(&worker->sum, 0, sizeof worker->sum);
    worker->sum.cell = cell->row.id;
    worker->sum.first = cell->next;
    run_cycles(worker, worker->run->options.only_cycle ? worker->run->options.cycle : cell->next,
               batch_size(worker, cell));
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

static bool has_one_thread(const struct profile *profile)
{
    for (uint32_t i = 0; i < profile->count; i++)
        if (strcmp(profile->entry[i].thread, "T1") != 0)
            return false;
    return true;
}

static bool passes(const struct profile *profile, uint16_t first, uint16_t last)
{
    for (uint32_t i = 0; i < profile->count; i++)
        if (strcmp(profile->entry[i].thread, "T1") == 0 && profile->entry[i].site >= first &&
            profile->entry[i].site <= last)
            return true;
    return false;
}

/* A script that ends in exec, a wrapper: nothing of what the user means is watched. An exec that
 * fails is followed by an end. */
static const char *becomes_another(const struct profile *profile)
{
    return passes(profile, SITE_EXEC, SITE_EXEC) && !passes(profile, SITE_MAIN_RETURN, SITE_FINI)
               ? "the program becomes another one by exec, which runs unwatched: name that one"
               : NULL;
}

/* Why the cell cannot be run, now that its target's dry cycles are over; NULL if it can. */
static const char *unfit(const struct run_cell *cell)
{
    if (cell->target->trouble != NULL && (cell->target->unready || needs_profile(cell)))
        return cell->target->trouble;
    if (can_strike(cell))
        return NULL;
    if (becomes_another(&cell->target->profile) != NULL)
        return becomes_another(&cell->target->profile);
    if (cell->spec.not_main && has_one_thread(&cell->target->profile))
        return "the program has one thread, and this injector strikes others";
    return "the dry cycle passes no site that it could strike at";
}

static void start_cell(struct worker *worker)
{
    const struct target *target = worker->cell->target;

    remark(worker, worker->cell, NULL, target->notes);
    remark(worker, worker->cell, NULL, target->lap_note);
    remark(worker, worker->cell, NULL, becomes_another(&target->profile));
    pass_on_remarks(worker);
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
    if (worker->lacking_ns != 0 && run_now_ns() < worker->again_ns)
        return;
    for (;;) {
        if (worker->cell == NULL) {
            worker->cell = run->interrupted ? NULL : run_next_cell(run, worker->job.target);
            if (worker->cell == NULL)
                return;
            worker->cell->busy = true;
            worker->given_ns = run_now_ns();
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

/* --- what was left after a batch
 * ------------------------------------------------------------------ */

static void set_median(struct run_cell *cell)
{
    struct latency median;

    if (latency_quantile(cell->row.histogram, 0.5, &median) == 0)
        cell->median_ns = (uint64_t)(median.microseconds * 1000);
    if (cell->median_ns == 0)
        cell->median_ns = 1000;
}

static uint64_t suspect_cycles(const struct worker *worker)
{
    const struct verdict_list *suspect = &worker->suspect;
    uint64_t cycles = 0;

    for (size_t i = 0; i < suspect->count; i++)
        cycles += i == 0 || suspect->finding[i].cycle != suspect->finding[i - 1].cycle;
    return cycles;
}

/* Cycles of the batch that came to us, and have a verdict or will be run again for one. */
static uint64_t judged_cycles(const struct worker *worker)
{
    return worker->judged_passed + worker->judged_not_fired + worker->failed + worker->broken +
           (worker->retrying ? 0 : suspect_cycles(worker));
}

bool worker_spent(const struct worker *worker)
{
    uint64_t most = worker->retrying ? 1 : worker->job.trust.batch_count;

    return worker->phase == WORKER_BATCH && judged_cycles(worker) >= most;
}

/* The server's word on cycles that we have not seen, as far as it can be true. */
static void take_counts(const struct worker *worker, struct abi_control *control)
{
    uint64_t judged = judged_cycles(worker);

    *control = worker->job.memory->control;
    if (!trust_counts(&worker->job.trust, control))
        trust_restore(&worker->job.trust, control);
    if (control->done < judged)
        control->done = judged;
    if (control->passed > control->done - judged)
        control->passed = control->done - judged;
    if (control->not_fired > control->done - judged - control->passed)
        control->not_fired = control->done - judged - control->passed;
}

/* What the server has counted since run_cycles(), and what was judged meanwhile. */
static void add_up(struct worker *worker)
{
    struct abi_control counts, *control = &counts;
    struct store_batch *sum = &worker->sum;

    take_counts(worker, control);
    if (!worker->retrying)
        sum->count = control->done - (worker->abandoned ? 1 : 0);
    else if (worker->abandoned)
        worker->retried = worker->retry_from; /* what it would have been is not known */
    worker->abandoned = false;
    sum->passed += control->passed + worker->judged_passed;
    sum->not_fired += control->not_fired + worker->judged_not_fired;
    sum->failed += worker->failed;
    sum->broken += worker->broken;
    sum->nanoseconds += control->nanoseconds;
    if (control->longest > sum->longest)
        sum->longest = control->longest;
    for (unsigned i = 0; i < ABI_HISTOGRAM; i++)
        sum->histogram[i] += control->histogram[i];
}

static void tell_totals(struct run *run, struct run_cell *cell, const struct store_batch *sum)
{
    for (unsigned i = 0; i < ABI_HISTOGRAM; i++)
        cell->row.histogram[i] += sum->histogram[i];
    cell->row.not_fired += sum->not_fired;
    cell->row.next += sum->count;
    cell->spent_s += (double)sum->nanoseconds / 1e9;
    cell->next += sum->count;
    cell->found += sum->failed;
    cell->counted += sum->passed + sum->failed;
    run->total_cycles += sum->count;
    run->total_failed += cell->planted == NULL ? sum->failed : 0;
    run->total_broken += sum->broken;
    set_median(cell);
}

/* By evidence that stays valid however often it is looked at; both claims are looked at. */
static bool is_sure(const struct run *run, const struct run_cell *cell, enum stats_claim claim)
{
    double ln_e;

    return run->options.until_sure > 0 &&
           stats_e_process(claim, (long long)cell->found, (long long)cell->counted,
                           run->options.until_sure, &ln_e) == 0 &&
           stats_e_stops(ln_e);
}

static bool cell_complete(const struct run *run, const struct run_cell *cell)
{
    const struct run_options *options = &run->options;

    if (is_sure(run, cell, STATS_BETTER) || is_sure(run, cell, STATS_WORSE))
        return true;

    return (cell->wanted != 0 && cell->next >= cell->wanted) ||
           (options->until_found != 0 && cell->found >= options->until_found);
}

/* Told with the cell's last batch, once: such a cell says nothing, and the run can't be trusted. */
static void tell_not_fired(struct worker *worker)
{
    const struct run *run = worker->run;
    const struct run_cell *cell = worker->cell;
    uint64_t last = worker_control(worker)->cycle;
    char text[200];

    if (!run_cell_seldom_fired(cell) || run->options.only_cycle ||
        last - worker->sum.first >= worker->sum.count ||
        !(cell_complete(run, cell) || run->ending_ns != 0))
        return;
    snprintf(text, sizeof text,
             "%s was due in %llu cycles, and came about in %llu: the program goes another way, or "
             "passes that point less often",
             cell->row.injector, (unsigned long long)cell->row.next,
             (unsigned long long)(cell->row.next - cell->row.not_fired));
    verdict_not_fired(&worker->found, &worker->job, cell->row.id, cell->injector, text);
}

/* Once, where the cell has come to its claim. */
static void tell_sure(struct worker *worker)
{
    const struct run_cell *cell = worker->cell;
    bool better = is_sure(worker->run, cell, STATS_BETTER);
    char text[200];

    if (!better && !is_sure(worker->run, cell, STATS_WORSE))
        return;
    snprintf(text, sizeof text,
             "stopped after %llu cycles that count, %llu with findings: shown to be %s than %.6g "
             "(wrong in at most 5 %%, however often it was looked at)",
             (unsigned long long)cell->counted, (unsigned long long)cell->found,
             better ? "rarer" : "more frequent", worker->run->options.until_sure);
    remark(worker, worker->cell, NULL, text);
}

/* In a replay every try is the same cycle; its rows are numbered by try. */
static void number_by_try(struct worker *worker)
{
    for (size_t i = 0; i < worker->found.count; i++)
        worker->found.finding[i].cycle = worker->sum.first;
    for (size_t i = 0; i < worker->laps.series_count; i++)
        worker->laps.series[i].cycle = worker->sum.first;
}

/* A batch that is over and not yet in the store; all zero is none. */
struct finished {
    struct store_batch sum;
    struct verdict_list found;
    struct laps laps; /* its series alone */
};

/* Takes the batch off the worker, which has no cell then. */
static void finish(struct worker *worker, struct finished *batch)
{
    struct run *run = worker->run;

    tell_totals(run, worker->cell, &worker->sum);
    tell_not_fired(worker);
    tell_sure(worker);
    verdict_sort(&worker->found);
    if (run->options.only_cycle)
        number_by_try(worker);
    pass_on_remarks(worker);
    batch->sum = worker->sum;
    batch->found = worker->found;
    memset(&worker->found, 0, sizeof worker->found);
    memset(&batch->laps, 0, sizeof batch->laps);
    laps_move_series(&batch->laps, &worker->laps);
    worker->cell->done |= cell_complete(run, worker->cell); /* time may have run out already */
    if (run->options.policy != NULL)
        run->options.policy->learn(run, worker->cell, &batch->found);
    let_go(worker);
}

static void commit(struct run *run, struct finished *batch)
{
    struct error e;

    if (run->store != NULL && batch->sum.count > 0 &&
        store_commit_batch(run->store, &batch->sum, batch->found.finding, batch->found.count,
                           batch->laps.series, batch->laps.series_count, &e) != 0)
        run_fail(run, e.code, "%s", e.text);
    verdict_clear(&batch->found);
    laps_free(&batch->laps);
}

/* Runs the next broken cycle once more; false if there is none, or no time for it. */
static bool retry(struct worker *worker)
{
    const struct verdict_list *suspect = &worker->suspect;
    uint64_t cycle;

    if (worker->retried >= suspect->count || worker->run->ending_ns != 0)
        return false;
    worker->retry_from = worker->retried;
    cycle = suspect->finding[worker->retried].cycle;
    while (worker->retried < suspect->count && suspect->finding[worker->retried].cycle == cycle)
        worker->retried++;
    worker->retrying = true;
    run_cycles(worker, cycle, 1);
    return true;
}

/* How a cycle that was run again came out the second time; counted already. */
static void take_rerun(struct worker *worker)
{
    const struct store_finding *first = &worker->suspect.finding[worker->retry_from];

    if (worker->failed + worker->broken > 0)
        return;
    if (first->severity == STOP_SEVERITY_HARNESS)
        remark(worker, worker->cell, NULL,
               "rundown itself failed in cycles that came out well when run again");
    else
        verdict_move(&worker->found, &worker->suspect, worker->retry_from, worker->retried);
}

/* Those for which there was no time count as they came out. */
static void settle(struct worker *worker)
{
    struct verdict_list *suspect = &worker->suspect;

    for (size_t i = worker->retried; i < suspect->count; i++) {
        if (i > worker->retried && suspect->finding[i].cycle == suspect->finding[i - 1].cycle)
            continue;
        if (suspect->finding[i].severity == STOP_SEVERITY_HARNESS)
            worker->sum.broken++;
        else
            worker->sum.passed++;
    }
    verdict_move(&worker->found, suspect, worker->retried, suspect->count);
    verdict_clear(suspect);
    worker->retried = 0;
}

/* A machine that is out of processes has some again soon, or never. */
static bool may_start_later(struct worker *worker, const struct error *e)
{
    uint64_t now = run_now_ns();

    if (e->code != ERROR_BUSY)
        return false;
    if (worker->lacking_ns == 0)
        worker->lacking_ns = now;
    worker->again_ns = now + LACK_PAUSE_NS;
    return now - worker->lacking_ns < LACK_MOST_NS;
}

/* It has, perhaps, and cannot any more: then what there is of a batch is kept. */
static void could_not_start(struct worker *worker, const struct error *e)
{
    struct run_cell *cell = worker->cell;
    bool later = may_start_later(worker, e);
    struct finished batch;

    if (worker->suspect.count > 0) {
        settle(worker);
        finish(worker, &batch);
        commit(worker->run, &batch);
    } else {
        cell->busy = false;
        worker->cell = NULL;
    }
    if (later)
        return; /* the loop comes back to idle workers */
    cell->done = true;
    remark(worker, cell, e->text, NULL);
    worker_feed(worker);
}

static void batch_goes_on(struct worker *worker)
{
    struct finished batch;

    if (retry(worker))
        return;
    settle(worker);
    finish(worker, &batch);
    worker->phase = WORKER_READY;
    worker_feed(worker); /* the server works while the disk does */
    commit(worker->run, &batch);
}

static void batch_done(struct worker *worker)
{
    bool rerun = worker->retrying && !worker->abandoned;

    add_up(worker);
    if (rerun)
        take_rerun(worker);
    batch_goes_on(worker);
}

/* The plan lay where the target could write: what the line says is drawn from our own. */
static void draw_again(struct worker *worker)
{
    const struct run_cell *cell = worker->cell;
    struct abi_control *control = worker_control(worker);

    plan_draw(&cell->spec, &cell->target->profile, worker->run->options.seed, cell->key,
              control->cycle, worker->run->options.mode, &control->plan);
}

/* The server may have died before it could. */
static void count_cycle(struct worker *worker)
{
    struct abi_control *control = worker_control(worker);
    const struct trust *trust = &worker->job.trust;
    uint64_t number = trust_cycle(trust, control) - trust->batch_first + 1;

    if (control->done < number)
        control->done = number;
}

/* Counts that can't be believed are not taken: how those cycles came out is not known. */
static void skip_unknown(struct worker *worker)
{
    struct store_batch *sum = &worker->sum;
    uint64_t known = sum->passed + sum->not_fired + sum->failed + sum->broken;

    if (!worker->retrying)
        known += suspect_cycles(worker);
    if (!worker->retrying && known < sum->count)
        sum->skipped += sum->count - known;
}

/*
 * The cycle that was under way is spent; a new server runs it once more, unless it had been judged
 * by then.
 */
static void server_died_in_batch(struct worker *worker, const char *text)
{
    struct abi_control *control = worker_control(worker);
    bool again = ++worker->cell->server_deaths < SERVER_DEATHS;
    struct finished batch;

    if (!trust_counts(&worker->job.trust, control))
        trust_restore(&worker->job.trust, control);
    draw_again(worker);
    if (!worker_spent(worker) && !(worker->has_verdict && worker->verdict_epoch == control->epoch))
        cycle_broken(worker, text);
    count_cycle(worker);
    add_up(worker);
    skip_unknown(worker);
    worker->phase = WORKER_IDLE;
    worker->cell->done |= !again;
    if (again && worker->run->ending_ns == 0 && worker->retried < worker->suspect.count) {
        start_server(worker, worker->cell->target);
        return;
    }
    settle(worker);
    finish(worker, &batch);
    commit(worker->run, &batch);
    worker_feed(worker);
}

/* --- what the server says ----------------------------------------------------------------------
 */

static void refused(struct worker *worker)
{
    struct target *target = worker->job.target;
    struct abi_control *control = worker_control(worker);

    control->refusal[ABI_MESSAGE_BYTES - 1] = 0;
    target->fresh = true;
    free(target->notes);
    if (asprintf(&target->notes, "started afresh for each cycle: %s", control->refusal) < 0)
        target->notes = NULL;
    start_server(worker, target);
}

const char worker_scribbled[] =
    "the memory that it shares with rundown has been written over: by the program, which scribbles";

static bool is_running(const struct worker *worker)
{
    return worker->phase == WORKER_COUNT || worker->phase == WORKER_STEP ||
           worker->phase == WORKER_BATCH;
}

bool worker_check(struct worker *worker, bool target)
{
    if (!worker->job.alive || !is_running(worker) ||
        !trust_broken(&worker->job.trust, worker_control(worker), target ? worker->job.server : 0))
        return true;
    worker_server_lost(worker, worker_scribbled);
    return false;
}

void worker_bell(struct worker *worker)
{
    if (!worker_check(worker, true))
        return;
    switch (__atomic_load_n(&worker_control(worker)->server, __ATOMIC_ACQUIRE)) {
    case SERVER_READY:
        if (worker->phase != WORKER_STARTING)
            return;
        worker->job.target->start_s = (double)(run_now_ns() - worker->start_ns) / 1e9;
        if (worker->suspect.count > 0) {
            batch_goes_on(worker);
        } else if (worker->job.target->profiled) {
            worker->phase = WORKER_READY;
            worker_feed(worker);
        } else {
            run_dry(worker, PURPOSE_COUNT, WORKER_COUNT);
        }
        return;
    case SERVER_ANOMALY:
        cycle_anomaly(worker);
        return;
    case SERVER_DONE:
        job_drain(&worker->job);
        if (is_running(worker) && !trust_counts(&worker->job.trust, worker_control(worker)))
            worker_server_lost(worker, worker_scribbled);
        else if (worker->phase == WORKER_COUNT || worker->phase == WORKER_STEP)
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

/* There is no server any more. */
static void after_server(struct worker *worker, const char *text)
{
    worker->job.alive = false;
    worker->job.server = 0;
    worker->stopped_ns = 0;
    if (worker->cell == NULL)
        return;
    if (worker->phase == WORKER_BATCH) {
        server_died_in_batch(worker, text);
        return;
    }
    worker->job.target->profiling = false;
    target_set_trouble(worker->job.target, worker_control(worker)->hello
                                               ? text
                                               : cycle_no_agent_text(worker_control(worker)));
    worker->job.target->profiled = true;
    give_up_cell(worker, worker->job.target->trouble);
    worker->phase = WORKER_IDLE;
    worker_feed(worker);
}

void worker_server_died(struct worker *worker, int status)
{
    char text[128];

    snprintf(text, sizeof text, "the fork server ended (%s %d)",
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    after_server(worker, text);
}

void worker_server_lost(struct worker *worker, const char *text)
{
    job_stop(&worker->job, worker->run->guardian);
    if (worker->job.trust.magic != 0)
        trust_restore(&worker->job.trust, worker_control(worker));
    after_server(worker, text);
}
