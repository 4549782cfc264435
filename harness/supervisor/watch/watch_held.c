/*
 * watch_held: samples lanes that wait for a lock, and /proc of who holds it.
 *
 * The target runs meanwhile: a lane may be half written, so what is read is compared with what
 * was read the last time, and only what stayed counts.
 */
#include "watch_held.h"

#include "watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Between two samples that are further apart anything may have happened: so much counts. */
static const uint64_t PERIOD_NS = 20000000, COUNTED_NS = 100000000;

/* Looks in the time that a lock may be held: the first two measure nothing. */
enum { LOOKS = 4 };

static uint64_t period_ns(double limit_s)
{
    double looks_ns = limit_s * 1e9 / LOOKS;

    return looks_ns < (double)PERIOD_NS ? (uint64_t)looks_ns : PERIOD_NS;
}

static bool is_lock(uint32_t mode)
{
    return mode == MODE_MUTEX || mode == MODE_READ || mode == MODE_WRITE || mode == MODE_STDIO;
}

static bool is_live(const struct abi_memory *memory, const struct abi_lane *lane)
{
    return lane->epoch == memory->control.epoch && lane->pid == memory->control.pid &&
           lane->state == LANE_RUNS;
}

static unsigned lanes_of(const struct abi_memory *memory)
{
    return memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;
}

static bool is_undisturbed(const struct abi_control *control)
{
    return control->pid != 0 && control->purpose == PURPOSE_CYCLE && !control->disturbed &&
           control->intended == 0 && control->fired == 0 && control->parked == 0 &&
           control->plan.mode == PLAN_FREE && !(control->options & OPTION_STOP_AT) &&
           !(control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED));
}

/* --- the holder --------------------------------------------------------------------------------
 */

/* A reader waits for a writer alone. */
static const struct abi_held *find_held(const struct abi_lane *lane, uint64_t object, uint32_t mode)
{
    uint32_t count = lane->held_count < ABI_HELD ? lane->held_count : ABI_HELD;

    for (uint32_t i = 0; i < count; i++)
        if (lane->held[i].object == object &&
            !(mode == MODE_READ && lane->held[i].mode == MODE_READ))
            return &lane->held[i];
    return NULL;
}

static bool read_busy(int pid, int tid, uint64_t *busy_ns)
{
    char path[64];
    char text[96];
    unsigned long long ran, ready;
    ssize_t length = -1;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        length = read(fd, text, sizeof text - 1);
        close(fd);
    }
    text[length > 0 ? length : 0] = 0;
    if (sscanf(text, "%llu %llu", &ran, &ready) != 2)
        return false;
    *busy_ns = ran + ready;
    return true;
}

/* Asleep for a lock is no fault of its own: whoever has that one is looked at as well. */
static bool sleeps(const struct watch_held_holder *seen, const struct abi_lane *lane)
{
    return (seen->letter == 'S' || seen->letter == 'D') &&
           !(lane->wait_object != 0 && is_lock(lane->wait_mode));
}

static void look_at_holder(struct watch_held_holder *seen, const struct abi_memory *memory,
                           const struct abi_lane *lane, const struct abi_held *held,
                           uint64_t now_ns)
{
    int pid = (int)memory->control.pid, tid = (int)lane->tid;
    struct watch_held_holder now = {held->object, held->time, now_ns, 0, 0, -1, 'X'};
    struct evidence_thread thread;
    uint64_t asleep_ns, ran_ns;

    watch_thread(pid, tid, &thread);
    now.letter = watch_letter(pid, tid);
    now.syscall = thread.syscall;
    if (!read_busy(pid, tid, &now.busy_ns))
        now.letter = 'X';
    if (seen->object == held->object && seen->time == held->time) {
        now.asleep_ns = seen->asleep_ns;
        if (now.syscall < 0)
            now.syscall = seen->syscall;
        asleep_ns = now_ns - seen->seen_ns;
        ran_ns = now.busy_ns - seen->busy_ns;
        asleep_ns = asleep_ns > ran_ns ? asleep_ns - ran_ns : 0;
        if (sleeps(seen, lane) && sleeps(&now, lane))
            now.asleep_ns += asleep_ns < COUNTED_NS ? asleep_ns : COUNTED_NS;
    }
    *seen = now;
}

/* --- findings ------------------------------------------------------------------------------------
 */

static struct evidence_hold *hold_of(struct watch_held *w, unsigned holder,
                                     const struct watch_held_holder *seen)
{
    for (unsigned i = 0; i < w->holds; i++)
        if (w->hold[i].holder == holder && w->hold[i].object == seen->object &&
            w->hold[i].time == seen->time)
            return &w->hold[i];
    if (w->holds == EVIDENCE_HOLDS)
        return NULL;
    memset(&w->hold[w->holds], 0, sizeof w->hold[0]);
    return &w->hold[w->holds++];
}

