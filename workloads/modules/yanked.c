/*
 * yanked: a static library's habit in a module: nobody told the worker to leave, so the
 * destructor ends it by force, with a signal whose handler leaves by the bare system call.
 *
 * Whatever the worker held then is held for ever. An explicit stop before the unload is the mend.
 * Source: catalogue row C1; TT (removing the TerminateThread from a DLL).
 */
#include <workloads/modules/yanked.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 100000,
    PATIENCE = 4, /* turns that the worker is given to leave by itself, as such code does */
};

static struct {
    pthread_t thread;
    pid_t tid;
    sem_t at_work;
    sem_t leave;
    atomic_bool left;
    long blocks;
    bool runs;
    bool killed; /* at the unload */
} worker;

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

static void churn(void)
{
    void *block = malloc(BLOCK_BYTES);

    __asm__ volatile("" : "+r"(block));
    free(block);
}

static void *work(void *argument)
{
    worker.tid = gettid();
    sem_post(&worker.at_work);
    for (long i = 0; i < worker.blocks && !atomic_load(&worker.left); i++)
        churn();
    wait_for(&worker.leave);
    return argument;
}

int yanked_start(long blocks, bool kills)
{
    int error;

    sem_init(&worker.at_work, 0, 0);
    sem_init(&worker.leave, 0, 0);
    worker.blocks = blocks;
    worker.killed = kills;
    atomic_store(&worker.left, false);
    error = pthread_create(&worker.thread, NULL, work, NULL);
    worker.runs = error == 0;
    if (worker.runs)
        wait_for(&worker.at_work);
    return error;
}

void yanked_stop(void)
{
    atomic_store(&worker.left, true);
    sem_post(&worker.leave);
    pthread_join(worker.thread, NULL);
    worker.runs = false;
}

static void vanish(int number)
{
    (void)number;
    syscall(SYS_exit, 0);
}

/* Returns when the kernel knows no such thread any more: its code may go then. */
static void kill_worker(void)
{
    struct sigaction action = {.sa_handler = vanish};
    struct sigaction before;

    for (int turn = 0; turn < PATIENCE; turn++)
        sched_yield();
    sigaction(SIGUSR1, &action, &before);
    tgkill(getpid(), worker.tid, SIGUSR1);
    while (tgkill(getpid(), worker.tid, 0) == 0)
        sched_yield();
    sigaction(SIGUSR1, &before, NULL);
}

__attribute__((destructor)) static void unload(void)
{
    if (worker.runs && worker.killed)
        kill_worker();
}
