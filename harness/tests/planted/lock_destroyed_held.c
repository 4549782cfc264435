/*
 * lock_destroyed_held: a mutex is destroyed by the thread that holds it. The clean twin unlocks it
 * before.
 *
 *     planted: lock.destroyed-held
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <string.h>

int main(int argc, char **argv)
{
    pthread_mutex_t mutex;

    pthread_mutex_init(&mutex, NULL);
    pthread_mutex_lock(&mutex);
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        pthread_mutex_unlock(&mutex);
    pthread_mutex_destroy(&mutex);
    return 0;
}
