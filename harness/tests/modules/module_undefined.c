/* undefined: calls a function that nobody has. */
#include "modules.h"

MODULE_EXPORT int undefined_use(void);
int nobody_has_this(void);

int undefined_use(void)
{
    return nobody_has_this();
}
