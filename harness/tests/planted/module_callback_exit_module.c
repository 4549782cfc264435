/*
 * The module of module_callback_exit.
 */
#include <stdlib.h>

void planted_use(void);

static int ends;

static void at_exit(int status, void *counter)
{
    *(int *)counter += status + 1;
}

void planted_use(void)
{
    on_exit(at_exit, &ends);
}
