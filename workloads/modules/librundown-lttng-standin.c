/*
 * librundown-lttng-standin: an event is begun and ended, and the clean-up waits until none is under
 * way. Its name begins as that of the flight recorder's own library, since that is how a thread
 * stuck in there is known; it has nothing else of it.
 */
#include <workloads/modules/standin.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_uint under_way;
static atomic_bool patient;
static sem_t idle; /* posted when the last event under way has ended */

void standin_set_patient(int yes)
{
    atomic_store(&patient, yes != 0);
}

void standin_begin(void)
{
    atomic_fetch_add(&under_way, 1);
}

void standin_end(void)
{
    if (atomic_fetch_sub(&under_way, 1) == 1)
        sem_post(&idle);
}

__attribute__((constructor)) static void open_standin(void)
{
    sem_init(&idle, 0, 0);
}

/* At the exit, or at the unload. */
__attribute__((destructor)) static void close_standin(void)
{
    while (atomic_load(&patient) && atomic_load(&under_way) > 0)
        sem_wait(&idle);
    sem_destroy(&idle);
}
