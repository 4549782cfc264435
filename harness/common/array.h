/*
 * array.h: arrays that grow, and the search in sorted ones. All inline: the library that this
 * folder makes is linked into the agent, and nothing in there may allocate.
 */
#ifndef COMMON_ARRAY_H
#define COMMON_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { ARRAY_ROOM_FIRST = 16 };

/**
 * array_room() - doubles the room of an array that is full.
 * @array: where it begins; NULL as long as @room is 0. Its owner frees it.
 * @count, @room: entries in use, and entries that there is room for.
 * @size: of an entry, in bytes.
 *
 * Returns whether entry @count may be written now. If memory is out the array stays as it was.
 * Allocates, so the agent must not call it.
 */
static inline bool array_room(void **array, size_t count, size_t *room, size_t size)
{
    size_t wider = *room != 0 ? *room * 2 : ARRAY_ROOM_FIRST;
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

/** ARRAY_ROOM() - the same for an array of a type, its count and its room (size_t). */
#define ARRAY_ROOM(array, count, room)                                                             \
    array_room((void **)&(array), (count), &(room), sizeof *(array))

/**
 * ARRAY_FIRST() - the first index at which @before is not true any more, or @count.
 * @i: the name that the index has in @before.
 * @before: an expression; true for the first so many entries, and for none of those behind them.
 */
#define ARRAY_FIRST(count, i, before)                                                              \
    __extension__({                                                                                \
        size_t array_low = 0, array_high = (count);                                                \
                                                                                                   \
        while (array_low < array_high) {                                                           \
            size_t i = array_low + (array_high - array_low) / 2;                                   \
                                                                                                   \
            if (before)                                                                            \
                array_low = i + 1;                                                                 \
            else                                                                                   \
                array_high = i;                                                                    \
        }                                                                                          \
        array_low;                                                                                 \
    })

#endif
