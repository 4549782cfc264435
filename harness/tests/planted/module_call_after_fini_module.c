/*
 * The module of module_call_after_fini that was loaded last, and is taken down last: at exit
 * glibc keeps the order of loading where no module needs another. host_log is the program's.
 */
#include <stddef.h>

extern void (*host_log)(const char *text);

__attribute__((destructor)) static void end(void)
{
    if (host_log != NULL)
        host_log("the end");
}
