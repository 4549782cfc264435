/*
 * waits: the graph of who waits for whom.
 *
 * The memory it reads may be damaged, so every loop here is bounded by a table's size and an
 * edge needs two lanes that make sense. What the kernel said of a thread (evidence.thread)
 * beats what the agent noted; a stack beats a site.
 *
 * Two halves of a lock's life are not on a lane's list of held locks: a thread stopped inside
 * the call that takes it (it may have it already) and inside the one that releases it (it may
 * have it still). Such a thread is blamed only if nobody has the lock on its list.
 */
#include "waits.h"
#include "evidence.h"
#include "stack_kind.h"

#include <string.h>
#include <sys/syscall.h>

/* --- life ------------------------------------------------------------------------------------ */

static bool is_inside_call(const struct abi_lane *lane, unsigned family)
{
    return lane->depth == 0 && abi_site_family(lane->site) == family;
}

/* Where every thread was listed and this one was not. Nobody sees the end of a T?n; one that
 * was to be born never was. */
static enum waits_life life_missed(const struct abi_lane *lane)
{
    if (lane->state == LANE_BORN)
        return WAITS_ABSENT;
    return strncmp(lane->name, "T?", 2) == 0 ? WAITS_ENDED : WAITS_DEAD;
}

/* Nobody saw this thread: the agent's word alone. A process forked off may be long gone. */
static enum waits_life life_unseen(const struct waits *waits, const struct abi_lane *lane)
{
    bool target = evidence_is_target(waits->evidence, lane);

    if (lane->state == LANE_ENDED)
        return WAITS_ENDED;
    if (waits->listed && target)
        return life_missed(lane);
    if (lane->state == LANE_BORN)
        return WAITS_RUNS;
    if (lane->wait_object != 0 || is_inside_call(lane, FAMILY_ALLOC) ||
        is_inside_call(lane, FAMILY_LOADER))
        return WAITS_BLOCKED;
    if (!target)
        return WAITS_ABSENT;
    return waits->evidence->hang == HANG_PROVED ? WAITS_BLOCKED : WAITS_RUNS;
}

static enum waits_life life_seen(const struct evidence_thread *thread, const struct abi_lane *lane)
{
    switch (thread->state) {
    case THREAD_WAITING:
        return WAITS_BLOCKED;
    case THREAD_RUNNING:
        return lane != NULL && lane->wait_object != 0 && lane->wait_mode == MODE_SPIN ? WAITS_SPINS
                                                                                      : WAITS_RUNS;
    case THREAD_PARKED:
        return WAITS_PARKED;
    case THREAD_DEAD:
        return WAITS_DEAD;
    default:
        return WAITS_ENDED;
    }
}

static enum waits_life life_of(const struct waits *waits, const struct waits_node *node)
{
    if (node->lane != NULL && node->lane->state == LANE_KILLED)
        return WAITS_DEAD;
    if (node->lane != NULL && node->lane->state == LANE_PARKED)
        return WAITS_PARKED;
    if (node->thread != NULL)
        return life_seen(node->thread, node->lane);
    return life_unseen(waits, node->lane);
}

/* --- kind ------------------------------------------------------------------------------------ */

static enum waits_kind kind_of_mode(uint32_t mode)
{
    switch (mode) {
    case MODE_MUTEX:
    case MODE_READ:
    case MODE_WRITE:
    case MODE_SPIN:
    case MODE_STDIO:
        return WAITS_LOCK;
    case MODE_CONDITION:
    case MODE_SEMAPHORE:
    case MODE_BARRIER:
        return WAITS_EVENT;
    case MODE_ONCE:
        return WAITS_ONCE;
    case MODE_JOIN:
        return WAITS_JOIN;
    case MODE_LOADER:
        return WAITS_LOADER;
    case MODE_HEAP:
        return WAITS_HEAP;
    default:
        return WAITS_OTHER;
    }
}

static enum waits_kind kind_of_probe(uint32_t probe)
{
    switch (probe) {
    case PROBE_MALLOC_SMALL:
    case PROBE_MALLOC_MEDIUM:
    case PROBE_MALLOC_LARGE:
    case PROBE_FREE:
    case PROBE_FORK: /* fork takes the lock of every arena */
        return WAITS_HEAP;
    case PROBE_STDIO:
        return WAITS_STDIO;
    case PROBE_DLOPEN:
        return WAITS_LOADER;
    default:
        return WAITS_OTHER;
    }
}

