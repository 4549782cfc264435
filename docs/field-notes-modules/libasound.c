/* libasound: reads the sound system's configuration, and frees it as its manual asks. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*update)(void) = dlsym(module, "snd_config_update");
    int (*end)(void) = dlsym(module, "snd_config_update_free_global");

    if (update() < 0)
        abort();
    end();
}
