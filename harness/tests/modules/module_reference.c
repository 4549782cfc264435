/* reference: opens itself in its constructor and never closes that. */
#include "modules.h"

#include <dlfcn.h>

MODULE_EXPORT void reference_use(void);
MODULE_EXPORT void *reference_kept;

__attribute__((constructor)) static void begin(void)
{
    Dl_info info;

    if (dladdr(&reference_kept, &info) != 0)
        reference_kept = dlopen(info.dli_fname, RTLD_NOW | RTLD_LOCAL);
}

void reference_use(void) {}
