/*
 * order: in which order locks are taken, over all cycles of a program: pairs (held, taken) in
 * shared memory, and circles among them. A circle is told of once, though nothing hung.
 *
 * A lock in a module's data is known by module and offset. Any other is known by the place that
 * initialised it, if it is the first of that place in its cycle; what comes after that is known
 * by its address, in this cycle alone: locks of one place are many, and which of them is meant in
 * the next cycle can't be told. Locks that nobody initialised and that lie in no module (in
 * the heap of a C++ program) are not judged, nor are those of a process forked off.
 *
 * A circle needs as many threads as pairs, each alive while the others took theirs, no lock
 * that all of two pairs have around them, and no place where two readers meet.
 *
 * The usual lock is taken while nothing is held and never comes here. Of the others a thread
 * remembers a few by a hash (lane->order_seen). Only what is new is written, one thread at a time;
 * who finds another one writing goes on and comes back at its next turn. No wait, no allocation.
 */
#include "order.h"

#include <string.h>

#define ORDER (&agent_memory->order)

enum { PROBES = 32, SEEN_SHIFT = 60, BIT_COUNT = 64 };
_Static_assert(ABI_ORDER_SEEN == 1 << (64 - SEEN_SHIFT), "the hash's upper bits choose the place");

/* Whether this cycle has initialised locks, and how many that were in a pair are gone. */
static PER_CYCLE bool births;
static PER_CYCLE uint32_t generation;

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* --- locks that were initialised ------------------------------------------------------------- */

enum { BIRTH_WRITTEN = 1, BIRTH_THERE, BIRTH_GONE };

static uint64_t state_of(uint64_t what)
{
    return CONTROL->epoch * 4 + what;
}

static bool may_claim(uint64_t state)
{
    return state >> 2 != CONTROL->epoch || state == state_of(BIRTH_GONE);
}

static struct abi_order_birth *birth_at(uint64_t object, unsigned probe)
{
    return &ORDER->birth[((mix(0, object) >> 40) + probe) % ABI_ORDER_LOCKS];
}

static struct abi_order_birth *find_birth(uint64_t object)
{
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct abi_order_birth *birth = birth_at(object, probe);
        uint64_t state = __atomic_load_n(&birth->state, __ATOMIC_ACQUIRE);

        if (state == state_of(BIRTH_THERE) && birth->object == object)
            return birth;
        if (state >> 2 != CONTROL->epoch)
            return NULL; /* never used in this cycle */
    }
    return NULL;
}

static struct abi_order_birth *claim_birth(uint64_t object)
{
    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct abi_order_birth *birth = birth_at(object, probe);
        uint64_t state = __atomic_load_n(&birth->state, __ATOMIC_ACQUIRE);

        if (may_claim(state) &&
            __atomic_compare_exchange_n(&birth->state, &state, state_of(BIRTH_WRITTEN), false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            birth->object = object;
            birth->caller = 0;
            birth->count = birth->used = 0;
            return birth;
        }
    }
    return NULL;
}

static void publish(struct abi_order_birth *birth)
{
    __atomic_store_n(&birth->state, state_of(BIRTH_THERE), __ATOMIC_RELEASE);
}

/* Which of its place a lock is; a place counts like a lock at its own address. */
static uint32_t count_at(uint64_t caller)
{
    struct abi_order_birth *place = find_birth(caller);

    if (place == NULL && (place = claim_birth(caller)) != NULL)
        publish(place);
    return place != NULL ? __atomic_add_fetch(&place->count, 1, __ATOMIC_RELAXED) : UINT32_MAX;
}

void order_born(struct abi_lane *lane, const volatile void *object, uint64_t caller)
{
    struct abi_order_birth *birth;

    if (lane == NULL || lane->elsewhere)
        return;
    order_died(object);
    birth = claim_birth((uint64_t)object);
    births = true;
    if (birth == NULL)
        return;
    birth->caller = caller;
    birth->count = count_at(caller);
    publish(birth);
}

void order_died(const volatile void *object)
{
    struct abi_order_birth *birth;

    if (LIKELY(!births) || (birth = find_birth((uint64_t)object)) == NULL)
        return;
    if (birth->used) /* what threads remember of it is of another lock from now on */
        __atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&birth->state, state_of(BIRTH_GONE), __ATOMIC_RELEASE);
}

/* --- names that outlive the cycle ------------------------------------------------------------- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* False: it lies in no module. Neither locks nor allocates. */
static bool find_place(uint64_t address, struct abi_order_place *place)
{
    struct dl_find_object object;

    place->address = address;
    place->offset = 0;
    place->module[0] = 0;
    if (_dl_find_object((void *)address, &object) != 0)
        return false;
    place->offset = address - (uint64_t)object.dlfo_map_start;
    strncpy(place->module, base_of(object.dlfo_link_map->l_name), sizeof place->module - 1);
    place->module[sizeof place->module - 1] = 0;
    return true;
}

