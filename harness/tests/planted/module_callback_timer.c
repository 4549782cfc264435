/*
 * module_callback_timer: a timer calls a function of a module that has gone. Its twin deletes
 * the timer first.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static sem_t never;

int main(int argc, char **argv)
{
    const struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_callback_timer_module.so", RTLD_NOW);
    timer_t *(*start)(void);
    timer_t timer;

    if (handle == NULL)
        return 3;
    start = (timer_t * (*)(void)) dlsym(handle, "planted_start");
    timer = *start();
    if (!bad)
        timer_delete(timer);
    dlclose(handle);
    if (!bad)
        return 0;
    timer_settime(timer, 0, &soon, NULL);
    sem_wait(&never); /* till that call */
    return 3;
}
