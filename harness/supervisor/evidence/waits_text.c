/*
 * waits_text: the graph of waits in words, one wording for all detectors.
 *
 * A body's line begins with the thread's name, so that the eye finds it; lines that go on about
 * the same thread are set in. No line repeats what the report's header says.
 */
#include "waits.h"
#include "evidence.h"
#include "stack_kind.h"
#include "syscall_words.h"

#include <harness/injector.h>

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum {
    HELD_SHOWN = 4,
    WAITERS_SHOWN = 12,
    OWNERS_SHOWN = 6,
};

/* Names take this much, so that what follows stands in one column. */
#define NAME_FORMAT "%-10s "
#define SET_IN      "           "

/* --- one node -------------------------------------------------------------------------------- */

void waits_name(const struct waits *waits, unsigned node, char out[WAITS_TEXT_BYTES])
{
    const struct evidence_thread *thread = waits->node[node].thread;

    if (node < ABI_LANES)
        evidence_lane_text(waits->evidence, node, out);
    else
        snprintf(out, WAITS_TEXT_BYTES, "thread %d", thread != NULL ? thread->tid : 0);
}

static const char *syscall_text(long number)
{
    const struct syscall_words *words = syscall_words(number);

    if (number == SYS_futex)
        return "waits in a futex that no hook knows";
    return words != NULL ? words->waits : "waits in the kernel";
}

static void blocked_text(const struct waits *waits, unsigned node, char out[WAITS_TEXT_BYTES])
{
    const struct waits_node *n = &waits->node[node];
    char object[EVIDENCE_TEXT_BYTES];
    char name[WAITS_TEXT_BYTES];
    unsigned owner = waits_owner(waits, node, 0);

    switch (n->kind) {
    case WAITS_LOCK:
    case WAITS_EVENT:
    case WAITS_ONCE:
        evidence_object_text(waits->evidence, n->mode, n->object, object);
        snprintf(out, WAITS_TEXT_BYTES, "waits for %.150s", object);
        break;
    case WAITS_JOIN:
        waits_name(waits, owner < ABI_LANES ? owner : node, name);
        snprintf(out, WAITS_TEXT_BYTES, "waits for %.40s to end",
                 owner < ABI_LANES ? name : "a thread");
        break;
    case WAITS_HEAP:
        snprintf(out, WAITS_TEXT_BYTES, "waits for the heap lock");
        break;
    case WAITS_LOADER:
        snprintf(out, WAITS_TEXT_BYTES, "waits for the loader lock");
        break;
    case WAITS_STDIO:
        snprintf(out, WAITS_TEXT_BYTES, "waits for the lock of a stream");
        break;
    default:
        snprintf(out, WAITS_TEXT_BYTES, "%s",
                 n->thread != NULL ? syscall_text(n->thread->syscall) : "waits");
        break;
    }
}

void waits_what(const struct waits *waits, unsigned node, char out[WAITS_TEXT_BYTES])
{
    char object[EVIDENCE_TEXT_BYTES];

    switch (waits->node[node].life) {
    case WAITS_BLOCKED:
        blocked_text(waits, node, out);
        if (waits->node[node].limited && strlen(out) < 150)
            strcat(out, ", with a time limit");
        break;
    case WAITS_SPINS:
        evidence_object_text(waits->evidence, MODE_SPIN, waits->node[node].object, object);
        snprintf(out, WAITS_TEXT_BYTES, "spins for %.150s", object);
        break;
    case WAITS_RUNS:
        snprintf(out, WAITS_TEXT_BYTES, "runs");
        break;
    case WAITS_PARKED:
        snprintf(out, WAITS_TEXT_BYTES, "is suspended");
        break;
    case WAITS_DEAD:
        snprintf(out, WAITS_TEXT_BYTES, "was killed");
        break;
    default:
        snprintf(out, WAITS_TEXT_BYTES, "has ended");
        break;
    }
}

/* The return address of the hooked call under way: its caller is the program, mostly. */
static uint64_t caller_of(const struct waits_node *node)
{
    if (node->lane == NULL)
        return 0;
    if (node->lane->wait_object != 0 && node->lane->wait_caller != 0)
        return node->lane->wait_caller;
    return node->lane->site != 0 ? node->lane->site_caller : 0;
}

