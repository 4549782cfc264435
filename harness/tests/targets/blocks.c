/*
 * blocks: uses of heap blocks, sound ones and faults, for the agent's eyes. What a scene does
 * wrong is done so that glibc does not see it, or the scene would end there.
 *
 * Places are said, so that the test can tell them in records: by the address of the function.
 */
#include "scene.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CROWD = 300, BEFORE = 8, MANY = 200 };

#define PLACE   __attribute__((noinline, ONE_COPY))
#define KEEP(x) __asm__ volatile("" : "+r"(x) : : "memory")

PLACE static void *make(size_t bytes)
{
    void *block = malloc(bytes);

    KEEP(block);
    return block;
}

PLACE static void drop(void *block)
{
    free(block);
    KEEP(block);
}

PLACE static void drop_again(void *block)
{
    free(block);
    KEEP(block);
}

static void say_places(void)
{
    say("make", (uintptr_t)make);
    say("drop", (uintptr_t)drop);
    say("drop_again", (uintptr_t)drop_again);
}

/* --- faults ------------------------------------------------------------------------------- */

/* glibc knows a block of its cache by the word that is cleared here. */
static int play_twice(void)
{
    uintptr_t *block = make(100);

    say_places();
    say("block", (uintptr_t)block);
    drop(block);
    block[1] = 0;
    drop_again(block);
    return 0;
}

/* The same through realloc; the block is free already, so it must not move. */
static int play_moved_twice(void)
{
    uintptr_t *block = make(100);

    say_places();
    drop(block);
    block[1] = 0;
    block = realloc(block, 90);
    KEEP(block);
    return 0;
}

/* With what looks like a header before it, glibc takes anything for a block. */
static void *as_block(uintptr_t *words)
{
    words = (uintptr_t *)(((uintptr_t)words + 15) & ~(uintptr_t)15);
    words[1] = 0x41;
    words[9] = 0x41;
    return words + 2;
}

static int play_inside(void)
{
    uintptr_t *block = make(400);

    say_places();
    drop(as_block(block + 4));
    say("offset", 48);
    return 0;
}

static int play_stack(void)
{
    uintptr_t words[40] = {0};

    say_places();
    drop(as_block(words));
    return 0;
}

static int play_static(void)
{
    static uintptr_t words[40];

    say_places();
    drop(as_block(words));
    return 0;
}

/* --- nothing wrong -------------------------------------------------------------------------- */

static void *before[BEFORE];

__attribute__((constructor)) static void allocate_before_main(void)
{
    for (int i = 0; i < BEFORE; i++)
        before[i] = malloc(100 + 300u * (unsigned)i);
}

static int play_before(void)
{
    for (int i = 0; i < BEFORE; i += 2)
        free(before[i]);
    for (int i = 1; i < BEFORE; i += 2)
        free(realloc(before[i], 5000));
    return 0;
}

static int play_libc(void)
{
    char *line = NULL;
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    FILE *stream = open_memstream(&text, &room);

    NEED(file != NULL && stream != NULL);
    fputs("some text", stream);
    fclose(stream);
    free(text);
    room = 0;
    while (getline(&line, &room, file) > 0)
        free(strdup(line));
    free(line);
    fclose(file);
    for (int i = 0; i < 3; i++) {
        void *module = dlopen("libm.so.6", RTLD_NOW);

        NEED(module != NULL);
        dlclose(module);
    }
    return 0;
}

static int play_aligned(void)
{
    for (size_t i = 0; i < MANY; i++) {
        void *block[5] = {aligned_alloc(64, 64 * (i + 1)), memalign(256, i), valloc(i), pvalloc(i),
                          reallocarray(NULL, i + 1, 3)};

        for (int n = 0; n < 5; n++) {
            NEED(block[n] != NULL);
            memset(block[n], 'a', n == 0 ? 64 * (i + 1) : n == 4 ? 3 * (i + 1) : i);
        }
        NEED((uintptr_t)block[0] % 64 == 0 && (uintptr_t)block[1] % 256 == 0);
        NEED((uintptr_t)block[2] % 4096 == 0 && (uintptr_t)block[3] % 4096 == 0);
        memset(block[3], 'p', (i + 4095) / 4096 * 4096); /* its whole page */
        block[1] = realloc(block[1], 2 * i + 1);
        for (int n = 0; n < 5; n++)
            free(block[n]);
        NEED(posix_memalign(&block[0], 1024, i + 1) == 0 && (uintptr_t)block[0] % 1024 == 0);
        free(block[0]);
    }
    return 0;
}

/* What is given is what was asked for, and all of that may be used. */
static int play_sizes(void)
{
    size_t most = PTRDIFF_MAX;

    KEEP(most);
    for (size_t bytes = 0; bytes < 9000; bytes += 1 + bytes / 16) {
        char *block = calloc(bytes, 1);
        size_t usable;

        NEED(block != NULL);
        usable = malloc_usable_size(block);
        NEED(usable >= bytes);
        for (size_t i = 0; i < bytes; i++)
            NEED(block[i] == 0);
        memset(block, 'u', usable);
        block = realloc(block, bytes + 700);
        NEED(block != NULL && (bytes == 0 || (block[0] == 'u' && block[bytes - 1] == 'u')));
        memset(block, 'v', malloc_usable_size(block));
        block = realloc(block, bytes / 2 + 1);
        NEED(block != NULL && block[bytes / 2] == 'v');
        free(block);
    }
    NEED(malloc_usable_size(NULL) == 0);
    NEED(malloc(most) == NULL && errno == ENOMEM);
    NEED(calloc(most, 3) == NULL && errno == ENOMEM);
    NEED(realloc(NULL, most) == NULL && errno == ENOMEM);
    return 0;
}

