/*
 * look: the target stops itself where its heap is to be read by the supervisor: at its end, if
 * something is wrong with the cycle already or the user asks for it, and after its last lap, if
 * it has grown. A cycle that passes comes by here once and tests a word.
 */
#include "agent.h"

#include <signal.h>
#include <sys/wait.h>

enum { LAPS_LEAST = 8 }; /* below, growth may be one thing that is made at first use */

/* All but these means that the cycle fails: notes, lap samples, what has ended already. */
enum {
    HARMLESS = ANOMALY_NOTE | ANOMALY_SERIES | ANOMALY_LOOK | ANOMALY_LEFT | ANOMALY_STOPPED |
               ANOMALY_SPAWN | ANOMALY_NO_AGENT
};

static void stop(const struct abi_lane *lane, uint32_t why)
{
    uint32_t none = LOOK_NONE;

    if (CONTROL->purpose != PURPOSE_CYCLE || lane->pid != CONTROL->pid ||
        !__atomic_compare_exchange_n(&CONTROL->look, &none, why, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return;
    RAW3(SYS_tgkill, lane->pid, lane->tid, SIGSTOP);
}

/* What the plan has not ordered, and what the server will call an anomaly at the end. */
static bool has_failed(void)
{
    int before = CONTROL->baseline_status;

    if (__atomic_load_n(&CONTROL->anomaly, __ATOMIC_RELAXED) & ~(uint32_t)HARMLESS)
        return true;
    return CONTROL->fired == 0 && WIFEXITED(before) &&
           WEXITSTATUS(before) != (CONTROL->exit_status & 0xff);
}

/* A block every two laps, since half-way: warming up is over by then. */
static bool has_grown(void)
{
    uint64_t laps = CONTROL->lap_mode == LAPS_BODY ? CONTROL->laps : CONTROL->lap;
    const struct abi_lap *half = &agent_memory->lap[laps / 2 % ABI_LAPS];
    const struct abi_lap *last = &agent_memory->lap[(laps - 1) % ABI_LAPS];

    return laps >= LAPS_LEAST && laps <= ABI_LAPS &&
           last->heap_blocks - half->heap_blocks >= (int64_t)laps / 4;
}

void look_at_end(const struct abi_lane *lane)
{
    if (lane == NULL)
        return;
    if (UNLIKELY(CONTROL->options & OPTION_REACH))
        stop(lane, LOOK_ASKED);
    else if (UNLIKELY(has_failed()))
        stop(lane, LOOK_FAILED);
    else if (UNLIKELY(CONTROL->lap_mode != LAPS_BODY) && has_grown())
        stop(lane, LOOK_GREW); /* nobody knew which lap would be the last */
}

void look_at_last_lap(const struct abi_lane *lane)
{
    if (CONTROL->options & OPTION_REACH)
        stop(lane, LOOK_ASKED);
    else if (has_grown())
        stop(lane, LOOK_GREW);
}
