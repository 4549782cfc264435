/*
 * loader_join_inside: a module's destructor joins the module's worker, and this time it goes well.
 * The clean twin stops the worker before it unloads the module.
 *
 *     planted: loader.join-inside
 *     allowed: module.thread-alive-at-unload
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

static const char module[] = "loader_join_inside_module.so";

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
