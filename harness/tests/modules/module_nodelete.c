/* nodelete: linked with -z nodelete, so it stays once it has been loaded. */
#include "modules.h"

MODULE_EXPORT int nodelete_use(void);

int nodelete_use(void)
{
    return 1;
}
