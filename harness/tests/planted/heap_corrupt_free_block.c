/*
 * planted: heap.corrupt-free-block
 * run: --inject none --cycles 2 --heap-check fill
 *
 * A worker's last result comes after the object that takes it has been freed.
 */
#include <stdlib.h>
#include <string.h>

struct sink {
    char name[40];
    int result;
};

static void deliver(struct sink *sink, int result)
{
    sink->result = result;
}

int main(int argc, char **argv)
{
    struct sink *sink = malloc(sizeof *sink);

    if (sink == NULL)
        return 1;
    strcpy(sink->name, "sink");
    deliver(sink, 1);
    if (argc > 1 && strcmp(argv[1], "clean") == 0)
        deliver(sink, 2);
    free(sink);
    if (argc == 1 || strcmp(argv[1], "clean") != 0)
        deliver(sink, 2);
    return 0;
}
