/*
 * module_call_after_fini: at exit a module's destructor calls another module, whose own have
 * run already. Its twin calls it before the exit.
 *
 *     planted: module.call-after-fini
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

void (*host_log)(const char *text);

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *first = dlopen("module_call_after_fini_log_module.so", RTLD_NOW);
    void *second = dlopen("module_call_after_fini_module.so", RTLD_NOW);

    if (first == NULL || second == NULL)
        return 3;
    host_log = (void (*)(const char *))dlsym(first, "planted_log");
    host_log("main");
    if (!bad)
        host_log = NULL;
    return 0;
}
