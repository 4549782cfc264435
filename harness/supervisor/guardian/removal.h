/*
 * removal.h: taking a directory tree away, whatever its depth and its permissions.
 *
 * Follows no symbolic link and enters no other mount. Nobody may write into the tree
 * meanwhile: who makes files as fast as they go keeps the removal busy. May block as long as
 * the file system does. One thread at a time.
 */
#ifndef HARNESS_SUPERVISOR_REMOVAL_H
#define HARNESS_SUPERVISOR_REMOVAL_H

#include <stdbool.h>

/**
 * removal_tree() - remove a file, or a directory with all that is in it.
 * @parent: descriptor of the directory above; O_PATH will do.
 * @name: the last name, with no slash.
 *
 * Takes away what it can: what is immutable, mounted or another user's stays, with the
 * directories above it. Returns whether nothing of that name is left.
 */
bool removal_tree(int parent, const char *name);

#endif
