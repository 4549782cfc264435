/*
 * exit-use: the exit path destroyed or freed what a live thread went on to use.
 *
 * A lock or event: destroyed, or in memory that was freed, by the thread that drives the exit,
 * and used afterwards by one that had used it before. A crash: of another thread, at an address
 * in memory that the exit path has freed, or with a register that points there. What the user
 * allocated in between may lie in the same place; then nothing is said. Only what the rings still
 * have is judged. Row B6.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>

enum { SHOWN = 4, REGISTERS = 16, LOOKS = 512 };

/** @at: how far back in the exiting lane's ring the request is. */
struct path {
    const struct evidence *evidence;
    const struct abi_control *control;
    const struct abi_lane *lane;
    unsigned index;
    uint64_t at;
};

struct report {
    struct judgement *judgement;
    struct finding *finding;
    unsigned count;
};

static bool find_path(const struct evidence *evidence, struct path *path)
{
    const struct abi_event *event;

    path->evidence = evidence;
    path->control = evidence_control(evidence);
    if (path->control == NULL || path->control->phase == PHASE_RUNNING)
        return false;
    path->index = path->control->exiting_lane;
    path->lane = evidence_lane(evidence, path->index);
    for (path->at = 0; path->lane != NULL && (event = evidence_event(path->lane, path->at)) != NULL;
         path->at++)
        if (event->kind == EVENT_EXIT_PHASE && event->aux == PHASE_REQUESTED)
            return evidence_is_target(evidence, path->lane);
    return false;
}

/* --- words ------------------------------------------------------------------------------------ */

static bool begin(struct report *report)
{
    if (report->count++ == 0)
        report->finding = judgement_add(report->judgement, STOP_EXIT_DESTROYED_IN_USE);
    return report->count <= SHOWN;
}

static void say_taker(struct report *report, const struct path *path, const struct abi_event *gone,
                      const char *what)
{
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    evidence_lane_text(path->evidence, path->index, name);
    evidence_caller_text(path->evidence, gone->caller, place);
    finding_say(report->finding, "%-10s %s %.70s on the way out, in %.90s", name,
                gone->kind == EVENT_DESTROYED ? "destroyed" : "freed", what, place);
}

/* --- locks and events --------------------------------------------------------------------------
 */

/* A size that cannot be is one that the agent did not know, or that was scribbled over. */
static bool frees(const struct abi_event *event, uint64_t address)
{
    return event->kind == EVENT_FREE && event->object != 0 && event->other <= INT64_MAX &&
           address - event->object < event->other;
}

static bool takes_away(const struct abi_event *event, uint64_t object)
{
    return (event->kind == EVENT_DESTROYED && event->object == object) || frees(event, object);
}

static bool is_use(const struct abi_event *event)
{
    return event->kind == EVENT_ACQUIRED || event->kind == EVENT_WAIT_BEGIN ||
           event->kind == EVENT_WAIT_FAILED || event->kind == EVENT_SIGNALLED;
}

static bool covers(const struct abi_event *event, uint64_t object)
{
    return event->kind == EVENT_ALLOC && event->object != 0 &&
           object - event->object < event->other;
}

/* Before the @back-th event of its ring, and nothing was allocated there since. */
static const struct abi_event *used_before(const struct abi_lane *lane, uint64_t back,
                                           uint64_t object, uint64_t time)
{
    const struct abi_event *event;

    for (; (event = evidence_event(lane, back)) != NULL; back++) {
        if (covers(event, object))
            return NULL;
        if (is_use(event) && event->object == object && event->time != 0 && event->time < time)
            return event;
    }
    return NULL;
}

/* What the exit path did to it before @time; NULL if nothing, or if realloc left it where it was.
 */
static const struct abi_event *gone_before(const struct path *path, uint64_t object, uint64_t time)
{
    for (uint64_t back = 0; back < path->at; back++) {
        const struct abi_event *event = evidence_event(path->lane, back);

        if (covers(event, object))
            return NULL;
        if (takes_away(event, object) && event->time <= time)
            return event;
    }
    return NULL;
}

/* Frees have a time now and then: the one before it in the ring is as good. */
static uint64_t time_of(const struct path *path, const struct abi_event *gone)
{
    const struct abi_event *event;
    bool seen = false;

    for (uint64_t back = 0; (event = evidence_event(path->lane, back)) != NULL; back++) {
        seen = seen || event == gone;
        if (seen && event->time != 0)
            return event->time;
    }
    return 0;
}

