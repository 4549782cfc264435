/*
 * hang_deadlock: two threads wait for each other in home-made events on bare futexes, which have
 * no owner to name. In the clean twin the first sets its event before it waits.
 *
 *     planted: hang.deadlock
 *     run: --inject none --cycles 2
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t event[2];
static bool bad;

static void set(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void await(uint32_t *word)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *work(void *unused)
{
    await(&event[0]);
    set(&event[1]);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_create(&worker, NULL, work, NULL);
    if (!bad)
        set(&event[0]);
    await(&event[1]);
    set(&event[0]);
    pthread_join(worker, NULL);
    return 0;
}
