/*
 * waits_edges: who could let a waiting thread go on.
 *
 * The memory it reads may be damaged, so every loop here is bounded by a table's size and an
 * edge needs two lanes that make sense. Reads nodes, and writes edges alone (but for a kind:
 * a futex nobody knew may turn out to be a stream's).
 *
 * Two halves of a lock's life are not on a lane's list of held locks: a thread stopped inside
 * the call that takes it (it may have it already) and inside the one that releases it (it may
 * have it still). Such a thread is blamed only if nobody has the lock on its list.
 */
#include "waits_edges.h"
#include "evidence.h"
#include "stack_kind.h"

/* --- processes ------------------------------------------------------------------------------- */

/* A thread without a lane may be of any process; the target is the likeliest. */
static bool same_process(const struct waits *waits, unsigned node, unsigned lane)
{
    const struct abi_lane *one = waits->node[node].lane;
    const struct abi_lane *other = waits->node[lane].lane;

    return one != NULL ? one->pid == other->pid : evidence_is_target(waits->evidence, other);
}

/* The first event that a lane's thread put down; 0 where it is overwritten. */
static uint64_t birth_time(const struct abi_lane *lane)
{
    const struct abi_event *event =
        evidence_complete(lane) && lane->seq > 0 ? evidence_event(lane, lane->seq - 1) : NULL;

    return event != NULL ? event->time : 0;
}

/* @other is in the process that @node's was forked from. */
static bool in_parent(const struct waits *waits, unsigned node, unsigned other)
{
    const struct abi_lane *lane = waits->node[node].lane;
    const struct abi_lane *parent;

    if (lane == NULL || same_process(waits, node, other))
        return false;
    parent = evidence_lane(waits->evidence, lane->parent);
    return parent != NULL && parent->pid != lane->pid &&
           parent->pid == waits->node[other].lane->pid;
}

/* What is stuck here, or was stuck there when this process was copied from there. */
static bool concerns(const struct waits *waits, unsigned node, unsigned other)
{
    return same_process(waits, node, other) ||
           (in_parent(waits, node, other) && waits_gone(waits, other));
}

/* --- edges ----------------------------------------------------------------------------------- */

static bool holds(const struct abi_lane *lane, uint64_t object, bool writer_only)
{
    const struct abi_held *held;

    for (unsigned i = 0; (held = evidence_held(lane, i)) != NULL; i++)
        if (held->object == object && !(writer_only && held->mode == MODE_READ))
            return true;
    return false;
}

static unsigned link_holders(struct waits *waits, unsigned node, bool writer_only)
{
    uint64_t object = waits->node[node].object;
    unsigned found = 0;

    for (unsigned m = 0; m < ABI_LANES; m++) {
        if (waits->node[m].lane == NULL || !same_process(waits, node, m) ||
            !holds(waits->node[m].lane, object, writer_only))
            continue;
        waits->owner[node][m] = WAITS_HOLDS;
        found++;
    }
    return found;
}

/* The last thing that it did before it was struck. */
static const struct abi_event *last_act(const struct abi_lane *lane)
{
    const struct abi_event *event;

    for (uint64_t back = 0; back < 8 && (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind != EVENT_INJECT_INTENT && event->kind != EVENT_INJECT_FIRED &&
            event->kind != EVENT_PARKED && event->kind != EVENT_SIGNAL)
            return event;
    return NULL;
}

static bool is_unlock(uint32_t site)
{
    return site == SITE_UNLOCK || site == SITE_RWUNLOCK || site == SITE_SPIN_UNLOCK ||
           site == SITE_FUNLOCKFILE;
}

static enum waits_how half_way(const struct abi_lane *lane, uint64_t object)
{
    const struct abi_event *event;

    if (lane->wait_object == object && waits_kind_of_mode(lane->wait_mode) == WAITS_LOCK)
        return WAITS_TAKING;
    if (lane->wait_object != 0 && lane->wait_mode == MODE_CONDITION && lane->wait_other == object)
        return WAITS_RELEASING;
    event = is_unlock(lane->site) ? last_act(lane) : NULL;
    return event != NULL && event->kind == EVENT_RELEASED && event->object == object
               ? WAITS_RELEASING
               : WAITS_NOT;
}

static bool is_stopped(const struct waits *waits, unsigned node)
{
    return waits_gone(waits, node) || waits->node[node].life == WAITS_PARKED;
}

static unsigned link_half_way(struct waits *waits, unsigned node)
{
    unsigned found = 0;

    for (unsigned m = 0; m < ABI_LANES; m++) {
        if (waits->node[m].lane == NULL || m == node || !is_stopped(waits, m) ||
            !same_process(waits, node, m))
            continue;
        waits->owner[node][m] = (uint8_t)half_way(waits->node[m].lane, waits->node[node].object);
        found += waits->owner[node][m] != WAITS_NOT;
    }
    return found;
}

/* The last word of a lane about a lock before @time: did it have it? */
static bool held_at(const struct abi_lane *lane, uint64_t object, uint64_t time)
{
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++) {
        if (event->object != object || event->time == 0 || event->time > time)
            continue;
        if (event->kind == EVENT_ACQUIRED || event->kind == EVENT_RELEASED)
            return event->kind == EVENT_ACQUIRED;
    }
    return false;
}

