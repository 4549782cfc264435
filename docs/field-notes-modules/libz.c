/* libz: packs and unpacks a page. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void use(void *module);

void use(void *module)
{
    int (*pack)(void *, unsigned long *, const void *, unsigned long) = dlsym(module, "compress");
    int (*unpack)(void *, unsigned long *, const void *, unsigned long) =
        dlsym(module, "uncompress");
    static __thread unsigned char in[4096], middle[8192], out[4096];
    unsigned long length = sizeof middle, back = sizeof out;

    if (pack(middle, &length, in, sizeof in) != 0 || unpack(out, &back, middle, length) != 0 ||
        memcmp(in, out, sizeof in) != 0)
        abort();
}
