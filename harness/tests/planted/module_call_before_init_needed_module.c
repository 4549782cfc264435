/*
 * The module of module_call_before_init that is set up first. planted_log() is in the one that
 * needs it, host_is_bad in the program.
 */
#include <stdbool.h>

extern bool host_is_bad;

void planted_log(const char *text);

__attribute__((constructor)) static void begin(void)
{
    if (host_is_bad)
        planted_log("the beginning");
}
