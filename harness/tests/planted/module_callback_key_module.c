/*
 * The module of module_callback_key.
 */
#include <pthread.h>

void planted_use(void);
void planted_stop(void);

static pthread_key_t key;
static int value;

static void drop(void *data)
{
    ++*(int *)data;
}

void planted_use(void)
{
    if (pthread_key_create(&key, drop) == 0)
        pthread_setspecific(key, &value);
}

void planted_stop(void)
{
    pthread_key_delete(key);
}
