/*
 * exit_locks_held: main returns with a mutex locked. The clean twin unlocks it.
 *
 *     planted: exit.locks-held
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards nothing but this lesson */

int main(int argc, char **argv)
{
    pthread_mutex_lock(&mutex);
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        pthread_mutex_unlock(&mutex);
    return 0;
}
