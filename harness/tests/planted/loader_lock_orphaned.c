/*
 * loader_lock_orphaned: a worker is killed in the constructor of a module that it loads, and with
 * it goes the loader's lock. Main loads something afterwards; the clean twin's does not, and leaves
 * without a word to the loader.
 *
 *     planted: loader.lock-orphaned
 *     run: --inject thread-kill@T1.1:user:inside#1 --no-control --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void *work(void *unused)
{
    dlopen("loader_lock_orphaned_module.so", RTLD_NOW);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t worker;

    pthread_create(&worker, NULL, work, NULL);
    pthread_join(worker, NULL);
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        dlopen("libm.so.6", RTLD_NOW);
    _exit(0);
}
