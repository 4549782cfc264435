/*
 * profile_file.h: a target's profile as a text file, so that another run can draw from the same.
 *
 *     rundown-profile 1
 *     status WAITSTATUS               how the dry cycle ended, as wait() has it
 *     user NAME                       one line a user site, in their order
 *     THREAD SITE HITS LENGTH...      one line an entry; PROFILE_LENGTHS lengths in instructions
 *     end
 */
#ifndef SUPERVISOR_PROFILE_FILE_H
#define SUPERVISOR_PROFILE_FILE_H

#include <harness/error.h>

#include "target.h"

/** profile_file_write() - @target's, which must be profiled. Replaces @path as a whole. */
int profile_file_write(const char *path, const struct target *target, struct error *e);

/**
 * profile_file_read() - into @target, which then needs no dry cycle. Returns 0, or ERROR_USAGE with
 * file and line; @target is unchanged then.
 */
int profile_file_read(const char *path, struct target *target, struct error *e);

#endif
