/*
 * journal: a module with something to set up and to take down: the text that was written last.
 * Source: catalogue row C6, rule 3; SS (no call into another DLL from DllMain).
 */
#include <workloads/modules/stage.h>

#include <stdlib.h>
#include <string.h>

void clerk_stamp(char *text);

static char *last;

__attribute__((constructor)) static void begin(void)
{
    free(last);
    last = strdup("");
}

void journal_write(const char *text)
{
    free(last);
    last = strdup(text);
    clerk_stamp(last);
}

__attribute__((destructor)) static void end(void)
{
    free(last);
    last = NULL;
}
