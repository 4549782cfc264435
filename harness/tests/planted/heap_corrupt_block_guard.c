/*
 * planted: heap.corrupt-block
 * run: --inject none --cycles 2 --heap-check guard=1
 *
 * A loop goes one element too far, and reads it.
 */
#include <stdlib.h>
#include <string.h>

static long sum(const long *numbers, size_t count)
{
    long all = 0;

    for (size_t i = 0; i < count; i++)
        all += numbers[i];
    return all;
}

int main(int argc, char **argv)
{
    size_t past = argc > 1 && strcmp(argv[1], "clean") == 0 ? 0 : 4096 / sizeof(long);
    long *numbers = calloc(8, sizeof *numbers);
    long all = numbers != NULL ? sum(numbers, 8 + past) : 1;

    free(numbers);
    return all != 0;
}
