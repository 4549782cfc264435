/* crash: dies as soon as it is loaded. */
#include <stdlib.h>

__attribute__((constructor)) static void begin(void)
{
    __builtin_trap();
}
