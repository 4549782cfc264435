/*
 * heap: sequences of allocations whose live blocks and bytes are known for each place of call.
 *
 * Every place of call is a function of its own, at_NAME, whose address is said, so that the test
 * can tell them apart by return address. Nothing but those allocates, unless a scene says so.
 */
#include "scene.h"

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { THREADS = 6, ROUNDS = 3000, SLOTS = 64, HANDED = 100 };

/* Absent in the plain program. */
extern unsigned long allocator_calls(void) __attribute__((weak));

/* No tail call: the return address must be in the function itself. */
#define PLACE   __attribute__((noinline, ONE_COPY))
#define KEEP(x) __asm__ volatile("" : "+r"(x) : : "memory")

#define ALLOCATING(name, PARAMETERS, expression)                                                   \
    PLACE static void *at_##name PARAMETERS                                                        \
    {                                                                                              \
        void *block = expression;                                                                  \
                                                                                                   \
        KEEP(block);                                                                               \
        return block;                                                                              \
    }

ALLOCATING(malloc, (size_t bytes), malloc(bytes))
ALLOCATING(other, (size_t bytes), malloc(bytes))
ALLOCATING(calloc, (size_t count, size_t bytes), calloc(count, bytes))
ALLOCATING(realloc, (void *old, size_t bytes), realloc(old, bytes))
ALLOCATING(failing, (void *old, size_t bytes), realloc(old, bytes))
ALLOCATING(array, (void *old, size_t count, size_t bytes), reallocarray(old, count, bytes))
ALLOCATING(aligned, (size_t alignment, size_t bytes), aligned_alloc(alignment, bytes))
ALLOCATING(memalign, (size_t alignment, size_t bytes), memalign(alignment, bytes))
ALLOCATING(valloc, (size_t bytes), valloc(bytes))
ALLOCATING(pvalloc, (size_t bytes), pvalloc(bytes))

PLACE static int at_posix(void **out, size_t alignment, size_t bytes)
{
    int result = posix_memalign(out, alignment, bytes);

    KEEP(result);
    return result;
}

#define SAY_PLACE(name) say("at_" #name, (uintptr_t)at_##name)

static void say_places(void)
{
    SAY_PLACE(malloc);
    SAY_PLACE(other);
    SAY_PLACE(calloc);
    SAY_PLACE(realloc);
    SAY_PLACE(failing);
    SAY_PLACE(array);
    SAY_PLACE(aligned);
    SAY_PLACE(memalign);
    SAY_PLACE(valloc);
    SAY_PLACE(pvalloc);
    SAY_PLACE(posix);
}

/* --- one function after the other ----------------------------------------------------------- */

static int play_malloc(void)
{
    void *block[6];

    block[0] = at_malloc(10);
    block[1] = at_malloc(20);
    block[2] = at_malloc(0);
    block[3] = at_malloc(1000);
    block[4] = at_malloc(200000); /* mapped, in glibc */
    block[5] = at_other(300);
    for (int i = 0; i < 6; i++)
        NEED(block[i] != NULL);
    NEED(at_malloc(PTRDIFF_MAX) == NULL && errno == ENOMEM);
    free(block[1]);
    free(block[4]);
    free(NULL);
    return 0;
}

