/*
 * rules: what policy.so's worker loads to decide by. Nothing here but the answer.
 */
#include <workloads/modules/policy.h>

uint64_t rules_apply(uint64_t request)
{
    return policy_expected(request);
}
