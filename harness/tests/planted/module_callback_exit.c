/*
 * module_callback_exit: a module's exit handler, registered for the process and not for the
 * module, is called when that has gone. Its twin unloads nothing before the exit.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_callback_exit_module.so", RTLD_NOW);
    void (*use)(void);

    if (handle == NULL)
        return 3;
    use = (void (*)(void))dlsym(handle, "planted_use");
    use();
    if (bad)
        dlclose(handle);
    return 0;
}
