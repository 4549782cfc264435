/*
 * fuzz_shared: any bytes in the memory that a target shares with rundown, through all that reads
 * it when a cycle has failed: what the supervisor gathers, every detector, the timeline, the
 * findings' words, laps and counts. `ci/fuzz shared` builds it with clang's libFuzzer;
 * test_shared_corpus runs the corpus through it in every test run.
 *
 * What comes out may say anything, but must be text that a terminal can be shown.
 */
#include <harness/injector.h>
#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/timeline.h>
#include <harness/supervisor/run/cycle.h>
#include <harness/tests/shared_image.h>

#include <fcntl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JUDGED_MOST = 1000000 }; /* cycles of the batch: it is never spent */

static struct shared_image image;
static struct run run;
static struct run_cell cell;
static struct worker worker;
static struct target target;

/* --- the supervisor's side, without a process ------------------------------------------------ */

static void open_worker(void)
{
    target.head = "prog";
    target.tail = "-- prog";
    target.name = "prog";
    target.laps = target.usual_laps = 1;
    cell.target = &target;
    cell.row.id = 1;
    run.options.quiet = true;
    run.worker = &worker;
    run.workers = 1;
    worker.run = &run;
    worker.cell = &cell;
    worker.job.target = &target;
    worker.job.memory = shared_map();
    worker.job.server = getpid(); /* whose modules are read; it has no children to be a target */
    worker.job.memory_fd = worker.job.bell = worker.job.output_writer = -1;
    worker.job.output = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void reset_worker(void)
{
    shared_clear(worker.job.memory);
    verdict_clear(&worker.found);
    verdict_clear(&worker.suspect);
    laps_free(&worker.laps);
    memset(&worker.watch, 0, sizeof worker.watch);
    memset(&worker.held, 0, sizeof worker.held);
    run.autopsy.evidence.memory = NULL; /* until this image is looked at */
    worker.phase = WORKER_BATCH;
    worker.judged_passed = worker.judged_not_fired = worker.failed = worker.broken = 0;
    worker.has_verdict = worker.abandoned = worker.resumed = false;
    worker.stopped_ns = worker.looked_epoch = worker.judged_epoch = 0;
    memset(&worker.parked, 0, sizeof worker.parked);
    cell.confirmed = false;
    worker.job.trust = (struct trust){.magic = ABI_MAGIC, .batch_count = JUDGED_MOST};
}

/* --- what comes out ----------------------------------------------------------------------------
 */

/* Abort is how a fuzzer and a test are told. */
static void check_text(const char *text, size_t most, bool lines)
{
    size_t length = strnlen(text, most);

    if (length == most)
        abort();
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < ' ' && !(lines && (text[i] == '\n' || text[i] == '\t'))) ||
            text[i] == 0x7f)
            abort();
}

static void check_finding(const struct finding *finding)
{
    check_text(finding->signature, sizeof finding->signature, false);
    if (finding->lines > FINDING_LINES || finding->waits > FINDING_WAITS)
        abort();
    for (unsigned i = 0; i < finding->lines; i++)
        check_text(finding->line[i], sizeof finding->line[i], false);
    for (unsigned i = 0; i < finding->waits; i++) {
        check_text(finding->wait[i].waiter, sizeof finding->wait[i].waiter, false);
        check_text(finding->wait[i].what, sizeof finding->wait[i].what, false);
        check_text(finding->wait[i].owner, sizeof finding->wait[i].owner, false);
        check_text(finding->wait[i].state, sizeof finding->wait[i].state, false);
    }
}

static void check_judgement(const struct judgement *judgement)
{
    if (judgement->findings > FINDINGS_PER_CYCLE)
        abort();
    for (unsigned i = 0; i < judgement->findings; i++)
        check_finding(&judgement->finding[i]);
}

static void check_string(const char *text)
{
    if (text != NULL)
        check_text(text, strlen(text) + 1, true);
}

static void check_list(const struct verdict_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        check_string(list->finding[i].signature);
        check_string(list->finding[i].text);
        check_string(list->finding[i].waits);
        check_string(list->finding[i].injected);
        check_string(list->finding[i].replay);
        check_string(list->finding[i].timeline);
    }
}

/* --- one image ----------------------------------------------------------------------------------
 */

static void name_place(void *context, uint64_t address, struct evidence_frame *frame)
{
    uint64_t kind = address / 0x1000 % SHARED_FRAME_KINDS;

    memset(frame, 0, sizeof *frame);
    snprintf(frame->module, sizeof frame->module, "%s", shared_frame[kind].module);
    snprintf(frame->function, sizeof frame->function, "%s", shared_frame[kind].function);
    snprintf(frame->file, sizeof frame->file, "%s", shared_frame[kind].file);
    frame->line = shared_frame[kind].line;
    frame->pc = address;
    frame->offset = address % 0x1000;
}

/* A second judgement, of threads that were seen; the first has those that are in the memory. */
static void judge_threads(void)
{
    static struct judgement judgement;
    struct evidence *evidence = &run.autopsy.evidence;
    char *timeline;

    evidence->hang = image.hang;
    evidence->ended = image.ended;
    evidence->name = name_place;
    for (unsigned i = 0; i < image.threads && evidence->threads < EVIDENCE_THREADS; i++)
        evidence->thread[evidence->threads++] = image.thread[i];
    if (image.threads > 0 && evidence->crash_frames == 0) {
        evidence->crash_frames = image.thread[0].frames;
        memcpy(evidence->crash_frame, image.thread[0].frame,
               image.thread[0].frames * sizeof evidence->crash_frame[0]);
    }
    verdict_judge(evidence, NULL, &judgement);
    check_judgement(&judgement);
    timeline = timeline_write(evidence, &judgement, NULL, 0, NULL);
    check_string(timeline);
    verdict_add(&worker.found, &judgement, evidence, &worker.job, 1, 0, NULL, timeline);
    free(timeline);
}

/* What is read while a cycle is under way, and at a batch's end. */
static void read_counts(void)
{
    static struct profile profile;
    struct abi_memory *memory = worker.job.memory;
    struct abi_control copy;

    watch_held_look(&worker.held, memory, 1000000000, 0);
    watch_held_look(&worker.held, memory, 9000000000, 0);
    if (abi_takes_laps(&memory->control)) {
        laps_collect(&worker.laps, memory);
        lap_sites_find(&worker.laps.sites, &run.autopsy.evidence);
        laps_keep(&worker.laps, memory, 1, memory->control.cycle);
    }
    job_profile(&worker.job, &profile);
    copy = memory->control;
    if (!trust_counts(&worker.job.trust, &copy))
        trust_restore(&worker.job.trust, &copy);
    trust_broken(&worker.job.trust, &memory->control, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (worker.job.memory == NULL)
        open_worker();
    reset_worker();
    shared_parse(&image, worker.job.memory, data, size);
    cycle_anomaly(&worker);
    if (worker.stopped_ns == 0 && run.autopsy.evidence.memory != NULL) {
        judge_threads();
        read_counts();
    }
    check_list(&worker.found);
    check_list(&worker.suspect);
    return 0;
}
