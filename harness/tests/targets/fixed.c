/*
 * fixed: a program at a fixed address that holds malloc's address: what dlsym calls malloc is
 * then an entry of this program's own table of calls, though the allocator is not its own.
 */
#include <stdlib.h>

static void *(*volatile take)(size_t bytes) = malloc;

int main(void)
{
    void *block = take(100);

    free(block);
    return block == NULL;
}
