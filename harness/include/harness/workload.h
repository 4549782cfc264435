/*
 * workload.h: shipped workloads, and what the harness asks about any.
 *
 * One file in workloads/ is one workload: heap_churn.c defines
 *     const struct workload workload_heap_churn
 * It runs in a program of its own (rundown-target) like anybody's program: detectors cannot
 * see which workload runs, and no verdict is special-cased for a shipped one.
 *
 * The contract itself is the installed header; there is no second one. A shipped workload's
 * setup may also return an error code of <harness/error.h>.
 */
#ifndef HARNESS_WORKLOAD_H
#define HARNESS_WORKLOAD_H

#include <rundown/workload.h>

#include <harness/error.h>
#include <harness/marks.h>

/* Who adds a member also raises RUNDOWN_WORKLOAD_ABI, and says so in its history. */
_Static_assert(RUNDOWN_WORKLOAD_ABI == 3, "the sizes below are of version 3");
_Static_assert(sizeof(struct workload_parameter) == 40, "part of the workload ABI");
_Static_assert(sizeof(struct workload_variant) == 72, "part of the workload ABI");
_Static_assert(sizeof(struct workload_context) == 168, "part of the workload ABI");
_Static_assert(sizeof(struct workload) == 96, "part of the workload ABI");
_Static_assert(sizeof(struct workload_export) == 24, "part of the workload ABI");

/** Every workload, sorted by file name, NULL at the end. Generated. */
extern const struct workload *const workload_registry[];

/** workload_parameter_index() - place of a parameter in the list, or -1. */
int workload_parameter_index(const struct workload *workload, const char *name);

/** workload_find() - index in the registry of the user's name, or -1. */
int workload_find(const char *name);

#endif
