/* plug_carrier: loads for others, by its own RUNPATH and its own $ORIGIN. */
#include <dlfcn.h>
#include <stddef.h>

void *carrier_load(const char *name);
void *carrier_next(const char *name);

void *carrier_load(const char *name)
{
    void *volatile handle = dlopen(name, RTLD_NOW);

    return handle;
}

void *carrier_next(const char *name)
{
    void *volatile found = dlsym(RTLD_NEXT, name);

    return found;
}
