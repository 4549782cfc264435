/* libwebp: codes a picture of 16 x 16 grey points. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    size_t (*code)(const uint8_t *, int, int, int, float, uint8_t **) =
        dlsym(module, "WebPEncodeRGB");
    void (*drop)(void *) = dlsym(module, "WebPFree");
    static __thread uint8_t points[16 * 16 * 3];
    uint8_t *out = NULL;

    if (code(points, 16, 16, 16 * 3, 50, &out) == 0)
        abort();
    drop(out);
}
