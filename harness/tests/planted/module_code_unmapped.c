/*
 * module_code_unmapped: calls a function of a module that has been unloaded.
 *
 *     planted: module.code-unmapped
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_code_unmapped_module.so", RTLD_NOW);
    int (*answer)(void);
    int number;

    if (handle == NULL)
        return 3;
    answer = (int (*)(void))dlsym(handle, "planted_answer");
    if (bad)
        dlclose(handle);
    number = answer();
    if (!bad)
        dlclose(handle);
    return number == 42 ? 0 : 3;
}
