/*
 * rounds: a program that goes round by itself, for laps that are counted from outside.
 *
 *     rounds ROUNDS BYTES [THREADS]
 *
 * serve() is entered in each round, and loses BYTES; with THREADS as many threads go round at
 * once, with all signals blocked.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long rounds;
static size_t lost_bytes;
static void *volatile lost;

/* Its arguments go through vector registers too: none may change on the way in. */
__attribute__((noinline)) double serve(long round, double half, const char *word);

double serve(long round, double half, const char *word)
{
    void *volatile block = malloc(64); /* seen by hooks: not optimised away */

    if (lost_bytes > 0)
        lost = malloc(lost_bytes);
    free(block);
    return (double)round * half + (double)strlen(word);
}

static void *go_round(void *argument)
{
    (void)argument;
    for (long i = 0; i < rounds; i++)
        if (serve(i, 0.5, "four") != (double)i * 0.5 + 4)
            abort();
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 3 ? atol(argv[3]) : 0;
    pthread_t thread[64];
    sigset_t all;

    rounds = argc > 1 ? atol(argv[1]) : 1;
    lost_bytes = argc > 2 ? (size_t)atol(argv[2]) : 0;
    sigfillset(&all);
    if (threads > 0)
        pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (long i = 0; i < threads && i < 64; i++)
        pthread_create(&thread[i], NULL, go_round, NULL);
    for (long i = 0; i < threads && i < 64; i++)
        pthread_join(thread[i], NULL);
    if (threads == 0)
        go_round(NULL);
    return 0;
}
