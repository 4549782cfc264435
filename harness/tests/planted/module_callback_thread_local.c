/*
 * module_callback_thread_local: a destructor for the thread's end lies in a module, but was
 * registered in the host's name, so the loader did not keep the module for it. Its twin unloads
 * the module after the thread's end.
 *
 *     planted: module.callback-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

static bool bad;
static void *handle;
static int object;

static void *use_and_end(void *unused)
{
    void (*destroy)(void *) = (void (*)(void *))dlsym(handle, "planted_destroy");

    __cxa_thread_atexit_impl(destroy, &object, &__dso_handle);
    if (bad)
        dlclose(handle);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    handle = dlopen("module_callback_thread_local_module.so", RTLD_NOW);
    if (handle == NULL || pthread_create(&thread, NULL, use_and_end, NULL) != 0)
        return 3;
    pthread_join(thread, NULL);
    dlclose(handle);
    return object == 1 ? 0 : 3;
}
