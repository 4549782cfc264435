/*
 * pairs: a loop of malloc and free, with and without the agent.
 *     pairs COUNT FILE
 *
 * Writes the nanoseconds of one pair into FILE; not to standard output, which belongs to
 * whoever runs the program. Sizes go round through those that programs ask for most, so one
 * thread's cache serves them all: the quickest that malloc can be, so what the agent adds shows
 * at its worst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZES = 8 };

static const size_t sizes[SIZES] = {16, 32, 24, 64, 48, 128, 40, 256};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Through a volatile pointer, or the compiler would take the pair away. */
static int run_pairs(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        char *volatile block = malloc(sizes[i % SIZES]);

        if (block == NULL)
            return -1;
        *block = (char)i;
        free(block);
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    double start, end;
    FILE *out;

    if (count == 0) {
        fputs("usage: pairs COUNT FILE\n", stderr);
        return 2;
    }
    start = now();
    if (run_pairs(count) != 0)
        return 4;
    end = now();
    out = fopen(argv[2], "w");
    if (out == NULL || fprintf(out, "%.3f\n", (end - start) * 1e9 / (double)count) < 0 ||
        fclose(out) != 0) {
        perror(argv[2]);
        return 4;
    }
    return 0;
}
