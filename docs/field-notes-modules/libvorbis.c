/* libvorbis: makes an info and a comment, and clears both. */
#include <dlfcn.h>
#include <stdint.h>

void use(void *module);

void use(void *module)
{
    static const char *const begin[] = {"vorbis_info_init", "vorbis_comment_init"};
    static const char *const end[] = {"vorbis_info_clear", "vorbis_comment_clear"};
    uint64_t state[64];

    for (unsigned i = 0; i < 2; i++) {
        ((void (*)(void *))dlsym(module, begin[i]))(state);
        ((void (*)(void *))dlsym(module, end[i]))(state);
    }
}
