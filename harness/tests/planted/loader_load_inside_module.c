/*
 * The module of loader_load_inside. host_is_bad is the program's.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>

extern bool host_is_bad;

void planted_use(void);

static void *other;

static void load(void)
{
    if (other == NULL)
        other = dlopen("loader_load_inside_other_module.so", RTLD_NOW);
    if (other == NULL)
        abort();
}

__attribute__((constructor)) static void begin(void)
{
    if (host_is_bad)
        load();
}

void planted_use(void)
{
    load();
}
