/*
 * module_callback_cleanup: a thread that ends has a cleanup handler in a module that has gone.
 * Its twin takes the handler back before.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static bool bad;
static int object;

static void *use_and_end(void *handle)
{
    void (*clean)(void *) = (void (*)(void *))dlsym(handle, "planted_clean");

    pthread_cleanup_push(clean, &object);
    if (bad) {
        dlclose(handle);
        pthread_exit(NULL);
    }
    pthread_cleanup_pop(1);
    dlclose(handle);
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *handle;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    handle = dlopen("module_callback_cleanup_module.so", RTLD_NOW);
    if (handle == NULL || pthread_create(&thread, NULL, use_and_end, handle) != 0)
        return 3;
    pthread_join(thread, NULL);
    return object == 1 ? 0 : 3;
}
