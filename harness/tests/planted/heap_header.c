/*
 * planted: heap.inconsistent
 * allowed: heap.corrupt-block
 * run: --inject none --cycles 2 --reach
 *
 * A copy of 40 characters into a block of 24: it runs over the header of the next block.
 */
#include <stdlib.h>
#include <string.h>

static char *name, *next;

int main(int argc, char **argv)
{
    size_t length = argc > 1 && strcmp(argv[1], "bad") == 0 ? 40 : 24;

    name = malloc(24);
    next = malloc(24);
    memset(next, 0, 24);
    memset(name, 'x', length);
    return 0;
}
