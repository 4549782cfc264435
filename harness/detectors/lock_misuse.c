/*
 * lock-misuse: a lock was destroyed or freed while held, released by somebody who did not have
 * it, or taken over from a dead owner without a word.
 *
 * Read from the rings, so what they have forgotten is not judged. A lock whose only holder was
 * killed or suspended by the plan is held by the plan's doing: to destroy it is no fault, and a
 * note at most. Rows A3 and F3.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <errno.h>
#include <string.h>

/* What a damaged ring says without end is looked into only so often. */
enum { SHOWN = 6, LOOKS = 64, LOCKS = 64, TAKEOVERS = 32 };

/** @finding: made at the first occurrence. @culprit: the lowest, for the signature. */
struct report {
    struct judgement *judgement;
    enum stop_code code;
    struct finding *finding;
    unsigned count;
    unsigned faults; /* of @count, those that are not the plan's doing */
    unsigned looks;
    unsigned takeovers;
    const struct abi_event *told[TAKEOVERS]; /* take-overs from a dead owner */
    char culprit[EVIDENCE_CULPRIT_BYTES];
};

/* --- words ------------------------------------------------------------------------------------ */

static void begin(struct report *report)
{
    if (report->count++ == 0)
        report->finding = judgement_add(report->judgement, report->code);
}

static void blame(const struct evidence *evidence, struct report *report, uint64_t caller)
{
    char text[EVIDENCE_CULPRIT_BYTES];

    evidence_caller_culprit(evidence, caller, text);
    if (evidence_lower(report->culprit, text))
        finding_sign(report->finding, text, "");
}

static void say_act(const struct evidence *evidence, struct report *report, unsigned index,
                    const struct abi_event *event, uint32_t mode, const char *act,
                    const char *though)
{
    char name[EVIDENCE_NAME_BYTES];
    char object[EVIDENCE_TEXT_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    begin(report);
    blame(evidence, report, event->caller);
    if (report->count > SHOWN)
        return;
    evidence_lane_text(evidence, index, name);
    evidence_object_text(evidence, mode, event->object, object);
    evidence_caller_text(evidence, event->caller, place);
    finding_say(report->finding, "%-10s %s %.60s%s, in %s", name, act, object, though, place);
}

static void say_fault(const struct evidence *evidence, struct report *report, unsigned index,
                      const struct abi_event *event, uint32_t mode, const char *act,
                      const char *though)
{
    report->faults++;
    say_act(evidence, report, index, event, mode, act, though);
}

static void finish(struct report *report)
{
    if (report->count > SHOWN)
        finding_say(report->finding, "and %u times more", report->count - SHOWN);
    if (report->finding != NULL && report->faults == 0)
        report->finding->severity = STOP_SEVERITY_NOTE;
}

/* --- who had it ----------------------------------------------------------------------------------
 */

struct holder {
    const struct abi_held *held;
    unsigned lane;
    bool struck;
};

/* Who had it when @event happened, and has it to this day. */
static bool find_holder(const struct evidence *evidence, const struct abi_event *event,
                        struct holder *out)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_held *held;

        for (unsigned n = 0; lane != NULL && (held = evidence_held(lane, n)) != NULL; n++)
            if (held->object == event->object && held->time <= event->time) {
                *out = (struct holder){held, i, evidence_struck(evidence, i)};
                return true;
            }
    }
    return false;
}

static void say_holder(const struct evidence *evidence, struct report *report,
                       const struct holder *holder)
{
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    if (report->count > SHOWN)
        return;
    evidence_lane_text(evidence, holder->lane, name);
    evidence_caller_text(evidence, holder->held->caller, place);
    finding_say(report->finding, "           held by %s%s, taken in %s", name,
                holder->struck ? ", whom the injection struck" : "", place);
}

/* Destroyed, or its memory freed, under somebody's feet. */
static void judge_gone(const struct evidence *evidence, struct report *report, unsigned index,
                       const struct abi_event *event, const char *act)
{
    struct holder holder;
    bool found;

    if (report->looks++ >= LOOKS)
        return;
    found = find_holder(evidence, event, &holder);
    report->faults += !found || !holder.struck;
    say_act(evidence, report, index, event, found ? holder.held->mode : event->aux, act,
            " while it was held");
    if (found)
        say_holder(evidence, report, &holder);
}

static void judge_act(const struct evidence *evidence, struct report *destroyed,
                      struct report *freed, unsigned index, const struct abi_event *event)
{
    if (event->kind == EVENT_DESTROYED && event->aux != MODE_NONE && event->aux < ABI_MODES)
        judge_gone(evidence, destroyed, index, event, "destroyed");
    else if (event->kind == EVENT_FREE_HELD)
        judge_gone(evidence, freed, index, event, "freed the memory of");
}

