/*
 * lap: counts at the end of a lap, by raw system calls on memory of our own. Our own
 * descriptors are closed in a target, so what is counted is the program's.
 */
#include "lap.h"

#include <fcntl.h>
#include <sys/stat.h>

static int64_t live(size_t field)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;
    int64_t sum = 0;

    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch == CONTROL->epoch)
            sum += *(const int64_t *)((const char *)lane + field);
    }
    return sum;
}

/* Linux 6.2 and later give the number of open descriptors as the directory's size. */
static int64_t count_fds(void)
{
    struct stat info;

    if (RAW4(SYS_newfstatat, AT_FDCWD, "/proc/self/fd", &info, 0) != 0 || info.st_size == 0)
        return -1;
    return info.st_size;
}

static const char *number(const char *text, int64_t *out)
{
    *out = 0;
    while (*text >= '0' && *text <= '9')
        *out = *out * 10 + (*text++ - '0');
    while (*text == ' ')
        text++;
    return text;
}

static void count_pages(struct abi_lap *out)
{
    char text[128];
    long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/statm", O_RDONLY | O_CLOEXEC, 0);
    int64_t shared;
    long length;

    out->map_pages = out->rss_pages = -1;
    if (fd < 0)
        return;
    length = RAW3(SYS_read, fd, text, sizeof text - 1);
    RAW1(SYS_close, fd);
    if (length <= 0)
        return;
    text[length] = 0;
    number(number(number(text, &out->map_pages), &out->rss_pages), &shared);
    out->rss_pages -= shared; /* the memory that we share with the supervisor is in there */
}

void lap_take(struct abi_lap *out)
{
    out->heap_bytes = live(offsetof(struct abi_lane, live_bytes));
    out->heap_blocks = live(offsetof(struct abi_lane, live_blocks));
    out->threads = CONTROL->alive;
    out->modules = CONTROL->modules_live;
    out->fds = count_fds();
    count_pages(out);
}

void lap_end(struct abi_lane *lane, uint64_t lap)
{
    uint64_t done = CONTROL->lap;
    struct abi_lap *sample = &agent_memory->lap[done % ABI_LAPS];

    lane_put(lane, EVENT_LAP_END, SITE_LAP, 0, lap, 0, 0, agent_ticks());
    if (CONTROL->laps > 1) {
        while (done - __atomic_load_n(&CONTROL->laps_read, __ATOMIC_ACQUIRE) >= ABI_LAPS)
            agent_futex_wait((uint32_t *)&CONTROL->laps_read, (uint32_t)(done - ABI_LAPS));
        sample->lap = lap;
        lap_take(sample);
    }
    __atomic_store_n(&CONTROL->lap, done + 1, __ATOMIC_RELEASE);
}