/* Whoever has gone on meanwhile may be in another wait already. */
static void add_waiter(struct evidence_hold *hold, unsigned index, const struct abi_lane *lane,
                       uint64_t seq, double waited_ms)
{
    uint64_t caller = __atomic_load_n(&lane->wait_caller, __ATOMIC_ACQUIRE);
    unsigned i = 0;

    if (__atomic_load_n(&lane->seq, __ATOMIC_ACQUIRE) != seq)
        return;
    while (i < hold->waiters && hold->waiter[i].lane != index)
        i++;
    if (i == EVIDENCE_HOLD_WAITERS)
        return;
    hold->waiters += i == hold->waiters;
    hold->waiter[i].lane = index;
    hold->waiter[i].caller = caller;
    hold->waiter[i].waited_ms = waited_ms;
}

static struct evidence_hold *found(struct watch_held *w, struct abi_memory *memory, unsigned index,
                                   const struct abi_held *held)
{
    const struct abi_lane *lane = &memory->lane[index];
    struct evidence_hold *hold = hold_of(w, index, &w->holder[index]);

    if (hold == NULL)
        return NULL;
    hold->holder = index;
    hold->object = held->object;
    hold->mode = held->mode;
    hold->time = held->time;
    hold->caller = held->caller;
    hold->asleep_ms = (double)w->holder[index].asleep_ns / 1e6;
    hold->syscall = w->holder[index].syscall;
    hold->site = lane->site < ABI_SITES_ALL ? lane->site : 0;
    hold->site_caller = lane->site_caller;
    __atomic_fetch_or(&memory->control.anomaly, ANOMALY_LOOK, __ATOMIC_RELAXED);
    return hold;
}

/* --- waiters ------------------------------------------------------------------------------------
 */

/* Still in the wait in which it was the last time. */
static bool still_waits(struct watch_held_waiter *seen, const struct abi_lane *lane,
                        uint64_t now_ns)
{
    uint64_t object = __atomic_load_n(&lane->wait_object, __ATOMIC_ACQUIRE);
    uint64_t seq = __atomic_load_n(&lane->seq, __ATOMIC_ACQUIRE);

    if (object == 0 || !is_lock(lane->wait_mode)) {
        seen->object = 0;
        return false;
    }
    if (seen->object == object && seen->seq == seq)
        return true;
    *seen = (struct watch_held_waiter){seq, object, now_ns};
    return false;
}

/* @looked: whose state has been read at this look. */
static void look_at_waiter(struct watch_held *w, struct abi_memory *memory, unsigned index,
                           uint64_t now_ns, double limit_s, bool looked[ABI_LANES])
{
    const struct abi_lane *lane = &memory->lane[index];
    struct watch_held_waiter *waiter = &w->waiter[index];
    double waited_s = (double)(now_ns - waiter->since_ns) / 1e9;

    for (unsigned h = 0; h < lanes_of(memory); h++) {
        const struct abi_lane *other = &memory->lane[h];
        const struct abi_held *held;
        struct abi_held copy;
        struct evidence_hold *hold;

        if (h == index || !is_live(memory, other) ||
            (held = find_held(other, waiter->object, lane->wait_mode)) == NULL)
            continue;
        copy = *held;
        if (!looked[h])
            look_at_holder(&w->holder[h], memory, other, &copy, now_ns);
        looked[h] = true;
        if (w->holder[h].object != copy.object || (double)w->holder[h].asleep_ns < limit_s * 1e9 ||
            waited_s < limit_s)
            continue;
        hold = found(w, memory, h, &copy);
        if (hold != NULL)
            add_waiter(hold, index, lane, waiter->seq, waited_s * 1e3);
    }
}

static void start_over(struct watch_held *w, uint64_t epoch)
{
    memset(w, 0, sizeof *w);
    w->epoch = epoch;
}

void watch_held_look(struct watch_held *w, struct abi_memory *memory, uint64_t now_ns,
                     double limit_s)
{
    uint64_t epoch = __atomic_load_n(&memory->control.epoch, __ATOMIC_ACQUIRE);
    bool looked[ABI_LANES] = {false};

    if (limit_s <= 0)
        limit_s = WATCH_HELD_S;
    if (w->epoch != epoch)
        start_over(w, epoch);
    if (now_ns < w->next_ns)
        return;
    w->next_ns = now_ns + period_ns(limit_s);
    if (!is_undisturbed(&memory->control)) {
        start_over(w, epoch);
        return;
    }
    for (unsigned i = 0; i < lanes_of(memory); i++)
        if (is_live(memory, &memory->lane[i]) &&
            still_waits(&w->waiter[i], &memory->lane[i], now_ns))
            look_at_waiter(w, memory, i, now_ns, limit_s, looked);
}

void watch_held_tell(const struct watch_held *w, struct evidence *evidence)
{
    evidence->holds = 0;
    if (evidence->memory == NULL || w->epoch != evidence->memory->control.epoch || evidence->struck)
        return;
    memcpy(evidence->hold, w->hold, sizeof evidence->hold);
    evidence->holds = w->holds < EVIDENCE_HOLDS ? w->holds : EVIDENCE_HOLDS;
}
