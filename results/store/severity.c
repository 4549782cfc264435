/*
 * severity: two directions of one short table. The words are part of file formats: never change
 * one that was released.
 */
#include <results/store/severity.h>

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [STOP_SEVERITY_NOTE] = "note",
    [STOP_SEVERITY_FINDING] = "finding",
    [STOP_SEVERITY_HARNESS] = "harness",
};

enum { SEVERITIES = sizeof names / sizeof names[0] };

const char *severity_name(enum stop_severity severity)
{
    return (unsigned)severity < SEVERITIES ? names[severity] : NULL;
}

bool severity_find(const char *name, enum stop_severity *out)
{
    for (unsigned i = 0; i < SEVERITIES; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum stop_severity)i;
            return true;
        }
    }
    return false;
}
