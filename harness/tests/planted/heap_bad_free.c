/*
 * planted: heap.bad-free
 * allowed: heap.inconsistent
 * run: --inject none --cycles 2
 *
 * A pointer was moved on while the block was read, and is freed where it stands.
 */
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char *block = malloc(256);
    char *at = block;

    if (block == NULL)
        return 1;
    memset(block, ' ', 48);
    strcpy(block + 48, "word");
    while (*at == ' ')
        at++;
    free(argc > 1 && strcmp(argv[1], "clean") == 0 ? block : at);
    return 0;
}
