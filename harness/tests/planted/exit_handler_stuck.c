/*
 * exit_handler_stuck: an exit handler waits for an answer that nobody will give. In the clean twin
 * it is there already.
 *
 *     planted: exit.handler-stuck
 *     allowed: hang.lost-wakeup
 *     run: --inject none --cycles 2
 */
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

static sem_t answer;

static void handler(void)
{
    sem_wait(&answer);
}

int main(int argc, char **argv)
{
    sem_init(&answer, 0, 0);
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        sem_post(&answer);
    atexit(handler);
    return 0;
}
