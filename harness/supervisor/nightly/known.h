/*
 * known.h: findings that somebody has looked at: they stay listed, and don't turn a night red
 * until they expire.
 */
#ifndef SUPERVISOR_NIGHTLY_KNOWN_H
#define SUPERVISOR_NIGHTLY_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include <harness/error.h>
#include <results/store/store.h>

/**
 * struct known - one entry. @signature or @code: which findings, the other one NULL.
 * @reason: why it may stay. @until: the last day that it counts as known, "2026-12-31".
 */
struct known {
    char *signature;
    char *code;
    char *reason;
    char until[11];
};

/** struct known_list - in the order of the configuration. */
struct known_list {
    struct known *known;
    size_t count;
};

/** known_add() - strings are copied. ERROR_MEMORY. */
int known_add(struct known_list *list, const struct known *known, struct error *e);
void known_free(struct known_list *list);

/** known_day() - "2026-12-31" is a day; false for what is none. */
bool known_day(const char *text);

/** known_today() - the day by the local clock. */
void known_today(char out[11]);

/** known_find() - the entry for a finding on that day, NULL if there is none that still counts. */
const struct known *known_find(const struct known_list *list, const struct store_finding *finding,
                               const char *today);

#endif
