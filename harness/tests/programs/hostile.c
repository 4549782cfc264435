/*
 * hostile: scribbles over the memory that it shares with rundown, and then comes to an end in one
 * of several ways: hostile DAMAGE END [SEED [dry]]. In the dry cycles only with "dry". Without
 * rundown there is nothing to scribble over: status 3.
 */
#include <harness/agent_abi.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct abi_memory *memory;
static uint64_t state;

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void find_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start;
    char line[512];

    while (maps != NULL && memory == NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "memfd:rundown") != NULL && sscanf(line, "%lx", &start) == 1 &&
            ((struct abi_control *)start)->magic == ABI_MAGIC)
            memory = (struct abi_memory *)start;
    if (maps != NULL)
        fclose(maps);
    if (memory == NULL)
        exit(3);
}

static void noise(void *at, size_t bytes)
{
    for (uint64_t *word = at, *end = word + bytes / sizeof *word; word < end; word++)
        *word = draw();
}

/* --- damage ---------------------------------------------------------------------------------- */

static void everything(void)
{
    noise(memory, sizeof *memory);
}

static void ones(void)
{
    memset(memory, 0xff, sizeof *memory);
}

static void zeros(void)
{
    memset(memory, 0, sizeof *memory);
}

static void control_page(void)
{
    noise(&memory->control, sizeof memory->control);
}

/* All but the control block, whose word is what the rest is read by. */
static void records(void)
{
    noise(memory->lane, 8 * sizeof memory->lane[0]);
    noise(&memory->spec, (size_t)((char *)&memory->heap - (char *)&memory->spec));
    memory->control.lanes = memory->control.deaths = memory->control.modules = UINT32_MAX;
    memory->control.anomaly = ANOMALY_LOOK | ANOMALY_HEAP;
}

static void everybody(void) /* as a number to send a signal to */
{
    memory->control.pid = (uint32_t)-1;
}

static void parent(void)
{
    memory->control.pid = (uint32_t)getppid();
}

static void claim(void)
{
    memory->control.claim = CLAIM_SUPERVISOR;
}

static void done(void)
{
    memory->control.done = memory->control.passed = UINT64_MAX / 3;
}

static void endless(void)
{
    memory->control.batch_count = UINT64_MAX;
}

static void server(void)
{
    memory->control.server = (uint32_t)draw();
}

static void laps(void)
{
    memory->control.laps = UINT32_MAX;
    memory->control.lap = UINT64_MAX;
}

static void *keeps_on(void *unused)
{
    for (;;)
        noise(&memory->control, sizeof memory->control);
    return unused;
}

/* While everybody reads it. */
static void storm(void)
{
    pthread_t thread;

    if (fork() == 0)
        keeps_on(NULL);
    pthread_create(&thread, NULL, keeps_on, NULL);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"everything", everything}, {"ones", ones},       {"zeros", zeros},
    {"control", control_page},  {"records", records}, {"pid-all", everybody},
    {"pid-parent", parent},     {"claim", claim},     {"done", done},
    {"endless", endless},       {"server", server},   {"laps", laps},
    {"storm", storm},
};

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    find_memory();
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    if (memory->control.purpose != PURPOSE_CYCLE && argc <= 4)
        return 0;
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(argv[1], acts[i].name) == 0)
            acts[i].act();
    if (strcmp(argv[2], "hang") == 0)
        for (pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;;)
            pthread_mutex_lock(&lock);
    if (strcmp(argv[2], "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(argv[2], "leave") == 0)
        _exit(0);
    return 0;
}
