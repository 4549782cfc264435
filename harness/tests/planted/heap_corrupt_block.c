/*
 * planted: heap.corrupt-block
 * run: --inject none --cycles 2 --heap-check zones
 *
 * No room for the NUL: one block is looked at when it is freed, one at the cycle's end.
 */
#include <stdlib.h>
#include <string.h>

static char *kept;

static char *copy(const char *text, size_t room)
{
    char *block = malloc(room);

    if (block != NULL)
        strcpy(block, text);
    return block;
}

int main(int argc, char **argv)
{
    size_t more = argc > 1 && strcmp(argv[1], "clean") == 0;
    char *freed = copy("twelve bytes", 12 + more);

    kept = copy("and some more of them", 21 + more);
    free(freed);
    return kept == NULL;
}
