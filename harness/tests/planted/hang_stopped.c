/*
 * hang_stopped: the process stops itself, and nobody continues it. The clean twin's signal is
 * blocked, and taken by sigwait.
 *
 *     planted: hang.stopped
 *     run: --inject none --cycles 2
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    sigset_t set;
    int signal = 0;

    if (bad)
        return raise(SIGSTOP);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGTSTP);
    sigwait(&set, &signal);
    return signal == SIGTSTP ? 0 : 1;
}
