/*
 * starvation: a thread has waited for a lock for much of the cycle, while others took that lock
 * again and again. They go on, so nothing stands still: it is seen at the deadline alone.
 *
 * That it would never have got its turn can't be proved, so it is a note until a rerun at three
 * times the deadline has shown the same. Counted are the takes that the rings still have; how
 * long it waited is known exactly. Who burns its processor and takes no lock is hang.livelock's, or
 * nobody's: a loop that counts can't be told from work.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <string.h>

enum {
    LEAST_TAKES = 50,
    LEAST_SHARE = 4, /* it has waited for more than one part in so many of the cycle */
    SHOWN = 6,
};

/** @waited_ms, @age_ms: of the wait and of the cycle, at its last event. */
struct starved {
    const struct evidence *evidence;
    unsigned index;
    const struct abi_lane *lane;
    double waited_ms;
    double age_ms;
};

static uint64_t last_time(const struct evidence *evidence)
{
    uint64_t last = 0;

    for (unsigned i = 0; i < evidence_lanes(evidence); i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL && lane->now > last)
            last = lane->now;
    }
    return last;
}

static bool is_limited(uint32_t site)
{
    return site == SITE_TIMEDLOCK || site == SITE_TIMEDRDLOCK || site == SITE_TIMEDWRLOCK ||
           site == SITE_TRYLOCK || site == SITE_TRYRDLOCK || site == SITE_TRYWRLOCK;
}

static bool waits_for_lock(const struct abi_lane *lane)
{
    return lane->state == LANE_RUNS && lane->wait_object != 0 && !is_limited(lane->site) &&
           (lane->wait_mode == MODE_MUTEX || lane->wait_mode == MODE_READ ||
            lane->wait_mode == MODE_WRITE || lane->wait_mode == MODE_SPIN);
}

/* Events of @other that took it since; the last of them goes to @last. */
static unsigned count_takes(const struct starved *starved, const struct abi_lane *other,
                            const struct abi_event **last)
{
    const struct abi_event *event;
    unsigned takes = 0;

    *last = NULL;
    for (uint64_t back = 0; (event = evidence_event(other, back)) != NULL; back++) {
        if (event->time != 0 && event->time < starved->lane->wait_since)
            break;
        if (event->kind != EVENT_ACQUIRED || event->object != starved->lane->wait_object)
            continue;
        if (takes++ == 0)
            *last = event;
    }
    return takes;
}

static const struct abi_lane *rival(const struct starved *starved, unsigned index)
{
    const struct abi_lane *lane = evidence_lane(starved->evidence, index);

    return index != starved->index && lane != NULL && lane->pid == starved->lane->pid ? lane : NULL;
}

static bool is_starved(struct starved *starved, uint64_t now)
{
    const struct abi_control *control = evidence_control(starved->evidence);
    const struct abi_event *last;
    unsigned takes = 0;

    starved->lane = evidence_lane(starved->evidence, starved->index);
    if (starved->lane == NULL || !waits_for_lock(starved->lane))
        return false;
    starved->waited_ms = evidence_ms(starved->evidence, starved->lane->wait_since, now);
    starved->age_ms = evidence_ms(starved->evidence, control->start_ticks, now);
    if (starved->waited_ms <= 0 || starved->waited_ms * LEAST_SHARE < starved->age_ms)
        return false;
    for (unsigned i = 0; i < evidence_lanes(starved->evidence); i++)
        if (rival(starved, i) != NULL)
            takes += count_takes(starved, rival(starved, i), &last);
    return takes >= LEAST_TAKES;
}

/* --- words ------------------------------------------------------------------------------------ */

static void keep_lower(char *kept, const char *text)
{
    if (text[0] != 0 && (kept[0] == 0 || strcmp(text, kept) < 0))
        strcpy(kept, text);
}

static void say_rival(struct finding *finding, const struct starved *starved, unsigned index,
                      char lowest[EVIDENCE_CULPRIT_BYTES])
{
    const struct abi_event *last;
    unsigned takes = count_takes(starved, rival(starved, index), &last);
    struct evidence_frame frame;
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";

    if (takes == 0)
        return;
    evidence_lane_text(starved->evidence, index, name);
    evidence_caller_text(starved->evidence, last->caller, place);
    finding_say(finding, "%-10s took it %u times or more meanwhile%s, in %.110s", name, takes,
                last->aux == MODE_READ ? " to read" : "", place);
    if (evidence_caller(starved->evidence, last->caller, &frame))
        evidence_culprit(&frame, 1, culprit);
    keep_lower(lowest, culprit);
}

static void say(struct judgement *judgement, const struct starved *starved)
{
    struct finding *finding = judgement_add(judgement, STOP_HANG_STARVATION);
    struct evidence_frame frame;
    char name[EVIDENCE_NAME_BYTES];
    char object[EVIDENCE_TEXT_BYTES];
    char place[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";
    char waiter[EVIDENCE_CULPRIT_BYTES] = "";

    evidence_lane_text(starved->evidence, starved->index, name);
    evidence_object_text(starved->evidence, starved->lane->wait_mode, starved->lane->wait_object,
                         object);
    evidence_caller_text(starved->evidence, starved->lane->wait_caller, place);
    finding_say(finding, "%-10s waits for %.60s, in %.100s", name, object, place);
    finding_say(finding, "           for %.0f ms of the cycle's %.0f ms", starved->waited_ms,
                starved->age_ms);
    for (unsigned i = 0, said = 0; i < evidence_lanes(starved->evidence) && said < SHOWN; i++)
        if (rival(starved, i) != NULL) {
            unsigned before = finding != NULL ? finding->lines : 0;

            say_rival(finding, starved, i, culprit);
            said += finding != NULL && finding->lines > before;
        }
    finding_say(finding, "not proved: that it would never have had its turn");
    if (finding != NULL && !starved->evidence->confirmed)
        finding->severity = STOP_SEVERITY_NOTE;
    if (evidence_caller(starved->evidence, starved->lane->wait_caller, &frame))
        evidence_culprit(&frame, 1, waiter);
    finding_sign(finding, culprit, waiter);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct starved starved = {.evidence = evidence};
    uint64_t now;

    if (evidence->hang != HANG_DEADLINE || evidence->memory == NULL)
        return;
    now = last_time(evidence);
    for (unsigned i = 0; i < evidence_lanes(evidence); i++) {
        starved.index = i;
        if (is_starved(&starved, now))
            say(judgement, &starved);
    }
}

const struct detector detector_starvation = {
    .name = "starvation",
    .summary = "a thread waits for a lock that others take again and again",
    .codes = "hang.starvation",
    .judge = judge,
};
