/*
 * jobs: items for a pool of the host's, which have to be done before this code may go. To wait
 * for them in the destructor is to wait under the loader's lock; that goes well as long as no
 * item needs it.
 * Source: catalogue row C3; TT (a thread pool instead of a thread, wait for callbacks at unload).
 */
#include <workloads/modules/jobs.h>
#include <workloads/modules/policy.h>

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

static const struct jobs_host *host;
static bool items_load;
static bool waits_inside;
static atomic_uint_fast64_t sum;

static uint64_t by_rules(uint64_t number)
{
    void *handle = dlopen(host->rules, RTLD_NOW | RTLD_LOCAL);
    uint64_t (*apply)(uint64_t);
    uint64_t result = 0;

    if (handle == NULL)
        return 0;
    apply = (uint64_t(*)(uint64_t))dlsym(handle, "rules_apply");
    if (apply != NULL)
        result = apply(number);
    dlclose(handle);
    return result;
}

static void item(uint64_t number)
{
    atomic_fetch_add(&sum, items_load ? by_rules(number) : policy_expected(number));
}

void jobs_begin(const struct jobs_host *given, bool loads, bool inside)
{
    host = given;
    items_load = loads;
    waits_inside = inside;
}

void jobs_add(uint64_t number)
{
    host->submit(item, number);
}

void jobs_end(void)
{
    if (!waits_inside)
        host->wait();
}

__attribute__((destructor)) static void unload(void)
{
    if (host != NULL && waits_inside)
        host->wait();
}
