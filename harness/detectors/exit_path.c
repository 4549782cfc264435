/*
 * exit-path: what is wrong with the way a process ends, from the first request on.
 *
 * A handler or destructor that never comes back; more than one thread driving the exit; a
 * thread made after it began; and, as notes, threads alive and locks held at that moment, which
 * become findings where the exit path waits for them. An exit that the plan ordered is its own
 * doing: threads alive and locks held at that point are then nothing to tell. Rows B1 to B7, B9.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/waits.h>

#include <string.h>

enum { SHOWN = 8 };

/**
 * struct path - the exit under way.
 * @lane: of the thread that drives it. @request: its event, @at: how far back; NULL if lost.
 * @ordered: by the plan. @stuck: it hangs in there.
 */
struct path {
    const struct evidence *evidence;
    struct judgement *judgement;
    const struct waits *waits;
    const struct abi_control *control;
    unsigned index;
    const struct abi_lane *lane;
    const struct abi_event *request;
    uint64_t at;
    bool ordered;
    bool stuck;
};

/* --- the request ---------------------------------------------------------------------------------
 */

static const struct abi_event *find_request(const struct abi_lane *lane, uint64_t *at)
{
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == EVENT_EXIT_PHASE && event->aux == PHASE_REQUESTED) {
            *at = back;
            return event;
        }
    return NULL;
}

/* An injector's intent stands in the ring right before what it does. */
static bool is_ordered(const struct abi_lane *lane, uint64_t at)
{
    const struct abi_event *before = evidence_event(lane, at + 1);

    return before != NULL && before->kind == EVENT_INJECT_INTENT;
}

/* Up to our own probes the program has not left; in _exit nothing of it runs any more. */
static bool is_stuck(const struct path *path)
{
    const struct waits_node *node = &path->waits->node[path->index];
    uint32_t probe = path->lane->probe;

    return path->evidence->hang != HANG_NONE && path->control->phase < PHASE_LEAVE &&
           (probe == PROBE_NONE || probe == PROBE_EXIT) &&
           (waits_waiting(path->waits, path->index) || node->life == WAITS_RUNS);
}

static bool find_path(const struct evidence *evidence, struct path *path)
{
    path->evidence = evidence;
    path->control = evidence_control(evidence);
    if (path->control == NULL || path->control->phase < PHASE_REQUESTED ||
        path->control->phase > PHASE_LEAVE)
        return false;
    path->index = path->control->exiting_lane;
    path->lane = evidence_lane(evidence, path->index);
    if (path->lane == NULL || !evidence_is_target(evidence, path->lane))
        return false;
    path->request = find_request(path->lane, &path->at);
    path->ordered = path->request != NULL && is_ordered(path->lane, path->at);
    path->stuck = is_stuck(path);
    return true;
}

static void say_request(struct finding *finding, const struct path *path)
{
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    if (path->request == NULL)
        return;
    evidence_lane_text(path->evidence, path->index, name);
    evidence_caller_text(path->evidence, path->request->caller, place);
    if (path->request->caller == 0)
        finding_say(finding, "%-10s ended main with status %d", name, (int)path->request->object);
    else
        finding_say(finding, "%-10s asked to exit with status %d, in %s", name,
                    (int)path->request->object, place);
}

/* --- stuck handlers
 * --------------------------------------------------------------------------------- */

static bool runs_handlers(const struct evidence_frame *frame)
{
    static const char *const names[] = {"__run_exit_handlers", "__cxa_finalize", "_dl_fini", "exit",
                                        "quick_exit",          "_dl_call_fini",  NULL};

    for (unsigned i = 0; names[i] != NULL; i++)
        if (strcmp(frame->function, names[i]) == 0)
            return evidence_is_system(frame->module);
    return false;
}

/* The outermost frame of the program's own that libc called on the way out. */
static const struct evidence_frame *handler_of(const struct path *path)
{
    const struct evidence_thread *thread = path->waits->node[path->index].thread;
    unsigned frames = evidence_frames(thread);
    unsigned i = 0;

    while (i < frames && !runs_handlers(&thread->frame[i]))
        i++;
    if (i == frames)
        return NULL;
    while (i-- > 0)
        if (!evidence_is_system(thread->frame[i].module) && thread->frame[i].module[0] != 0)
            return &thread->frame[i];
    return NULL;
}

