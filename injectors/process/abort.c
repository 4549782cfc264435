/*
 * abort: any thread calls abort() at a planned point, as a failed assertion does.
 *
 * A handler of SIGABRT runs with whatever the thread holds; then the process dies of the
 * signal. Runs in the victim; nothing but the service may be called.
 * Source: catalogue B5.
 */
#include <harness/injector.h>

#include <signal.h>

static void act(const struct injector_strike *strike)
{
    strike->service->abort();
}

const struct injector injector_abort = {
    .name = "abort",
    .summary = "calls abort(), as a failed assertion does",
    .families = INJECTOR_ANY_SITE,
    .effect = EFFECT_SIGNAL,
    .effect_value = SIGABRT,
    .act = act,
};