static void say_use(const struct path *path, struct report *report, unsigned index,
                    const struct abi_event *gone, uint64_t object, uint32_t mode, uint64_t caller)
{
    char name[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char place[EVIDENCE_TEXT_BYTES];
    char names[2][EVIDENCE_CULPRIT_BYTES];

    if (!begin(report))
        return;
    evidence_object_text(path->evidence, mode < ABI_MODES ? mode : MODE_NONE, object, text);
    say_taker(report, path, gone, text);
    evidence_lane_text(path->evidence, index, name);
    evidence_caller_text(path->evidence, caller, place);
    finding_say(report->finding, "%-10s used it after that, in %.140s", name, place);
    evidence_caller_culprit(path->evidence, gone->caller, names[0]);
    evidence_caller_culprit(path->evidence, caller, names[1]);
    if (report->count == 1)
        finding_sign(report->finding, names[0], names[1]);
}

/* One use that is one too many; false if this event is none. */
static bool judge_use(const struct path *path, struct report *report, unsigned index, uint64_t back)
{
    const struct abi_lane *lane = evidence_lane(path->evidence, index);
    const struct abi_event *event = evidence_event(lane, back);
    const struct abi_event *gone;
    uint64_t time;

    if (!is_use(event) || event->time == 0 ||
        (gone = gone_before(path, event->object, event->time)) == NULL ||
        (time = time_of(path, gone)) == 0 || time > event->time ||
        used_before(lane, back + 1, event->object, time) == NULL)
        return false;
    say_use(path, report, index, gone, event->object,
            event->kind == EVENT_SIGNALLED ? MODE_NONE : event->aux, event->caller);
    return true;
}

/* It waits for it now; what it waits for is on no ring until it has it. */
static bool judge_wait(const struct path *path, struct report *report, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(path->evidence, index);
    const struct abi_event *gone;
    uint64_t time;

    if (lane->wait_object == 0 || lane->wait_mode == MODE_JOIN ||
        (gone = gone_before(path, lane->wait_object, UINT64_MAX)) == NULL ||
        (time = time_of(path, gone)) == 0 || used_before(lane, 0, lane->wait_object, time) == NULL)
        return false;
    say_use(path, report, index, gone, lane->wait_object, lane->wait_mode, lane->wait_caller);
    return true;
}

static void judge_lane(const struct path *path, struct report *report, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(path->evidence, index);
    uint64_t since = evidence_event(path->lane, path->at)->time;
    const struct abi_event *event;

    if (lane == NULL || lane == path->lane || !evidence_is_target(path->evidence, lane) ||
        judge_wait(path, report, index))
        return;
    for (uint64_t back = 0; back < LOOKS && (event = evidence_event(lane, back)) != NULL; back++)
        if ((event->time != 0 && event->time < since) || judge_use(path, report, index, back))
            return;
}

/* --- a crash ------------------------------------------------------------------------------------
 */

static bool points_into(const struct abi_crash *crash, const struct abi_event *freed)
{
    if (frees(freed, crash->address))
        return true;
    for (unsigned i = 0; i < REGISTERS; i++)
        if (frees(freed, crash->regs[i]))
            return true;
    return false;
}

static const struct abi_event *freed_under(const struct path *path, const struct abi_crash *crash)
{
    for (uint64_t back = 0; back < path->at; back++) {
        const struct abi_event *event = evidence_event(path->lane, back);

        if (points_into(crash, event))
            return event;
    }
    return NULL;
}

static void judge_crash(const struct path *path, struct report *report)
{
    const struct abi_crash *crash = &path->control->crash;
    const struct evidence *evidence = path->evidence;
    unsigned frames = evidence->crash_frames < EVIDENCE_FRAMES ? evidence->crash_frames : 0;
    unsigned own = evidence_own_frame(evidence->crash_frame, frames);
    const struct abi_event *freed;
    char names[2][EVIDENCE_CULPRIT_BYTES] = {"", ""};
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES] = "?";

    if (crash->epoch != path->control->epoch || crash->lane == path->index ||
        (freed = freed_under(path, crash)) == NULL || !begin(report))
        return;
    say_taker(report, path, freed, "memory");
    evidence_lane_text(evidence, crash->lane, name);
    if (own < frames)
        evidence_frame_text(&evidence->crash_frame[own], place);
    finding_say(report->finding, "%-10s crashed in it after that, in %.130s", name, place);
    evidence_caller_culprit(evidence, freed->caller, names[0]);
    evidence_culprit(evidence->crash_frame, frames, names[1]);
    finding_sign(report->finding, names[0], names[1]);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct report report = {.judgement = judgement};
    struct path path;

    if (!find_path(evidence, &path))
        return;
    judge_crash(&path, &report);
    for (unsigned i = 0; i < evidence_lanes(evidence); i++)
        judge_lane(&path, &report, i);
    if (report.count > SHOWN)
        finding_say(report.finding, "and %u more", report.count - SHOWN);
}

const struct detector detector_exit_use = {
    .name = "exit-use",
    .summary = "the exit path destroyed what a live thread went on to use",
    .codes = "exit.destroyed-in-use",
    .judge = judge,
};
