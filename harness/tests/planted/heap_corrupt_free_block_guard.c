/*
 * planted: heap.corrupt-free-block
 * run: --inject none --cycles 2 --heap-check guard=1
 *
 * Use after free: an observer reads the list's head after the list is gone.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    int value;
};

static struct node *head;

static void *observe(void *argument)
{
    return head != NULL && head->value == 7 ? argument : NULL;
}

static void destroy(void)
{
    free(head);
}

int main(int argc, char **argv)
{
    pthread_t observer;

    head = calloc(1, sizeof *head);
    if (head == NULL)
        return 1;
    head->value = 7;
    destroy();
    if (argc > 1 && strcmp(argv[1], "clean") == 0)
        head = NULL;
    if (pthread_create(&observer, NULL, observe, &head) != 0)
        return 1;
    return pthread_join(observer, NULL);
}
