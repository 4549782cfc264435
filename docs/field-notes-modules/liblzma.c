/* liblzma: packs a page at the lowest level. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*pack)(uint32_t, int, const void *, const uint8_t *, size_t, uint8_t *, size_t *, size_t) =
        dlsym(module, "lzma_easy_buffer_encode");
    static __thread uint8_t in[4096], out[8192];
    size_t length = 0;

    if (pack(0, 4, NULL, in, sizeof in, out, &length, sizeof out) != 0)
        abort();
}
