/*
 * module_call_before_init: a module's constructor calls the module that needs it, which is set
 * up after it. Its twin is called once dlopen has returned.
 *
 *     planted: module.call-before-init
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

bool host_is_bad;

int main(int argc, char **argv)
{
    void (*log)(const char *text);
    void *handle;

    host_is_bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    handle = dlopen("module_call_before_init_module.so", RTLD_NOW);
    if (handle == NULL)
        return 3;
    log = (void (*)(const char *))dlsym(handle, "planted_log");
    log("main");
    return 0;
}
