/*
 * workload_find: names, for who has the registry of shipped workloads.
 */
#include <harness/workload.h>

#include <string.h>

int workload_find(const char *name)
{
    for (int i = 0; workload_registry[i] != NULL; i++)
        if (strcmp(workload_registry[i]->name, name) == 0)
            return i;
    return -1;
}
