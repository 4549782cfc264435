/* plug_mask: in its constructor it looks at the signal mask, and changes it for good. */
#include <signal.h>
#include <stddef.h>

int mask_saw_trap(void);

static int saw_trap;

__attribute__((constructor)) static void change_mask(void)
{
    sigset_t set;
    sigset_t before;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    saw_trap = sigismember(&before, SIGTRAP);
    if (sigismember(&before, SIGUSR2) == 1) { /* what the program says by it: turn SIGTRAP over */
        sigemptyset(&set);
        sigaddset(&set, SIGTRAP);
        pthread_sigmask(saw_trap ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
    }
}

int mask_saw_trap(void)
{
    return saw_trap;
}