/* --- released too often
 * ---------------------------------------------------------------------------- */

/* What a lane holds, replayed from its ring. @lost: too many at once, so nothing is known. */
struct replay {
    bool lost;
    unsigned locks;
    struct {
        uint64_t object;
        unsigned depth;
    } lock[LOCKS];
};

static unsigned find_lock(const struct replay *replay, uint64_t object)
{
    unsigned i = 0;

    while (i < replay->locks && replay->lock[i].object != object)
        i++;
    return i;
}

static void take(struct replay *replay, uint64_t object)
{
    unsigned i = find_lock(replay, object);

    if (i == LOCKS) {
        replay->lost = true;
        return;
    }
    if (i == replay->locks) {
        replay->lock[i].object = object;
        replay->lock[i].depth = 0;
        replay->locks++;
    }
    replay->lock[i].depth++;
}

/* False: it did not have it. */
static bool give(struct replay *replay, uint64_t object)
{
    unsigned i = find_lock(replay, object);

    if (i == replay->locks)
        return false;
    if (--replay->lock[i].depth == 0)
        replay->lock[i] = replay->lock[--replay->locks];
    return true;
}

static bool is_owned(uint32_t mode)
{
    return mode == MODE_MUTEX || mode == MODE_READ || mode == MODE_WRITE || mode == MODE_SPIN ||
           mode == MODE_STDIO;
}

/* What nobody was seen to take may have been taken before main, where nobody looks. */
static bool was_taken(const struct evidence *evidence, uint64_t object)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *event;

        for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL;
             back++)
            if (event->kind == EVENT_ACQUIRED && event->object == object)
                return true;
    }
    return false;
}

/*
 * What main or a thread of unknown birth has taken before anybody looked: it is blamed only for
 * what it was seen to take.
 */
static bool may_be_blamed(const struct evidence *evidence, unsigned index, uint64_t back)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    uint64_t object = evidence_event(lane, back)->object;
    const struct abi_event *event;

    if (strncmp(lane->name, "T?", 2) != 0)
        return index != 0 || was_taken(evidence, object);
    while ((event = evidence_event(lane, ++back)) != NULL)
        if (event->kind == EVENT_ACQUIRED && event->object == object)
            return true;
    return false;
}

/* The lock itself was refused (it is destroyed, or not recoverable), which another code tells of.
 */
static bool was_refused(const struct abi_lane *lane, uint64_t back)
{
    uint64_t object = evidence_event(lane, back)->object;
    const struct abi_event *event;

    while ((event = evidence_event(lane, ++back)) != NULL)
        if (event->object == object)
            return event->kind == EVENT_WAIT_FAILED &&
                   (event->other == EINVAL || event->other == ENOTRECOVERABLE);
    return false;
}

static bool is_condition(uint32_t site)
{
    return site == SITE_COND_WAIT || site == SITE_COND_TIMEDWAIT;
}

/* The agent says MODE_NONE where the lane did not have it; else the replay tells. */
static bool is_too_often(struct replay *replay, const struct abi_event *event, bool complete)
{
    if (event->kind == EVENT_THREAD_BORN)
        memset(replay, 0, sizeof *replay);
    if (event->kind == EVENT_ACQUIRED && is_owned(event->aux))
        take(replay, event->object);
    if (event->kind != EVENT_RELEASED)
        return false;
    return (!give(replay, event->object) && complete && !replay->lost) || event->aux == MODE_NONE;
}

static void judge_releases(const struct evidence *evidence, struct report *report, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    uint64_t kept = lane->seq < ABI_RING_EVENTS ? lane->seq : ABI_RING_EVENTS;
    bool complete = evidence_complete(lane) && evidence_is_target(evidence, lane);
    struct replay replay = {0};
    struct holder holder;

    for (uint64_t back = kept; back-- > 0;) {
        const struct abi_event *event = evidence_event(lane, back);

        if (!is_too_often(&replay, event, complete) || is_condition(event->site) ||
            report->looks++ >= LOOKS)
            continue;
        if (!may_be_blamed(evidence, index, back) || was_refused(lane, back))
            continue;
        say_fault(evidence, report, index, event, is_owned(event->aux) ? event->aux : MODE_NONE,
                  "released", " without having it");
        if (find_holder(evidence, event, &holder) && holder.lane != index)
            say_holder(evidence, report, &holder);
    }
}

/* --- dead owners ignored
 * ------------------------------------------------------------------------------ */

/* The event by which the agent tells of pthread_mutex_consistent; EVENT_NONE if it has none. */
static uint32_t consistent_event(void)
{
    for (uint32_t kind = 1; kind < ABI_EVENTS; kind++)
        if (strcmp(abi_event_name(kind), "consistent") == 0)
            return kind;
    return EVENT_NONE;
}

