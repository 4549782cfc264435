/*
 * hall.h: a module that callers of the host enter and leave, many at a time.
 */
#ifndef WORKLOADS_MODULES_HALL_H
#define WORKLOADS_MODULES_HALL_H

#include <stdint.h>

#define HALL_EXPORT __attribute__((visibility("default")))

/** struct hall_host - what the host lends. @think: called in the middle of each visit. @ending:
 * called by the destructor, inside dlclose. */
struct hall_host {
    void (*think)(void);
    void (*ending)(void);
};

/** hall_begin() - before anything else; @host must last. */
HALL_EXPORT void hall_begin(const struct hall_host *host);

/** hall_visit() - enters, works, leaves. Any thread, until the module goes. */
HALL_EXPORT uint64_t hall_visit(uint64_t number);

/** hall_expected() - what hall_visit() has to return. Pure. */
static inline uint64_t hall_expected(uint64_t number)
{
    return number * UINT64_C(0x2545f4914f6cdd1d) + 1;
}

#endif