/* Which part of the way it stands in, by who has called what; the innermost counts. */
static const char *phase_of(const struct path *path)
{
    static const struct {
        const char *function;
        const char *phase;
    } phases[] = {
        {"_IO_cleanup", "the flush of all streams"},
        {"_dl_fini", "the destructors of modules"},
        {"_dl_call_fini", "the destructors of modules"},
        {"__cxa_finalize", "the destructors of a module's objects"},
        {"__call_tls_dtors", "the destructors of thread_local objects"},
        {"__run_exit_handlers", "the exit handlers"},
    };
    const struct evidence_thread *thread = path->waits->node[path->index].thread;

    for (unsigned i = 0; i < evidence_frames(thread); i++)
        for (unsigned k = 0; k < sizeof phases / sizeof phases[0]; k++)
            if (strcmp(thread->frame[i].function, phases[k].function) == 0 &&
                evidence_is_system(thread->frame[i].module))
                return phases[k].phase;
    return path->control->phase >= PHASE_FINI ? "what libc does after the destructors of modules"
                                              : NULL;
}

/* It runs, and only the deadline is over: on a busy machine that is no fault of the program's. */
static bool is_slow(const struct path *path)
{
    return path->evidence->hang == HANG_DEADLINE && !path->evidence->confirmed &&
           path->waits->node[path->index].life == WAITS_RUNS;
}

static void judge_stuck(const struct path *path)
{
    struct finding *finding;
    const struct evidence_frame *handler = handler_of(path);
    char text[EVIDENCE_TEXT_BYTES];
    char names[2][EVIDENCE_CULPRIT_BYTES];

    if (!path->stuck)
        return;
    finding = judgement_add(path->judgement, STOP_EXIT_HANDLER_STUCK);
    if (finding != NULL && is_slow(path))
        finding->severity = STOP_SEVERITY_NOTE;
    say_request(finding, path);
    waits_say(finding, path->waits, path->index);
    if (phase_of(path) != NULL)
        finding_say(finding, "           the phase: %s", phase_of(path));
    waits_sign(path->waits, path->index, names[1]);
    memcpy(names[0], names[1], sizeof names[0]);
    if (handler != NULL) {
        evidence_frame_text(handler, text);
        finding_say(finding, "           the handler: %s", text);
        evidence_culprit(handler, 1, names[0]);
    }
    finding_sign(finding, names[0], names[1]);
}

/* --- threads alive
 * -------------------------------------------------------------------------------------- */

static bool is_alive(const struct path *path, unsigned index)
{
    const struct waits_node *node = &path->waits->node[index];

    return index != path->index && node->lane != NULL &&
           evidence_is_target(path->evidence, node->lane) &&
           (node->life == WAITS_RUNS || waits_waiting(path->waits, index));
}

/* A thread's start routine says in every run alike who it is. */
static void say_thread(struct finding *finding, const struct path *path, unsigned index,
                       char lowest[EVIDENCE_CULPRIT_BYTES])
{
    char text[EVIDENCE_CULPRIT_BYTES] = "";
    struct evidence_frame frame;

    waits_say(finding, path->waits, index);
    if (evidence_address(path->evidence, path->waits->node[index].lane->start, &frame))
        evidence_culprit(&frame, 1, text);
    evidence_lower(lowest, text);
}

/* The exit path joins a live thread, or wants a lock that one has. */
static bool waits_for_alive(const struct path *path)
{
    unsigned owner = ABI_LANES;

    if (path->stuck)
        owner = waits_owner(path->waits, path->index, 0);
    return owner < ABI_LANES && is_alive(path, owner);
}

static void judge_alive(const struct path *path)
{
    char lowest[EVIDENCE_CULPRIT_BYTES] = "";
    struct finding *finding;
    unsigned alive = 0;

    if (path->ordered || path->request == NULL || path->request->other <= 1)
        return;
    finding = judgement_add(path->judgement, STOP_EXIT_THREADS_ALIVE);
    say_request(finding, path);
    for (unsigned n = 0; n < ABI_LANES; n++)
        if (is_alive(path, n) && alive++ < SHOWN)
            say_thread(finding, path, n, lowest);
    if (alive > SHOWN)
        finding_say(finding, "and %u more", alive - SHOWN);
    if (path->evidence->left_processes > 0)
        finding_say(finding, "processes that it started are left: at least %u",
                    path->evidence->left_processes);
    if (finding != NULL && waits_for_alive(path)) {
        finding->severity = STOP_SEVERITY_FINDING;
        finding_say(finding, "the exit path waits for such a thread");
    }
    finding_sign(finding, lowest, "");
}

