/*
 * heap_allocator_abort: spoils the allocator's own table of small free blocks, which lies in the
 * heap and in nobody's block, so that the allocator notices and aborts.
 *
 * The table is glibc's (2.26 and later): the first chunk of the main heap, 64 counts of two bytes
 * and as many lists.
 *
 *     planted: heap.allocator-abort
 *     allowed: heap.inconsistent heap.corrupt-free-block
 *     run: --inject none --cycles 2
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS = 64, TABLE_CHUNK = 0x290 };

struct table {
    uint64_t previous;
    uint64_t size;
    uint16_t count[LISTS];
    uintptr_t list[LISTS];
};

/* Where the main heap begins, or NULL. */
static struct table *find_table(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start;
    char line[512];
    struct table *table = NULL;

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "[heap]") != NULL && sscanf(line, "%lx", &start) == 1 && table == NULL)
            table = (struct table *)start;
    if (maps != NULL)
        fclose(maps);
    return table != NULL && (table->size & ~(uint64_t)7) == TABLE_CHUNK ? table : NULL;
}

int main(int argc, char **argv)
{
    void *before = malloc(100);
    struct table *table = find_table();
    void *after;

    if (table == NULL)
        return 3;
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        for (int i = 0; i < LISTS; i++) {
            table->count[i] = 1;
            table->list[i] = (uintptr_t)table + 8; /* no block begins there */
        }
    after = malloc(100);
    free(after);
    free(before);
    return 0;
}
