/*
 * harness_broken: scribbles into what it shares with rundown: an anomaly that nobody has seen. What
 * such a cycle says of the program can't be known, and rundown has to own up to that.
 *
 *     planted: harness.broken
 *     run: --inject none --cycles 2
 */
#include <harness/agent_abi.h>

#include <stdio.h>
#include <string.h>

/* The shared memory, which begins with the control block; NULL without rundown. */
static struct abi_control *find_control(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start;
    char line[512];
    struct abi_control *control = NULL;

    while (maps != NULL && control == NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "memfd:rundown") != NULL && sscanf(line, "%lx", &start) == 1 &&
            ((struct abi_control *)start)->magic == ABI_MAGIC)
            control = (struct abi_control *)start;
    if (maps != NULL)
        fclose(maps);
    return control;
}

int main(int argc, char **argv)
{
    struct abi_control *control = find_control();

    if (control == NULL)
        return 3;
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        control->anomaly |= ANOMALY_AGENT;
    return 0;
}
