/*
 * usersite.h: numbers for site names of workloads' own ("user:commit") that appear on the
 * command line, before any target has passed them. Every target's table starts with these.
 */
#ifndef SUPERVISOR_USERSITE_H
#define SUPERVISOR_USERSITE_H

#include <harness/agent_abi.h>

/** usersite_index() - the site's index, made at first use; 0 when the table is full. @name without
 * "user:". */
uint16_t usersite_index(const char *name);

/** usersite_fill() - writes the names made so far to the start of @table. */
void usersite_fill(char table[ABI_USER_SITES][ABI_NAME_BYTES]);

/** usersite_find() - index of "malloc" or "user:commit", for plan_point_parse(). */
uint16_t usersite_find(const char *name, void *context);

#endif
