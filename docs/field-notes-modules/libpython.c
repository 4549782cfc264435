/* libpython3.11: starts an interpreter, runs a line, ends it. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void (*begin)(int) = dlsym(module, "Py_InitializeEx");
    int (*run)(const char *, void *) = dlsym(module, "PyRun_SimpleStringFlags");
    int (*end)(void) = dlsym(module, "Py_FinalizeEx");

    begin(0);
    if (run("sum(range(10))", NULL) != 0 || end() != 0)
        abort();
}
