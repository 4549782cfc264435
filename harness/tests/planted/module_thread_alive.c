/*
 * module_thread_alive: a module's worker is alive when the module goes. It waits for something
 * of the host's then. Its twin waits for the worker's end first.
 *
 *     planted: module.thread-alive-at-unload
 *     run: --inject none --cycles 2
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

void host_work(void);

static sem_t has_begun;
static sem_t may_end;

void host_work(void)
{
    sem_post(&has_begun);
    while (sem_wait(&may_end) != 0)
        ;
}

int main(int argc, char **argv)
{
    bool bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    void *handle = dlopen("module_thread_alive_module.so", RTLD_NOW);
    pthread_t (*start)(void);
    pthread_t worker;

    if (handle == NULL)
        return 3;
    start = (pthread_t(*)(void))dlsym(handle, "planted_start");
    worker = start();
    while (sem_wait(&has_begun) != 0)
        ;
    if (bad) {
        dlclose(handle);
        _exit(0);
    }
    sem_post(&may_end);
    pthread_join(worker, NULL);
    dlclose(handle);
    return 0;
}
