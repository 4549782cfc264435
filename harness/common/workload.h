/*
 * common/workload.h: what the runner asks of workload.c beyond the contract. Workloads
 * themselves include <harness/workload.h>; only one that ends the process by itself needs this.
 */
#ifndef HARNESS_COMMON_WORKLOAD_H
#define HARNESS_COMMON_WORKLOAD_H

#include <harness/workload.h>

/** workload_broken_count() - calls of workload_broken() in this process so far. Thread-safe. */
unsigned workload_broken_count(void);

/**
 * workload_exit_status() - what a target ends with: 0 if no promise was broken, else 1.
 * Thread-safe.
 */
int workload_exit_status(void);

#endif
