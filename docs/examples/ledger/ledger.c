/*
 * ledger: see ledger.h. With LEDGER_BUG it has a fault that no test finds whose memory never
 * runs out.
 */
#include "ledger.h"

#include <rundown/marks.h>

#include <stdlib.h>

void ledger_init(struct ledger *ledger)
{
    pthread_mutex_init(&ledger->lock, NULL);
    ledger->first = NULL;
    ledger->sum = ledger->count = 0;
}

bool ledger_book(struct ledger *ledger, long amount)
{
    struct booking *booking;

    pthread_mutex_lock(&ledger->lock);
    booking = malloc(sizeof *booking);
    if (booking == NULL) {
#ifndef LEDGER_BUG
        pthread_mutex_unlock(&ledger->lock);
#endif
        return false;
    }
    booking->amount = amount;
    booking->next = ledger->first;
    ledger->first = booking;
    RUNDOWN_SITE("commit"); /* the list has it, the sum does not */
    ledger->sum += amount;
    ledger->count++;
    pthread_mutex_unlock(&ledger->lock);
    return true;
}

bool ledger_adds_up(struct ledger *ledger)
{
    long sum = 0;
    bool same;

    pthread_mutex_lock(&ledger->lock);
    for (const struct booking *booking = ledger->first; booking != NULL; booking = booking->next)
        sum += booking->amount;
    same = sum == ledger->sum;
    pthread_mutex_unlock(&ledger->lock);
    return same;
}

void ledger_clear(struct ledger *ledger)
{
    struct booking *booking = ledger->first;

    while (booking != NULL) {
        struct booking *next = booking->next;

        free(booking);
        booking = next;
    }
    ledger->first = NULL;
    ledger->sum = ledger->count = 0;
}
