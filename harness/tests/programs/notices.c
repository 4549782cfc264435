/*
 * notices: acts that end with status 0 and are worth a word all the same, chosen by the first
 * argument; the second is a module's path where one is needed.
 *
 * What happens depends on the arguments alone: where two threads meet, they wait for each other.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *nothing(void *argument)
{
    return argument;
}

static void create_and_join(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

/* --- at the end ---------------------------------------------------------------------------- */

static int act_create_at_exit(const char *path)
{
    atexit(create_and_join);
    return 0;
}

static sem_t begun;

static void *exit_too(void *argument)
{
    sem_wait(&begun);
    exit(0);
}

/* The first one stays in its handler until the second has ended the process. */
static void wait_for_the_other(void)
{
    sem_post(&begun);
    for (;;)
        pause();
}

static int act_exit_together(const char *path)
{
    pthread_t thread;

    sem_init(&begun, 0, 0);
    atexit(wait_for_the_other);
    return pthread_create(&thread, NULL, exit_too, NULL);
}

/* --- modules --------------------------------------------------------------------------------- */

static int act_load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW);

    return handle == NULL || dlclose(handle) != 0;
}

/* --- locks ----------------------------------------------------------------------------------- */

struct object {
    pthread_mutex_t mutex;
    int value;
};

static int act_free_held(const char *path)
{
    struct object *object = calloc(1, sizeof *object);

    pthread_mutex_init(&object->mutex, NULL);
    pthread_mutex_lock(&object->mutex);
    free(object);
    return 0;
}

/* The clean twin: other memory nearby is freed, and the object itself when it is let go. */
static int act_free_released(const char *path)
{
    struct object *object = calloc(2, sizeof *object);
    void *near = malloc(64);

    pthread_mutex_init(&object->mutex, NULL);
    pthread_mutex_lock(&object->mutex);
    free(near);
    pthread_mutex_unlock(&object->mutex);
    free(object);
    return 0;
}

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static void lock_table(void)
{
    pthread_mutex_lock(&table);
}

static void unlock_table(void)
{
    pthread_mutex_unlock(&table);
}

/* As the book has it; a thread is alive at the end, so that somebody looks. */
static int act_fork_in_order(const char *path)
{
    int status = 1;
    pthread_t thread;
    pid_t pid;

    sem_init(&begun, 0, 0);
    pthread_atfork(lock_table, unlock_table, unlock_table);
    pthread_create(&thread, NULL, exit_too, NULL);
    for (int i = 0; i < 20; i++) {
        pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, &status, 0);
    }
    return status;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*act)(const char *path);
    } acts[] = {
        {"create-at-exit", act_create_at_exit},
        {"exit-together", act_exit_together},
        {"load", act_load},
        {"free-held", act_free_held},
        {"free-released", act_free_released},
        {"fork-in-order", act_fork_in_order},
    };

    for (size_t i = 0; count > 1 && i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(arguments[1], acts[i].name) == 0)
            return acts[i].act(arguments[2]);
    return 2;
}
