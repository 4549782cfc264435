/*
 * loader-lock: waits that involve the dynamic loader's lock, which dlopen and dlclose hold
 * while constructors and destructors run.
 *
 * Orphaned or suspended owner; a circle of live threads through that lock, or a thread that
 * waits for an event inside the loader while the only ones who could bring it need the loader;
 * and a join inside dlopen or dlclose, which is one bad moment away from the circle. Rows A5,
 * C3, C6 and C8.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/stack_kind.h>
#include <harness/supervisor/evidence/waits.h>

enum { NESTED = 16 };

/* --- circles -------------------------------------------------------------------------------- */

/* The thread that has the loader's lock is the one that should not wait. */
static void say_circle(struct judgement *judgement, const struct waits *waits,
                       const struct waits_circle *circle)
{
    struct finding *finding = judgement_add(judgement, STOP_LOADER_DEADLOCK);
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";
    char waiter[EVIDENCE_CULPRIT_BYTES] = "";

    waits_say_circle(finding, waits, circle);
    for (unsigned i = 0; i < circle->lanes; i++) {
        if (waits->node[circle->lane[i]].kind != WAITS_LOADER)
            continue;
        waits_sign(waits, circle->lane[i], waiter);
        waits_sign(waits, circle->lane[(i + 1) % circle->lanes], culprit);
    }
    finding_sign(finding, culprit, waiter);
}

static void say_event(struct judgement *judgement, const struct waits *waits, unsigned waiter,
                      unsigned holder)
{
    struct finding *finding = judgement_add(judgement, STOP_LOADER_DEADLOCK);
    char names[2][EVIDENCE_CULPRIT_BYTES];
    char text[WAITS_TEXT_BYTES];

    waits_say(finding, waits, holder);
    finding_say(finding, "           holds the loader lock");
    waits_say(finding, waits, waiter);
    waits_name(waits, holder, text);
    finding_say(finding, "what %s waits for can't come: nobody else is left to bring it", text);
    waits_sign(waits, holder, names[0]);
    waits_sign(waits, waiter, names[1]);
    finding_sign(finding, names[0], names[1]);
}

static bool judge_circle(const struct waits *waits, struct judgement *judgement)
{
    struct waits_circle circle;
    unsigned waiter;
    unsigned holder;

    if (waits_circle(waits, true, &circle))
        say_circle(judgement, waits, &circle);
    else if (waits_loader_event(waits, &waiter, &holder))
        say_event(judgement, waits, waiter, holder);
    else
        return false;
    return true;
}

/* --- joins inside ------------------------------------------------------------------------------
 */

/* Joins seen between the begin and the end of a load or unload; [0] is outside of any. */
struct nesting {
    unsigned depth;
    const struct abi_event *join[NESTED];
    const struct abi_event *call[NESTED];
};

static void enter(struct nesting *nesting, const struct abi_event *event)
{
    if (nesting->depth + 1 == NESTED)
        nesting->depth = 0; /* deeper than any program: the records are no good */
    nesting->depth++;
    nesting->join[nesting->depth] = NULL;
    nesting->call[nesting->depth] = event;
}

/*
 * Only a call that came to its end counts, so that a begin without an end (the agent can't see
 * every return of dlopen) does not make all that follows nested.
 */
static const struct abi_event *next_join(const struct abi_lane *lane, const struct abi_event **call)
{
    struct nesting nesting = {0};
    uint64_t kept = lane->seq < ABI_RING_EVENTS ? lane->seq : ABI_RING_EVENTS;

    for (uint64_t back = kept; back-- > 0;) {
        const struct abi_event *event = evidence_event(lane, back);

        if (event->kind == EVENT_LOAD_BEGIN || event->kind == EVENT_UNLOAD_BEGIN)
            enter(&nesting, event);
        else if (event->kind == EVENT_JOIN_BEGIN)
            nesting.join[nesting.depth] = event;
        else if ((event->kind == EVENT_LOAD_END || event->kind == EVENT_UNLOAD_END) &&
                 nesting.depth > 0) {
            *call = nesting.call[nesting.depth];
            if (nesting.join[nesting.depth--] != NULL)
                return nesting.join[nesting.depth + 1];
        }
    }
    return NULL;
}

static void say_join(struct judgement *judgement, const struct evidence *evidence, unsigned index,
                     const struct abi_event *join, const struct abi_event *call)
{
    struct finding *finding = judgement_add(judgement, STOP_LOADER_JOIN_INSIDE);
    char name[EVIDENCE_NAME_BYTES];
    char text[EVIDENCE_TEXT_BYTES];
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";

    evidence_lane_text(evidence, index, name);
    evidence_caller_text(evidence, join->caller, text);
    finding_say(finding, "%-10s joined a thread inside %s, in %s", name,
                call->kind == EVENT_LOAD_BEGIN ? "dlopen" : "dlclose", text);
    evidence_caller_text(evidence, call->caller, text);
    finding_say(finding, "           which was called from %s", text);
    evidence_caller_culprit(evidence, join->caller, culprit);
    finding_sign(finding, culprit, "");
}

static void judge_past_joins(const struct evidence *evidence, struct judgement *judgement)
{
    unsigned lanes = evidence_lanes(evidence);

    for (unsigned i = 0; i < lanes; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        const struct abi_event *call = NULL;
        const struct abi_event *join = lane != NULL ? next_join(lane, &call) : NULL;

        if (join == NULL)
            continue;
        say_join(judgement, evidence, i, join, call);
        return;
    }
}

/* A join under way, in a hang that is no circle. */
static void judge_stuck_joins(const struct waits *waits, struct judgement *judgement)
{
    for (unsigned n = 0; n < ABI_LANES; n++) {
        const struct waits_node *node = &waits->node[n];
        char culprit[EVIDENCE_CULPRIT_BYTES];
        struct finding *finding;

        if (!waits_waiting(waits, n) || node->kind != WAITS_JOIN || !(node->inside & STACK_LOADER))
            continue;
        finding = judgement_add(judgement, STOP_LOADER_JOIN_INSIDE);
        waits_say(finding, waits, n);
        finding_say(finding, "           holds the loader lock");
        waits_sign(waits, n, culprit);
        finding_sign(finding, culprit, "");
        return;
    }
}

static void judge_hang(const struct evidence *evidence, struct judgement *judgement)
{
    struct waits waits;

    waits_read(&waits, evidence);
    waits_raise(judgement, &waits, STOP_LOADER_LOCK_ORPHANED, 1u << WAITS_LOADER, false, false);
    waits_raise(judgement, &waits, STOP_LOCK_OWNER_SUSPENDED, 1u << WAITS_LOADER, false, true);
    if (!judge_circle(&waits, judgement))
        judge_stuck_joins(&waits, judgement);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    if (evidence->hang != HANG_NONE)
        judge_hang(evidence, judgement);
    judge_past_joins(evidence, judgement);
}

const struct detector detector_loader_lock = {
    .name = "loader-lock",
    .summary = "waits for the loader's lock: orphaned, in a circle, or a join under it",
    .codes = "loader.lock-orphaned loader.deadlock loader.join-inside lock.owner-suspended",
    .judge = judge,
};
