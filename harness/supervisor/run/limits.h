/* limits.h: what a target can have at most of memory, descriptors and threads on this machine. */
#ifndef SUPERVISOR_LIMITS_H
#define SUPERVISOR_LIMITS_H

#include <stdint.h>

/**
 * limits_text() - the smallest limit for each kind of series, with where it comes from:
 * "heap.bytes=8589934592 memory;fds=1024 rlimit". A kind without a known limit is left out.
 * As they are for us, which is what targets inherit. @data_bytes: RLIMIT_DATA that they are given
 * on top of that, 0: none. Caller frees; NULL: no memory.
 */
char *limits_text(uint64_t data_bytes);

#endif