static uint64_t key_of(const struct abi_order_place *place)
{
    return mix(plan_hash(place->module, strlen(place->module)), place->offset) & ~ABI_ORDER_PASSING;
}

static bool name_born(uint64_t object, struct abi_order_lock *lock)
{
    struct abi_order_birth *birth = find_birth(object);
    struct abi_order_place place;

    if (birth == NULL)
        return false;
    find_place(birth->caller, &place);
    birth->used = 1;
    lock->born = birth->caller;
    lock->key = lock->kind = mix(key_of(&place), 1) & ~ABI_ORDER_PASSING;
    if (birth->count != 1)
        lock->key =
            mix(mix(mix(lock->kind, object), birth->count), CONTROL->epoch) | ABI_ORDER_PASSING;
    return true;
}

static bool name_lock(uint64_t object, struct abi_order_lock *lock)
{
    struct abi_order_place place;

    lock->object = object;
    lock->born = 0;
    if (!find_place(object, &place))
        return name_born(object, lock);
    lock->key = lock->kind = key_of(&place);
    return true;
}

/* --- threads --------------------------------------------------------------------------------- */

/* T1 is 0, T1.7 is 7, whatever order they came in; deeper families share what is left. */
static uint32_t number_of(const char *name)
{
    uint32_t number = 0;
    const char *at = name + 3;

    if (strcmp(name, "T1") == 0)
        return 0;
    while (strncmp(name, "T1.", 3) == 0 && *at >= '0' && *at <= '9' && number < BIT_COUNT)
        number = number * 10 + (uint32_t)(*at++ - '0');
    if (*at == 0 && number > 0 && number < BIT_COUNT)
        return number;
    return (uint32_t)(plan_hash(name, strlen(name)) % BIT_COUNT);
}

static uint64_t alive_beside(const struct abi_lane *self)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &agent_memory->lane[i];

        if (lane != self && lane->epoch == CONTROL->epoch && lane->pid == self->pid &&
            (lane->state == LANE_RUNS || lane->state == LANE_BORN || lane->state == LANE_PARKED))
            bits |= UINT64_C(1) << number_of(lane->name);
    }
    return bits;
}

/* True: this thread is new to the pair, or has new company. */
static bool add_thread(struct abi_order_edge *edge, const struct abi_lane *lane)
{
    uint64_t beside = alive_beside(lane);
    struct abi_order_thread *thread = edge->thread;

    for (; thread < edge->thread + edge->threads; thread++)
        if (strcmp(thread->name, lane->name) == 0) {
            bool more = (beside & ~thread->beside) != 0;

            thread->beside |= beside;
            return more;
        }
    if (edge->threads == ABI_ORDER_THREADS)
        return false;
    thread->beside = beside;
    thread->cycle = CONTROL->cycle;
    thread->number = number_of(lane->name);
    memcpy(thread->name, lane->name, sizeof thread->name);
    edge->threads++;
    return true;
}

/* --- circles ---------------------------------------------------------------------------------- */

/* Some of the edges that may be one circle, and which of its threads each has. */
struct chain {
    uint32_t edges;
    const struct abi_order_edge *edge[ABI_ORDER_CIRCLE];
    uint32_t thread[ABI_ORDER_CIRCLE];
};

/* Bounded: a target that scribbles over this does so to the cycles after it. */
static bool is_valid(const struct abi_order_edge *edge)
{
    if (edge->epoch == 0 || edge->threads > ABI_ORDER_THREADS || edge->gates > ABI_ORDER_GATES)
        return false;
    return edge->epoch == CONTROL->epoch ||
           !((edge->held.key | edge->taken.key) & ABI_ORDER_PASSING);
}

/* Whoever is inside either pair keeps the other one out. */
static bool share_gate(const struct abi_order_edge *a, const struct abi_order_edge *b)
{
    for (uint32_t i = 0; i < a->gates; i++)
        for (uint32_t k = 0; k < b->gates; k++)
            if (a->gate[i].kind == b->gate[k].kind &&
                (a->gate[i].mode != MODE_READ || b->gate[k].mode != MODE_READ))
                return true;
    return false;
}

static bool readers_meet(const struct abi_order_edge *waiter, const struct abi_order_edge *holder)
{
    return waiter->taken_mode == MODE_READ && holder->held_mode == MODE_READ;
}

static bool may_meet(const struct chain *chain)
{
    for (uint32_t i = 0; i < chain->edges; i++) {
        if (readers_meet(chain->edge[i], chain->edge[(i + 1) % chain->edges]))
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (share_gate(chain->edge[i], chain->edge[k]))
                return false;
    }
    return true;
}

