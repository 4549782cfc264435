/* dependant: linked against module_needed, which loads it. */
#include "modules.h"

extern int needed_number;
MODULE_EXPORT int *dependant_look(void);

int *dependant_look(void)
{
    return &needed_number;
}