/* Constructors and destructors are the program's own code: what they wait for is not said. */
static enum waits_kind kind_of_site(const struct abi_lane *lane)
{
    if (lane->depth != 0)
        return WAITS_OTHER;
    switch (lane->site) {
    case SITE_DLOPEN:
    case SITE_DLMOPEN:
    case SITE_DLCLOSE:
    case SITE_DL_ITERATE_PHDR:
        return WAITS_LOADER;
    case SITE_FORK:
        return WAITS_HEAP;
    default:
        break;
    }
    if (abi_site_family(lane->site) == FAMILY_ALLOC)
        return WAITS_HEAP;
    return kind_of_probe(lane->probe);
}

static enum waits_kind kind_of_stack(const struct evidence_thread *thread)
{
    switch (stack_kind_waiting(thread->frame, evidence_frames(thread))) {
    case STACK_HEAP:
        return WAITS_HEAP;
    case STACK_LOADER:
        return WAITS_LOADER;
    case STACK_STDIO:
        return WAITS_STDIO;
    default:
        return WAITS_OTHER;
    }
}

/* Everything that locks, and every join, sleeps in a futex or burns in user space. */
static bool is_other_call(const struct evidence_thread *thread)
{
    return thread != NULL && thread->syscall >= 0 && thread->syscall != SYS_futex;
}

/* Foreign code under the loader's frames is a constructor or destructor: it has the lock. */
static bool is_in_constructor(const struct evidence_thread *thread, unsigned frames)
{
    return evidence_own_frame(thread->frame, frames) == 0 ||
           (stack_kind_inside(thread->frame, frames) & STACK_LOADER) != 0;
}

static enum waits_kind kind_without_object(const struct waits_node *node)
{
    unsigned frames = evidence_frames(node->thread);
    enum waits_kind kind = frames > 0 ? kind_of_stack(node->thread) : WAITS_OTHER;

    if (kind != WAITS_OTHER || node->lane == NULL)
        return kind;
    kind = kind_of_site(node->lane);
    if (frames > 0 && kind == WAITS_LOADER && is_in_constructor(node->thread, frames))
        return WAITS_OTHER;
    return kind;
}

static enum waits_kind kind_of(const struct waits_node *node)
{
    const struct abi_lane *lane = node->lane;

    if (is_other_call(node->thread))
        return node->thread->syscall == SYS_wait4 || node->thread->syscall == SYS_waitid
                   ? WAITS_CHILD
                   : WAITS_OTHER;
    /* The routine of a once runs the program's own code, under the mark of the once. */
    if (lane != NULL && lane->wait_object != 0 &&
        !(lane->wait_mode == MODE_ONCE && lane->site != SITE_ONCE))
        return kind_of_mode(lane->wait_mode);
    return kind_without_object(node);
}

/* What the kernel says of other calls than futex is not enough to tell. */
static bool is_limited(const struct waits_node *node)
{
    if (node->thread != NULL && node->thread->state == THREAD_WAITING &&
        node->thread->syscall == SYS_futex && !node->thread->waits)
        return true;
    switch (node->lane != NULL ? node->lane->site : 0) {
    case SITE_TIMEDLOCK:
    case SITE_TIMEDRDLOCK:
    case SITE_TIMEDWRLOCK:
    case SITE_COND_TIMEDWAIT:
    case SITE_SEM_TIMEDWAIT:
    case SITE_TIMEDJOIN:
        return true;
    default:
        return false;
    }
}

/* --- inside the library ------------------------------------------------------------------------
 */

/*
 * A load or unload that has begun and not ended. From the last event backwards, an end stands
 * for a whole call, so a beginning without its end is one that is under way.
 */
static bool is_loading(const struct abi_lane *lane)
{
    const struct abi_event *event;
    unsigned ended = 0;

    for (uint64_t back = 0; (event = evidence_event(lane, back)) != NULL; back++) {
        if (event->kind == EVENT_LOAD_END || event->kind == EVENT_UNLOAD_END)
            ended++;
        else if (event->kind == EVENT_THREAD_BORN)
            return false;
        else if ((event->kind == EVENT_LOAD_BEGIN || event->kind == EVENT_UNLOAD_BEGIN) &&
                 ended-- == 0)
            return true;
    }
    return false;
}

