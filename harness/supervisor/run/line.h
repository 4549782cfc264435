/*
 * line.h: replay lines.
 *
 *     heap-churn variant=shared-arena threads=4 seed=0x5eed cycle=812
 *         inject=thread-kill@T1.2:malloc#17+41i mode=free build=0f3a...
 *     module /lib/libfoo.so where=b use='fn(1,"text")' seed=0x1 cycle=0 inject=none mode=free
 *         laps=1000 build=...
 *     seed=0x1 cycle=3 inject=sigkill@T1:malloc#7 mode=free build=... -- xz -T4 'a file'
 *
 * One line is enough to run the cycle again on the same binaries. "argument=N" follows where
 * the injector takes one, "hash=H" in controlled mode (of all scheduling decisions), "laps=N",
 * "recorder=none" or "recorder=lttng", "input=FILE", "fresh=1", "probe=1", "must-unload=1",
 * "heap-check=WORDS" and "deadline=SECONDS" where they are not the usual.
 */
#ifndef SUPERVISOR_LINE_H
#define SUPERVISOR_LINE_H

#include "target.h"

/** struct line - what a replay line says. Owned strings; line_free(). */
struct line {
    struct target *target;
    uint64_t seed;
    uint64_t cycle;
    uint32_t mode;
    int injector; /* index in the registry */
    struct plan_point point;
    bool struck; /* a point is given */
    char build[17];
    uint64_t hash; /* of the schedule, 0 if not given: controlled mode's proof */
};

/** line_format() - the line of a plan. Caller frees. NULL when out of memory. */
char *line_format(const struct target *target, const struct plan *plan, int injector,
                  const struct abi_control *control);

/**
 * line_parse() - the reverse. ERROR_USAGE names the word that is wrong. A module's C files are
 * compiled, and the module is tried, as uses_open() does.
 */
int line_parse(const char *text, const char *libdir, struct line *out, struct error *e);

void line_free(struct line *line);

#endif