static void link_before_fork(struct waits *waits, unsigned node)
{
    const struct abi_lane *lane = waits->node[node].lane;
    uint64_t birth = lane != NULL ? birth_time(lane) : 0;

    for (unsigned m = 0; birth != 0 && m < ABI_LANES; m++)
        if (waits->node[m].lane != NULL && m != lane->parent && in_parent(waits, node, m) &&
            held_at(waits->node[m].lane, waits->node[node].object, birth))
            waits->owner[node][m] = WAITS_BEFORE_FORK;
}

/* --- threads that fork did not copy ----------------------------------------------------------- */

static bool had_event(const struct abi_lane *lane, uint32_t kind, uint64_t object, uint64_t before)
{
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++)
        if (event->kind == kind && event->object == object && event->time != 0 &&
            event->time < before)
            return true;
    return false;
}

/* The child has asked by an event that this thread waited for, in the parent. */
static bool was_asked(const struct abi_lane *child, const struct abi_lane *lane, uint64_t fork)
{
    const struct abi_event *event;

    for (uint64_t back = 0; (event = evidence_event(child, back)) != NULL; back++)
        if (event->kind == EVENT_SIGNALLED &&
            had_event(lane, EVENT_WAIT_BEGIN, event->object, fork))
            return true;
    return false;
}

static bool ended_before(const struct abi_lane *lane, uint64_t fork)
{
    return lane->state == LANE_KILLED || (lane->state == LANE_ENDED && lane->now < fork);
}

/* Who has brought this event before, or serves those who ask for it, and is not in the child. */
static void link_lost(struct waits *waits, unsigned node)
{
    const struct abi_lane *lane = waits->node[node].lane;
    uint64_t fork = lane != NULL ? birth_time(lane) : 0;

    for (unsigned m = 0; fork != 0 && m < ABI_LANES; m++) {
        const struct abi_lane *other = waits->node[m].lane;

        if (other != NULL && m != lane->parent && in_parent(waits, node, m) &&
            !ended_before(other, fork) &&
            (had_event(other, EVENT_SIGNALLED, waits->node[node].object, fork) ||
             was_asked(lane, other, fork)))
            waits->owner[node][m] = WAITS_LOST_AT_FORK;
    }
}

/* Of several who may have it those who were only at its door do not, unless all of them were. */
static void drop_those_at_lock(struct waits *waits, unsigned node, unsigned bit, enum waits_how how)
{
    bool at_lock[ABI_LANES] = {false}, any = false;

    for (unsigned m = 0; m < ABI_LANES; m++) {
        const struct evidence_thread *thread = waits->node[m].thread;

        if (waits->owner[node][m] != how)
            continue;
        at_lock[m] = thread != NULL && is_stopped(waits, m) &&
                     stack_kind_at_lock(thread->frame, evidence_frames(thread), bit);
        any |= !at_lock[m];
    }
    for (unsigned m = 0; any && m < ABI_LANES; m++)
        if (at_lock[m])
            waits->owner[node][m] = WAITS_NOT;
}

static void link_inside(struct waits *waits, unsigned node, unsigned bit, enum waits_how how)
{
    for (unsigned m = 0; m < ABI_LANES; m++) {
        const struct waits_node *other = &waits->node[m];
        bool live =
            how == WAITS_IN_LOADER && other->life == WAITS_BLOCKED && other->kind != WAITS_LOADER;

        if (other->lane != NULL && m != node && (other->inside & bit) &&
            (live || is_stopped(waits, m)) && concerns(waits, node, m))
            waits->owner[node][m] = (uint8_t)how;
    }
    drop_those_at_lock(waits, node, bit, how);
}

/*
 * Stacks are used again, and a pthread_t with them: of those that had it the one that has not
 * ended in an orderly way is meant, else the last to end.
 */
static bool is_meant_rather(const struct abi_lane *lane, const struct abi_lane *found)
{
    bool ended = lane->state == LANE_ENDED;

    if (found == NULL || ended != (found->state == LANE_ENDED))
        return found == NULL || !ended;
    return lane->now >= found->now;
}

