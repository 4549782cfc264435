/* unique: holds a unique symbol, as C++ templates make them; the loader never lets it go. */
#include "modules.h"

MODULE_EXPORT int unique_use(void);

/* In assembly altogether, since compilers make it global behind its type, which unmakes it. */
extern int unique_number;
__asm__(".data\n\t.balign 4\n\t.type unique_number, @gnu_unique_object\n\t"
        ".size unique_number, 4\nunique_number:\n\t.long 1\n\t.text");

int unique_use(void)
{
    return unique_number;
}
