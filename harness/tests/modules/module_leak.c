/* leak: 8 bytes are lost in each use. */
#include "modules.h"

#include <stdlib.h>

MODULE_EXPORT void leak_use(void);
MODULE_EXPORT void *leak_lost;

void leak_use(void)
{
    leak_lost = malloc(8);
}