static bool meet(const struct abi_order_thread *a, const struct abi_order_thread *b)
{
    return strcmp(a->name, b->name) != 0 && (a->beside >> b->number & 1) &&
           (b->beside >> a->number & 1);
}

/* A thread for each edge from @at on, so that all of them meet each other. */
static bool find_threads(struct chain *chain, uint32_t at)
{
    if (at == chain->edges)
        return true;
    for (uint32_t t = 0; t < chain->edge[at]->threads; t++) {
        bool all = true;

        for (uint32_t i = 0; i < at && all; i++)
            all = meet(&chain->edge[i]->thread[chain->thread[i]], &chain->edge[at]->thread[t]);
        chain->thread[at] = t;
        if (all && find_threads(chain, at + 1))
            return true;
    }
    return false;
}

static void sort_kinds(const struct chain *chain, uint64_t kind[ABI_ORDER_CIRCLE])
{
    memset(kind, 0, ABI_ORDER_CIRCLE * sizeof kind[0]);
    for (uint32_t i = 0; i < chain->edges; i++) {
        uint64_t moving = chain->edge[i]->taken.kind;
        uint32_t to = i;

        for (; to > 0 && kind[to - 1] > moving; to--)
            kind[to] = kind[to - 1];
        kind[to] = moving;
    }
}

static bool is_told(const uint64_t kind[ABI_ORDER_CIRCLE])
{
    for (uint32_t i = 0; i < ORDER->circles && i < ABI_ORDER_CIRCLES; i++)
        if (memcmp(ORDER->circle[i].kind, kind, sizeof ORDER->circle[i].kind) == 0)
            return true;
    return ORDER->circles >= ABI_ORDER_CIRCLES;
}

static void tell(const struct chain *chain)
{
    uint64_t kind[ABI_ORDER_CIRCLE];
    struct abi_order_circle *circle = &ORDER->circle[ORDER->circles];

    sort_kinds(chain, kind);
    if (is_told(kind))
        return;
    memcpy(circle->kind, kind, sizeof circle->kind);
    circle->edges = chain->edges;
    for (uint32_t i = 0; i < chain->edges; i++) {
        circle->edge[i] = (uint32_t)(chain->edge[i] - ORDER->edge);
        circle->thread[i] = chain->thread[i];
    }
    circle->epoch = CONTROL->epoch;
    ORDER->circles++;
    __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
}

/* The next edge from @from on that holds what @edge takes; NULL if there is none. */
static const struct abi_order_edge *follow(const struct abi_order_edge *edge, uint32_t from)
{
    for (; from < ABI_ORDER_EDGES; from++)
        if (ORDER->held_key[from] == edge->taken.key && is_valid(&ORDER->edge[from]))
            return &ORDER->edge[from];
    return NULL;
}

/* All ways that lead from the chain's end back to its beginning. */
static void close_chain(struct chain *chain)
{
    const struct abi_order_edge *last = chain->edge[chain->edges - 1];
    const struct abi_order_edge *next = follow(last, 0);

    for (; next != NULL; next = follow(last, (uint32_t)(next - ORDER->edge) + 1)) {
        chain->edge[chain->edges++] = next;
        if (next->taken.key != chain->edge[0]->held.key) {
            if (chain->edges < ABI_ORDER_CIRCLE)
                close_chain(chain);
        } else if (may_meet(chain) && find_threads(chain, 0)) {
            tell(chain);
        }
        chain->edges--;
    }
}

/* --- pairs ------------------------------------------------------------------------------------ */

static bool is_same(const struct abi_order_edge *a, const struct abi_order_edge *b)
{
    return a->held.key == b->held.key && a->taken.key == b->taken.key &&
           a->held_mode == b->held_mode && a->taken_mode == b->taken_mode && a->gates == b->gates &&
           memcmp(a->gate, b->gate, a->gates * sizeof a->gate[0]) == 0;
}

static uint64_t hash_of(const struct abi_order_edge *edge)
{
    uint64_t hash = mix(mix(edge->held.key, edge->taken.key),
                        (uint64_t)edge->held_mode << 32 | edge->taken_mode);

    for (uint32_t i = 0; i < edge->gates; i++)
        hash = mix(hash, edge->gate[i].kind);
    return hash;
}

/* The pair's own place, or a free one; NULL when the table is full there. */
static struct abi_order_edge *find_edge(const struct abi_order_edge *wanted)
{
    struct abi_order_edge *free_one = NULL;
    uint64_t hash = hash_of(wanted);

