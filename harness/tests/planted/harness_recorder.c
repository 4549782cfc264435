/*
 * harness_recorder: a thread ends while it holds the flight recorder's own lock, as one does that
 * dies inside the recorder; its clean-up at exit then waits for ever. The clean twin's thread gives
 * the lock back.
 *
 * The lock is what lttng-ust takes around fork: the only one that it lets others take.
 *
 *     planted: harness.recorder
 *     run: --inject none --cycles 2 --lttng
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool bad;

static void *work(void *unused)
{
    void *library = dlopen("liblttng-ust.so.1", RTLD_NOW | RTLD_NOLOAD);
    void (*take)(sigset_t *) =
        library != NULL ? (void (*)(sigset_t *))dlsym(library, "lttng_ust_before_fork") : NULL;
    void (*give)(sigset_t *) =
        library != NULL ? (void (*)(sigset_t *))dlsym(library, "lttng_ust_after_fork_parent")
                        : NULL;
    sigset_t signals;

    if (take == NULL || give == NULL)
        return unused;
    take(&signals);
    if (!bad)
        give(&signals);
    dlclose(library);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    return 0;
}
