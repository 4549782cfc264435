/*
 * hang_event_loop: main waits for a word that nobody will send, beside a thread that runs an event
 * loop over files of the program's own. Only who sees that nothing outside can make those ready can
 * prove the hang. The clean twin's loop has a timer, which sends the word.
 *
 *     planted: hang.lost-wakeup
 *     allowed: exit.threads-alive
 *     run: --inject none --cycles 2 --deadline 600s
 */
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sent = PTHREAD_COND_INITIALIZER;
static int word;
static int set;

static void send_word(void)
{
    pthread_mutex_lock(&mutex);
    word = 1;
    pthread_cond_signal(&sent);
    pthread_mutex_unlock(&mutex);
}

static void *loop(void *unused)
{
    struct epoll_event event;

    if (epoll_wait(set, &event, 1, -1) == 1)
        send_word();
    return unused;
}

static void add(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv)
{
    struct itimerspec soon = {.it_value.tv_nsec = 10000000};
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    pthread_t thread;

    set = epoll_create1(0);
    add(eventfd(0, 0));
    add(timer);
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        timerfd_settime(timer, 0, &soon, NULL);
    if (pthread_create(&thread, NULL, loop, NULL) != 0)
        return 4;
    pthread_mutex_lock(&mutex);
    while (!word)
        pthread_cond_wait(&sent, &mutex);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    return 0;
}
