/*
 * common/workload_form.h: is a workload that somebody else has written in good form?
 *
 * Asked wherever one comes from outside: of a shared object, and of a program that calls
 * rundown_workload_run(). Shipped ones are held to the same by a test.
 */
#ifndef HARNESS_COMMON_WORKLOAD_FORM_H
#define HARNESS_COMMON_WORKLOAD_FORM_H

#include <harness/workload.h>

/**
 * workload_form_export() - looks at what a shared object exports, version first.
 * Returns 0, ERROR_VERSION (made for another version of the header) or ERROR_USAGE; @e says it
 * without naming the file. Nothing behind @abi is read unless the version is ours.
 */
int workload_form_export(const struct workload_export *export, struct error *e);

/**
 * workload_form() - are all members there, within their limits, and named as they may be?
 * Returns 0 or ERROR_USAGE, with what is wrong and the mend. Stop codes and injectors are not
 * looked up. Calls nothing of the workload's.
 */
int workload_form(const struct workload *workload, struct error *e);

/** workload_form_version() - is a struct workload of @bytes, version @abi, ours? As _export(). */
int workload_form_version(uint32_t abi, uint32_t bytes, struct error *e);

#endif
