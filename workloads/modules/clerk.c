/*
 * clerk: a module that journal.so needs, and so one that is set up before that. It may not call
 * it yet; whether its constructor does so all the same is the stage's word.
 * Source: catalogue row C6, rule 3; SS (no call into another DLL from DllMain).
 */
#include <workloads/modules/stage.h>

#include <stddef.h>

STAGE_EXPORT void clerk_stamp(char *text);

void clerk_stamp(char *text)
{
    if (text != NULL)
        text[0] = '!';
}

__attribute__((constructor)) static void begin(void)
{
    if (&stage != NULL && journal_write != NULL && stage.rule == STAGE_CALL_BEFORE_INIT)
        journal_write("the clerk begins");
}
