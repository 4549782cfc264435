/*
 * message.h: whole messages through a SOCK_SEQPACKET socket, descriptors with them.
 *
 * Knows nothing of what is said. Nothing here allocates, raises SIGPIPE or, but for
 * message_send() without MSG_DONTWAIT, waits.
 */
#ifndef HARNESS_SUPERVISOR_MESSAGE_H
#define HARNESS_SUPERVISOR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { MESSAGE_FDS = 17 }; /* descriptors in one message, at most */

/**
 * message_send() - send one message.
 * @fds, @count: stay ours; up to MESSAGE_FDS.
 * @flags: 0 or MSG_DONTWAIT.
 *
 * Returns true, or false with errno.
 */
bool message_send(int sock, const void *data, size_t size, const int *fds, unsigned count,
                  int flags);

/**
 * message_receive() - take one message, if there is one.
 * @fds: ours to close afterwards; -1 beyond what came. The kernel drops descriptors that
 *     find no number here.
 *
 * Returns as recvmsg(): the size, 0 at the end, -1 with errno.
 */
ssize_t message_receive(int sock, void *data, size_t size, int fds[MESSAGE_FDS]);

/** message_later() - does what recv() returned mean that there is nothing yet? Reads errno. */
bool message_later(ssize_t got);

#endif
