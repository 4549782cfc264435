/*
 * marks.h: what a program under stress may tell rundown. All weak: without rundown they are
 * absent, and the inline wrappers do nothing, so nothing has to be linked. Safe in any thread,
 * not in signal handlers. For C and C++.
 *
 *     #include <rundown/marks.h>
 *     RUNDOWN_SITE("commit");       a place of one's own where it may go wrong
 *     RUNDOWN_HEARTBEAT();          progress that no call into libc shows
 *
 * A program that is linked as position-independent code, which is what compilers do unless they
 * are told otherwise, is found by rundown; one built with -no-pie has its marks left out.
 */
#ifndef RUNDOWN_MARKS_H
#define RUNDOWN_MARKS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)
void rundown_mark_site(const char *name) __attribute__((weak));
void rundown_mark_lap_begin(uint64_t lap) __attribute__((weak));
void rundown_mark_lap_end(uint64_t lap) __attribute__((weak));
void rundown_mark_invariant(const char *text) __attribute__((weak));
void rundown_mark_invariant_at(const char *text, const void *where) __attribute__((weak));
void rundown_mark_heartbeat(void) __attribute__((weak));
uint64_t rundown_mark_seed(void) __attribute__((weak));
uint32_t rundown_mark_laps(void) __attribute__((weak));
#pragma GCC visibility pop

/** mark_site() - passes the user site @name ("user:NAME" in points); at most 31 bytes. */
static inline void mark_site(const char *name)
{
    if (rundown_mark_site)
        rundown_mark_site(name);
}

/** mark_invariant() - a promise is broken; the first text of a cycle is kept (255 bytes). */
static inline void mark_invariant(const char *text)
{
    if (rundown_mark_invariant)
        rundown_mark_invariant(text);
}

/**
 * mark_invariant_at() - the same for who says it on behalf of others.
 * @where: return address of the call that says so; a finding is told from others by it.
 */
static inline void mark_invariant_at(const char *text, const void *where)
{
    if (rundown_mark_invariant_at)
        rundown_mark_invariant_at(text, where);
    else
        mark_invariant(text);
}

/** mark_heartbeat() - progress that no hook sees. */
static inline void mark_heartbeat(void)
{
    if (rundown_mark_heartbeat)
        rundown_mark_heartbeat();
}

#ifdef __cplusplus
}
#endif

/** RUNDOWN_SITE() - mark_site(): --inject thread-kill@user:commit strikes at
 * RUNDOWN_SITE("commit").
 */
#define RUNDOWN_SITE(name) mark_site(name)

/** RUNDOWN_HEARTBEAT() - mark_heartbeat(): a loop that computes and calls nothing is alive. */
#define RUNDOWN_HEARTBEAT() mark_heartbeat()

#endif
