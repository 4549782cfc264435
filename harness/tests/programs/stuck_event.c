/*
 * stuck_event: a thread stands in the middle of one of the flight recorder's events for good, and
 * the process ends all the same.
 *
 * One thread takes what lttng-ust takes around a fork and keeps it. The next one to be born waits
 * for that where its first event makes it known to the recorder. Without a recorder nobody waits.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sem_t taken;

static void *keep(void *unused)
{
    void *library = dlopen("liblttng-ust.so.1", RTLD_NOW | RTLD_NOLOAD);
    void (*take)(sigset_t *) =
        library != NULL ? (void (*)(sigset_t *))dlsym(library, "lttng_ust_before_fork") : NULL;
    sigset_t signals;

    if (take != NULL)
        take(&signals);
    sem_post(&taken);
    for (;;)
        pause();
    return unused;
}

static void *be_born(void *unused)
{
    return unused;
}

enum { TASKS = 64 };

static unsigned list_tasks(long tid[TASKS])
{
    DIR *directory = opendir("/proc/self/task");
    unsigned count = 0;

    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.' && count < TASKS)
            tid[count++] = atol(entry->d_name);
    if (directory != NULL)
        closedir(directory);
    return count;
}

/* The one that was not there before; 0 if there is none. */
static long find_new(const long *before, unsigned count)
{
    long now[TASKS];
    unsigned there = list_tasks(now);

    for (unsigned i = 0; i < there; i++) {
        unsigned n = 0;

        while (n < count && before[n] != now[i])
            n++;
        if (n == count)
            return now[i];
    }
    return 0;
}

static bool sleeps(long tid)
{
    char path[64], text[300];
    ssize_t length;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = 0;
    return length > 0 && strrchr(text, ')') != NULL && strrchr(text, ')')[2] == 'S';
}

int main(void)
{
    long before[TASKS], tid;
    pthread_t keeper, newborn;
    unsigned count;

    sem_init(&taken, 0, 0);
    pthread_create(&keeper, NULL, keep, NULL);
    while (sem_wait(&taken) != 0)
        continue;
    count = list_tasks(before);
    pthread_create(&newborn, NULL, be_born, NULL);
    for (unsigned looks = 0; looks < 100 && (tid = find_new(before, count)) != 0; sched_yield())
        looks = sleeps(tid) ? looks + 1 : 0;
    _exit(0);
}
