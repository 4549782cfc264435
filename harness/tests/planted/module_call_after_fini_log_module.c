/*
 * The module of module_call_after_fini that is called too late.
 */
#include <stdlib.h>
#include <string.h>

void planted_log(const char *text);

static char *last;

void planted_log(const char *text)
{
    free(last);
    last = malloc(strlen(text) + 1);
    if (last != NULL)
        strcpy(last, text);
}

__attribute__((destructor)) static void end(void)
{
    free(last);
    last = NULL;
}
