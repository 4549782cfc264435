/* libglib-2.0: makes a main loop's context, lets it turn once, drops it. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*make)(void) = dlsym(module, "g_main_context_new");
    int (*turn)(void *, int) = dlsym(module, "g_main_context_iteration");
    void (*drop)(void *) = dlsym(module, "g_main_context_unref");
    void *context = make();

    if (context == NULL)
        abort();
    turn(context, 0);
    drop(context);
}
