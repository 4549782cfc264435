/*
 * leaver: registers callbacks of all kinds. None of them keeps this module loaded.
 * Source: catalogue row C7.
 */
#include <workloads/modules/leaver.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static pthread_key_t key;
static uint64_t *signal_calls;

void leaver_call(void *counter)
{
    ++*(uint64_t *)counter;
}

/* The number is taken back by setting it to none: an exit handler itself stays registered. */
static void call_at_exit(int status, void *counter)
{
    (void)status;
    ++*(uint64_t *)counter;
}

static void call_on_signal(int number)
{
    (void)number;
    ++*signal_calls;
}

void leaver_register(enum leaver_kind kind, uint64_t *calls)
{
    if (kind == LEAVER_KEY && pthread_key_create(&key, leaver_call) == 0)
        pthread_setspecific(key, calls);
    if (kind == LEAVER_EXIT)
        on_exit(call_at_exit, calls);
    if (kind == LEAVER_SIGNAL) {
        signal_calls = calls;
        signal(SIGUSR1, call_on_signal);
    }
}

void leaver_take_back(enum leaver_kind kind)
{
    if (kind == LEAVER_KEY)
        pthread_key_delete(key);
    if (kind == LEAVER_SIGNAL)
        signal(SIGUSR1, SIG_IGN);
}