/* The lane that a stream's lock names as its owner, ABI_LANES if it names nobody. */
static unsigned stream_owner(const struct waits *waits, unsigned node)
{
    const struct evidence_thread *thread = waits->node[node].thread;
    unsigned found = ABI_LANES;

    if (thread == NULL || thread->stream_owner == 0)
        return ABI_LANES;
    for (unsigned m = 0; m < ABI_LANES; m++) {
        const struct abi_lane *lane = evidence_lane(waits->evidence, m);

        if (lane != NULL && lane->pthread == thread->stream_owner && same_process(waits, node, m) &&
            is_meant_rather(lane, found < ABI_LANES ? waits->node[found].lane : NULL))
            found = m;
    }
    return found;
}

/* Killed before it could write its name there, or after it had wiped it out, it is nobody. */
static void link_stream(struct waits *waits, unsigned node)
{
    unsigned owner = stream_owner(waits, node);

    if (owner < ABI_LANES && owner != node)
        waits->owner[node][owner] = WAITS_IN_STDIO;
    else
        link_inside(waits, node, STACK_STDIO, WAITS_IN_STDIO);
}

static void link_lock(struct waits *waits, unsigned node)
{
    bool reader = waits->node[node].mode == MODE_READ;

    /* A reader that waits though nobody writes waits for a writer behind the other readers. */
    if (link_holders(waits, node, reader) > 0 || (reader && link_holders(waits, node, false) > 0))
        return;
    if (link_half_way(waits, node) > 0)
        return;
    if (waits->node[node].mode == MODE_STDIO)
        link_stream(waits, node);
    if (waits_owner(waits, node, 0) == ABI_LANES)
        link_before_fork(waits, node);
}

/* It had begun by then, and was none of the dead. */
static bool lived_at(const struct abi_lane *lane, uint64_t time)
{
    uint64_t birth = birth_time(lane);

    return birth < time && (lane->state != LANE_ENDED || lane->now > time);
}

/* Of all that its process has ever had, only the thread that forked is there, and it waits. */
static bool is_alone(const struct waits *waits, unsigned node)
{
    for (unsigned m = 0; m < ABI_LANES; m++)
        if (m != node && waits->node[m].lane != NULL && same_process(waits, node, m))
            return false;
    return true;
}

/*
 * The child's only thread waits for an arena for ever, so that was owned when it was copied, by
 * a thread that was not. An arena records no owner: every other thread of then may be the one.
 */
static void link_arena_before_fork(struct waits *waits, unsigned node)
{
    const struct abi_lane *lane = waits->node[node].lane;
    uint64_t birth = lane != NULL ? birth_time(lane) : 0;

    for (unsigned m = 0; birth != 0 && m < ABI_LANES && is_alone(waits, node); m++)
        if (waits->node[m].lane != NULL && m != lane->parent && in_parent(waits, node, m) &&
            lived_at(waits->node[m].lane, birth))
            waits->owner[node][m] = WAITS_BEFORE_FORK;
}

static void link_arena(struct waits *waits, unsigned node)
{
    link_inside(waits, node, STACK_HEAP, WAITS_IN_HEAP);
    if (waits_owner(waits, node, 0) == ABI_LANES)
        link_arena_before_fork(waits, node);
}

static void link_join(struct waits *waits, unsigned node)
{
    const struct abi_lane *lane = waits->node[node].lane;
    uint64_t target = lane != NULL ? lane->wait_other - 1 : UINT64_MAX;

    if (target >= ABI_LANES || waits->node[target].lane == NULL)
        return;
    if (same_process(waits, node, (unsigned)target))
        waits->owner[node][target] = WAITS_JOINED;
    else if (in_parent(waits, node, (unsigned)target))
        waits->owner[node][target] = WAITS_LOST_AT_FORK;
}

void waits_edges_link(struct waits *waits, unsigned node)
{
    switch (waits->node[node].kind) {
    case WAITS_LOCK:
        link_lock(waits, node);
        break;
    case WAITS_EVENT:
        link_lost(waits, node);
        break;
    case WAITS_JOIN:
        link_join(waits, node);
        break;
    case WAITS_HEAP:
        link_arena(waits, node);
        break;
    case WAITS_LOADER:
        link_inside(waits, node, STACK_LOADER, WAITS_IN_LOADER);
        break;
    case WAITS_STDIO:
        link_stream(waits, node);
        break;
    case WAITS_OTHER:
        if (stream_owner(waits, node) < ABI_LANES) {
            waits->node[node].kind = WAITS_STDIO;
            link_stream(waits, node);
        }
        break;
    default:
        break;
    }
}
