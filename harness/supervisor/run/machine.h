/*
 * machine.h: what a run notes of where and on what it ran, so that two runs can be compared.
 */
#ifndef SUPERVISOR_MACHINE_H
#define SUPERVISOR_MACHINE_H

#include <harness/error.h>

struct store;
struct run_options;

/**
 * machine_note() - "started", "kernel", "cpu", "libc", and "build.NAME" for each target's file
 * that has a build id, as keys and values of the run. What cannot be found out is left out.
 */
int machine_note(struct store *store, const struct run_options *options, struct error *e);

/** machine_cpu() - name of the processor, "" if nobody knows. @cpuinfo: text of /proc/cpuinfo. */
void machine_cpu(const char *cpuinfo, char *out, unsigned size);

#endif
