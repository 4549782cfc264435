/*
 * array: see array.h.
 */
#include "array.h"

#include <stdlib.h>

enum { ROOM_FIRST = 16 };

bool array_room(void **array, size_t count, size_t *room, size_t size)
{
    size_t wider = *room != 0 ? *room * 2 : ROOM_FIRST;
    void *longer;

    if (count < *room)
        return true;
    longer = reallocarray(*array, wider, size);
    if (longer == NULL)
        return false;
    *array = longer;
    *room = wider;
    return true;
}
