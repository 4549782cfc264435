/*
 * progress: one line on a terminal, renewed a few times a second; nothing when piped.
 */
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint64_t EVERY_NS = 200000000;
static uint64_t shown_ns;

static uint64_t under_way(const struct run *run)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < run->workers; i++)
        if (run->worker[i].phase == WORKER_BATCH)
            sum += __atomic_load_n(&run->worker[i].job.memory->control.done, __ATOMIC_RELAXED);
    return sum;
}

static size_t cells_done(const struct run *run)
{
    size_t done = 0;

    for (size_t i = 0; i < run->cells; i++)
        done += run->cell[i].done;
    return done;
}

/* Share of the run that is over, 0 to 1. */
static double share(const struct run *run, uint64_t cycles, double seconds)
{
    double part;

    if (run->options.seconds > 0)
        part = seconds / run->options.seconds;
    else
        part = (double)cycles / ((double)run->options.cycles * (double)run->cells + 1);
    return part < 1 ? part : 1;
}

static void time_left(double part, double seconds, char out[32])
{
    double left = part > 0.005 ? seconds / part - seconds : -1;

    if (left < 0)
        snprintf(out, 32, "?");
    else
        snprintf(out, 32, "%d:%02d", (int)left / 60, (int)left % 60);
}

void progress_show(const struct run *run)
{
    uint64_t now = run_now_ns();
    double seconds = (double)(now - run->started_ns) / 1e9;
    uint64_t cycles = run->total_cycles + under_way(run);
    double part = share(run, cycles, seconds);
    char bar[21];
    char left[32];

    if (now - shown_ns < EVERY_NS)
        return;
    shown_ns = now;
    for (unsigned i = 0; i < 20; i++)
        bar[i] = i < (unsigned)(part * 20) ? '#' : '.';
    bar[20] = 0;
    time_left(part, seconds, left);
    fprintf(stderr, "\r[%s] %llu cycles, %.0f/s, %zu of %zu cells, %llu failed, left %s\033[K", bar,
            (unsigned long long)cycles, (double)cycles / (seconds + 0.001), cells_done(run),
            run->cells, (unsigned long long)run->total_failed, left);
    fflush(stderr);
}

void progress_clear(const struct run *run)
{
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
