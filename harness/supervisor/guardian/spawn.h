/*
 * spawn.h: a child's description as the request that asks for it, and a refusal in words.
 *
 * The supervisor's side. Starts nothing and sends nothing.
 */
#ifndef HARNESS_SUPERVISOR_SPAWN_H
#define HARNESS_SUPERVISOR_SPAWN_H

#include "guardian.h"
#include "guardian_protocol.h"

#include <harness/error.h>

/** spawn_check() - 0, or ERROR_RANGE if the description is senseless. */
int spawn_check(const struct guardian_spawn *s, struct error *e);

/**
 * spawn_pack() - the request for a description that spawn_check() found good.
 * @fds: the payload, which is the caller's to close, and the description's own descriptors.
 *
 * Returns how many @fds there are, or -1 with errno; then there is nothing to close.
 */
int spawn_pack(const struct guardian_spawn *s, struct guardian_request *r, int fds[MESSAGE_FDS]);

/** spawn_refused() - the guardian's failure as an error; see guardian_spawn() for the codes. */
int spawn_refused(const struct guardian_spawn *s, const struct guardian_failure *failure,
                  struct error *e);

#endif
