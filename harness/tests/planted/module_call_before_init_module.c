/*
 * The module of module_call_before_init that is called too early. It is linked to the one that
 * does so.
 */
#include <stdlib.h>
#include <string.h>

void planted_log(const char *text);

static char *last;

__attribute__((constructor)) static void begin(void)
{
    last = strdup("");
}

void planted_log(const char *text)
{
    free(last);
    last = strdup(text);
}
