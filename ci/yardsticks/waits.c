/*
 * waits: a program that waits long, and rightly so. Whoever calls it hung is wrong.
 *     waits MODE SECONDS
 *
 * Each mode leaves main waiting without a limit for something that does come: that is what a
 * careless proof of a hang stumbles over.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void fail(const char *what)
{
    perror(what);
    _exit(4);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct timespec span(double length)
{
    return (struct timespec){(time_t)length, (long)((length - (double)(time_t)length) * 1e9)};
}

static void nap_for(double length)
{
    struct timespec left = span(length);

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static void nap(void)
{
    nap_for(seconds);
}

/* Work is a tenth of the time: the machine is to be as idle as its owner wants it. */
static double work_end(void)
{
    return now() + seconds / 10;
}

/* --- what a thread does while main joins it ----------------------------------------------------
 */

static void *in_sleep(void *nothing)
{
    nap();
    return nothing;
}

static void *in_timed_wait(void *nothing)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)seconds + 1;
    pthread_mutex_lock(&lock);
    while (pthread_cond_timedwait(&never, &lock, &end) == 0)
        ;
    pthread_mutex_unlock(&lock);
    return nothing;
}

static void *in_lock(void *nothing)
{
    pthread_mutex_lock(&lock);
    nap();
    pthread_mutex_unlock(&lock);
    return nothing;
}

static void *in_work(void *nothing)
{
    volatile unsigned long sum = 0;

    for (double end = work_end(); now() < end;)
        for (unsigned i = 0; i < 100000; i++)
            sum += i;
    nap_for(seconds * 0.9);
    return nothing;
}

static void *in_disk(void *nothing)
{
    static const char block[65536];
    FILE *file = tmpfile();

    for (double end = work_end(); file != NULL && now() < end;) {
        if (pwrite(fileno(file), block, sizeof block, 0) < 0 || fsync(fileno(file)) != 0)
            fail("disk");
    }
    if (file != NULL)
        fclose(file);
    nap_for(seconds * 0.9);
    return nothing;
}

static void *in_timer(void *nothing)
{
    struct itimerspec when = {.it_value = span(seconds)};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    unsigned long times;

    if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) != 0 ||
        read(fd, &times, sizeof times) != sizeof times)
        fail("timerfd");
    close(fd);
    return nothing;
}

static void *in_signal(void *nothing)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec when = {.it_value = span(seconds)};
    timer_t timer;
    sigset_t set;
    int signal;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &when, NULL) != 0 || sigwait(&set, &signal) != 0)
        fail("timer");
    return nothing;
}

static void connect_later(struct sockaddr_in address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    nap();
    _exit(connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : 4);
}

static void *in_accept(void *nothing)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int peer;
    pid_t child;

    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        fail("accept");
    if ((child = fork()) == 0)
        connect_later(address);
    if ((peer = accept(fd, NULL, NULL)) < 0)
        fail("accept");
    close(peer);
    close(fd);
    waitpid(child, NULL, 0);
    return nothing;
}

static void *in_child(void *nothing)
{
    pid_t child = fork();

    if (child == 0) {
        nap();
        _exit(0);
    }
    if (waitpid(child, NULL, 0) != child)
        fail("waitpid");
    return nothing;
}

static const struct {
    const char *name;
    void *(*wait)(void *nothing);
} modes[] = {
    {"sleep", in_sleep},   {"timed", in_timed_wait}, {"lock", in_lock},
    {"work", in_work},     {"disk", in_disk},        {"timerfd", in_timer},
    {"signal", in_signal}, {"accept", in_accept},    {"child", in_child},
};

static int run(void *(*wait)(void *nothing))
{
    pthread_t thread[2];
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, wait, NULL) != 0)
            fail("pthread_create");
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "modes") == 0) {
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
            puts(modes[i].name);
        return 0;
    }
    seconds = argc == 3 ? atof(argv[2]) : 0;
    for (size_t i = 0; seconds > 0 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return run(modes[i].wait);
    fprintf(stderr, "usage: waits modes | MODE SECONDS, SECONDS above 0\n");
    return 2;
}
