/*
 * series: what laps may leave behind, by the function that is called in each. What it remembers
 * from lap to lap stays when the module goes: a block whose address is in the environment.
 */
#include "modules.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

MODULE_EXPORT void series_lose(long bytes);
MODULE_EXPORT void series_jitter(long bytes);
MODULE_EXPORT void series_descriptor(long every);
MODULE_EXPORT void series_thread(long every);
MODULE_EXPORT void series_lazy(void);
MODULE_EXPORT void series_cache(long most);
MODULE_EXPORT void series_tooth(long teeth);
MODULE_EXPORT void series_steps(void);
MODULE_EXPORT void series_pool(void);
MODULE_EXPORT void *volatile series_lost;

enum { KEPT = 512, VARIABLE_BYTES = 32 };

/* struct state - what a lap knows of those before it. */
struct state {
    long lap;
    void *kept[KEPT];
};

static const char variable[] = "SERIES_STATE";

static struct state *next_lap(void)
{
    const char *text = getenv(variable);
    struct state *state;
    char address[VARIABLE_BYTES];

    if (text != NULL) {
        state = (struct state *)(uintptr_t)strtoull(text, NULL, 16);
        state->lap++;
        return state;
    }
    state = calloc(1, sizeof *state);
    if (state == NULL)
        abort();
    snprintf(address, sizeof address, "%llx", (unsigned long long)(uintptr_t)state);
    setenv(variable, address, 1);
    return state;
}

void series_lose(long bytes)
{
    series_lost = malloc((size_t)bytes);
}

/* Any number from 1 to 64, the same in each run. */
static size_t jitter(long lap)
{
    uint64_t x = (uint64_t)lap * UINT64_C(0x9e3779b97f4a7c15);

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (x >> 40) % 64 + 1;
}

/* Loses @bytes, and has a block that is of another size in each lap. */
void series_jitter(long bytes)
{
    struct state *state = next_lap();

    free(state->kept[0]);
    state->kept[0] = malloc(jitter(state->lap));
    series_lose(bytes);
}

void series_descriptor(long every)
{
    if (next_lap()->lap % every == 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        abort();
}

/* Its code must not be the module's, which goes: it sleeps in libc and nowhere else. */
static void *sleeper(void)
{
    return (void *)(uintptr_t)pause;
}

static void start_thread(void)
{
    pthread_attr_t small;
    pthread_t thread;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    if (pthread_create(&thread, &small, (void *(*)(void *))sleeper(), NULL) != 0)
        abort();
    pthread_attr_destroy(&small);
}

void series_thread(long every)
{
    if (next_lap()->lap % every == 0)
        start_thread();
}

/* --- clean ones --- */

void series_lazy(void)
{
    struct state *state = next_lap();

    for (int i = 0; state->lap == 3 && i < 100; i++)
        state->kept[i] = malloc(100);
}

/* A block more in each lap, until it is full; then the oldest goes. */
void series_cache(long most)
{
    struct state *state = next_lap();
    void **place = &state->kept[state->lap % most];

    free(*place);
    *place = malloc(48);
}

/* A block more in each lap, and all of them freed at once. */
void series_tooth(long teeth)
{
    struct state *state = next_lap();
    long tooth = state->lap % teeth;

    state->kept[tooth] = malloc(64);
    for (long i = 0; tooth == teeth - 1 && i < teeth; i++)
        free(state->kept[i]);
}

/* What makes the heap larger, step by step, and is freed in the same lap. */
void series_steps(void)
{
    long lap = next_lap()->lap;

    free(malloc((size_t)(lap < 400 ? lap : 400) * 1024 + 1));
}

/* A thread that stays, as pools have them. */
void series_pool(void)
{
    if (next_lap()->lap == 1)
        start_thread();
}
