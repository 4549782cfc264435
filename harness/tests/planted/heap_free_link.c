/*
 * planted: heap.corrupt-free-block
 * run: --inject none --cycles 2 --reach
 *
 * A list node is freed, and its user goes on writing to it: what stood in the node's first word is
 * now the allocator's link to the next free block.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char text[40];
};

int main(int argc, char **argv)
{
    struct node *volatile keep[3];
    struct node *used;

    for (int i = 0; i < 3; i++)
        keep[i] = calloc(1, sizeof *keep[i]);
    used = keep[1];
    free(keep[0]);
    if (argc > 1 && strcmp(argv[1], "bad") == 0) {
        free(keep[1]);
        used->next = (struct node *)(uintptr_t)0x1234567;
    } else {
        used->next = (struct node *)(uintptr_t)0x1234567;
        free(keep[1]);
    }
    free(keep[2]);
    return 0;
}
