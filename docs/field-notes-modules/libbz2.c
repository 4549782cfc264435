/* libbz2: packs a page. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    int (*pack)(char *, unsigned *, char *, unsigned, int, int, int) =
        dlsym(module, "BZ2_bzBuffToBuffCompress");
    static __thread char in[4096], out[8192];
    unsigned length = sizeof out;

    if (pack(out, &length, in, sizeof in, 1, 0, 0) != 0)
        abort();
}
