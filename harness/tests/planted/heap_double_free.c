/*
 * planted: heap.double-free
 * allowed: heap.inconsistent
 * run: --inject none --cycles 2
 *
 * Two owners of a block each free it.
 */
#include <stdlib.h>
#include <string.h>

static char *make(void)
{
    char *block = malloc(64);

    if (block != NULL)
        strcpy(block, "shared");
    return block;
}

static void drop(char *block)
{
    free(block);
}

int main(int argc, char **argv)
{
    char *first = make();
    char *second = first;

    drop(first);
    if (argc > 1 && strcmp(argv[1], "clean") == 0)
        second = make(); /* mostly in the same place: that is no second free */
    drop(second);
    return 0;
}
