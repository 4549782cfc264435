/* needed: loads the module beside it that needs this one, and never closes that. */
#include "modules.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

MODULE_EXPORT void needed_use(void);
MODULE_EXPORT int needed_number;

void needed_use(void)
{
    static void *dependant;
    Dl_info info;
    char path[4096];
    char *slash;

    if (dependant != NULL || dladdr(&needed_number, &info) == 0)
        return;
    snprintf(path, sizeof path - 32, "%s", info.dli_fname);
    slash = strrchr(path, '/');
    strcpy(slash != NULL ? slash + 1 : path, "module_dependant.so");
    dependant = dlopen(path, RTLD_NOW | RTLD_LOCAL);
}
