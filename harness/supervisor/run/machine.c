/*
 * machine: kernel, processor, C library and build ids, as words in the store.
 *
 * No host's name: a report may be sent to anybody.
 */
#include "machine.h"

#include "run.h"
#include "target.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

enum { CPUINFO_BYTES = 4096 };

void machine_cpu(const char *cpuinfo, char *out, unsigned size)
{
    const char *line = strstr(cpuinfo, "model name");
    const char *name = line != NULL ? strchr(line, ':') : NULL;

    *out = 0;
    if (name == NULL)
        return;
    name += 1 + strspn(name + 1, " \t");
    snprintf(out, size, "%.*s", (int)strcspn(name, "\n"), name);
}

static void read_cpu(char *out, unsigned size)
{
    char text[CPUINFO_BYTES + 1] = "";
    FILE *file = fopen("/proc/cpuinfo", "re");

    if (file != NULL) {
        text[fread(text, 1, CPUINFO_BYTES, file)] = 0;
        fclose(file);
    }
    machine_cpu(text, out, size);
}

static int note(struct store *store, const char *key, const char *value, struct error *e)
{
    return value[0] != 0 ? store_meta_set(store, key, value, e) : 0;
}

static int note_builds(struct store *store, const struct run_options *options, struct error *e)
{
    char key[300];
    int code = 0;

    for (unsigned i = 0; i < options->targets && code == 0; i++) {
        const struct target *target = options->target[i];

        /* Shipped workloads are one program. */
        snprintf(key, sizeof key, "build.%.255s",
                 target->workload != NULL ? "rundown-target" : target->name);
        code = note(store, key, target->build, e);
    }
    return code;
}

int machine_note(struct store *store, const struct run_options *options, struct error *e)
{
    time_t now = time(NULL);
    struct utsname system;
    char text[128];
    struct tm local;
    int code;

    localtime_r(&now, &local);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &local);
    code = note(store, "started", text, e);
    uname(&system);
    if (code == 0)
        code = note(store, "kernel", system.release, e);
    read_cpu(text, sizeof text);
    if (code == 0)
        code = note(store, "cpu", text, e);
    snprintf(text, sizeof text, "glibc %s", gnu_get_libc_version());
    if (code == 0)
        code = note(store, "libc", text, e);
    return code == 0 ? note_builds(store, options, e) : code;
}
