/*
 * fds: descriptors by the handful. No allocation: it is called between fork and exec.
 */
#include "fds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void fds_close(const int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int fds_lift(int fd, int base)
{
    int high = fd;

    if (fd >= 0 && fd < base) {
        high = fcntl(fd, F_DUPFD_CLOEXEC, base);
        close(fd);
    }
    return high;
}

/* Not qsort(), which may allocate; the lists are short. */
static void put_into_order(int *numbers, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = i; j > 0 && numbers[j - 1] > numbers[j]; j--) {
            int swap = numbers[j];

            numbers[j] = numbers[j - 1];
            numbers[j - 1] = swap;
        }
}

bool fds_close_except(int *keep, unsigned count)
{
    unsigned from = 3;
    bool closed = true;

    put_into_order(keep, count);
    for (unsigned i = 0; i < count; i++) {
        if (keep[i] < (int)from)
            continue;
        if ((unsigned)keep[i] > from)
            closed &= close_range(from, (unsigned)keep[i] - 1, 0) == 0;
        from = (unsigned)keep[i] + 1;
    }
    return close_range(from, ~0U, 0) == 0 && closed;
}
