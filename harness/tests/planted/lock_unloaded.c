/*
 * lock_unloaded: a module goes while the lock in its data is held. Its twin lets the
 * lock go before.
 *
 *     planted: lock.in-unloaded-module
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("lock_unloaded_module.so", RTLD_NOW);
    void (*enter)(void);
    void (*leave)(void);

    if (handle == NULL)
        return 3;
    enter = (void (*)(void))dlsym(handle, "planted_enter");
    leave = (void (*)(void))dlsym(handle, "planted_leave");
    enter();
    if (!bad)
        leave();
    dlclose(handle);
    _exit(0); /* nobody is left who could want it */
}
