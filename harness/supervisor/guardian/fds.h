/*
 * fds.h: descriptors by the handful: closing them, and moving them out of the way.
 *
 * Knows no process and no message. Nothing here allocates, so all of it may stand between
 * fork and exec.
 */
#ifndef HARNESS_SUPERVISOR_FDS_H
#define HARNESS_SUPERVISOR_FDS_H

#include <stdbool.h>

/** fds_close() - close @count descriptors; a negative one is none. */
void fds_close(const int *fds, unsigned count);

/**
 * fds_lift() - move a descriptor to a number of at least @base, with close-on-exec.
 * @fd: ours to close; negative: stays so, and errno with it.
 *
 * Returns the number, which is @fd where that was high enough, or -1 with errno; then @fd
 * is closed.
 */
int fds_lift(int fd, int base);

/**
 * fds_close_except() - close everything above 2 but the given ones.
 * @keep: put into order. Numbers below 3 and repetitions are harmless.
 *
 * Returns true, or false with errno: some are still open.
 */
bool fds_close_except(int *keep, unsigned count);

#endif
