/*
 * module_callback_signal: a module leaves its signal handler behind, and the signal comes. Its
 * twin gives the signal back before it goes.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_callback_signal_module.so", RTLD_NOW);
    void (*use)(void);
    void (*stop)(void);

    if (handle == NULL)
        return 3;
    use = (void (*)(void))dlsym(handle, "planted_use");
    stop = (void (*)(void))dlsym(handle, "planted_stop");
    use();
    raise(SIGUSR1);
    if (!bad)
        stop();
    dlclose(handle);
    raise(SIGUSR1);
    return 0;
}
