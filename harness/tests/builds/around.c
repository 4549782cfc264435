/*
 * The code around fault.c, of which one build has more: everything behind it lies elsewhere.
 */
#include <stddef.h>

int around(int number);

#ifdef MORE_CODE
static int table[5000] = {1, 2, 3};

static int turn(int number)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        number = number * 31 + table[i];
    return number;
}

int around(int number)
{
    return turn(number) | 1;
}
#else
int around(int number)
{
    return number | 1;
}
#endif
