/*
 * null: does nothing, so that what a cycle costs can be measured, and so that a finding here
 * is a bug of the harness. Keep it empty.
 */
#include <harness/workload.h>

#include <stddef.h>
#include <unistd.h>

enum variant { VARIANT_PLAIN, VARIANT_BARE };

static const struct workload_variant variants[] = {
    {.name = "plain", .summary = "returns from main, and so goes through exit()"},
    {.name = "bare", .summary = "leaves by _exit(): against a bare loop of fork, _exit and wait"},
    {.name = NULL},
};

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
}

static void teardown(struct workload_context *context)
{
    if (context->variant == VARIANT_BARE)
        _exit(0);
}

static const struct workload_parameter parameters[] = {{.name = NULL}};

const struct workload workload_null = {
    .name = "null",
    .summary = "does nothing: what the harness itself costs, and whether it is quiet",
    .source = "",
    .parameters = parameters,
    .variants = variants,
    .body = body,
    .teardown = teardown,
};
