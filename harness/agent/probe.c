/*
 * probe: after a thread was killed or parked, tries what the survivors may still do. Whatever
 * the dead thread has left locked stops us here, and the watch finds us with the probe's name
 * on it: it shows now, not by luck.
 *
 * Runs with lane->depth 0, as anybody's code would, by the functions behind the hooks.
 */
#include "agent.h"

#include <string.h>
#include <sys/wait.h>

static void begin(struct abi_lane *lane, enum abi_probe probe)
{
    lane->probe = probe;
    lane_put(lane, EVENT_PROBE, 0, probe, 1, 0, 0, agent_ticks());
}

static void probe_blocks(struct abi_lane *lane)
{
    static const struct {
        enum abi_probe probe;
        size_t bytes;
    } sizes[] = {
        {PROBE_MALLOC_SMALL, 64}, {PROBE_MALLOC_MEDIUM, 5000}, {PROBE_MALLOC_LARGE, 300000}};
    void *volatile block[3];

    for (unsigned i = 0; i < 3; i++) {
        begin(lane, sizes[i].probe);
        block[i] = real.malloc(sizes[i].bytes);
    }
    begin(lane, PROBE_FREE);
    for (unsigned i = 0; i < 3; i++)
        real.free(block[i]);
}

static void probe_stdio(struct abi_lane *lane)
{
    begin(lane, PROBE_STDIO);
    fflush(NULL); /* takes the list's lock and every stream's */
}

static void probe_dlopen(struct abi_lane *lane)
{
    void *handle;

    begin(lane, PROBE_DLOPEN);
    handle = real.dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    if (handle != NULL)
        real.dlclose(handle);
}

static void probe_fork(struct abi_lane *lane)
{
    pid_t pid;

    begin(lane, PROBE_FORK);
    pid = real.fork();
    if (pid == 0)
        RAW1(SYS_exit_group, 0);
    if (pid > 0)
        RAW4(SYS_wait4, pid, NULL, 0, NULL);
}

void probe_run(struct abi_lane *lane)
{
    if (!(CONTROL->options & OPTION_PROBE) || CONTROL->deaths == 0 || lane->probe != PROBE_NONE)
        return;
    probe_blocks(lane);
    probe_stdio(lane);
    probe_dlopen(lane);
    probe_fork(lane);
    begin(lane, PROBE_EXIT); /* the exit itself comes next, by the program */
}
