/*
 * pairs: a loop of malloc and free, with and without the agent.
 *     pairs COUNT FILE
 *
 * Writes the nanoseconds of one pair into FILE; not to standard output, which belongs to
 * whoever runs the program. It is the median of many short stretches: on a busy machine the
 * kernel takes the processor away within some of them, which is not malloc's doing. Sizes go round
 * through those that programs ask for most, so one thread's cache serves them all: the quickest
 * that malloc can be, so what the agent adds shows at its worst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZES = 8, STRETCHES = 101 };

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

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Nanoseconds of a pair, or a negative number. */
static double measure(unsigned long count)
{
    static double took[STRETCHES];

    for (int i = 0; i < STRETCHES; i++) {
        double start = now();

        if (run_pairs(count) != 0)
            return -1;
        took[i] = (now() - start) * 1e9 / (double)count;
    }
    qsort(took, STRETCHES, sizeof took[0], by_size);
    return took[STRETCHES / 2];
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) / STRETCHES : 0;
    double nanoseconds;
    FILE *out;

    if (count == 0) {
        fprintf(stderr, "usage: pairs COUNT FILE, COUNT at least %d\n", STRETCHES);
        return 2;
    }
    nanoseconds = measure(count);
    out = fopen(argv[2], "w");
    if (nanoseconds < 0 || out == NULL || fprintf(out, "%.3f\n", nanoseconds) < 0 ||
        fclose(out) != 0) {
        perror(argv[2]);
        return 4;
    }
    return 0;
}