/* --- locks held
 * -------------------------------------------------------------------------------------------- */

struct tally {
    struct finding *finding;
    unsigned locks;
    bool waited_for;
    char lowest[EVIDENCE_CULPRIT_BYTES];
};

static void say_held(const struct path *path, unsigned index, const struct abi_held *held,
                     struct tally *tally)
{
    char name[EVIDENCE_NAME_BYTES];
    char object[EVIDENCE_TEXT_BYTES];
    char place[EVIDENCE_TEXT_BYTES];
    char text[EVIDENCE_CULPRIT_BYTES];

    if (tally->locks++ == 0)
        tally->finding = judgement_add(path->judgement, STOP_EXIT_LOCKS_HELD);
    if (tally->locks > SHOWN)
        return;
    evidence_lane_text(path->evidence, index, name);
    evidence_object_text(path->evidence, held->mode, held->object, object);
    evidence_caller_text(path->evidence, held->caller, place);
    finding_say(tally->finding, "%-10s holds %.80s, taken in %.90s", name, object, place);
    evidence_caller_culprit(path->evidence, held->caller, text);
    evidence_lower(tally->lowest, text);
}

/* Destroyed, freed or opened under its holder, which lock-misuse tells of: it has it no more. */
static bool is_gone(const struct path *path, const struct abi_held *held)
{
    for (unsigned i = 0; i < evidence_lanes(path->evidence); i++) {
        const struct abi_lane *lane = evidence_lane(path->evidence, i);
        const struct abi_event *event;

        if (lane == NULL || !evidence_is_target(path->evidence, lane))
            continue;
        for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
            if (event->object == held->object && event->time >= held->time &&
                (event->kind == EVENT_DESTROYED || event->kind == EVENT_FREE_HELD ||
                 (event->kind == EVENT_RELEASED && event->aux == MODE_NONE)))
                return true;
    }
    return false;
}

static void judge_held_by(const struct path *path, unsigned index, struct tally *tally)
{
    const struct waits_node *exiting = &path->waits->node[path->index];
    const struct abi_lane *lane = path->waits->node[index].lane;
    const struct abi_held *held;

    if (lane == NULL || !evidence_is_target(path->evidence, lane) ||
        evidence_struck(path->evidence, index))
        return;
    for (unsigned i = 0; (held = evidence_held(lane, i)) != NULL; i++) {
        if (held->time > path->request->time || is_gone(path, held))
            continue;
        say_held(path, index, held, tally);
        tally->waited_for = tally->waited_for || (path->stuck && exiting->kind == WAITS_LOCK &&
                                                  exiting->object == held->object);
    }
}

static void judge_held(const struct path *path)
{
    struct tally tally = {0};

    if (path->ordered || path->request == NULL)
        return;
    for (unsigned n = 0; n < ABI_LANES; n++)
        judge_held_by(path, n, &tally);
    if (tally.locks > SHOWN)
        finding_say(tally.finding, "and %u more", tally.locks - SHOWN);
    if (tally.finding != NULL && tally.waited_for) {
        tally.finding->severity = STOP_SEVERITY_FINDING;
        finding_say(tally.finding, "the exit path waits for one of them");
    }
    finding_sign(tally.finding, tally.lowest, "");
}

/* --- two at once, and newcomers
 * --------------------------------------------------------------------------- */

static bool asked_itself(const struct evidence *evidence, unsigned index,
                         const struct abi_event **request)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    uint64_t at = 0;

    if (lane == NULL || !evidence_is_target(evidence, lane))
        return false;
    *request = find_request(lane, &at);
    return *request != NULL && !is_ordered(lane, at);
}

static unsigned count_requests(const struct evidence *evidence)
{
    unsigned lanes = evidence_lanes(evidence);
    const struct abi_event *request;
    unsigned count = 0;

    for (unsigned i = 0; i < lanes; i++)
        count += asked_itself(evidence, i, &request);
    return count;
}

