/*
 * stop_code: the table of stop codes, and the order of causes. No state.
 */
#include <harness/stop_code.h>

#include <stddef.h>
#include <string.h>

#include <harness/common/suggest.h>

static const struct stop_code_entry entries[STOP_COUNT] = {
#define STOP_CODE(identifier, slug, severity, ancestor, meaning, cause, mend)                      \
    [STOP_##identifier] = {slug, STOP_SEVERITY_##severity, ancestor, meaning, cause, mend},
#include <harness/stop_code.def>
};

static const char *const slugs[STOP_COUNT] = {
#define STOP_CODE(identifier, slug, severity, ancestor, meaning, cause, mend) slug,
#include <harness/stop_code.def>
    NULL,
};

/*
 * First causes first. The rule is "cause beats class": a code that names somebody (a dead
 * owner, a circle, a module that is gone) comes before one that names only the kind of damage,
 * and that before one that says merely that nothing moves. Where two codes describe one event,
 * the one with more to say comes first. The groups, each because of the next:
 */
static const enum stop_code causes_first[] = {
    /* The instrument interfered: what else was seen may be its doing. */
    STOP_HARNESS_BROKEN,
    STOP_HARNESS_RECORDER,

    /* Somebody is gone or suspended who alone could go on. Such a chain of waiters has an end,
     * so it explains any hang or half-done data that come with it, and is no circle. A robust
     * mutex that told of the death comes first: there the program could have coped. A spin
     * lock says more than a lock, a death more than a suspension. */
    STOP_LOCK_OWNER_DIED_IGNORED,
    STOP_HEAP_LOCK_ORPHANED,
    STOP_LOADER_LOCK_ORPHANED,
    STOP_LOCK_SPIN_ORPHANED,
    STOP_LOCK_ORPHANED,
    STOP_LOCK_OWNER_SUSPENDED,
    STOP_THREAD_LOST_AT_FORK,

    /* Two threads drove the exit: handlers that meet each other, run on what the other has
     * destroyed or free it twice are what follows. */
    STOP_EXIT_CONCURRENT,

    /* A circle. Through the loader it needs another mend than among locks alone, so it goes
     * first; the join or load inside a constructor that closed it is part of the circle. */
    STOP_LOADER_DEADLOCK,
    STOP_LOCK_DEADLOCK,

    /* Something was used that was not there any more, or not yet. What made the user late (a
     * thread born during exit) comes before what it then ran into; a callback tells how the
     * thread got into unmapped code. Locks come behind the module or the object around them. */
    STOP_EXIT_THREAD_CREATED,
    STOP_MODULE_CALLBACK_UNMAPPED,
    STOP_MODULE_CODE_UNMAPPED,
    STOP_MODULE_CALL_BEFORE_INIT,
    STOP_MODULE_CALL_AFTER_FINI,
    STOP_EXIT_DESTROYED_IN_USE,
    STOP_LOCK_IN_UNLOADED_MODULE,
    STOP_LOCK_FREED_HELD,
    STOP_LOCK_DESTROYED_HELD,
    STOP_LOCK_OVER_RELEASED,

    /* Heap damage: the wrong call itself, then the bytes it left, then who found them. Behind
     * the group above, since writing into freed memory is what late users do. */
    STOP_HEAP_DOUBLE_FREE,
    STOP_HEAP_BAD_FREE,
    STOP_HEAP_CORRUPT_BLOCK,
    STOP_HEAP_CORRUPT_FREE_BLOCK,
    STOP_HEAP_INCONSISTENT,
    STOP_HEAP_ALLOCATOR_ABORT,

    /* A broken rule that has done no harm yet, or whose harm would stand above. Still a named
     * place to mend, so ahead of damage of unknown origin. */
    STOP_MODULE_THREAD_ALIVE_AT_UNLOAD,
    STOP_LOADER_JOIN_INSIDE,
    STOP_LOADER_LOAD_INSIDE,
    STOP_LOCK_ORDER_INVERSION,
    STOP_LOCK_HELD_LONG,
    STOP_THREAD_LEFT_BEHIND,
    STOP_EXIT_THREADS_ALIVE,
    STOP_EXIT_LOCKS_HELD,
    STOP_MODULE_NOT_UNLOADED,

    /* Consequences, whose cause was not found. Wrong data are there before the crash that they
     * lead to; a stuck handler says where, a wrong status only that. */
    STOP_STATE_INVARIANT,
    STOP_CRASH_SIGNAL,
    STOP_EXIT_HANDLER_STUCK,
    STOP_EXIT_WRONG_STATUS,

    /* Nothing moves. A stopped process explains why others wait; the rest by how much has been
     * proved. */
    STOP_HANG_STOPPED,
    STOP_HANG_LOST_WAKEUP,
    STOP_HANG_DEADLOCK,
    STOP_HANG_LIVELOCK,
    STOP_HANG_STARVATION,
    STOP_HANG_DEADLINE,

    /* Growth explains none of the above. The block's allocation site is the best lead; then
     * what drags other things along: a thread has a stack, a module has mappings, and all of
     * it ends up in the resident memory. */
    STOP_LEAK_UNREACHABLE,
    STOP_LEAK_TREND_THREAD,
    STOP_LEAK_TREND_MODULE,
    STOP_LEAK_TREND_FD,
    STOP_LEAK_TREND_HEAP,
    STOP_LEAK_TREND_MAP,
    STOP_LEAK_TREND_RSS,

    /* Not a word about what happened: whatever did happen without the injection stands. */
    STOP_HARNESS_INJECTION_NOT_FIRED,
};

_Static_assert(sizeof causes_first / sizeof causes_first[0] == STOP_COUNT - 1,
               "every stop code has one place in causes_first");

static int is_code(enum stop_code code)
{
    return (int)code > STOP_NONE && (int)code < STOP_COUNT;
}

const struct stop_code_entry *stop_code_entry(enum stop_code code)
{
    return is_code(code) ? &entries[code] : NULL;
}

int stop_code_find(const char *slug)
{
    if (slug == NULL)
        return STOP_NONE;
    for (int code = STOP_NONE + 1; code < STOP_COUNT; code++)
        if (strcmp(entries[code].slug, slug) == 0)
            return code;
    return STOP_NONE;
}

/* Many remember "lock-orphaned" and not whose it was: compares what follows the family. */
static const char *nearest_without_family(const char *name)
{
    const char *names[STOP_COUNT] = {NULL};
    const char *near;

    for (int i = 0; slugs[i] != NULL; i++)
        names[i] = strchr(slugs[i], '.') + 1;
    near = suggest_nearest(name, names);
    for (int i = 0; near != NULL && slugs[i] != NULL; i++)
        if (names[i] == near)
            return slugs[i];
    return NULL;
}

const char *stop_code_nearest(const char *slug)
{
    const char *near = suggest_nearest(slug, slugs);

    return near != NULL ? near : nearest_without_family(slug);
}

int stop_code_rank(enum stop_code code)
{
    int rank = 0;

    while (rank < STOP_COUNT - 1 && causes_first[rank] != code)
        rank++;
    return rank;
}
