/*
 * hook_register: what is put on record to be called later: destructors of thread-specific keys
 * and of thread_local objects, exit handlers, functions of timers. Signal handlers are asked of
 * the kernel where they are wanted (ties.c).
 *
 * Nothing but keys has a site: these calls take no lock of interest and never block.
 */
#include "agent.h"
#include "ties.h"

HOOK int __cxa_atexit(void (*function)(void *), void *argument, void *dso);
HOOK int __cxa_at_quick_exit(void (*function)(void *), void *dso);
HOOK int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso);

/* --- keys ---------------------------------------------------------------------------------- */

#define KEY_CREATE_HOOK(name, TYPE)                                                                \
    HOOK int name(TYPE *key, void (*destructor)(void *))                                           \
    {                                                                                              \
        struct agent_call call = agent_enter(SITE_KEY_CREATE, CALLER());                           \
        int result;                                                                                \
                                                                                                   \
        if (call.lane != NULL)                                                                     \
            lane_event(call.lane, EVENT_CALL, 0, (uint64_t)destructor, 0);                         \
        AGENT_CALL(call, result = real.name(key, destructor));                                     \
        if (result == 0)                                                                           \
            ties_add(TIE_KEY, (uint64_t)destructor, *key, CALLER());                               \
        agent_leave(call);                                                                         \
        return result;                                                                             \
    }
KEY_CREATE_HOOK(pthread_key_create, pthread_key_t)
KEY_CREATE_HOOK(tss_create, tss_t)

HOOK int pthread_key_delete(pthread_key_t key)
{
    struct agent_call call = agent_enter(SITE_KEY_DELETE, CALLER());
    int result;

    if (call.lane != NULL)
        lane_event(call.lane, EVENT_CALL, 0, (uint64_t)key, 0);
    ties_drop(TIE_KEY, key);
    AGENT_CALL(call, result = real.pthread_key_delete(key));
    agent_leave(call);
    return result;
}

HOOK void tss_delete(tss_t key)
{
    struct agent_call call = agent_enter(SITE_KEY_DELETE, CALLER());

    if (call.lane != NULL)
        lane_event(call.lane, EVENT_CALL, 0, (uint64_t)key, 0);
    ties_drop(TIE_KEY, key);
    AGENT_CALL(call, real.tss_delete(key));
    agent_leave(call);
}

/* --- at some end ----------------------------------------------------------------------------- */

/* What a module registers for itself is called, or dropped, when it goes. */
static bool is_its_own(uint64_t function, const void *dso)
{
    struct dl_find_object module;
    struct dl_find_object owner;

    return dso != NULL && _dl_find_object((void *)function, &module) == 0 &&
           _dl_find_object((void *)dso, &owner) == 0 && module.dlfo_link_map == owner.dlfo_link_map;
}

static void note(enum abi_tie_kind kind, uint64_t function, const void *object, const void *dso,
                 uint64_t caller)
{
    if (ties_wanted() && !is_its_own(function, dso))
        ties_add(kind, function, (uint64_t)object, caller);
}

HOOK int __cxa_atexit(void (*function)(void *), void *argument, void *dso)
{
    int result;

    if (real.cxa_atexit == NULL)
        real_resolve();
    result = real.cxa_atexit(function, argument, dso);
    if (result == 0)
        note(TIE_EXIT, (uint64_t)function, argument, dso, CALLER());
    return result;
}

/* These are kept even when the module goes that they are from. */
HOOK int __cxa_at_quick_exit(void (*function)(void *), void *dso)
{
    int result;

    if (real.cxa_at_quick_exit == NULL)
        real_resolve();
    result = real.cxa_at_quick_exit(function, dso);
    if (result == 0)
        note(TIE_QUICK_EXIT, (uint64_t)function, NULL, NULL, CALLER());
    return result;
}

HOOK int on_exit(void (*function)(int, void *), void *argument)
{
    int result;

    if (real.on_exit == NULL)
        real_resolve();
    result = real.on_exit(function, argument);
    if (result == 0)
        note(TIE_EXIT, (uint64_t)function, argument, NULL, CALLER());
    return result;
}

/* The loader keeps a module as long as objects of its own are to be destroyed. */
HOOK int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso)
{
    int result;

    if (real.cxa_thread_atexit_impl == NULL)
        real_resolve();
    result = real.cxa_thread_atexit_impl(function, object, dso);
    if (result == 0)
        note(TIE_THREAD_LOCAL, (uint64_t)function, object, dso, CALLER());
    return result;
}

/* --- timers ---------------------------------------------------------------------------------- */

HOOK int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
    int result = real.timer_create(clock, event, timer);

    if (result == 0 && event != NULL && event->sigev_notify == SIGEV_THREAD)
        ties_add(TIE_TIMER, (uint64_t)event->sigev_notify_function, (uint64_t)*timer, CALLER());
    return result;
}

HOOK int timer_delete(timer_t timer)
{
    ties_drop(TIE_TIMER, (uint64_t)timer);
    return real.timer_delete(timer);
}