static int wait_for(pid_t pid)
{
    int status = 1;

    NEED(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    return 0;
}

/* A child has its own copy of every block, however it was made. */
static int play_children(void)
{
    void *block[MANY];
    pid_t pid;

    for (unsigned i = 0; i < MANY; i++)
        block[i] = make(i);
    pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < MANY; i++)
            free(i % 3 == 0 ? realloc(block[i], 2 * MANY) : block[i]);
        free(make(10));
        _exit(0);
    }
    NEED(wait_for(pid) == 0);
    for (unsigned i = 0; i < MANY; i++)
        free(block[i]);
    return 0;
}

/* No hook sees this child, which uses the agent's tables as if it were its parent. */
static int play_raw_child(void)
{
    void *block = make(100);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (pid == 0) {
        free(block);
        syscall(SYS_exit_group, 0);
    }
    NEED(wait_for(pid) == 0);
    free(block);
    return 0;
}

static pthread_barrier_t gate;
static void *handed[CROWD];

static void *be_one_of_many(void *number)
{
    uintptr_t self = (uintptr_t)number;

    for (unsigned i = 0; i < 50; i++)
        free(malloc(i * 40));
    handed[self] = malloc(self);
    pthread_barrier_wait(&gate);
    free(handed[CROWD - 1 - self]);
    for (unsigned i = 0; i < 50; i++)
        free(malloc(i * 40));
    return NULL;
}

/* More than the agent can tell apart. */
static int play_crowd(void)
{
    pthread_t thread[CROWD];
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_barrier_init(&gate, NULL, CROWD);
    for (uintptr_t i = 0; i < CROWD; i++)
        NEED(pthread_create(&thread[i], &attributes, be_one_of_many, (void *)i) == 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

static void *shared;
static int given_back;
static int taker;

static void *give_back(void *argument)
{
    __atomic_store_n(&taker, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    drop(shared);
    given_back = 1;
    return argument;
}

/* Whoever dies inside free has not freed: that somebody else does is no second free. */
static int play_struck(void)
{
    pthread_t thread;
    int tid;

    say_places();
    shared = make(100);
    NEED(pthread_create(&thread, NULL, give_back, NULL) == 0);
    while ((tid = __atomic_load_n(&taker, __ATOMIC_ACQUIRE)) == 0 ||
           syscall(SYS_tgkill, getpid(), tid, 0) == 0)
        sched_yield();
    say("given_back", (unsigned)given_back);
    if (!given_back)
        drop_again(shared);
    return 0;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static char *kept;

static int play_behind(void)
{
    char *block = make(33);

    say_places();
    block[35] = 'x';
    drop(block);
    return 0;
}

static int play_behind_moved(void)
{
    char *block = make(33);

    say_places();
    block[33] = 0;
    drop(realloc(block, 500));
    return 0;
}

static void leave_changed(void)
{
    say_places();
    kept = make(20);
    memset(kept, 'k', 23);
}

static int play_end(void)
{
    leave_changed();
    return 0;
}

static int play_end_now(void)
{
    leave_changed();
    _exit(0);
}

static int play_end_quick(void)
{
    leave_changed();
    quick_exit(0);
}

/* The top byte of the size word before it: glibc would never take it back. */
static int play_before_it(void)
{
    say_places();
    kept = make(40);
    kept[-1] = 'B';
    return 0;
}

/* Seen when as many others have been freed. */
static int play_late(void)
{
    char *block = make(50);

    say_places();
    drop(block);
    KEEP(block);
    block[7] = 'L';
    for (int i = 0; i < MANY; i++)
        free(make(50));
    return 0;
}

static int play_late_at_end(void)
{
    char *block = make(50);

    say_places();
    drop(block);
    KEEP(block);
    block[49] = 'L';
    return 0;
}

/* --- between guard pages ------------------------------------------------------------------------
 */

static int play_read_freed(void)
{
    volatile char *block = make(64);

    say_places();
    say("block", (uintptr_t)block);
    drop((void *)block);
    return block[3];
}

static int play_odd_end(void)
{
    char *block = make(60);

    say_places();
    block[61] = 'o';
    drop(block);
    return 0;
}

static int play_guard_twice(void)
{
    void *block = make(100);

    say_places();
    say("block", (uintptr_t)block);
    drop(block);
    drop_again(block);
    return 0;
}

/* Which of them are sampled, the test reads from the ring. */
static int play_row(void)
{
    for (int i = 0; i < 3 * MANY; i++)
        drop(make(40));
    return 0;
}

int main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        {"twice", play_twice},
        {"moved_twice", play_moved_twice},
        {"inside", play_inside},
        {"stack", play_stack},
        {"static", play_static},
        {"before", play_before},
        {"libc", play_libc},
        {"aligned", play_aligned},
        {"sizes", play_sizes},
        {"children", play_children},
        {"raw_child", play_raw_child},
        {"crowd", play_crowd},
        {"struck", play_struck},
        {"behind", play_behind},
        {"behind_moved", play_behind_moved},
        {"end", play_end},
        {"end_now", play_end_now},
        {"end_quick", play_end_quick},
        {"before_it", play_before_it},
        {"late", play_late},
        {"late_at_end", play_late_at_end},
        {"read_freed", play_read_freed},
        {"odd_end", play_odd_end},
        {"guard_twice", play_guard_twice},
        {"row", play_row},
        {NULL, NULL},
    };

    return scene_play(scenes, argc, argv);
}
