/*
 * module_callback_start: a thread begins in a module that has gone. Its twin waits for the
 * thread before it unloads the module.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_callback_start_module.so", RTLD_NOW);
    void *(*routine)(void *);
    pthread_t thread;

    if (handle == NULL)
        return 3;
    routine = (void *(*)(void *))dlsym(handle, "planted_routine");
    if (bad)
        dlclose(handle);
    if (pthread_create(&thread, NULL, routine, NULL) != 0)
        return 3;
    pthread_join(thread, NULL);
    dlclose(handle);
    return 0;
}