    for (unsigned probe = 0; probe < PROBES; probe++) {
        struct abi_order_edge *edge = &ORDER->edge[((hash >> 40) + probe) % ABI_ORDER_EDGES];

        if (is_valid(edge) && is_same(edge, wanted))
            return edge;
        if (free_one == NULL && !is_valid(edge))
            free_one = edge;
        if (edge->epoch == 0)
            break;
    }
    return free_one;
}

/* A pair that was seen before keeps its threads; its addresses are of this cycle. */
static void put_edge(const struct abi_lane *lane, struct abi_order_edge *pair)
{
    struct abi_order_edge *edge = find_edge(pair);
    struct chain chain = {.edges = 1, .edge = {edge}};

    if (edge == NULL)
        return;
    if (is_valid(edge) && is_same(edge, pair)) {
        pair->threads = edge->threads;
        memcpy(pair->thread, edge->thread, sizeof pair->thread);
    }
    pair->epoch = CONTROL->epoch;
    *edge = *pair;
    ORDER->held_key[edge - ORDER->edge] = edge->held.key;
    if (add_thread(edge, lane))
        close_chain(&chain);
}

static bool is_ordered(uint32_t mode)
{
    return mode == MODE_MUTEX || mode == MODE_READ || mode == MODE_WRITE || mode == MODE_SPIN;
}

static uint32_t listed(const struct abi_lane *lane)
{
    return lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;
}

/* All that is held but @but; false if it is too much. */
static bool find_gates(const struct abi_lane *lane, uint32_t but, struct abi_order_edge *pair)
{
    pair->gates = 0;
    for (uint32_t i = 0; i < listed(lane); i++) {
        const struct abi_held *held = &lane->held[i];
        struct abi_order_lock lock;

        if (i == but || held->object == 0)
            continue;
        if (pair->gates == ABI_ORDER_GATES)
            return false;
        lock.kind = held->object; /* too strict, like a kind: a gate too many hides, and no more */
        if (is_ordered(held->mode))
            name_lock(held->object, &lock);
        pair->gate[pair->gates++] = (struct abi_order_gate){lock.kind, held->mode};
    }
    return true;
}

static void note_pair(const struct abi_lane *lane, uint32_t index, struct abi_order_edge *pair)
{
    const struct abi_held *held = &lane->held[index];

    if (!is_ordered(held->mode) || !name_lock(held->object, &pair->held) ||
        pair->held.key == pair->taken.key || !find_gates(lane, index, pair))
        return;
    pair->held_mode = held->mode;
    find_place(held->caller, &pair->held_at);
    put_edge(lane, pair);
}

static void note_all(const struct abi_lane *lane, uint64_t object, uint32_t mode)
{
    struct abi_order_edge pair;

    memset(&pair, 0, sizeof pair);
    if (!name_lock(object, &pair.taken))
        return;
    pair.taken_mode = mode;
    find_place(lane->site_caller, &pair.taken_at);
    for (uint32_t i = 0; i < listed(lane); i++) {
        pair.threads = 0;
        note_pair(lane, i, &pair);
    }
}

/* --- one thread at a time ----------------------------------------------------------------------
 */

/* What a process that is no more has left in there is nobody's. */
static bool enter(void)
{
    uint64_t before = __atomic_load_n(&ORDER->busy, __ATOMIC_RELAXED);

    return before != CONTROL->epoch &&
           __atomic_compare_exchange_n(&ORDER->busy, &before, CONTROL->epoch, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void leave(void)
{
    __atomic_store_n(&ORDER->busy, 0, __ATOMIC_RELEASE);
}

static bool is_judged(const struct abi_lane *lane)
{
    return CONTROL->purpose == PURPOSE_CYCLE && !lane->elsewhere && lane->held_count <= ABI_HELD;
}

/* Who else there is, what is held and what is taken; 0 if it is taken once more. */
static uint64_t situation(const struct abi_lane *lane, uint64_t object, uint32_t mode)
{
    uint64_t hash = mix((uint64_t)CONTROL->lanes << 32 | generation, object + mode);

    for (uint32_t i = 0; i < listed(lane); i++) {
        if (lane->held[i].object == object)
            return 0;
        hash = mix(hash, lane->held[i].object + lane->held[i].mode);
    }
    return hash;
}

void order_nested(struct abi_lane *lane, uint64_t object, uint32_t mode)
{
    uint64_t hash = situation(lane, object, mode);
    uint64_t *seen = &lane->order_seen[hash >> SEEN_SHIFT];

    if (LIKELY(hash == 0 || *seen == hash))
        return;
    if (!is_judged(lane) || CONTROL->alive <= 1 || !is_ordered(mode)) {
        *seen = hash;
        return;
    }
    if (!enter())
        return;
    note_all(lane, object, mode);
    leave();
    *seen = hash;
}
