/*
 * lap: counts at the end of a lap, by raw system calls on memory of our own. What is counted is the
 * program's: our own two descriptors are taken off.
 */
#include "lap.h"

#include <fcntl.h>
#include <string.h>
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

/*
 * Opening these two anew costs more than all the rest of a lap. They lie above what programs use,
 * and one that the program has closed, or put something else in its place, is opened again.
 */
enum { FIRST_OWN_FD = 900 };

struct own_fd {
    const char *path;
    int flags;
    int fd;
    uint64_t inode;
    uint64_t device;
};

static struct own_fd directory = {"/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, -1, 0, 0};
static struct own_fd statm = {"/proc/self/statm", O_RDONLY | O_CLOEXEC, -1, 0, 0};

static bool is_ours(const struct own_fd *own, struct stat *info)
{
    return own->fd >= 0 && RAW2(SYS_fstat, own->fd, info) == 0 && info->st_ino == own->inode &&
           info->st_dev == own->device;
}

/* Opens it where the program will not look; @info is about it. */
static bool have(struct own_fd *own, struct stat *info)
{
    long fd;

    if (is_ours(own, info))
        return true;
    own->fd = -1;
    fd = RAW4(SYS_openat, AT_FDCWD, own->path, own->flags, 0);
    if (fd < 0)
        return false;
    own->fd = (int)RAW3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
    if (own->fd >= 0)
        RAW1(SYS_close, fd);
    else
        own->fd = (int)fd; /* the limit is lower than that */
    if (RAW2(SYS_fstat, own->fd, info) != 0)
        return false;
    own->inode = info->st_ino;
    own->device = info->st_dev;
    return true;
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
    struct stat info;
    char text[128];
    int64_t shared;
    long length;

    out->map_pages = out->rss_pages = -1;
    if (!have(&statm, &info) ||
        (length = RAW4(SYS_pread64, statm.fd, text, sizeof text - 1, 0)) <= 0)
        return;
    text[length] = 0;
    number(number(number(text, &out->map_pages), &out->rss_pages), &shared);
    out->rss_pages -= shared; /* the memory that we share with the supervisor is in there */
}

/* Linux 6.2 and later give the number of open descriptors as the directory's size. */
static void count_fds(struct abi_lap *out)
{
    struct stat info;

    out->fds = -1;
    if (have(&directory, &info) && info.st_size > 0)
        out->fds = info.st_size - (directory.fd >= 0) - (statm.fd >= 0);
}

void lap_take(struct abi_lap *out)
{
    out->heap_bytes = live(offsetof(struct abi_lane, live_bytes));
    out->heap_blocks = live(offsetof(struct abi_lane, live_blocks));
    out->threads = CONTROL->alive;
    out->modules = CONTROL->modules_live;
    count_pages(out);
    count_fds(out);
}

/* --- call sites ------------------------------------------------------------------------------ */

/* Every second sample goes: the others are as if they had been taken half as often from the start.
 */
static void thin_out(struct abi_lap_sites *sites)
{
    for (unsigned i = 0; i < ABI_SITE_SAMPLES / 2; i++)
        memcpy(sites->sample[i], sites->sample[2 * i + 1], sizeof sites->sample[i]);
    sites->samples = ABI_SITE_SAMPLES / 2;
    sites->every *= 2;
}

static void sample_sites(uint64_t done)
{
    struct abi_lap_sites *sites = &agent_memory->lap_sites;

    if (done % sites->every != 0)
        return;
    if (sites->samples == ABI_SITE_SAMPLES)
        thin_out(sites);
    if (done % sites->every != 0)
        return;
    memcpy(sites->sample[sites->samples], sites->live, sizeof sites->live);
    sites->samples++;
}

/* A number of laps that is known beforehand needs no thinning out. */
IN_EVERY_CYCLE void lap_begin_cycle(void)
{
    struct abi_lap_sites *sites = &agent_memory->lap_sites;

    CONTROL->counts_sites = (uint32_t)abi_takes_laps(CONTROL);
    if (CONTROL->counts_sites == 0)
        return;
    if (CONTROL->lap_mode == LAPS_EVERY)
        CONTROL->paced = CONTROL->lap_every;
    memset(sites->live, 0, sizeof sites->live);
    sites->samples = sites->busy = 0;
    sites->progress = 0;
    sites->every = 1;
    while (CONTROL->laps / sites->every > ABI_SITE_SAMPLES)
        sites->every *= 2;
    sites->epoch = CONTROL->epoch;
}

void lap_end(struct abi_lane *lane, uint64_t lap)
{
    uint64_t done = CONTROL->lap;
    struct abi_lap *sample = &agent_memory->lap[done % ABI_LAPS];

    lane_put(lane, EVENT_LAP_END, SITE_LAP, 0, lap, 0, 0, agent_ticks());
    if (abi_takes_laps(CONTROL) && CONTROL->purpose == PURPOSE_CYCLE) {
        while (done - __atomic_load_n(&CONTROL->laps_read, __ATOMIC_ACQUIRE) >= ABI_LAPS)
            agent_futex_wait((uint32_t *)&CONTROL->laps_read, (uint32_t)(done - ABI_LAPS));
        sample->ticks = agent_ticks();
        lap_take(sample);
        sample_sites(done + 1);
    }
    __atomic_store_n(&CONTROL->lap, done + 1, __ATOMIC_RELEASE);
}

/* No lock of the program's: whoever has it is in here, and comes out. */
void lap_count(struct abi_lane *lane)
{
    uint32_t *busy = &agent_memory->lap_sites.busy;

    while (__atomic_exchange_n(busy, 1, __ATOMIC_ACQUIRE) != 0)
        RAW1(SYS_sched_yield, 0);
    lap_end(lane, CONTROL->lap);
    __atomic_store_n(busy, 0, __ATOMIC_RELEASE);
}

void agent_tick(struct abi_lane *lane)
{
    if (CONTROL->parked != 0)
        strike_park_tick();
    if (CONTROL->paced != 0 && !lane->elsewhere &&
        __atomic_add_fetch(&agent_memory->lap_sites.progress, 1, __ATOMIC_RELAXED) %
                CONTROL->paced ==
            0)
        lap_count(lane);
}
