/*
 * crash_signal: writes through a pointer that points nowhere.
 *
 *     planted: crash.signal
 *     run: --inject none --cycles 2
 */
#include <string.h>

static int number;

int main(int argc, char **argv)
{
    int *volatile to = argc > 1 && strcmp(argv[1], "bad") == 0 ? (int *)16 : &number;

    *to = 1;
    return 0;
}
