/*
 * module_callback_key: a thread uses a module, outlives its unload and ends: the destructor of
 * the module's thread-specific data is gone. Its twin has the module take the key back.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static bool bad;

static void *use_and_outlive(void *unused)
{
    void *handle = dlopen("module_callback_key_module.so", RTLD_NOW);
    void (*use)(void);
    void (*stop)(void);

    if (handle == NULL)
        return &bad;
    use = (void (*)(void))dlsym(handle, "planted_use");
    stop = (void (*)(void))dlsym(handle, "planted_stop");
    use();
    if (!bad)
        stop();
    dlclose(handle);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *failed;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    if (pthread_create(&thread, NULL, use_and_outlive, NULL) != 0 ||
        pthread_join(thread, &failed) != 0)
        return 3;
    return failed == NULL ? 0 : 3;
}
