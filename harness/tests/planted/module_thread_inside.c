/*
 * module_thread_inside: a thread of the host waits in a call of a module, and the module goes.
 * Its twin wakes the thread and waits for its end first.
 *
 *     planted: module.thread-alive-at-unload
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

pthread_mutex_t host_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the two flags */
pthread_cond_t host_changed = PTHREAD_COND_INITIALIZER;
bool host_has_begun;
bool host_may_end;

static void *call(void *handle)
{
    void (*enter)(void) = (void (*)(void))dlsym(handle, "planted_enter");

    enter();
    return NULL;
}

/* Who has begun and let the mutex go is in its wait. */
static void wait_until_inside(void)
{
    pthread_mutex_lock(&host_mutex);
    while (!host_has_begun)
        pthread_cond_wait(&host_changed, &host_mutex);
    pthread_mutex_unlock(&host_mutex);
}

static void wake(void)
{
    pthread_mutex_lock(&host_mutex);
    host_may_end = true;
    pthread_cond_broadcast(&host_changed);
    pthread_mutex_unlock(&host_mutex);
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_thread_inside_module.so", RTLD_NOW);
    pthread_t thread;

    if (handle == NULL || pthread_create(&thread, NULL, call, handle) != 0)
        return 3;
    wait_until_inside();
    if (bad) {
        dlclose(handle);
        _exit(0);
    }
    wake();
    pthread_join(thread, NULL);
    dlclose(handle);
    return 0;
}
