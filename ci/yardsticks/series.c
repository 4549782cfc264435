/*
 * series: what a lap takes, whose end somebody may or may not count.
 *     series LAPS FILE
 *
 * Each lap makes a hundred malloc and free pairs and then enters lap(). Writes the median lap's
 * microseconds into FILE: on a busy machine the kernel takes the processor away within some. Run
 * under rundown with --lap-at lap and without, the difference is what the samples of a lap cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAIRS = 100, MOST = 100000 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Long enough at its entry for a jump, and never inlined. */
__attribute__((noinline)) void lap(volatile unsigned long *count)
{
    *count += 1;
    *count ^= 0x5555;
    *count += 3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double took[MOST];
    volatile unsigned long count = 0;
    long laps = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    FILE *file;

    if (laps < 1 || laps > MOST) {
        fputs("usage: series LAPS FILE\n", stderr);
        return 2;
    }
    for (long i = 0; i < laps; i++) {
        double start = now();

        for (int pair = 0; pair < PAIRS; pair++) {
            char *volatile block = malloc(16 + (size_t)pair);

            if (block == NULL)
                return 4;
            *block = (char)pair;
            free(block);
        }
        lap(&count);
        took[i] = now() - start;
    }
    qsort(took, (size_t)laps, sizeof *took, by_size);
    file = fopen(argv[2], "w");
    if (file == NULL || fprintf(file, "%.3f\n", took[laps / 2]) < 0 || fclose(file) != 0)
        return 4;
    return 0;
}
