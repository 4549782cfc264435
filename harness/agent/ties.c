/*
 * ties: the table of what leads into modules that come and go. Written by any thread, without a
 * lock: a slot is claimed by exchanging its word, which says the cycle that it belongs to.
 *
 * Callbacks are noted when they are registered. Threads, locks and signal handlers are looked
 * up once a module has gone, since what is true then is what counts.
 */
#include "ties.h"
#include "held.h"
#include "loader_table.h"

#include <dlfcn.h>
#include <signal.h>

enum { SIGNALS = 64 };

/* --- slots --------------------------------------------------------------------------------- */

static uint64_t word_of(enum abi_tie_state state)
{
    return CONTROL->epoch << 8 | state;
}

static enum abi_tie_state state_of(const struct abi_tie *tie)
{
    uint64_t word = __atomic_load_n(&tie->word, __ATOMIC_ACQUIRE);

    return word >> 8 == CONTROL->epoch ? (enum abi_tie_state)(word & 0xff) : TIE_FREE;
}

static void set_state(struct abi_tie *tie, enum abi_tie_state state)
{
    __atomic_store_n(&tie->word, word_of(state), __ATOMIC_RELEASE);
}

static uint32_t bound(void)
{
    uint32_t count = __atomic_load_n(&CONTROL->ties, __ATOMIC_ACQUIRE);

    return count < ABI_TIES ? count : ABI_TIES;
}

