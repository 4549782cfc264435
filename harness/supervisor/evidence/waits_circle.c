/*
 * waits_circle: what detectors ask of the finished graph of waits: who is to blame, who waits
 * in a circle.
 *
 * Reads the graph and changes nothing; no look at the target's memory.
 */
#include "waits.h"

#include <string.h>

/* --- questions ------------------------------------------------------------------------------- */

bool waits_waiting(const struct waits *waits, unsigned node)
{
    return waits->node[node].life == WAITS_BLOCKED || waits->node[node].life == WAITS_SPINS;
}

bool waits_gone(const struct waits *waits, unsigned node)
{
    return waits->node[node].life == WAITS_DEAD || waits->node[node].life == WAITS_ENDED;
}

unsigned waits_owner(const struct waits *waits, unsigned node, unsigned from)
{
    while (from < ABI_LANES && waits->owner[node][from] == WAITS_NOT)
        from++;
    return from;
}

bool waits_at_fork(const struct waits *waits, unsigned node, unsigned owner)
{
    return waits->owner[node][owner] == WAITS_BEFORE_FORK ||
           waits->owner[node][owner] == WAITS_LOST_AT_FORK;
}

/* A thread that only did not exist in the child is as good as gone, however lively it is. */
static bool is_blamed(const struct waits *waits, unsigned node, unsigned owner, bool parked)
{
    unsigned how = waits->owner[node][owner];

    if (how == WAITS_NOT || how == WAITS_JOINED)
        return false;
    if (parked)
        return !waits_at_fork(waits, node, owner) && waits->node[owner].life == WAITS_PARKED;
    return waits_at_fork(waits, node, owner) || waits_gone(waits, owner);
}

unsigned waits_blamed(const struct waits *waits, unsigned node)
{
    for (unsigned parked = 0; parked < 2; parked++)
        for (unsigned m = 0; waits_waiting(waits, node) && m < ABI_LANES; m++)
            if (is_blamed(waits, node, m, parked))
                return m;
    return ABI_LANES;
}

bool waits_blames(const struct waits *waits, unsigned node, unsigned owner)
{
    unsigned first = waits_blamed(waits, node);

    return first < ABI_LANES && owner < ABI_LANES &&
           is_blamed(waits, node, owner, !is_blamed(waits, node, first, false));
}

/* --- circles --------------------------------------------------------------------------------- */

static bool may_be_stuck(const struct waits *waits, unsigned node)
{
    return waits_waiting(waits, node) && !waits->node[node].limited;
}

struct search {
    unsigned from[ABI_LANES]; /* by whom it was reached; ABI_LANES: not yet */
    unsigned queue[ABI_LANES];
    unsigned head;
    unsigned tail;
};

static void visit(const struct waits *waits, struct search *search, unsigned node, bool loader,
                  bool first)
{
    for (unsigned m = waits_owner(waits, node, 0); m < ABI_LANES;
         m = waits_owner(waits, node, m + 1)) {
        bool loader_edge = waits->owner[node][m] == WAITS_IN_LOADER;

        if (search->from[m] != ABI_LANES || !may_be_stuck(waits, m) ||
            (first ? loader_edge != loader : loader_edge && !loader))
            continue;
        search->from[m] = node;
        search->queue[search->tail++] = m;
    }
}

/* Breadth first, so the way back to @start is a shortest one. */
static bool find_back(const struct waits *waits, unsigned start, bool loader, struct search *search)
{
    for (unsigned m = 0; m < ABI_LANES; m++)
        search->from[m] = ABI_LANES;
    search->head = search->tail = 0;
    visit(waits, search, start, loader, true);
    while (search->head < search->tail && search->from[start] == ABI_LANES)
        visit(waits, search, search->queue[search->head++], loader, false);
    return search->from[start] != ABI_LANES;
}

static void trace_back(const struct search *search, unsigned start, struct waits_circle *circle)
{
    unsigned at = search->from[start];
    unsigned lanes = 1;

    for (unsigned m = at; m != start; m = search->from[m])
        lanes++;
    circle->lanes = lanes;
    circle->lane[0] = start;
    for (; at != start; at = search->from[at])
        circle->lane[--lanes] = at;
}

static void start_at_lowest(struct waits_circle *circle)
{
    unsigned turned[ABI_LANES];
    unsigned lowest = 0;

    for (unsigned i = 1; i < circle->lanes; i++)
        if (circle->lane[i] < circle->lane[lowest])
            lowest = i;
    for (unsigned i = 0; i < circle->lanes; i++)
        turned[i] = circle->lane[(lowest + i) % circle->lanes];
    memcpy(circle->lane, turned, circle->lanes * sizeof turned[0]);
}

bool waits_circle(const struct waits *waits, bool loader, struct waits_circle *circle)
{
    struct search search;
    struct waits_circle found;

    circle->lanes = 0;
    for (unsigned start = 0; start < ABI_LANES; start++) {
        if (!may_be_stuck(waits, start) || !find_back(waits, start, loader, &search))
            continue;
        trace_back(&search, start, &found);
        if (circle->lanes == 0 || found.lanes < circle->lanes)
            *circle = found;
    }
    if (circle->lanes > 0)
        start_at_lowest(circle);
    return circle->lanes > 0;
}

bool waits_loader_event(const struct waits *waits, unsigned *waiter, unsigned *holder)
{
    if (waits->evidence->hang != HANG_PROVED)
        return false;
    for (unsigned n = 0; n < waits->nodes; n++)
        for (unsigned m = waits_owner(waits, n, 0); m < ABI_LANES; m = waits_owner(waits, n, m + 1))
            if (waits->owner[n][m] == WAITS_IN_LOADER && may_be_stuck(waits, m) &&
                waits->node[m].kind == WAITS_EVENT) {
                *waiter = n;
                *holder = m;
                return true;
            }
    return false;
}

bool waits_explained(const struct waits *waits)
{
    struct waits_circle circle;
    unsigned waiter;
    unsigned holder;

    for (unsigned n = 0; n < waits->nodes; n++)
        if (waits_blamed(waits, n) < ABI_LANES)
            return true;
    return waits_circle(waits, false, &circle) || waits_circle(waits, true, &circle) ||
           waits_loader_event(waits, &waiter, &holder);
}