static unsigned inside_by_site(uint32_t site)
{
    switch (site) {
    case SITE_DLOPEN:
    case SITE_DLMOPEN:
    case SITE_DLCLOSE:
    case SITE_DL_ITERATE_PHDR:
        return STACK_LOADER;
    case SITE_FORK:
        return STACK_HEAP;
    case SITE_FLOCKFILE:
    case SITE_FTRYLOCKFILE:
    case SITE_FUNLOCKFILE:
        return STACK_STDIO;
    default:
        return abi_site_family(site) == FAMILY_ALLOC ? STACK_HEAP : 0;
    }
}

static unsigned inside_by_death(const struct evidence *evidence, unsigned index)
{
    const struct abi_death *death = evidence_death_of(evidence, index);

    if (death == NULL || death->insn == 0 || !evidence_own_point(evidence, death))
        return 0;
    return inside_by_site(death->site) & STACK_LOADER; /* what was called in there is known */
}

static unsigned inside_by_list(const struct abi_lane *lane)
{
    const struct abi_held *held;
    unsigned bits = 0;

    for (unsigned i = 0; (held = evidence_held(lane, i)) != NULL; i++)
        bits |= held->mode == MODE_STDIO    ? STACK_STDIO
                : held->mode == MODE_LOADER ? STACK_LOADER
                                            : 0;
    return bits;
}

/* At a hook's entry (depth > 0) the real function has not been called: it holds nothing yet. */
static unsigned inside_of(const struct waits *waits, unsigned index)
{
    const struct waits_node *node = &waits->node[index];
    unsigned frames = evidence_frames(node->thread);
    unsigned bits = inside_by_list(node->lane);

    if (frames > 0)
        bits |= stack_kind_inside(node->thread->frame, frames);
    if (node->lane->depth == 0)
        bits |= inside_by_site(node->lane->site);
    if (node->life == WAITS_DEAD || node->life == WAITS_PARKED)
        bits |= inside_by_death(waits->evidence, index);
    if ((frames == 0 || frames == EVIDENCE_FRAMES) && is_loading(node->lane))
        bits |= STACK_LOADER;
    return bits;
}

/* --- processes -----------------------------------------------------------------------------------
 */

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

/* --- edges
 * ---------------------------------------------------------------------------------------- */

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

    if (lane->wait_object == object && kind_of_mode(lane->wait_mode) == WAITS_LOCK)
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
    else
        link_before_fork(waits, node);
}

static void link_join(struct waits *waits, unsigned node)
{
    const struct abi_lane *lane = waits->node[node].lane;
    uint64_t target = lane != NULL ? lane->wait_other - 1 : UINT64_MAX;

    if (target < ABI_LANES && waits->node[target].lane != NULL &&
        same_process(waits, node, (unsigned)target))
        waits->owner[node][target] = WAITS_JOINED;
}

