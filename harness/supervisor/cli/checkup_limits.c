/*
 * checkup_limits: how much this user may have, and where it may lie.
 *
 * Numbers come from what jobs and targets take: descriptors 1000 and 1001 of every target, up
 * to 256 threads in each, rings of 1 MiB for each processor in /dev/shm.
 */
#include <harness/supervisor/cli/checkup.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    FILES_LEAST = 1002, /* job.c hands memory and bell to targets as 1000 and 1001 */
    PROCESSES_LEAST = 1024,
    STACK_LEAST = 2 << 20, /* what the LTTng daemon asks for, too */
    SHM_BASE_MB = 16,
    SHM_CPU_MB = 4, /* a ring, the next session's, and copies under way */
};

static char *limit_words(rlim_t limit, char out[32])
{
    if (limit == RLIM_INFINITY)
        snprintf(out, 32, "unlimited");
    else
        snprintf(out, 32, "%llu", (unsigned long long)limit);
    return out;
}

void checkup_files(struct checkup *checkup)
{
    struct rlimit limit;
    char words[32];

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= FILES_LEAST)
        checkup_ok(checkup, "%s at once", limit_words(limit.rlim_cur, words));
    else
        checkup_bad(checkup, CHECKUP_MISSING, "every run: targets get descriptors 1000 and 1001",
                    "ulimit -n 1024", "%s at once, %d are needed",
                    limit_words(limit.rlim_cur, words), FILES_LEAST);
}

void checkup_processes(struct checkup *checkup)
{
    struct rlimit limit;
    char words[32];

    getrlimit(RLIMIT_NPROC, &limit);
    if (geteuid() == 0)
        checkup_ok(checkup, "no limit counts for root");
    else if (limit.rlim_cur >= PROCESSES_LEAST)
        checkup_ok(checkup, "%s of this user, threads included",
                   limit_words(limit.rlim_cur, words));
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "targets with many threads, and many jobs: cycles end as broken",
                    "ulimit -u 4096, or fewer --jobs", "%s of this user, threads included",
                    limit_words(limit.rlim_cur, words));
}

void checkup_stack(struct checkup *checkup)
{
    struct rlimit limit;
    char words[32];

    getrlimit(RLIMIT_STACK, &limit);
    if (limit.rlim_cur >= STACK_LEAST)
        checkup_ok(checkup, "%s bytes", limit_words(limit.rlim_cur, words));
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "deep calls in targets, and long command lines: they crash or do not start",
                    "ulimit -s 8192", "%s bytes", limit_words(limit.rlim_cur, words));
}

/* --- /dev/shm ----------------------------------------------------------------------------------
 */

static void judge_shm(struct checkup *checkup, const struct statvfs *info)
{
    static const char lost[] = "the flight recorder: no timelines of failing cycles";
    uint64_t free_mb = (uint64_t)info->f_bavail * info->f_frsize >> 20;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t need_mb = SHM_BASE_MB + SHM_CPU_MB * (uint64_t)(cpus > 0 ? cpus : 1);
    char mend[120];

    snprintf(mend, sizeof mend,
             "mount -o remount,size=%lluM /dev/shm; in a container --shm-size=%llum",
             (unsigned long long)need_mb * 2, (unsigned long long)need_mb * 2);
    if (free_mb < need_mb)
        checkup_bad(checkup, CHECKUP_DEGRADED, lost, mend, "%llu MiB are free, %llu are needed",
                    (unsigned long long)free_mb, (unsigned long long)need_mb);
    else
        checkup_ok(checkup, "%llu MiB are free%s", (unsigned long long)free_mb,
                   info->f_flag & ST_NOEXEC ? "; noexec, and nothing of ours is executed there"
                                            : "");
}

void checkup_shm(struct checkup *checkup)
{
    struct statvfs info;

    if (statvfs("/dev/shm", &info) == 0 && access("/dev/shm", W_OK | X_OK) == 0)
        judge_shm(checkup, &info);
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "the flight recorder, and targets' own shared memory",
                    "mount -t tmpfs -o mode=1777 tmpfs /dev/shm", "%s", strerror(errno));
}

/* --- core dumps --------------------------------------------------------------------------------
 */

void checkup_cores(struct checkup *checkup)
{
    char pattern[300] = "";
    struct rlimit limit;
    char words[32];

    checkup_read("/proc/sys/kernel/core_pattern", pattern, sizeof pattern);
    getrlimit(RLIMIT_CORE, &limit);
    if (pattern[0] == '|')
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "speed: each target that crashes is first handed to that program",
                    "write core into /proc/sys/kernel/core_pattern while runs go on",
                    "core_pattern is %.200s", pattern);
    else if (limit.rlim_cur > 0 && pattern[0] != 0)
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "speed and disk: each target that crashes writes a core file", "ulimit -c 0",
                    "core_pattern is %.200s, up to %s bytes", pattern,
                    limit_words(limit.rlim_cur, words));
    else
        checkup_ok(checkup, "crashing targets write none");
}
