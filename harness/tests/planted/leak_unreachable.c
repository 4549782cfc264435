/*
 * planted: leak.unreachable
 * run: --inject none --cycles 2 --reach
 *
 * A list is let go of: nobody has a pointer to it any more. The twin keeps every block, each in
 * another way: a pointer into it, one with a tag in its low bits, one with a tag on top, one in a
 * thread's own variable, one on another thread's stack, one in a register alone, and one behind
 * whose end a pointer leads. The look is at the end of the only lap, while the threads live.
 */
#include <harness/marks.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char text[24];
};

static struct node *list;
static char *middle;
static uintptr_t low_tag, high_tag;
static char *end;
static __thread char *own;

static struct node *grow(struct node *next)
{
    struct node *node = malloc(sizeof *node);

    node->next = next;
    memset(node->text, 'n', sizeof node->text);
    return node;
}

static pthread_barrier_t meet;

/* Its argument is nowhere but here. */
static void *wait_with(void *block)
{
    char *volatile on_stack = block;

    own = malloc(77);
    memset(own, 'o', 77);
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&meet);
    free(own);
    free(on_stack);
    return NULL;
}

/* A pointer that is in no memory: in a register that calls leave alone. */
static void *wait_in_register(void *argument)
{
    register char *kept __asm__("r12") = malloc(99);

    __asm__ volatile("" : "+r"(kept));
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&meet);
    __asm__ volatile("" : "+r"(kept));
    free(kept);
    return argument;
}

static void keep_all(void)
{
    char *block;

    block = malloc(100);
    middle = block + 50;
    low_tag = (uintptr_t)malloc(60) | 3;
    high_tag = (uintptr_t)malloc(61) | UINT64_C(0x7ff8) << 48;
    block = malloc(80);
    end = block + 80;
    block = NULL;
    __asm__ volatile("" : "+r"(block));
}

int main(int argc, char **argv)
{
    pthread_t thread[2];

    pthread_barrier_init(&meet, NULL, 3);
    for (int i = 0; i < 10; i++)
        list = grow(list);
    keep_all();
    pthread_create(&thread[0], NULL, wait_with, malloc(88));
    pthread_create(&thread[1], NULL, wait_in_register, NULL);
    pthread_barrier_wait(&meet);
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        list = NULL;
    if (rundown_mark_lap_end)
        rundown_mark_lap_end(0);
    pthread_barrier_wait(&meet);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    return 0;
}
