/*
 * thread_local: its use leaves the thread an object to destroy, as a thread_local of C++ does.
 * The loader keeps the module until the thread has ended.
 */
#include "modules.h"

MODULE_EXPORT int thread_local_use(void);

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

static __thread int made;
static int destroyed;

static void destroy(void *object)
{
    __atomic_fetch_add((int *)object, 1, __ATOMIC_RELAXED);
}

int thread_local_use(void)
{
    if (!made)
        made = __cxa_thread_atexit_impl(destroy, &destroyed, &__dso_handle) == 0;
    return made;
}
