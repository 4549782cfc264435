/*
 * leaky: a module that is loaded, used once and unloaded. What it loses is lost for good: the one
 * pointer to it lies in its own data, which go with it.
 * Source: catalogue row D1; SS (cycles that leak 8 or 12 bytes).
 */
#include <workloads/modules/leaky.h>

#include <stdlib.h>
#include <string.h>

static unsigned char *lost_block;

uint64_t leaky_use(uint64_t question, size_t lost)
{
    uint64_t *scratch = malloc(sizeof *scratch);
    uint64_t answer;

    if (scratch == NULL)
        return 0;
    *scratch = question;
    __asm__ volatile("" : : "r"(scratch) : "memory");
    answer = leaky_answer(*scratch);
    free(scratch);
    lost_block = lost > 0 ? malloc(lost) : NULL;
    if (lost_block != NULL)
        memset(lost_block, 0x5a, lost);
    __asm__ volatile("" : : "r"(lost_block) : "memory"); /* or the compiler leaves it all out */
    return answer;
}
