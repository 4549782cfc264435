/*
 * mark: what a program under stress tells us about itself (harness/marks.h).
 */
#include "agent.h"
#include "lap.h"
#include "sched.h"

#include <harness/marks.h>

#include <string.h>

HOOK void rundown_mark_site(const char *name);

/* User sites get their index at first use; the table outlives the cycle. */
static uint32_t user_site(const char *name)
{
    struct abi_control *control = CONTROL;

    for (uint32_t i = 0; i < ABI_USER_SITES; i++) {
        char *entry = control->user_site[i];

        if (entry[0] == 0) {
            strncpy(entry, name, ABI_NAME_BYTES - 1);
            if (control->user_sites < i + 1)
                control->user_sites = i + 1;
        }
        if (strncmp(entry, name, ABI_NAME_BYTES - 1) == 0)
            return ABI_SITES + i;
    }
    return SITE_ANY;
}

HOOK void rundown_mark_site(const char *name)
{
    struct agent_call call;
    uint32_t site;

    if (!agent_active || (site = user_site(name)) == SITE_ANY)
        return;
    call = agent_enter(site, CALLER());
    if (call.lane != NULL)
        lane_event(call.lane, EVENT_SITE, site, 0, 0);
    sched_point(call.lane);
    agent_leave(call);
}

static void broken(const char *text, uint64_t caller)
{
    struct agent_call call;

    if (!agent_active)
        return;
    call = agent_enter(SITE_LAP, caller);
    if (__atomic_fetch_add(&CONTROL->invariants, 1, __ATOMIC_RELAXED) == 0)
        strncpy(CONTROL->message, text, ABI_MESSAGE_BYTES - 1);
    __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_INVARIANT, __ATOMIC_RELAXED);
    if (call.lane != NULL)
        lane_event(call.lane, EVENT_INVARIANT, 0, 0, 0);
    agent_leave(call);
}

HOOK void rundown_mark_invariant(const char *text)
{
    broken(text, CALLER());
}

HOOK void rundown_mark_invariant_at(const char *text, const void *where)
{
    broken(text, (uint64_t)where);
}

HOOK void rundown_mark_heartbeat(void)
{
    if (agent_active)
        __atomic_fetch_add(&CONTROL->beats, 1, __ATOMIC_RELAXED);
}

IN_EVERY_CYCLE HOOK uint64_t rundown_mark_seed(void)
{
    return agent_active ? CONTROL->plan.workload_seed : 0;
}

IN_EVERY_CYCLE HOOK uint32_t rundown_mark_laps(void)
{
    return agent_active ? CONTROL->laps : 0;
}

HOOK void rundown_mark_lap_begin(uint64_t lap)
{
    struct agent_call call = agent_enter(SITE_LAP, CALLER());

    if (call.lane != NULL)
        lane_put(call.lane, EVENT_LAP_BEGIN, SITE_LAP, 0, lap, 0, 0, 0);
    agent_leave(call);
}

HOOK void rundown_mark_lap_end(uint64_t lap)
{
    struct abi_lane *lane = agent_lane;

    if (!agent_active || lane == NULL || lane->depth != 0)
        return;
    lane->depth = 1;
    lap_end(lane, lap);
    if (lap + 1 == CONTROL->laps)
        look_at_last_lap(lane);
    lane->depth = 0;
    if (lap + 1 == CONTROL->laps)
        probe_run(lane);
}
