/*
 * workload: random streams and broken promises, for the runner and for all workloads.
 *
 * A broken promise may be noticed with the heap in ruins or stdio locked for ever, so nothing
 * here allocates, uses streams or takes a lock.
 */
#include <harness/common/workload.h>

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT_BYTES = 256, /* what the agent keeps, with the NUL */
    LINES_SHOWN = 16, /* a flood would fill the pipe, and block a target that nobody reads */
};

static const char line_start[] = "broken: ";
static const char flood_line[] = "broken: more of the same, not shown\n";

static atomic_uint broken __attribute__((section(".data"))); /* beside what a cycle writes */

int workload_parameter_index(const struct workload *workload, const char *name)
{
    const struct workload_parameter *parameter = workload->parameters;

    for (int i = 0; parameter != NULL && parameter[i].name != NULL; i++)
        if (strcmp(parameter[i].name, name) == 0)
            return i;
    return -1;
}

/* SplitMix64: G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014, 453-472 (fig. 16). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t workload_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*state);
}

/* Mixed twice: two streams of one seed must not be the same sequence some steps apart. */
uint64_t workload_stream(const struct workload_context *context, uint64_t index)
{
    return mix(mix(context->seed + UINT64_C(0x9e3779b97f4a7c15)) ^
               mix(index * UINT64_C(0xd1342543de82ef95) + 1));
}

/* Nothing can be done about a standard error that takes no more. */
static void complain(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

void workload_broken(const char *format, ...)
{
    char line[sizeof line_start - 1 + TEXT_BYTES + 1];
    char *text = line + sizeof line_start - 1;
    unsigned before = atomic_fetch_add(&broken, 1);
    int saved = errno;
    size_t length;
    va_list args;

    memcpy(line, line_start, sizeof line_start - 1);
    va_start(args, format);
    if (vsnprintf(text, TEXT_BYTES, format, args) < 0)
        text[0] = '\0';
    va_end(args);
    mark_invariant_at(text, __builtin_return_address(0));
    length = strlen(line);
    line[length++] = '\n';
    if (before < LINES_SHOWN)
        complain(line, length);
    else if (before == LINES_SHOWN)
        complain(flood_line, sizeof flood_line - 1);
    errno = saved;
}

__attribute__((hot)) unsigned workload_broken_count(void)
{
    return atomic_load(&broken);
}

int workload_exit_status(void)
{
    return workload_broken_count() == 0 ? 0 : 1;
}
