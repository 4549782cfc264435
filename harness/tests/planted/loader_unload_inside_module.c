/*
 * The module of loader_unload_inside.
 */
#include <dlfcn.h>
#include <stdlib.h>

void planted_use(void);
void planted_stop(void);

static void *other;

void planted_use(void)
{
    other = dlopen("loader_load_inside_other_module.so", RTLD_NOW);
    if (other == NULL)
        abort();
}

void planted_stop(void)
{
    if (other != NULL)
        dlclose(other);
    other = NULL;
}

__attribute__((destructor)) static void end(void)
{
    planted_stop();
}