static void raise_bound(uint32_t to)
{
    uint32_t count = __atomic_load_n(&CONTROL->ties, __ATOMIC_RELAXED);

    while (count < to && !__atomic_compare_exchange_n(&CONTROL->ties, &count, to, false,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
}

/* NULL when the table is full: what comes first tells most. */
static struct abi_tie *claim(void)
{
    for (uint32_t i = 0; i < ABI_TIES; i++) {
        struct abi_tie *tie = &agent_memory->tie[i];
        uint64_t word = __atomic_load_n(&tie->word, __ATOMIC_RELAXED);

        if (word >> 8 == CONTROL->epoch && (word & 0xff) != TIE_FREE)
            continue;
        if (!__atomic_compare_exchange_n(&tie->word, &word, word_of(TIE_TAKEN), false,
                                         __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            continue;
        raise_bound(i + 1);
        return tie;
    }
    return NULL;
}

static void put(const struct abi_tie *tie, enum abi_tie_state state)
{
    struct abi_tie *slot = claim();
    uint64_t word;

    if (slot == NULL)
        return;
    word = slot->word;
    *slot = *tie;
    slot->word = word;
    set_state(slot, state);
}

/* --- callbacks ----------------------------------------------------------------------------- */

/* A routine of pthread_once that ends in this call has left no frame: who called once, then? */
static uint64_t real_caller(const struct abi_lane *lane, uint64_t caller)
{
    if (lane != NULL && lane->wait_object != 0 && lane->wait_mode == MODE_ONCE &&
        !modules_came(caller, NULL))
        return lane->wait_caller;
    return caller;
}

void ties_add(enum abi_tie_kind kind, uint64_t function, uint64_t object, uint64_t caller)
{
    const struct abi_lane *lane = agent_lane;
    struct abi_tie tie = {
        .kind = kind,
        .lane = lane != NULL ? lane_index(lane) : UINT32_MAX,
        .address = function,
        .object = object,
    };

    if (function == 0 || !ties_wanted() || !modules_came(function, NULL))
        return;
    tie.caller = real_caller(lane, caller);
    tie.time = agent_ticks();
    put(&tie, TIE_LIVE);
}

/* One that was left over may be taken back yet, by whoever knows its key. */
void ties_drop(enum abi_tie_kind kind, uint64_t object)
{
    uint32_t count = agent_active ? bound() : 0;

    for (uint32_t i = 0; i < count; i++) {
        struct abi_tie *tie = &agent_memory->tie[i];

        if (state_of(tie) >= TIE_LIVE && tie->kind == kind && tie->object == object)
            set_state(tie, TIE_FREE);
    }
}

/* --- what is seen once and for all --------------------------------------------------------- */

static bool is_same(const struct abi_tie *a, const struct abi_tie *b)
{
    return a->kind == b->kind && a->address == b->address && a->caller == b->caller;
}

static bool is_known(const struct abi_tie *tie)
{
    uint32_t count = bound();

    for (uint32_t i = 0; i < count; i++)
        if (state_of(&agent_memory->tie[i]) == TIE_LEFT && is_same(&agent_memory->tie[i], tie))
            return true;
    return false;
}

void ties_note(const struct abi_tie *tie)
{
    __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
    if (!is_known(tie))
        put(tie, TIE_LEFT);
}

/* --- a module has gone --------------------------------------------------------------------- */

/* @tie: what the ones that are found now have in common. */
struct parting {
    const struct abi_module *module;
    const struct abi_lane *unloader;
    struct abi_tie tie;
};

/*
 * The place may be taken again by now, by another thread's load: a worker drops its own module
 * while main loads that anew. What leads there may be the new one's business then, so nothing is
 * said. It is asked after @address was read: what was read before the place was taken counts.
 */
static bool is_in(const struct parting *parting, uint64_t address)
{
    struct dl_find_object object;

    return address >= parting->module->base && address < parting->module->end &&
           _dl_find_object((void *)address, &object) != 0;
}

/* In a module that comes and goes, the last one of a kind says as much as all of them. */
static void forget_same(const struct abi_tie *tie)
{
    uint32_t count = bound();

    for (uint32_t i = 0; i < count; i++) {
        struct abi_tie *other = &agent_memory->tie[i];

        if (other != tie && state_of(other) == TIE_LEFT && is_same(other, tie))
            set_state(other, TIE_FREE);
    }
}

static void leave_callbacks(const struct parting *parting)
{
    uint32_t count = bound();

    for (uint32_t i = 0; i < count; i++) {
        struct abi_tie *tie = &agent_memory->tie[i];

        if (state_of(tie) != TIE_LIVE || !is_in(parting, tie->address))
            continue;
        forget_same(tie);
        tie->base = parting->tie.base;
        tie->ordered = parting->tie.ordered;
        set_state(tie, TIE_LEFT);
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_NOTE, __ATOMIC_RELAXED);
    }
}

/* What the kernel gives; libc's own function is slower, and hides two signals. */
struct kernel_action {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};

static uint64_t handler_of(uint32_t signal)
{
    struct kernel_action action = {0};

    if (RAW4(SYS_rt_sigaction, signal, NULL, &action, sizeof action.mask) != 0)
        return 0;
    return action.handler;
}

uint32_t ties_signal_at(uint64_t address)
{
    for (uint32_t signal = 1; address > 1 && signal <= SIGNALS; signal++)
        if (handler_of(signal) == address)
            return signal;
    return 0;
}

static void leave_handlers(const struct parting *parting)
{
    for (uint32_t signal = 1; signal <= SIGNALS; signal++) {
        struct abi_tie tie = parting->tie;

        tie.kind = TIE_SIGNAL;
        tie.lane = UINT32_MAX;
        tie.object = signal;
        tie.address = handler_of(signal);
        if (!is_in(parting, tie.address))
            continue;
        __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_NOTE, __ATOMIC_RELAXED);
        if (!is_known(&tie))
            put(&tie, TIE_LEFT);
    }
}

static bool is_alive(const struct abi_lane *lane)
{
    if (lane->epoch != CONTROL->epoch || lane->pid != CONTROL->pid)
        return false;
    return lane->state == LANE_BORN ||
           (lane->state == LANE_RUNS && RAW3(SYS_tgkill, lane->pid, lane->tid, 0) == 0);
}

/* Locks, in the order in which they stand in the list; a condition is not held by anybody. */
static bool is_lock(uint32_t mode)
{
    return mode == MODE_MUTEX || mode == MODE_READ || mode == MODE_WRITE || mode == MODE_SPIN;
}

static void note_lock(const struct parting *parting, const struct abi_lane *lane,
                      enum abi_tie_kind kind, uint64_t object, uint32_t mode, uint64_t caller)
{
    struct abi_tie tie = parting->tie;

    if (!is_in(parting, object))
        return;
    tie.kind = kind;
    tie.lane = lane_index(lane);
    tie.address = object;
    tie.mode = mode;
    tie.caller = caller;
    ties_note(&tie);
}

static void note_locks(const struct parting *parting, const struct abi_lane *lane)
{
    uint32_t count = lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;
    uint64_t awaited = __atomic_load_n(&lane->wait_object, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < count; i++)
        note_lock(parting, lane, TIE_LOCK_HELD, lane->held[i].object, lane->held[i].mode,
                  lane->held[i].caller);
    if (awaited != 0 && is_lock(lane->wait_mode))
        note_lock(parting, lane, TIE_LOCK_AWAITED, awaited, lane->wait_mode, lane->wait_caller);
}

/*
 * Its own start routine leads back into the module, or the call that it waits in does. Whoever
 * unloads may well end without returning there: a worker that drops its own module.
 */
static void note_thread(const struct parting *parting, const struct abi_lane *lane)
{
    uint64_t awaited = __atomic_load_n(&lane->wait_object, __ATOMIC_ACQUIRE);
    uint64_t caller = awaited != 0 ? lane->wait_caller : 0;
    struct abi_tie tie = parting->tie;

    if (lane == parting->unloader)
        return;
    tie.lane = lane_index(lane);
    tie.caller = caller;
    tie.object = awaited;
    tie.mode = awaited != 0 ? lane->wait_mode : MODE_NONE;
    if (is_in(parting, lane->start)) {
        tie.kind = TIE_THREAD;
        tie.address = lane->start;
        ties_note(&tie);
    } else if (is_in(parting, caller)) {
        tie.kind = TIE_INSIDE;
        tie.address = caller;
        ties_note(&tie);
    }
}

static void note_lanes(const struct parting *parting)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &agent_memory->lane[i];

        if (!is_alive(lane))
            continue;
        note_thread(parting, lane);
        note_locks(parting, lane);
    }
}

void ties_gone(const struct abi_module *module, const struct abi_lane *unloader, bool ordered)
{
    struct parting parting = {module, unloader, {.base = module->base, .ordered = ordered}};

    parting.tie.time = module->unloaded_at;
    leave_callbacks(&parting);
    leave_handlers(&parting);
    if (!ordered)
        note_lanes(&parting);
}
