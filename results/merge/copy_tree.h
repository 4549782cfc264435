/*
 * copy_tree.h: copies a recorder's trace into the directory of another run.
 */
#ifndef RESULTS_MERGE_COPY_TREE_H
#define RESULTS_MERGE_COPY_TREE_H

#include <stdbool.h>

#include <harness/error.h>

/** copy_tree_is_inside() - a relative path that cannot lead out of the directory it begins in. */
bool copy_tree_is_inside(const char *path);

/**
 * copy_tree() - copies directories and plain files from @from to @to.
 * @to: made, with what leads to it. What is neither, links among them, is left out.
 *
 * ERROR_NOT_FOUND: nothing at @from. ERROR_FULL, ERROR_SYSTEM, ERROR_MEMORY; then a part may be
 * there.
 */
int copy_tree(const char *from, const char *to, struct error *e);

#endif
