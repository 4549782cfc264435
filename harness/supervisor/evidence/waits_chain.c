/*
 * waits_chain: the arrows of the drawing, from one that waits to whom it waits for.
 *
 * Where somebody is to blame only they are drawn: of a lock that names no owner everybody who may
 * have it is a candidate, and an arrow claims more than that.
 */
#include "waits.h"

#include <string.h>

enum { CANDIDATES_SHOWN = 3 };

static void add(struct finding *finding, const struct waits *waits, unsigned node, unsigned owner)
{
    char waiter[WAITS_TEXT_BYTES], what[WAITS_TEXT_BYTES];
    char name[WAITS_TEXT_BYTES], state[WAITS_TEXT_BYTES];

    waits_name(waits, node, waiter);
    waits_what(waits, node, what);
    waits_name(waits, owner, name);
    waits_what(waits, owner, state);
    finding_wait(finding, waiter, what, name, state);
}

void waits_chain(struct finding *finding, const struct waits *waits, unsigned node)
{
    bool blame = waits_blamed(waits, node) < ABI_LANES;
    unsigned said = 0;

    if (finding == NULL || !waits_waiting(waits, node))
        return;
    for (unsigned m = waits_owner(waits, node, 0); m < ABI_LANES && said < CANDIDATES_SHOWN;
         m = waits_owner(waits, node, m + 1))
        if (!blame || waits_blames(waits, node, m)) {
            add(finding, waits, node, m);
            said++;
        }
}
