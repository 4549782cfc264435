/*
 * module_not_unloaded: a module is opened so that it can never be unloaded, and closed.
 *
 *     planted: module.not-unloaded
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <string.h>

int main(int argc, char **argv)
{
    int how = argc > 1 && strcmp(argv[1], "bad") == 0 ? RTLD_NOW | RTLD_NODELETE : RTLD_NOW;
    void *handle = dlopen("module_not_unloaded_module.so", how);

    if (handle == NULL)
        return 3;
    return dlclose(handle) == 0 ? 0 : 3;
}
