/*
 * The module of module_callback_signal.
 */
#include <signal.h>

void planted_use(void);
void planted_stop(void);

static volatile sig_atomic_t came;

static void on_signal(int number)
{
    came = number;
}

void planted_use(void)
{
    signal(SIGUSR1, on_signal);
}

void planted_stop(void)
{
    signal(SIGUSR1, SIG_IGN);
}
