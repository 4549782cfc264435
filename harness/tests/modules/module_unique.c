/* unique: holds a unique symbol, as C++ templates make them; the loader never lets it go. */
#include "modules.h"

MODULE_EXPORT int unique_use(void);
MODULE_EXPORT int unique_number;

int unique_number = 1;
__asm__(".type unique_number, @gnu_unique_object");

int unique_use(void)
{
    return unique_number;
}
