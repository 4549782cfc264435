/*
 * limits: see limits.h. Read once a run; what cannot be read is no limit.
 */
#include "limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* struct limit - the smallest seen so far; @from NULL: none. */
struct limit {
    uint64_t most;
    const char *from;
};

static void lower(struct limit *limit, uint64_t most, const char *from)
{
    if (limit->from != NULL && limit->most <= most)
        return;
    limit->most = most;
    limit->from = from;
}

static void lower_by_rlimit(struct limit *limit, int resource)
{
    struct rlimit rlimit;

    if (getrlimit((__rlimit_resource_t)resource, &rlimit) == 0 && rlimit.rlim_cur != RLIM_INFINITY)
        lower(limit, rlimit.rlim_cur, "rlimit");
}

/* One number; "max" is none. */
static bool read_number(const char *path, uint64_t *out)
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fscanf(file, "%ju", (uintmax_t *)out) == 1;

    if (file != NULL)
        fclose(file);
    return good;
}

/* Our group's file and those of all above it: each of them holds. */
static void lower_by_group(struct limit *limit, const char *root, char *group, const char *name)
{
    char path[4400];
    uint64_t most;

    for (;;) {
        char *slash = strrchr(group, '/');

        snprintf(path, sizeof path, "%s%s/%s", root, group, name);
        if (read_number(path, &most) && most < UINT64_C(1) << 60)
            lower(limit, most, "cgroup");
        if (slash == NULL)
            return;
        *slash = 0;
    }
}

/* "0::/user.slice" of version 2, "5:memory:/docker/x" of version 1. */
static void lower_by_groups(struct limit *limit, const char *controller, const char *name,
                            const char *old_name)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[4096], root[64];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *group = strchr(line, '/');
        char *list = strchr(line, ':');

        if (group == NULL || list == NULL)
            continue;
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "0::", 3) == 0) {
            lower_by_group(limit, "/sys/fs/cgroup", group, name);
        } else if (strncmp(list + 1, controller, strlen(controller)) == 0) {
            snprintf(root, sizeof root, "/sys/fs/cgroup/%s", controller);
            lower_by_group(limit, root, group, old_name);
        }
    }
    if (file != NULL)
        fclose(file);
}

static void lower_by_memory(struct limit *limit)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    if (pages > 0 && page > 0)
        lower(limit, (uint64_t)pages * (uint64_t)page, "memory");
}

static void write_limit(FILE *out, const char *kind, const struct limit *limit, uint64_t unit)
{
    if (limit->from != NULL)
        fprintf(out, "%s%s=%ju %s", ftell(out) > 0 ? ";" : "", kind,
                (uintmax_t)(limit->most / unit), limit->from);
}

static void write_memory(FILE *out, uint64_t data_bytes)
{
    struct limit space = {0}, resident = {0}, heap = {0};
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    lower_by_rlimit(&space, RLIMIT_AS);
    lower_by_groups(&resident, "memory", "memory.max", "memory.limit_in_bytes");
    lower_by_memory(&resident);
    heap = resident;
    lower_by_rlimit(&heap, RLIMIT_AS);
    lower_by_rlimit(&heap, RLIMIT_DATA);
    if (data_bytes != 0)
        lower(&heap, data_bytes, "rlimit");
    write_limit(out, "heap.bytes", &heap, 1);
    write_limit(out, "rss.pages", &resident, page);
    write_limit(out, "map.pages", &space, page);
}

char *limits_text(uint64_t data_bytes)
{
    struct limit fds = {0}, threads = {0};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    write_memory(out, data_bytes);
    lower_by_rlimit(&fds, RLIMIT_NOFILE);
    write_limit(out, "fds", &fds, 1);
    lower_by_rlimit(&threads, RLIMIT_NPROC);
    lower_by_groups(&threads, "pids", "pids.max", "pids.max");
    write_limit(out, "threads", &threads, 1);
    return fclose(out) == 0 ? text : NULL;
}
