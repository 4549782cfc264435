/*
 * module_callback_left: a module goes and leaves the destructor of a thread-specific key, which
 * nobody comes to call: the thread that used it is main. A note.
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
    void *handle = dlopen("module_callback_key_module.so", RTLD_NOW);
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
