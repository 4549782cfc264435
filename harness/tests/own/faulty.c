/*
 * faulty: what must be refused. Each FAULT_... is a shared object of its own.
 */
#include <rundown/workload.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void body(struct workload_context *context, uint32_t lap)
{
    (void)context;
    (void)lap;
}

static int setup(struct workload_context *context)
{
    (void)context;
#if defined FAULT_setup_fails
    return -ENOMEM;
#elif defined FAULT_setup_crashes
    abort();
#elif defined FAULT_setup_exits
    _exit(5);
#elif defined FAULT_setup_says
    return 1;
#else
    return 0;
#endif
}

#if defined FAULT_load_crashes
__attribute__((constructor)) static void at_load(void)
{
    abort();
}
#elif defined FAULT_load_exits
__attribute__((constructor)) static void at_load(void)
{
    _exit(7);
}
#endif

static const struct workload_parameter parameters[] = {
#if defined FAULT_parameter_taken
    {"seed", "what replay lines say themselves", 1, 0, 2},
#elif defined FAULT_parameter_range
    {"size", "outside its own range", 9, 0, 2},
#endif
    {.name = NULL},
};

static const struct workload_variant variants[] = {
#if defined FAULT_variant_first_bad
    {.name = "worst", .bad = true, .codes = "crash.signal"},
#elif defined FAULT_variant_code
    {.name = "plain"},
    {.name = "worst", .bad = true, .codes = "crash.signel"},
#elif defined FAULT_variant_injector
    {.name = "plain"},
    {.name = "worst", .bad = true, .codes = "crash.signal", .injectors = "thread-kil"},
#endif
    {.name = NULL},
};

const struct workload faulty = {
#if !defined FAULT_no_name
    .name = "faulty",
#endif
#if !defined FAULT_no_summary
    .summary = "is refused",
#endif
#if !defined FAULT_no_body
    .body = body,
#endif
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
};

__attribute__((unused)) static void (*const used)(struct workload_context *, uint32_t) = body;

#if defined FAULT_version
const struct workload_export rundown_workload_export = {
    RUNDOWN_WORKLOAD_MAGIC, RUNDOWN_WORKLOAD_ABI + 1, sizeof(struct workload) + 8, 0, NULL};
#elif defined FAULT_magic
const struct workload_export rundown_workload_export = {1, 2, 3, 4, &faulty};
#elif !defined FAULT_no_export
RUNDOWN_WORKLOAD(faulty);
#endif
