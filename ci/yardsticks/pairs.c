/*
 * pairs: what a malloc and free pair costs, against glibc's own in the same process.
 *     pairs COUNT FILE
 *
 * Writes the ratio into FILE; not to standard output, which belongs to whoever runs the program.
 * Short stretches through malloc and through glibc's other names for the same functions, which
 * nobody stands in front of, take turns; the median of the stretches' ratios is what it says, since
 * on a busy machine the kernel takes the processor away within some. Sizes go round through those
 * that programs ask for most, so one thread's cache serves them all: the quickest that malloc can
 * be, so what the agent adds shows at its worst. Without an agent the ratio is 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern void *__libc_malloc(size_t bytes);
extern void __libc_free(void *block);

enum { SIZES = 8, STRETCHES = 1001 };

static const size_t sizes[SIZES] = {16, 32, 24, 64, 48, 128, 40, 256};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Seconds of a stretch. Through a volatile pointer, or the compiler would take the pair away. */
#define STRETCH(take, give)                                                                        \
    static double stretch_##take(unsigned long count)                                              \
    {                                                                                              \
        double start = now();                                                                      \
                                                                                                   \
        for (unsigned long i = 0; i < count; i++) {                                                \
            char *volatile block = take(sizes[i % SIZES]);                                         \
                                                                                                   \
            if (block == NULL)                                                                     \
                exit(4);                                                                           \
            *block = (char)i;                                                                      \
            give(block);                                                                           \
        }                                                                                          \
        return now() - start;                                                                      \
    }
STRETCH(malloc, free)
STRETCH(__libc_malloc, __libc_free)

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double ratio(unsigned long count)
{
    static double seen[STRETCHES];

    for (int i = 0; i < STRETCHES; i++) {
        double before = stretch___libc_malloc(count);
        double hooked = stretch_malloc(count);
        double after = stretch___libc_malloc(count);

        seen[i] = hooked / ((before + after) / 2);
    }
    qsort(seen, STRETCHES, sizeof seen[0], by_size);
    return seen[STRETCHES / 2];
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) / STRETCHES : 0;
    FILE *out;

    if (count == 0) {
        fprintf(stderr, "usage: pairs COUNT FILE, COUNT at least %d\n", STRETCHES);
        return 2;
    }
    out = fopen(argv[2], "w");
    if (out == NULL || fprintf(out, "%.4f\n", ratio(count)) < 0 || fclose(out) != 0) {
        perror(argv[2]);
        return 4;
    }
    return 0;
}
