/* driver: uses module_sound through its handle, as a driver written by a user would. */
#include "modules.h"

#include <dlfcn.h>
#include <stdlib.h>

MODULE_EXPORT void use(void *module);

void use(void *module)
{
    int (*sound)(int, const char *, const void *);

    *(void **)&sound = dlsym(module, "sound_use");
    if (sound == NULL || sound(3, "some\ttext", NULL) != 3)
        abort();
}
