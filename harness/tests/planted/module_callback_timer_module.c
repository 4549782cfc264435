/*
 * The module of module_callback_timer.
 */
#include <signal.h>
#include <stddef.h>
#include <time.h>

timer_t *planted_start(void);

static timer_t timer;
static int ticks;

static void tick(union sigval value)
{
    ticks += value.sival_int;
}

timer_t *planted_start(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick};

    timer_create(CLOCK_MONOTONIC, &event, &timer);
    return &timer;
}
