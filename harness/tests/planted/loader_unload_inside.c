/*
 * loader_unload_inside: a module's destructor unloads another module. Its twin does so in the
 * stop function that the host calls before.
 *
 *     planted: loader.load-inside
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("loader_unload_inside_module.so", RTLD_NOW);
    void (*use)(void);
    void (*stop)(void);

    if (handle == NULL)
        return 3;
    use = (void (*)(void))dlsym(handle, "planted_use");
    stop = (void (*)(void))dlsym(handle, "planted_stop");
    use();
    if (!bad)
        stop();
    dlclose(handle);
    return 0;
}
