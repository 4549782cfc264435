/*
 * fixed: a program at a fixed address that holds malloc's address: what dlsym calls malloc is
 * then an entry of this program's own table of calls, though the allocator is not its own.
 */
#include <stdlib.h>

typedef void *allocator(size_t bytes);

/* In code, where the linker can put nothing but a number. */
static __attribute__((noinline)) allocator *taken(void)
{
    return malloc;
}

int main(void)
{
    allocator *volatile take = taken();
    void *block = take(100);

    free(block);
    return block == NULL;
}
