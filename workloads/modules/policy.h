/*
 * policy.h: what the plug-in policy.so offers to its host, and how its singleton is to part
 * from its worker. The host finds the functions by name, so it can unload the plug-in.
 */
#ifndef WORKLOADS_MODULES_POLICY_H
#define WORKLOADS_MODULES_POLICY_H

#include <stdint.h>

#define POLICY_EXPORT __attribute__((visibility("default")))

/**
 * enum policy_parting - who ends the worker, and when.
 * @POLICY_UNINIT: policy_stop() tells it to leave and joins it. The rest leave that to the
 *     singleton's destructor, which runs inside dlclose:
 * @POLICY_LATE_JOIN: it joins a worker that nobody told to leave, and that is busy.
 * @POLICY_LATE_SIGNAL: it tells the worker to leave, which has to unload its rules first.
 * @POLICY_FORGOTTEN: it joins a worker that nobody told to leave and that sleeps.
 */
enum policy_parting {
    POLICY_UNINIT,
    POLICY_LATE_JOIN,
    POLICY_LATE_SIGNAL,
    POLICY_FORGOTTEN,
};

/** policy_start() - makes the singleton's worker; @rules is the path of the rules module, and
 * must last. 0, or an errno value; then there is nothing to stop. */
POLICY_EXPORT int policy_start(const char *rules, enum policy_parting parting);

/** policy_decide() - the worker's decision about @request, by its rules. Waits for it. */
POLICY_EXPORT uint64_t policy_decide(uint64_t request);

/** policy_refresh() - the worker is to load its rules anew, @times times; does not wait. */
POLICY_EXPORT void policy_refresh(unsigned times);

/** policy_stop() - the framework's Stop: the last call before the plug-in is released. */
POLICY_EXPORT void policy_stop(void);

/** rules_apply() - of rules.so. Pure. */
POLICY_EXPORT uint64_t rules_apply(uint64_t request);

/** policy_expected() - what policy_decide() has to return; 0 if the rules cannot be loaded. */
static inline uint64_t policy_expected(uint64_t request)
{
    return (request | 1) * UINT64_C(0xd6e8feb86659fd93) | 1;
}

#endif
