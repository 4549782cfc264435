/*
 * workload.h: the ledger under stress.
 */
#ifndef LEDGER_WORKLOAD_H
#define LEDGER_WORKLOAD_H

#include <rundown/workload.h>

extern const struct workload ledger_workload;

#endif