/* Two callers, whichever came first, are one pair. */
static void sign_pair(struct finding *finding, const char *one, const char *other)
{
    if (strcmp(one, other) <= 0)
        finding_sign(finding, one, other);
    else
        finding_sign(finding, other, one);
}

/* The last that it did: to call _exit. */
static const struct abi_event *left_by_itself(const struct evidence *evidence, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_event *event;

    if (lane == NULL || !evidence_is_target(evidence, lane))
        return NULL;
    event = evidence_event(lane, 0);
    if (event == NULL || event->kind != EVENT_EXIT_PHASE || event->aux != PHASE_LEAVE ||
        is_ordered(lane, 0))
        return NULL;
    return event;
}

static void say_cut_off(const struct path *path, unsigned index, const struct abi_event *event)
{
    struct finding *finding = judgement_add(path->judgement, STOP_EXIT_CONCURRENT);
    char names[2][EVIDENCE_CULPRIT_BYTES];
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    if (finding != NULL)
        finding->severity = STOP_SEVERITY_NOTE;
    say_request(finding, path);
    evidence_lane_text(path->evidence, index, name);
    evidence_caller_text(path->evidence, event->caller, place);
    finding_say(finding, "%-10s called _exit meanwhile, in %s", name, place);
    finding_say(finding, "           handlers and destructors that had not run yet never will");
    evidence_caller_culprit(path->evidence, event->caller, names[0]);
    evidence_caller_culprit(path->evidence, path->request->caller, names[1]);
    finding_sign(finding, names[0], names[1]);
}

/* A watchdog may well mean it: so it is a note. */
static void judge_cut_off(const struct path *path)
{
    const struct abi_event *event;

    if (path->request == NULL || path->ordered)
        return;
    for (unsigned i = 0; i < evidence_lanes(path->evidence); i++) {
        event = i != path->index ? left_by_itself(path->evidence, i) : NULL;
        if (event == NULL)
            continue;
        say_cut_off(path, i, event);
        return;
    }
}

static void judge_concurrent(const struct path *path)
{
    unsigned lanes = evidence_lanes(path->evidence);
    char names[2][EVIDENCE_CULPRIT_BYTES] = {"", ""};
    struct finding *finding;
    unsigned said = 0;

    if (path->control->exit_calls <= 1 || count_requests(path->evidence) <= 1) {
        judge_cut_off(path);
        return;
    }
    finding = judgement_add(path->judgement, STOP_EXIT_CONCURRENT);
    for (unsigned i = 0; i < lanes && said < SHOWN; i++) {
        struct path one = *path;

        if (!asked_itself(path->evidence, i, &one.request))
            continue;
        one.index = i;
        say_request(finding, &one);
        if (said < 2)
            evidence_caller_culprit(path->evidence, one.request->caller, names[said]);
        said++;
    }
    sign_pair(finding, names[0], names[1]);
}

/* Only what the exiting thread makes: others go about their work until the very end. */
static void judge_created(const struct path *path)
{
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];
    struct finding *finding = NULL;

    for (uint64_t back = path->request != NULL ? path->at : 0; back-- > 0;) {
        const struct abi_event *event = evidence_event(path->lane, back);

        if (event->kind != EVENT_CALL || event->site != SITE_THREAD_CREATE || event->other != 0)
            continue;
        if (finding == NULL) {
            finding = judgement_add(path->judgement, STOP_EXIT_THREAD_CREATED);
            say_request(finding, path);
            evidence_caller_culprit(path->evidence, event->caller, culprit);
            finding_sign(finding, culprit, "");
        }
        evidence_lane_text(path->evidence, event->aux, name);
        evidence_caller_text(path->evidence, event->caller, place);
        finding_say(finding, "           and then created %s, in %s", name, place);
    }
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct waits waits;
    struct path path = {.judgement = judgement, .waits = &waits};

    waits_read(&waits, evidence);
    if (!find_path(evidence, &path))
        return;
    judge_stuck(&path);
    judge_concurrent(&path);
    judge_created(&path);
    judge_alive(&path);
    judge_held(&path);
}

const struct detector detector_exit_path = {
    .name = "exit-path",
    .summary = "what goes wrong between the request to exit and the end",
    .codes = "exit.handler-stuck exit.concurrent exit.thread-created exit.threads-alive "
             "exit.locks-held",
    .judge = judge,
};
