/*
 * sound: everything that it takes it gives back: memory, a key, an exit handler's place. The
 * clean twin of the others.
 */
#include "modules.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MODULE_EXPORT int sound_use(int times, const char *text, const void *nothing);
MODULE_EXPORT int sound_number;

static pthread_key_t key;
static int have_key;

__attribute__((constructor)) static void begin(void)
{
    have_key = pthread_key_create(&key, free) == 0;
}

__attribute__((destructor)) static void end(void)
{
    if (have_key)
        pthread_key_delete(key);
}

/* A slip in how arguments get here would be a crash. */
int sound_use(int times, const char *text, const void *nothing)
{
    char *copy;

    if (times != 3 || strcmp(text, "some\ttext") != 0 || nothing != NULL)
        abort();
    for (int i = 0; i < times; i++) {
        copy = strdup(text);
        if (have_key && pthread_setspecific(key, copy) == 0)
            pthread_setspecific(key, NULL);
        free(copy);
    }
    return times;
}
