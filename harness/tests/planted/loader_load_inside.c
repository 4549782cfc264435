/*
 * loader_load_inside: a module's constructor loads another module. Its twin loads that on first
 * use, once dlopen has returned.
 *
 *     planted: loader.load-inside
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

bool host_is_bad;

int main(int argc, char **argv)
{
    void (*use)(void);
    void *handle;

    host_is_bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    handle = dlopen("loader_load_inside_module.so", RTLD_NOW);
    if (handle == NULL)
        return 3;
    use = (void (*)(void))dlsym(handle, "planted_use");
    use();
    return 0;
}
