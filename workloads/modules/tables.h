/*
 * tables.h: a module with tables that it makes at first use, and that somebody has to free.
 */
#ifndef WORKLOADS_MODULES_TABLES_H
#define WORKLOADS_MODULES_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#define TABLES_EXPORT __attribute__((visibility("default")))

/** struct tables_ways - what the destructor does: @at_unload, @at_exit: it frees the tables. */
struct tables_ways {
    bool at_unload;
    bool at_exit;
};

/** tables_begin() - before anything else. */
TABLES_EXPORT void tables_begin(struct tables_ways ways);

/** tables_look_up() - from the tables, under their lock; 0 if there is no memory for them. */
TABLES_EXPORT uint64_t tables_look_up(uint64_t key);

/** tables_walk() - calls @visit under the lock, which may take as long as it likes. */
TABLES_EXPORT void tables_walk(void (*visit)(void));

/** tables_exiting() - the process exits; the host's exit handler says so. */
TABLES_EXPORT void tables_exiting(void);

/** tables_expected() - what tables_look_up() has to return. Pure. */
static inline uint64_t tables_expected(uint64_t key)
{
    return (key % 16 + 1) * UINT64_C(0x94d049bb133111eb);
}

#endif
