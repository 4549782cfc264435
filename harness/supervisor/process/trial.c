/*
 * trial: starts it in a group of its own, reads two pipes until an end, kills the group.
 */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER, COMPLAINT, ENDING, SOURCES };

static int64_t now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int start(char *const *argv, char *const *envp, const int writer[2], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int failure;

    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, writer[COMPLAINT], 2);
    posix_spawn_file_actions_adddup2(&actions, writer[ANSWER], TRIAL_FD);
    failure = posix_spawn(pid, argv[0], &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

static bool is_whole(const struct trial *trial, const char *end, size_t length)
{
    return trial->length >= length &&
           memcmp(trial->answer + trial->length - length, end, length) == 0;
}

/* What is beyond the room is read and dropped, so that nobody waits for us. Returns false at the
 * pipe's end. */
static bool take(int fd, char *out, size_t *length, size_t size)
{
    char dropped[256];
    bool room = *length + 1 < size;
    ssize_t got =
        read(fd, room ? out + *length : dropped, room ? size - 1 - *length : sizeof dropped);

    if (got < 0 && errno == EINTR)
        return true;
    if (got > 0 && room)
        *length += (size_t)got;
    return got > 0;
}

/* Until the answer is whole, or the process has ended and all it wrote is read, or it is late. */
static void listen_to(struct trial *trial, const int reader[2], int ending, const char *end,
                      size_t end_length)
{
    struct pollfd source[SOURCES] = {
        {reader[ANSWER], POLLIN, 0}, {reader[COMPLAINT], POLLIN, 0}, {ending, POLLIN, 0}};
    int64_t until = now_ms() + TRIAL_MS;
    size_t complaint = 0;
    bool gone = false;

    while (!is_whole(trial, end, end_length)) {
        int64_t left = until - now_ms();
        int ready = poll(source, SOURCES, gone ? 0 : left > 0 ? (int)left : 0);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            trial->late = !gone;
            return;
        }
        if (source[ENDING].revents != 0) {
            gone = true;
            source[ENDING].fd = -1;
        }
        if (source[ANSWER].revents != 0 &&
            !take(reader[ANSWER], trial->answer, &trial->length, sizeof trial->answer))
            source[ANSWER].fd = -1;
        if (source[COMPLAINT].revents != 0 &&
            !take(reader[COMPLAINT], trial->complaint, &complaint, sizeof trial->complaint))
            source[COMPLAINT].fd = -1;
    }
}

/* The group as well: a library's constructor may have started who knows what. */
static void put_away(struct trial *trial, pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, &trial->status, 0) < 0 && errno == EINTR)
        ;
}

int trial_run(char *const *argv, char *const *envp, const char *end, size_t end_length,
              struct trial *out, struct error *e)
{
    int pipes[2][2] = {{-1, -1}, {-1, -1}};
    pid_t pid = -1;
    int failure = errno = 0;

    memset(out, 0, sizeof *out);
    if (pipe2(pipes[ANSWER], O_CLOEXEC) != 0 || pipe2(pipes[COMPLAINT], O_CLOEXEC) != 0)
        failure = errno;
    if (failure == 0)
        failure = start(argv, envp, (int[2]){pipes[ANSWER][1], pipes[COMPLAINT][1]}, &pid);
    close(pipes[ANSWER][1]);
    close(pipes[COMPLAINT][1]);
    if (failure == 0) {
        int ending = pidfd_open(pid, 0);

        listen_to(out, (int[2]){pipes[ANSWER][0], pipes[COMPLAINT][0]}, ending, end, end_length);
        put_away(out, pid);
        close(ending);
    }
    close(pipes[ANSWER][0]);
    close(pipes[COMPLAINT][0]);
    return failure == 0 ? 0
                        : error_set(e, ERROR_SYSTEM, "%s: %s; rundown is not installed as a whole",
                                    argv[0], strerror(failure));
}

const char *trial_ending(const struct trial *trial, char out[64])
{
    const char *name = WIFSIGNALED(trial->status) ? sigabbrev_np(WTERMSIG(trial->status)) : NULL;

    if (trial->late)
        snprintf(out, 64, "was not done after %d s", TRIAL_MS / 1000);
    else if (WIFSIGNALED(trial->status))
        snprintf(out, 64, "crashed (SIG%s)", name != NULL ? name : "?");
    else
        snprintf(out, 64, "ended with status %d", WEXITSTATUS(trial->status));
    return out;
}
