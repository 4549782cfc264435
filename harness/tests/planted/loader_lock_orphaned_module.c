/*
 * The module of loader_lock_orphaned: names the inside of its constructor.
 */
#include <harness/marks.h>

__attribute__((constructor)) static void enter(void)
{
    mark_site("inside");
}
