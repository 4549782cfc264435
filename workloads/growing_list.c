/*
 * growing-list: a list that gets longer with every lap, and that the exit frees to the last node.
 * Whoever looks at the end finds nothing; while the process runs it is a leak all the same.
 *
 * The twin's list drops its oldest node once it is long enough.
 * Source: catalogue row D2; SS (what can be reclaimed at exit is still a leak while running).
 */
#include <harness/workload.h>

#include <stdlib.h>

enum { NODES, LENGTH };

static const struct workload_parameter parameters[] = {
    [NODES] = {"nodes", "nodes that are added per lap", 1, 1, 1000000},
    [LENGTH] = {"length", "nodes that the bounded list keeps", 16, 1, 1000000},
    {.name = NULL},
};

enum variant { BOUNDED, FREED_AT_EXIT };

static const struct workload_variant variants[] = {
    [BOUNDED] = {.name = "bounded", .summary = "the oldest node makes room", .laps = 105},
    [FREED_AT_EXIT] = {.name = "freed-at-exit",
                       .summary = "nothing is freed before the exit, and everything then",
                       .bad = true,
                       .codes = "leak.trend.heap",
                       .injectors = "",
                       .laps = 105},
    {.name = NULL},
};

struct node {
    struct node *next;
    uint64_t number;
};

static struct {
    struct node *oldest;
    struct node *newest;
    uint64_t count;
    uint64_t made;
} list;

static void drop_oldest(void)
{
    struct node *node = list.oldest;

    list.oldest = node->next;
    if (list.oldest == NULL)
        list.newest = NULL;
    list.count--;
    free(node);
}

static void add(void)
{
    struct node *node = malloc(sizeof *node);

    if (node == NULL)
        return;
    *node = (struct node){NULL, list.made++};
    if (list.newest != NULL)
        list.newest->next = node;
    else
        list.oldest = node;
    list.newest = node;
    list.count++;
}

static void free_all(void)
{
    while (list.oldest != NULL)
        drop_oldest();
}

static int setup(struct workload_context *context)
{
    static bool registered;

    (void)context;
    if (!registered && atexit(free_all) != 0)
        return ERROR_MEMORY;
    registered = true;
    return 0;
}

static void body(struct workload_context *context, uint32_t lap)
{
    (void)lap;
    for (int64_t i = 0; i < context->value[NODES]; i++)
        add();
    while (context->variant == BOUNDED && list.count > (uint64_t)context->value[LENGTH])
        drop_oldest();
}

/* The nodes that are there are the last that were made, in order. */
static void check(struct workload_context *context)
{
    uint64_t number = list.made - list.count;

    (void)context;
    for (const struct node *node = list.oldest; node != NULL; node = node->next, number++)
        if (node->number != number)
            workload_broken("growing-list: node %llu stands where %llu should",
                            (unsigned long long)node->number, (unsigned long long)number);
    if (number != list.made)
        workload_broken("growing-list: %llu nodes lack", (unsigned long long)(list.made - number));
}

const struct workload workload_growing_list = {
    .name = "growing-list",
    .summary = "a list that grows while the process runs, and is freed at its exit",
    .source = "D2",
    .parameters = parameters,
    .variants = variants,
    .setup = setup,
    .body = body,
    .check = check,
};
