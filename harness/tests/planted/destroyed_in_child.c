/*
 * destroyed_in_child: a fork with handlers that hold a mutex meanwhile, as perl's do. In the bad
 * variant the child destroys its copy without letting it go first. The clean twin's child lets it
 * go, destroys it and ends while the parent still holds its own: another lock at the same address.
 *
 *     planted: lock.destroyed-held
 *     run: --inject none --cycles 4
 */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int done[2]; /* its writing end is closed when the child has ended */
static int bad;

static void before(void)
{
    pthread_mutex_lock(&mutex);
}

static void in_parent(void)
{
    char nothing;

    close(done[1]);
    while (read(done[0], &nothing, 1) > 0)
        ;
    pthread_mutex_unlock(&mutex);
}

static void in_child(void)
{
    if (!bad)
        pthread_mutex_unlock(&mutex);
}

int main(int argc, char **argv)
{
    pid_t child;

    bad = argc > 1 && strcmp(argv[1], "bad") == 0;
    if (pipe(done) != 0 || pthread_atfork(before, in_parent, in_child) != 0)
        return 4;
    child = fork();
    if (child == 0) {
        pthread_mutex_destroy(&mutex);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}
