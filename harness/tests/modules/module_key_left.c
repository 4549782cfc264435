/*
 * key_left: a destructor of thread-specific data is left behind in memory that goes away. With
 * -DKEY_DELETED it is taken back, the clean twin. Row C7.
 */
#include "modules.h"

#include <pthread.h>

MODULE_EXPORT void key_use(void);

static pthread_key_t key;
static int have_key;
static int dropped;

static void drop(void *value)
{
    *(int *)value = 0;
}

void key_use(void)
{
    if (!have_key)
        have_key = pthread_key_create(&key, drop) == 0;
    if (have_key)
        pthread_setspecific(key, &dropped);
}

#ifdef KEY_DELETED
__attribute__((destructor)) static void end(void)
{
    if (have_key)
        pthread_key_delete(key);
}
#endif
