/*
 * hall: code that threads of others run. It has no gate of its own: the gate has to be where it
 * stays when this goes.
 * Source: catalogue row C9; PE (rundown protection), SS (who calls in once shutdown began).
 */
#include <workloads/modules/hall.h>

#include <stddef.h>

static const struct hall_host *host;

void hall_begin(const struct hall_host *given)
{
    host = given;
}

uint64_t hall_visit(uint64_t number)
{
    uint64_t result = number * UINT64_C(0x2545f4914f6cdd1d);

    host->think();
    return result + 1;
}

__attribute__((destructor)) static void end(void)
{
    if (host != NULL && host->ending != NULL)
        host->ending();
}
