/*
 * message: whole messages through a socket. The guardian, its keepers and the supervisor
 * speak so; a message is taken whole or not at all, so none of them keeps half a one.
 */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
};

bool message_send(int sock, const void *data, size_t size, const int *fds, unsigned count,
                  int flags)
{
    union control control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (count > MESSAGE_FDS) {
        errno = EINVAL;
        return false;
    }
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
    }
    do
        sent = sendmsg(sock, &message, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size;
}

ssize_t message_receive(int sock, void *data, size_t size, int fds[MESSAGE_FDS])
{
    union control control = {0};
    struct iovec part = {.iov_base = data, .iov_len = size};
    /* Not all of the union: its end is padding, in which one descriptor more would fit. */
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_LEN(MESSAGE_FDS * sizeof(int))};
    struct cmsghdr *head;
    ssize_t got;

    memset(fds, -1, MESSAGE_FDS * sizeof(int));
    do
        got = recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
    return got;
}

bool message_later(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}
