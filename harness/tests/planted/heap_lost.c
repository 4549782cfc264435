/*
 * planted: heap.inconsistent
 * run: --inject none --cycles 2 --reach
 *
 * Somebody ends what he takes for his own list in a node that was freed already, and thereby cuts
 * the allocator's list of free blocks (an empty link is stored as the address of its page): the
 * block behind it was freed, and is in no list.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    uintptr_t *volatile first = malloc(56);
    uintptr_t *volatile second = malloc(56);

    free(first);
    free(second);
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        *second = (uintptr_t)second >> 12;
    return 0;
}
