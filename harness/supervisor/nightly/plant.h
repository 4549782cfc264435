/*
 * plant.h: which known faults a night plants. They are the bad variants that the workloads'
 * entries declare, and their clean twins; no workload is named here.
 */
#ifndef SUPERVISOR_NIGHTLY_PLANT_H
#define SUPERVISOR_NIGHTLY_PLANT_H

#include <stdbool.h>

#include <harness/workload.h>

/** What is planted: a variant under an injection ("thread-kill", "thread-kill@malloc"). */
typedef int plant_each(const struct workload *workload, const struct workload_variant *variant,
                       const char *injection, void *context);

/**
 * plant_all() - calls @each for every bad variant under every injection that it declares, then for
 * every clean twin under `none` and what its bad siblings are struck with, unless it tolerates
 * that. Workloads that this machine cannot run are left out. Stops at != 0 and returns that.
 */
int plant_all(plant_each *each, void *context);

#endif
