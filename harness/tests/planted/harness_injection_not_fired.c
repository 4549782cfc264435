/*
 * harness_injection_not_fired: the injection is due at the third allocation of a worker that makes
 * two. The clean twin's makes as many as it takes.
 *
 *     planted: harness.injection-not-fired
 *     run: --inject thread-kill@T1.1:malloc#3+0i --no-control --cycles 4
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int rounds = 6;

static void *work(void *unused)
{
    for (int i = 0; i < rounds; i++)
        free(malloc(100));
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        rounds = 2;
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    return 0;
}
