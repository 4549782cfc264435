/* libX11: reads resources from a string, and fails to open a display that is not there. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void (*init)(void) = dlsym(module, "XrmInitialize");
    void *(*read)(const char *) = dlsym(module, "XrmGetStringDatabase");
    void (*drop)(void *) = dlsym(module, "XrmDestroyDatabase");
    void *(*open)(const char *) = dlsym(module, "XOpenDisplay");
    void *database;

    init();
    database = read("a.b: 1\na*c: 2\n");
    if (database == NULL || open(":9999") != NULL)
        abort();
    drop(database);
}