static bool is_among(const struct abi_event *const *told, unsigned count,
                     const struct abi_event *event)
{
    for (unsigned i = 0; i < count; i++)
        if (told[i] == event)
            return true;
    return count == TAKEOVERS;
}

/* Each one that waits for it is refused, and the take-over that spoilt it is told of once. */
static bool is_told(struct report *report, const struct abi_event *died)
{
    if (is_among(report->told, report->takeovers, died))
        return true;
    report->told[report->takeovers++] = died;
    return false;
}

/* Released without a repair. Told only where the agent would have told of a repair, too. */
static void judge_owner_died(const struct evidence *evidence, struct report *report, unsigned index,
                             uint64_t back)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_event *died = evidence_event(lane, back);
    uint32_t consistent = consistent_event();

    while (consistent != EVENT_NONE && back-- > 0) {
        const struct abi_event *event = evidence_event(lane, back);

        if (event->object != died->object)
            continue;
        if (event->kind == consistent)
            return;
        if (event->kind == EVENT_RELEASED && !is_told(report, died))
            say_fault(evidence, report, index, event, MODE_MUTEX, "released",
                      " unrepaired, though its former owner had died");
        if (event->kind == EVENT_RELEASED)
            return;
    }
}

static const struct abi_event *owner_died(const struct abi_lane *lane, uint64_t object)
{
    const struct abi_event *event;

    for (uint64_t back = 0; lane != NULL && (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == EVENT_OWNER_DIED && event->object == object)
            return event;
    return NULL;
}

/* ENOTRECOVERABLE is what a release without a repair leaves behind. */
static void judge_unrecoverable(const struct evidence *evidence, struct report *report,
                                const struct abi_event *failed)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_event *died = owner_died(evidence_lane(evidence, i), failed->object);

        if (died == NULL)
            continue;
        if (!is_told(report, died))
            say_fault(evidence, report, i, died, MODE_MUTEX, "took over",
                      " from a dead owner and did not repair it");
        return;
    }
}

/* Who let it go unrepaired, before those who were refused: that is the nearer place. */
static void judge_dead_owners(const struct evidence *evidence, struct report *report,
                              unsigned index, bool refused)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++) {
        bool failed = event->kind == EVENT_WAIT_FAILED && event->other == ENOTRECOVERABLE;

        if (refused ? !failed : event->kind != EVENT_OWNER_DIED)
            continue;
        if (report->looks++ >= LOOKS)
            return;
        if (failed)
            judge_unrecoverable(evidence, report, event);
        else
            judge_owner_died(evidence, report, index, back);
    }
}

/* --- all of it
 * ---------------------------------------------------------------------------------------- */

static void judge_acts(const struct evidence *evidence, struct report *destroyed,
                       struct report *freed, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
        judge_act(evidence, destroyed, freed, index, event);
}

/* The agent has seen it happen, and the ring has forgotten it since. */
static void judge_forgotten(const struct evidence *evidence, struct report *report, uint32_t bit,
                            const char *what)
{
    const struct abi_control *control = evidence_control(evidence);

    if (report->count > 0 || control == NULL || !(control->anomaly & bit) || control->disturbed)
        return;
    begin(report);
    report->faults++;
    finding_say(report->finding, "a lock that was held %s, too long ago to tell where", what);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct report destroyed = {.judgement = judgement, .code = STOP_LOCK_DESTROYED_HELD};
    struct report freed = {.judgement = judgement, .code = STOP_LOCK_FREED_HELD};
    struct report released = {.judgement = judgement, .code = STOP_LOCK_OVER_RELEASED};
    struct report ignored = {.judgement = judgement, .code = STOP_LOCK_OWNER_DIED_IGNORED};
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        if (evidence_lane(evidence, i) == NULL)
            continue;
        judge_acts(evidence, &destroyed, &freed, i);
        judge_releases(evidence, &released, i);
        judge_dead_owners(evidence, &ignored, i, false);
    }
    for (unsigned i = 0; i < lanes; i++)
        if (evidence_lane(evidence, i) != NULL)
            judge_dead_owners(evidence, &ignored, i, true);
    judge_forgotten(evidence, &destroyed, ANOMALY_LOCK, "was destroyed");
    judge_forgotten(evidence, &freed, ANOMALY_HEAP, "was in memory that was freed");
    finish(&destroyed);
    finish(&freed);
    finish(&released);
    finish(&ignored);
}

const struct detector detector_lock_misuse = {
    .name = "lock-misuse",
    .summary = "a lock destroyed, freed or released by the wrong hand, or a dead owner ignored",
    .codes = "lock.destroyed-held lock.freed-held lock.over-released lock.owner-died-ignored",
    .judge = judge,
};
