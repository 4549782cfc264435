/*
 * loader_deadlock: a module's destructor joins the module's worker, which is about to load another
 * one: main has the loader's lock and waits for the worker, and the worker for the lock. The clean
 * twin stops the worker before it unloads the module.
 *
 *     planted: loader.deadlock
 *     allowed: module.thread-alive-at-unload
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

static const char module[] = "loader_deadlock_module.so";

int main(int argc, char **argv)
{
    void *handle = dlopen(module, RTLD_NOW);
    void (*start)(void);
    void (*stop)(void);

    if (handle == NULL)
        return 3;
    start = (void (*)(void))dlsym(handle, "planted_start");
    stop = (void (*)(void))dlsym(handle, "planted_stop");
    start();
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        stop();
    dlclose(handle);
    return 0;
}