/* The functions that only put a thread to sleep: what called them tells more. */
static bool is_primitive(const char *function)
{
    static const char *const beginnings[] = {"__lll_",  "lll_",       "futex",  "__futex",
                                             "syscall", "__GI___lll", "___lll", NULL};

    for (unsigned i = 0; beginnings[i] != NULL; i++)
        if (strncmp(function, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return function[0] == 0;
}

/* A stack without a frame of the program's own: a thread at its very end, for one. */
static const struct evidence_frame *library_frame(const struct evidence_thread *thread)
{
    unsigned frames = evidence_frames(thread);
    unsigned i = 0;

    while (i < frames && is_primitive(thread->frame[i].function))
        i++;
    return &thread->frame[i < frames ? i : 0];
}

/*
 * The frame is not the caller's: dlopen was made to return to an instruction somewhere in the
 * caller's module (agent/loader.S), which the stack shows in the caller's place.
 */
static bool is_stand_in(const struct waits_node *node, unsigned own)
{
    const char *below = own > 0 ? node->thread->frame[own - 1].function : "";

    return node->lane != NULL && node->lane->site_caller != 0 &&
           ((node->lane->site == SITE_DLOPEN && strcmp(below, "dlopen") == 0) ||
            (node->lane->site == SITE_DLMOPEN && strcmp(below, "dlmopen") == 0));
}

bool waits_place(const struct waits *waits, unsigned node, struct evidence_frame *frame)
{
    const struct waits_node *n = &waits->node[node];
    unsigned frames = evidence_frames(n->thread);
    unsigned own = frames > 0 ? evidence_own_frame(n->thread->frame, frames) : 0;

    if (own < frames && is_stand_in(n, own) &&
        evidence_caller(waits->evidence, n->lane->site_caller, frame))
        return true;
    if (own < frames) {
        *frame = n->thread->frame[own];
        return true;
    }
    if (evidence_caller(waits->evidence, caller_of(n), frame))
        return true;
    if (frames > 0)
        *frame = *library_frame(n->thread);
    return frames > 0;
}

/* Hung in a probe of ours, the program's place says nothing: the probe does, and always does. */
static bool is_probed(const struct waits_node *node)
{
    return node->lane != NULL && node->lane->probe != PROBE_NONE && node->lane->probe != PROBE_EXIT;
}

void waits_sign(const struct waits *waits, unsigned node, char out[EVIDENCE_CULPRIT_BYTES])
{
    struct evidence_frame frame;

    *out = 0;
    if (is_probed(&waits->node[node]))
        snprintf(out, EVIDENCE_CULPRIT_BYTES, "probe:%s",
                 abi_probe_name(waits->node[node].lane->probe));
    else if (waits_place(waits, node, &frame))
        evidence_culprit(&frame, 1, out);
}

/* --- lines about the living ---------------------------------------------------------------------
 */

static void site_text(const struct waits *waits, unsigned node, char out[96])
{
    const struct abi_lane *lane = waits->node[node].lane;
    char site[64];

    out[0] = 0;
    if (lane != NULL && is_probed(&waits->node[node]))
        snprintf(out, 96, "  probe %s", abi_probe_name(lane->probe));
    else if (lane != NULL && lane->site != 0)
        snprintf(out, 96, "  %s",
                 abi_site_name(evidence_control(waits->evidence), lane->site, site));
}

static void place_text(const struct waits *waits, unsigned node, char out[EVIDENCE_TEXT_BYTES])
{
    struct evidence_frame frame;

    out[0] = 0;
    if (waits_place(waits, node, &frame))
        evidence_frame_text(&frame, out);
}

static void say_held(struct finding *finding, const struct waits *waits,
                     const struct abi_held *held)
{
    char object[EVIDENCE_TEXT_BYTES];
    char taken[EVIDENCE_TEXT_BYTES];

    evidence_object_text(waits->evidence, held->mode, held->object, object);
    evidence_caller_text(waits->evidence, held->caller, taken);
    finding_say(finding, SET_IN "holds %.80s, taken in %.100s", object, taken);
}

static void say_all_held(struct finding *finding, const struct waits *waits, unsigned node)
{
    const struct abi_lane *lane = waits->node[node].lane;
    const struct abi_held *held;
    unsigned i;

    for (i = 0; lane != NULL && i < HELD_SHOWN && (held = evidence_held(lane, i)) != NULL; i++)
        say_held(finding, waits, held);
    if (lane != NULL && i == HELD_SHOWN && lane->held_count > HELD_SHOWN)
        finding_say(finding, SET_IN "holds %u more", lane->held_count - HELD_SHOWN);
}

void waits_say(struct finding *finding, const struct waits *waits, unsigned node)
{
    char name[WAITS_TEXT_BYTES];
    char what[WAITS_TEXT_BYTES];
    char site[96];
    char place[EVIDENCE_TEXT_BYTES];

    waits_name(waits, node, name);
    waits_what(waits, node, what);
    site_text(waits, node, site);
    place_text(waits, node, place);
    finding_say(finding, NAME_FORMAT "%-30s%s%s%s", name, what, site, place[0] != 0 ? "  in " : "",
                place);
    say_all_held(finding, waits, node);
    waits_chain(finding, waits, node);
}

/* --- lines about the others
 * ----------------------------------------------------------------------- */

static const char *end_text(const struct abi_lane *lane)
{
    switch (lane->end) {
    case END_RETURN:
        return "has returned";
    case END_EXIT:
        return "has ended by pthread_exit";
    case END_CANCEL:
        return "was cancelled";
    default:
        return "is gone";
    }
}

/* " inside malloc", where the point of the plan does not say so itself. */
static void inside_text(const struct waits *waits, const struct waits_node *node,
                        const struct abi_death *death, char out[80])
{
    char site[64];

    out[0] = 0;
    if (node->lane->site != 0 && (death == NULL || death->site != node->lane->site))
        snprintf(out, 80, ", inside %s",
                 abi_site_name(evidence_control(waits->evidence), node->lane->site, site));
}

/* The plan has killed every thread but its victim. */
static bool others_die(const struct evidence *evidence)
{
    const struct abi_control *control = evidence_control(evidence);

    for (unsigned i = 0; control != NULL && i < control->plan.count && i < PLAN_STRIKES; i++)
        if ((control->fired & UINT64_C(1) << i) &&
            control->plan.strike[i].injector < injector_count() &&
            injector_registry[control->plan.strike[i].injector]->others_die)
            return true;
    return false;
}

static void struck_text(const struct waits *waits, unsigned node, char out[EVIDENCE_TEXT_BYTES])
{
    const struct waits_node *n = &waits->node[node];
    const struct abi_death *death = evidence_death_of(waits->evidence, node);
    const char *verb = n->life == WAITS_PARKED ? "is suspended" : "was killed";
    char point[PLAN_POINT_BYTES];
    char inside[80];

    if (death != NULL && evidence_own_point(waits->evidence, death)) {
        evidence_point_text(waits->evidence, death, point);
        inside_text(waits, n, death, inside);
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s at %.100s%s", verb, point, inside);
        return;
    }
    inside_text(waits, n, NULL, inside);
    if (death != NULL || (n->life == WAITS_DEAD && others_die(waits->evidence)))
        verb = "was killed along with the others"; /* at a hook's end, without a record */
    else if (n->life == WAITS_DEAD && n->lane->state != LANE_KILLED)
        verb = "has vanished without a word";
    snprintf(out, EVIDENCE_TEXT_BYTES, "%s%s", verb, inside);
}

static void fate_text(const struct waits *waits, unsigned node, char out[EVIDENCE_TEXT_BYTES])
{
    switch (waits->node[node].life) {
    case WAITS_ENDED:
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s", end_text(waits->node[node].lane));
        break;
    case WAITS_DEAD:
    case WAITS_PARKED:
        struck_text(waits, node, out);
        break;
    default:
        snprintf(out, EVIDENCE_TEXT_BYTES, "lives on, in the parent process");
        break;
    }
}

/* Where it stood: the instruction by its registers, else the top of its stack. */
static bool instruction_of(const struct waits *waits, unsigned node, struct evidence_frame *frame)
{
    const struct abi_death *death = evidence_death_of(waits->evidence, node);
    const struct evidence_thread *thread = waits->node[node].thread;

    if (death != NULL && evidence_address(waits->evidence, death->regs[16], frame))
        return true;
    if (evidence_frames(thread) == 0)
        return false;
    *frame = thread->frame[0];
    return true;
}

static bool place_of_death(const struct waits *waits, unsigned node, struct evidence_frame *frame)
{
    const struct abi_death *death = evidence_death_of(waits->evidence, node);
    unsigned frames = evidence_frames(waits->node[node].thread);

    if (waits->node[node].life == WAITS_ENDED)
        return false; /* what its lane says is of its clean-up */
    if (frames > 0 && evidence_own_frame(waits->node[node].thread->frame, frames) < frames)
        return waits_place(waits, node, frame);
    if (death != NULL && evidence_caller(waits->evidence, death->caller, frame))
        return true;
    return waits_place(waits, node, frame);
}

/* Struck at a call's entry it stood in the agent, which is nobody's business. */
static bool is_agents(const struct evidence_frame *frame)
{
    return strncmp(frame->module, "librundown", 10) == 0;
}

static void say_where(struct finding *finding, const struct waits *waits, unsigned node)
{
    struct evidence_frame frame;
    char text[EVIDENCE_TEXT_BYTES];

    if (waits->node[node].life != WAITS_ENDED && instruction_of(waits, node, &frame) &&
        !is_agents(&frame)) {
        evidence_instruction_text(&frame, text);
        finding_say(finding, SET_IN "at %s", text);
    }
    if (place_of_death(waits, node, &frame)) {
        evidence_frame_text(&frame, text);
        finding_say(finding, SET_IN "called from %s", text);
    }
}

static void say_why(struct finding *finding, const char *why, const char *object)
{
    finding_say(finding, SET_IN "%s%s%s", why, object[0] != 0 ? " " : "", object);
}

static void say_half_way(struct finding *finding, const struct waits *waits, unsigned node,
                         enum waits_how how, uint32_t mode, uint64_t lock)
{
    char object[EVIDENCE_TEXT_BYTES];

    if (how == WAITS_TAKING) /* as what is its own affair */
        mode = waits->node[node].lane->wait_mode;
    evidence_object_text(waits->evidence, mode, lock, object);
    if (how == WAITS_BEFORE_FORK && lock == 0) /* an arena's; which of several can't be told */
        snprintf(object, sizeof object, "the lock of an arena");
    if (how == WAITS_TAKING)
        say_why(finding, "was in the middle of taking", object);
    else if (how == WAITS_RELEASING)
        say_why(finding, "was in the middle of releasing", object);
    else
        finding_say(finding, SET_IN "held %.90s when the child was forked, where it does not exist",
                    object);
}

static void say_holds(struct finding *finding, const struct waits *waits, unsigned node,
                      uint64_t object)
{
    const struct abi_held *held;

    for (unsigned i = 0; (held = evidence_held(waits->node[node].lane, i)) != NULL; i++)
        if (held->object == object)
            say_held(finding, waits, held);
}

static void say_how(struct finding *finding, const struct waits *waits, unsigned node,
                    enum waits_how how, uint32_t mode, uint64_t object)
{
    switch (how) {
    case WAITS_HOLDS:
        say_holds(finding, waits, node, object);
        break;
    case WAITS_TAKING:
    case WAITS_RELEASING:
    case WAITS_BEFORE_FORK:
        say_half_way(finding, waits, node, how, mode, object);
        break;
    case WAITS_LOST_AT_FORK:
        say_why(finding, "brings what is waited for; it does not exist in the child", "");
        break;
    case WAITS_IN_HEAP:
        say_why(finding, "has the lock of an arena of the heap", "");
        break;
    case WAITS_IN_LOADER:
        say_why(finding, "has the loader lock", "");
        break;
    case WAITS_IN_STDIO:
        say_why(finding, "has the lock of a stream", "");
        break;
    default:
        say_all_held(finding, waits, node);
        break;
    }
}

void waits_say_gone(struct finding *finding, const struct waits *waits, unsigned node,
                    enum waits_how how, uint32_t mode, uint64_t object)
{
    char name[WAITS_TEXT_BYTES];
    char fate[EVIDENCE_TEXT_BYTES];

    if (node >= ABI_LANES || waits->node[node].lane == NULL)
        return;
    waits_name(waits, node, name);
    fate_text(waits, node, fate);
    finding_say(finding, NAME_FORMAT "%s", name, fate);
    say_where(finding, waits, node);
    say_how(finding, waits, node, how, mode, object);
}

/* --- circles
 * ------------------------------------------------------------------------------------------ */

static const char *edge_text(const struct waits *waits, unsigned node, unsigned owner)
{
    switch (waits->owner[node][owner]) {
    case WAITS_JOINED:
        return "join";
    case WAITS_IN_LOADER:
        return "the loader lock";
    default:
        return abi_mode_name(waits->node[node].mode);
    }
}

/* Adds to a text of WAITS_TEXT_BYTES what still fits. */
static void add(char *out, const char *format, const char *text)
{
    size_t length = strlen(out);

    snprintf(out + length, WAITS_TEXT_BYTES - length, format, text);
}

static void say_round(struct finding *finding, const struct waits *waits,
                      const struct waits_circle *circle)
{
    char text[WAITS_TEXT_BYTES] = "the circle: ";
    const struct abi_lane *lane = waits->node[circle->lane[0]].lane;

    add(text, "%.31s", lane->name);
    for (unsigned i = 0; i < circle->lanes; i++) {
        unsigned next = circle->lane[(i + 1) % circle->lanes];

        add(text, " ─%s─► ", edge_text(waits, circle->lane[i], next));
        add(text, "%.31s", waits->node[next].lane->name);
    }
    finding_say(finding, "%s", text);
}

void waits_say_circle(struct finding *finding, const struct waits *waits,
                      const struct waits_circle *circle)
{
    for (unsigned i = 0; i < circle->lanes && i < WAITERS_SHOWN; i++) {
        waits_say(finding, waits, circle->lane[i]);
        if (waits->node[circle->lane[i]].inside & STACK_LOADER &&
            waits->node[circle->lane[i]].kind != WAITS_LOADER)
            finding_say(finding, SET_IN "holds the loader lock");
    }
    if (circle->lanes > WAITERS_SHOWN)
        finding_say(finding, "and %u more", circle->lanes - WAITERS_SHOWN);
    say_round(finding, waits, circle);
}

/* --- a whole finding
 * ------------------------------------------------------------------------------------ */

struct raise {
    unsigned kinds;
    bool spin;
    bool parked;
    unsigned waiters;
    unsigned owners;
    unsigned owner[OWNERS_SHOWN];
    unsigned by[OWNERS_SHOWN]; /* a waiter of that owner */
    char culprit[EVIDENCE_CULPRIT_BYTES];
    char waiter[EVIDENCE_CULPRIT_BYTES];
};

static bool is_concerned(const struct waits *waits, unsigned node, const struct raise *raise)
{
    unsigned blamed = waits_blamed(waits, node);
    const struct waits_node *n = &waits->node[node];

    if (blamed == ABI_LANES || !(raise->kinds & 1u << n->kind) ||
        (waits->node[blamed].life == WAITS_PARKED && !waits_at_fork(waits, node, blamed)) !=
            raise->parked)
        return false;
    return n->kind != WAITS_LOCK || (n->mode == MODE_SPIN) == raise->spin;
}

/* The lowest text wins, so that the signature does not depend on who came first. */
static void keep_lower(char *kept, const char *text)
{
    if (text[0] != 0 && (kept[0] == 0 || strcmp(text, kept) < 0))
        snprintf(kept, EVIDENCE_CULPRIT_BYTES, "%s", text);
}

static bool is_noted(const struct waits *waits, const struct raise *raise, unsigned node,
                     unsigned owner)
{
    for (unsigned i = 0; i < raise->owners; i++)
        if (raise->owner[i] == owner &&
            waits->node[raise->by[i]].object == waits->node[node].object)
            return true;
    return false;
}

/* Where a lock was taken is the same in every run; where its owner was struck is not. */
static bool place_of_guilt(const struct waits *waits, unsigned node, unsigned owner,
                           struct evidence_frame *frame)
{
    const struct abi_held *held;

    for (unsigned i = 0; (held = evidence_held(waits->node[owner].lane, i)) != NULL; i++)
        if (waits->owner[node][owner] == WAITS_HOLDS && held->object == waits->node[node].object)
            return evidence_caller(waits->evidence, held->caller, frame);
    return place_of_death(waits, owner, frame);
}

static void note_owner(const struct waits *waits, unsigned node, unsigned owner,
                       struct raise *raise)
{
    struct evidence_frame frame;
    char text[EVIDENCE_CULPRIT_BYTES] = "";

    if (is_noted(waits, raise, node, owner))
        return;
    if (place_of_guilt(waits, node, owner, &frame))
        evidence_culprit(&frame, 1, text);
    keep_lower(raise->culprit, text);
    if (raise->owners == OWNERS_SHOWN)
        return;
    raise->owner[raise->owners] = owner;
    raise->by[raise->owners++] = node;
}

static void note_waiter(const struct waits *waits, unsigned node, struct raise *raise)
{
    char text[EVIDENCE_CULPRIT_BYTES];

    raise->waiters++;
    waits_sign(waits, node, text);
    keep_lower(raise->waiter, text);
    for (unsigned m = 0; m < ABI_LANES; m++)
        if (waits_blames(waits, node, m))
            note_owner(waits, node, m, raise);
}

/* One thread may have several locks that others wait for: it is introduced once. */
static bool is_introduced(const struct raise *raise, unsigned before)
{
    for (unsigned i = 0; i < before; i++)
        if (raise->owner[i] == raise->owner[before])
            return true;
    return false;
}

static void say_owner(struct finding *finding, const struct waits *waits, const struct raise *raise,
                      unsigned first)
{
    for (unsigned i = first; i < raise->owners; i++) {
        unsigned by = raise->by[i];
        enum waits_how how = (enum waits_how)waits->owner[by][raise->owner[i]];

        if (i == first)
            waits_say_gone(finding, waits, raise->owner[i], how, waits->node[by].mode,
                           waits->node[by].object);
        else if (raise->owner[i] == raise->owner[first])
            say_how(finding, waits, raise->owner[i], how, waits->node[by].mode,
                    waits->node[by].object);
    }
}

static void say_owners(struct finding *finding, const struct waits *waits,
                       const struct raise *raise)
{
    for (unsigned i = 0; i < raise->owners; i++)
        if (!is_introduced(raise, i))
            say_owner(finding, waits, raise, i);
}

/* Where the waiter's process was forked off. */
static void say_fork(struct finding *finding, const struct waits *waits, unsigned node)
{
    const struct abi_lane *child = waits->node[node].lane;
    const struct abi_lane *parent =
        child != NULL ? evidence_lane(waits->evidence, child->parent) : NULL;
    const struct abi_event *event;
    char name[EVIDENCE_NAME_BYTES];
    char place[EVIDENCE_TEXT_BYTES];

    for (uint64_t back = 0; parent != NULL && (event = evidence_event(parent, back)) != NULL;
         back++) {
        if (event->kind != EVENT_FORKED || event->object != child->pid)
            continue;
        evidence_lane_text(waits->evidence, child->parent, name);
        evidence_caller_text(waits->evidence, event->caller, place);
        finding_say(finding, SET_IN "forked off by %s, in %.120s", name, place);
        return;
    }
}

static void say_waiters(struct finding *finding, const struct waits *waits,
                        const struct raise *raise)
{
    unsigned said = 0;

    for (unsigned n = 0; n < waits->nodes && said < WAITERS_SHOWN; n++)
        if (is_concerned(waits, n, raise)) {
            waits_say(finding, waits, n);
            if (waits_at_fork(waits, n, waits_blamed(waits, n)))
                say_fork(finding, waits, n);
            said++;
        }
    if (raise->waiters > said)
        finding_say(finding, "and %u more wait", raise->waiters - said);
}

void waits_raise(struct judgement *judgement, const struct waits *waits, enum stop_code code,
                 unsigned kinds, bool spin, bool parked)
{
    struct raise raise = {.kinds = kinds, .spin = spin, .parked = parked};
    struct finding *finding;

    for (unsigned n = 0; n < waits->nodes; n++)
        if (is_concerned(waits, n, &raise))
            note_waiter(waits, n, &raise);
    if (raise.waiters == 0)
        return;
    finding = judgement_add(judgement, code);
    say_owners(finding, waits, &raise);
    say_waiters(finding, waits, &raise);
    /* Anybody who allocates waits for the heap: who it was is chance, not another bug. */
    if (kinds == 1u << WAITS_HEAP && raise.culprit[0] != 0)
        raise.waiter[0] = 0;
    finding_sign(finding, raise.culprit, raise.waiter);
}
