/*
 * waits: the graph of who waits for whom: its nodes, and its making.
 *
 *     waits.c (nodes) -> waits_edges.c -> waits_circle.c (questions) -> waits_text.c
 *
 * The memory it reads may be damaged, so every loop here is bounded by a table's size. What
 * the kernel said of a thread (evidence.thread) beats what the agent noted; a stack beats a
 * site.
 */
#include "waits.h"
#include "evidence.h"
#include "stack_kind.h"
#include "waits_edges.h"

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

enum waits_kind waits_kind_of_mode(uint32_t mode)
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
        return waits_kind_of_mode(lane->wait_mode);
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

/* --- inside the library ---------------------------------------------------------------------- */

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

/* --- building -------------------------------------------------------------------------------- */

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
            waits_edges_link(waits, i);
}
