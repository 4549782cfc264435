/*
 * ledger.h: a list of bookings that many threads append to, and its sum.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <pthread.h>
#include <stdbool.h>

struct booking {
    struct booking *next;
    long amount;
};

/* @lock guards the rest. @sum is that of all bookings in the list. */
struct ledger {
    pthread_mutex_t lock;
    struct booking *first;
    long sum;
    long count;
};

void ledger_init(struct ledger *ledger);

/** ledger_book() - appends; false when there is no memory, and then nothing has changed. */
bool ledger_book(struct ledger *ledger, long amount);

/** ledger_adds_up() - is the sum that of the list? */
bool ledger_adds_up(struct ledger *ledger);

/** ledger_clear() - frees all bookings. */
void ledger_clear(struct ledger *ledger);

#endif