static void link_node(struct waits *waits, unsigned node)
{
    switch (waits->node[node].kind) {
    case WAITS_LOCK:
        link_lock(waits, node);
        break;
    case WAITS_JOIN:
        link_join(waits, node);
        break;
    case WAITS_HEAP:
        link_inside(waits, node, STACK_HEAP, WAITS_IN_HEAP);
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

/* --- building
 * ---------------------------------------------------------------------------------------- */

/*
 * A wait for a condition ends with taking its mutex again, inside the same call. The kernel
 * tells which of the two a thread sleeps for: a mutex is its own futex, at its first word.
 */
static bool takes_mutex_back(const struct waits_node *node)
{
    return node->kind == WAITS_EVENT && node->mode == MODE_CONDITION && node->thread != NULL &&
           node->thread->state == THREAD_WAITING && node->thread->syscall == SYS_futex &&
           node->lane->wait_other != 0 && node->thread->argument[0] == node->lane->wait_other;
}

static void read_object(struct waits_node *node)
{
    node->object = node->lane->wait_object;
    node->mode = node->lane->wait_mode;
    if (!takes_mutex_back(node))
        return;
    node->kind = WAITS_LOCK;
    node->object = node->lane->wait_other;
    node->mode = MODE_MUTEX;
    node->limited = !node->thread->waits; /* the condition's limit is not the mutex's */
}

static void read_node(struct waits *waits, unsigned index)
{
    struct waits_node *node = &waits->node[index];

    node->life = life_of(waits, node);
    if (!waits_waiting(waits, index))
        return;
    node->kind = kind_of(node);
    node->limited = is_limited(node);
    if (node->kind == WAITS_LOCK || node->kind == WAITS_EVENT || node->kind == WAITS_ONCE)
        read_object(node);
}

static void read_lanes(struct waits *waits)
{
    unsigned lanes = evidence_lanes(waits->evidence);

    for (unsigned i = 0; i < lanes; i++) {
        waits->node[i].lane = evidence_lane(waits->evidence, i);
        if (waits->node[i].lane == NULL)
            continue;
        waits->node[i].thread = evidence_thread_of(waits->evidence, i);
        read_node(waits, i);
    }
}

/* Threads that nobody's lane stands for. */
static void read_threads(struct waits *waits)
{
    const struct evidence *evidence = waits->evidence;

    for (unsigned i = 0; evidence->thread != NULL && i < evidence->threads; i++) {
        const struct evidence_thread *thread = &evidence->thread[i];

        if (thread->lane >= 0 && thread->lane < ABI_LANES &&
            waits->node[thread->lane].thread == thread)
            continue;
        if (waits->nodes == WAITS_NODES)
            return;
        waits->node[waits->nodes].thread = thread;
        read_node(waits, waits->nodes++);
    }
}

/* Of the target, and seen to stand still, or to burn for a lock. */
static bool is_still(const struct evidence *evidence, const struct evidence_thread *thread,
                     bool *target)
{
    const struct abi_lane *lane =
        thread->lane >= 0 ? evidence_lane(evidence, (unsigned)thread->lane) : NULL;

    if (thread->state == THREAD_DEAD || thread->state == THREAD_GONE)
        return true;
    *target = *target || (lane != NULL && evidence_is_target(evidence, lane));
    return thread->state != THREAD_RUNNING || life_seen(thread, lane) == WAITS_SPINS;
}

/* A target that runs may get new threads between the listing and the look at its lanes. */
static bool is_listed(const struct evidence *evidence)
{
    bool target = false;

    if (evidence->thread == NULL || evidence->threads >= EVIDENCE_THREADS ||
        (evidence->hang != HANG_PROVED && evidence->hang != HANG_SPINNING))
        return false;
    for (unsigned i = 0; i < evidence->threads; i++)
        if (!is_still(evidence, &evidence->thread[i], &target))
            return false;
    return target;
}

void waits_read(struct waits *waits, const struct evidence *evidence)
{
    memset(waits, 0, sizeof *waits);
    waits->evidence = evidence;
    waits->listed = is_listed(evidence);
    waits->nodes = ABI_LANES;
    read_lanes(waits);
    read_threads(waits);
    for (unsigned i = 0; i < ABI_LANES; i++)
        if (waits->node[i].lane != NULL && waits->node[i].life != WAITS_RUNS)
            waits->node[i].inside = inside_of(waits, i);
    for (unsigned i = 0; i < waits->nodes; i++)
        if (waits_waiting(waits, i))
            link_node(waits, i);
}

/* --- questions
 * ------------------------------------------------------------------------------------------ */

bool waits_waiting(const struct waits *waits, unsigned node)
{
    return waits->node[node].life == WAITS_BLOCKED || waits->node[node].life == WAITS_SPINS;
}

bool waits_gone(const struct waits *waits, unsigned node)
{
    return waits->node[node].life == WAITS_DEAD || waits->node[node].life == WAITS_ENDED;
}

unsigned waits_owner(const struct waits *waits, unsigned node, unsigned from)
{
    while (from < ABI_LANES && waits->owner[node][from] == WAITS_NOT)
        from++;
    return from;
}

/* A thread that only did not exist in the child is as good as gone, however lively it is. */
static bool is_blamed(const struct waits *waits, unsigned node, unsigned owner, bool parked)
{
    unsigned how = waits->owner[node][owner];

    if (how == WAITS_NOT || how == WAITS_JOINED)
        return false;
    if (parked)
        return how != WAITS_BEFORE_FORK && waits->node[owner].life == WAITS_PARKED;
    return how == WAITS_BEFORE_FORK || waits_gone(waits, owner);
}

unsigned waits_blamed(const struct waits *waits, unsigned node)
{
    for (unsigned parked = 0; parked < 2; parked++)
        for (unsigned m = 0; waits_waiting(waits, node) && m < ABI_LANES; m++)
            if (is_blamed(waits, node, m, parked))
                return m;
    return ABI_LANES;
}

bool waits_blames(const struct waits *waits, unsigned node, unsigned owner)
{
    unsigned first = waits_blamed(waits, node);

    return first < ABI_LANES && owner < ABI_LANES &&
           is_blamed(waits, node, owner, !is_blamed(waits, node, first, false));
}

/* --- circles
 * -------------------------------------------------------------------------------------------- */

static bool may_be_stuck(const struct waits *waits, unsigned node)
{
    return waits_waiting(waits, node) && !waits->node[node].limited;
}

struct search {
    unsigned from[ABI_LANES]; /* by whom it was reached; ABI_LANES: not yet */
    unsigned queue[ABI_LANES];
    unsigned head;
    unsigned tail;
};

static void visit(const struct waits *waits, struct search *search, unsigned node, bool loader,
                  bool first)
{
    for (unsigned m = waits_owner(waits, node, 0); m < ABI_LANES;
         m = waits_owner(waits, node, m + 1)) {
        bool loader_edge = waits->owner[node][m] == WAITS_IN_LOADER;

        if (search->from[m] != ABI_LANES || !may_be_stuck(waits, m) ||
            (first ? loader_edge != loader : loader_edge && !loader))
            continue;
        search->from[m] = node;
        search->queue[search->tail++] = m;
    }
}

/* Breadth first, so the way back to @start is a shortest one. */
static bool find_back(const struct waits *waits, unsigned start, bool loader, struct search *search)
{
    for (unsigned m = 0; m < ABI_LANES; m++)
        search->from[m] = ABI_LANES;
    search->head = search->tail = 0;
    visit(waits, search, start, loader, true);
    while (search->head < search->tail && search->from[start] == ABI_LANES)
        visit(waits, search, search->queue[search->head++], loader, false);
    return search->from[start] != ABI_LANES;
}

static void trace_back(const struct search *search, unsigned start, struct waits_circle *circle)
{
    unsigned at = search->from[start];
    unsigned lanes = 1;

    for (unsigned m = at; m != start; m = search->from[m])
        lanes++;
    circle->lanes = lanes;
    circle->lane[0] = start;
    for (; at != start; at = search->from[at])
        circle->lane[--lanes] = at;
}

static void start_at_lowest(struct waits_circle *circle)
{
    unsigned turned[ABI_LANES];
    unsigned lowest = 0;

    for (unsigned i = 1; i < circle->lanes; i++)
        if (circle->lane[i] < circle->lane[lowest])
            lowest = i;
    for (unsigned i = 0; i < circle->lanes; i++)
        turned[i] = circle->lane[(lowest + i) % circle->lanes];
    memcpy(circle->lane, turned, circle->lanes * sizeof turned[0]);
}

bool waits_circle(const struct waits *waits, bool loader, struct waits_circle *circle)
{
    struct search search;
    struct waits_circle found;

    circle->lanes = 0;
    for (unsigned start = 0; start < ABI_LANES; start++) {
        if (!may_be_stuck(waits, start) || !find_back(waits, start, loader, &search))
            continue;
        trace_back(&search, start, &found);
        if (circle->lanes == 0 || found.lanes < circle->lanes)
            *circle = found;
    }
    if (circle->lanes > 0)
        start_at_lowest(circle);
    return circle->lanes > 0;
}

bool waits_loader_event(const struct waits *waits, unsigned *waiter, unsigned *holder)
{
    if (waits->evidence->hang != HANG_PROVED)
        return false;
    for (unsigned n = 0; n < waits->nodes; n++)
        for (unsigned m = waits_owner(waits, n, 0); m < ABI_LANES; m = waits_owner(waits, n, m + 1))
            if (waits->owner[n][m] == WAITS_IN_LOADER && may_be_stuck(waits, m) &&
                waits->node[m].kind == WAITS_EVENT) {
                *waiter = n;
                *holder = m;
                return true;
            }
    return false;
}

bool waits_explained(const struct waits *waits)
{
    struct waits_circle circle;
    unsigned waiter;
    unsigned holder;

    for (unsigned n = 0; n < waits->nodes; n++)
        if (waits_blamed(waits, n) < ABI_LANES)
            return true;
    return waits_circle(waits, false, &circle) || waits_circle(waits, true, &circle) ||
           waits_loader_event(waits, &waiter, &holder);
}
