/*
 * lock_freed_held: an object is freed whose own lock is held. The clean twin unlocks it before.
 *
 *     planted: lock.freed-held
 *     run: --inject none --cycles 2
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct object {
    int value;
    pthread_mutex_t mutex; /* guards value */
};

int main(int argc, char **argv)
{
    struct object *object = calloc(1, sizeof *object);

    if (object == NULL)
        return 1;
    pthread_mutex_init(&object->mutex, NULL);
    pthread_mutex_lock(&object->mutex);
    object->value++;
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        pthread_mutex_unlock(&object->mutex);
    free(object);
    return 0;
}
