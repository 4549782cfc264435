/*
 * writer_lock.h: at most one writer per run.
 *
 * A file beside the database with a POSIX record lock on it: the kernel drops it however the
 * process ends, and a forked child does not inherit it (a guardian that outlives the
 * supervisor must not keep the run locked). It is no lock on the database itself, since closing
 * any descriptor of that file would drop SQLite's own locks.
 */
#ifndef RESULTS_STORE_WRITER_LOCK_H
#define RESULTS_STORE_WRITER_LOCK_H

#include <harness/error.h>

struct writer_lock;

/**
 * writer_lock_take() - becomes the writer, without waiting.
 * @path: of the lock file; made if it is not there.
 * @out: to be given to writer_lock_drop(); NULL on failure.
 *
 * Returns 0, ERROR_BUSY (names the process that has it, this one included), ERROR_PERMISSION,
 * ERROR_FULL, ERROR_NOT_FOUND (no such directory), ERROR_MEMORY or ERROR_SYSTEM. For one
 * thread only.
 */
int writer_lock_take(const char *path, struct writer_lock **out, struct error *e);

/** writer_lock_drop() - no longer the writer; removes the file. @lock may be NULL. */
void writer_lock_drop(struct writer_lock *lock);

#endif