static int play_calloc(void)
{
    const char *block = at_calloc(7, 9);

    NEED(block != NULL && block[0] == 0 && memcmp(block, block + 1, 62) == 0);
    NEED(at_calloc(0, 5) != NULL);
    NEED(at_calloc(SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
    return 0;
}

static int play_realloc(void)
{
    char *fresh = at_realloc(NULL, 50);
    char *grown = at_malloc(60);
    char *shrunk = at_malloc(9000);
    void *gone = at_malloc(70);

    NEED(fresh != NULL && grown != NULL && shrunk != NULL && gone != NULL);
    memset(grown, 'g', 60);
    memset(shrunk, 's', 9000);
    grown = at_realloc(grown, 6000);
    shrunk = at_realloc(shrunk, 11);
    NEED(grown != NULL && grown[0] == 'g' && grown[59] == 'g');
    NEED(shrunk != NULL && shrunk[10] == 's');
    NEED(at_realloc(gone, 0) == NULL);
    return 0;
}

/* What a failure leaves alone is still there, and still where it came from. */
static int play_failing(void)
{
    void *kept;
    void *row;

    say_places();
    kept = at_malloc(123);
    row = at_other(45);
    NEED(kept != NULL && row != NULL);
    NEED(at_failing(kept, PTRDIFF_MAX) == NULL && errno == ENOMEM);
    NEED(at_array(row, SIZE_MAX / 2, 4) == NULL && errno == ENOMEM);
    return 0;
}

static int play_array(void)
{
    void *row = at_array(NULL, 3, 7);

    NEED(row != NULL && (row = at_array(row, 30, 7)) != NULL);
    NEED(at_array(NULL, 4, 25) != NULL);
    return 0;
}

static int play_aligned(void)
{
    void *block = NULL;
    void *untouched = &block;

    NEED((uintptr_t)at_aligned(64, 640) % 64 == 0);
    NEED((uintptr_t)at_memalign(32, 33) % 32 == 0);
    NEED((uintptr_t)at_valloc(5) % 4096 == 0);
    NEED((uintptr_t)at_pvalloc(6) % 4096 == 0);
    NEED(at_posix(&block, 4096, 100) == 0 && (uintptr_t)block % 4096 == 0);
    NEED(at_posix(&untouched, 3, 100) == EINVAL && untouched == &block);
    NEED(at_posix(&untouched, 16, PTRDIFF_MAX) == ENOMEM && untouched == &block);
    free(block);
    NEED(at_posix(&block, 8, 17) == 0);
    return 0;
}

static int play_each(void)
{
    int (*const parts[])(void) = {play_malloc, play_calloc, play_realloc, play_array, play_aligned};

    say_places();
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        NEED(parts[i]() == 0);
    if (allocator_calls != NULL)
        say("calls", allocator_calls());
    return 0;
}

/* What libc allocates for us: the test asks for the blocks of no place of ours. */
static int play_libc(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char *word = strdup("12345");
    char *part = strndup("123456", 3);
    char *line = NULL;
    char *text = NULL;
    size_t room = 0;

    say_places();
    NEED(file != NULL && word != NULL && part != NULL);
    NEED(getline(&line, &room, file) > 0);
    NEED(fclose(file) == 0);
    NEED(asprintf(&text, "%d", 1234567) == 7);
    say("libc_blocks", 4);
    say("libc_bytes", strlen(word) + 1 + strlen(part) + 1 + room + strlen(text) + 1);
    return 0;
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *handed[HANDED];

static void *hand_out(void *argument)
{
    for (int i = 0; i < HANDED; i++)
        handed[i] = at_malloc((size_t)i);
    return NULL;
}

static void *take_in(void *argument)
{
    for (int i = 0; i < HANDED; i += 2)
        free(handed[i]);
    return NULL;
}

/* One thread allocates, a second frees the even ones, main frees the first half of the rest. */
static int play_handed(void)
{
    pthread_t thread;

    say_places();
    NEED(pthread_create(&thread, NULL, hand_out, NULL) == 0 && pthread_join(thread, NULL) == 0);
    NEED(pthread_create(&thread, NULL, take_in, NULL) == 0 && pthread_join(thread, NULL) == 0);
    for (int i = 1; i < HANDED / 2; i += 2)
        free(handed[i]);
    return 0;
}

static size_t *slots[SLOTS];

/* Blocks wander through the slots: who frees one is rarely who made it. */
static void *exchange(void *argument)
{
    uint32_t number = (uint32_t)(uintptr_t)argument;

    for (int i = 0; i < ROUNDS; i++) {
        size_t *block;
        size_t bytes;

        number = number * 1664525 + 1013904223;
        bytes = sizeof *block + (number >> 8) % 500;
        block = i % 3 == 0 ? at_calloc(1, bytes) : at_malloc(bytes);
        if (block != NULL && i % 5 == 0)
            block = at_realloc(block, bytes += 100);
        if (block == NULL)
            return argument;
        *block = bytes;
        free(__atomic_exchange_n(&slots[(number >> 20) % SLOTS], block, __ATOMIC_ACQ_REL));
    }
    return NULL;
}

static int play_exchange(void)
{
    pthread_t thread[THREADS];
    unsigned long blocks = 0;
    unsigned long bytes = 0;
    void *failed;

    say_places();
    for (uintptr_t i = 0; i < THREADS; i++)
        NEED(pthread_create(&thread[i], NULL, exchange, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        NEED(pthread_join(thread[i], &failed) == 0 && failed == NULL);
    for (int i = 0; i < SLOTS; i++) {
        blocks += slots[i] != NULL;
        bytes += slots[i] != NULL ? *slots[i] : 0;
    }
    say("left_blocks", blocks);
    say("left_bytes", bytes);
    return 0;
}

/* --- from inside other hooks, handlers and destructors --------------------------------------- */

static int in_phdr(struct dl_phdr_info *info, size_t size, void *context)
{
    *(void **)context = at_malloc(1);
    return 1;
}

static void in_once(void)
{
    at_malloc(2);
}

static void in_destructor(void *value)
{
    at_malloc(4);
}

static void in_atexit(void)
{
    at_malloc(8);
}

static void in_signal(int signal)
{
    at_malloc(16);
}

static void *with_key(void *key)
{
    pthread_setspecific(*(pthread_key_t *)key, key);
    at_malloc(32);
    return NULL;
}

static int play_nested(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    void *seen = NULL;
    pthread_key_t key;
    pthread_t thread;

    say_places();
    dl_iterate_phdr(in_phdr, &seen);
    NEED(seen != NULL);
    NEED(pthread_once(&once, in_once) == 0);
    NEED(pthread_key_create(&key, in_destructor) == 0);
    NEED(pthread_create(&thread, NULL, with_key, &key) == 0 && pthread_join(thread, NULL) == 0);
    NEED(atexit(in_atexit) == 0);
    signal(SIGUSR1, in_signal);
    NEED(raise(SIGUSR1) == 0);
    return 0;
}

/* --- other processes ---------------------------------------------------------------------------
 */

/* A child's blocks have the addresses of its parent's, and are others all the same. */
static int play_fork(void)
{
    void *block[10];
    int status;
    pid_t child;

    say_places();
    for (int i = 0; i < 10; i++)
        block[i] = at_malloc(100 + (size_t)i);
    child = fork();
    NEED(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 10; i++)
            free(block[i]);
        for (int i = 0; i < 5; i++)
            at_other(100);
        _exit(0);
    }
    NEED(waitpid(child, &status, 0) == child && status == 0);
    for (int i = 0; i < 3; i++)
        free(block[i]);
    return 0;
}

/* The third malloc is to fail, by the plan. */
static int play_third(void)
{
    void *block[4];

    say_places();
    for (int i = 0; i < 4; i++) {
        errno = 0;
        block[i] = at_malloc(64);
        say(block[i] != NULL ? "got" : errno == ENOMEM ? "none" : "errno", (unsigned)i);
    }
    return 0;
}

/* Even where each block of the program's own is sampled. */
static int play_awake(void)
{
    NEED(mallinfo2().arena > 0);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        {"each", play_each},         {"failing", play_failing},
        {"libc", play_libc},         {"handed", play_handed},
        {"exchange", play_exchange}, {"nested", play_nested},
        {"fork", play_fork},         {"third", play_third},
        {"awake", play_awake},       {NULL, NULL},
    };

    return scene_play(scenes, argc, argv);
}
