/*
 * null: does nothing, so that what a cycle costs can be measured, and so that a finding here
 * is a bug of the harness. Keep it empty.
 */
#include <harness/workload.h>

#include <stddef.h>

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
}

static const struct workload_parameter parameters[] = {{.name = NULL}};

const struct workload workload_null = {
    .name = "null",
    .summary = "does nothing: what the harness itself costs, and whether it is quiet",
    .source = "",
    .parameters = parameters,
    .body = body,
};
