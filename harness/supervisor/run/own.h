/*
 * own.h: workloads in shared objects that users bring along (--workload ./mine.so).
 *
 * Asked in a process of its own (rundown-target --describe and --try), so that an object which
 * crashes, hangs or ends the process as it is loaded costs a line and nothing else. What comes
 * back is a struct workload like a shipped one's, but for its functions: those are NULL.
 */
#ifndef SUPERVISOR_OWN_H
#define SUPERVISOR_OWN_H

#include <stdbool.h>

#include <harness/workload.h>

/** struct own - what a shared object says of itself. own_free(). */
struct own;

/**
 * own_names() - does @text, as --workload takes it, name a shared object? It does if there is a
 * '/' before the first comma, or if it begins with "./" or "/".
 */
bool own_names(const char *text);

/** own_path_length() - length of the path in "PATH[,key=value...]": a comma that no name and '='
 * follow is the path's. */
size_t own_path_length(const char *text);

/**
 * own_open() - reads the description.
 * @path: as the user gave it. @libdir: where rundown-target lies.
 *
 * Returns 0, ERROR_USAGE (no such file, no workload, a member missing or wrong, it crashed, ended
 * or hung as it was loaded), ERROR_VERSION, ERROR_MEMORY or ERROR_SYSTEM; @e names the file.
 */
int own_open(const char *path, const char *libdir, struct own **out, struct error *e);

/**
 * own_try() - set-up, once, with these words.
 * @word: NAME=VALUE, NULL at the end. @environment: "NAME=value NAME=value" or "".
 * Returns 0 or an error as own_open().
 */
int own_try(const struct own *own, const char *libdir, char *const *word, const char *environment,
            struct error *e);

void own_free(struct own *own);

/** own_path() - absolute. */
const char *own_path(const struct own *own);

/** own_workload() - lives as long as @own. */
const struct workload *own_workload(const struct own *own);

/** own_unavailable() - why it cannot run here, or NULL. */
const char *own_unavailable(const struct own *own);

#endif
