/*
 * hostile: scribbles over the memory that it shares with rundown, or makes itself as hard to look
 * at as it can (crowd, bomb, hops, robust, stacks), and then comes to an end in one of several
 * ways: hostile DAMAGE END [SEED [dry]]. In the dry cycles only with "dry". Without rundown there
 * is nothing to scribble over: status 3.
 */
#include <harness/agent_abi.h>

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CROWD = 2000,        /* threads */
    CROWD_STACK = 65536, /* bytes of each */
    BOMB_FORKS = 400,
    HOPPERS = 4,
    HOP_US = 2000,
    UNREADABLE = 3, /* threads */
    STACK_BYTES = 1 << 18,
};

static struct abi_memory *memory;
static uint64_t state;

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void find_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start;
    char line[512];

    while (maps != NULL && memory == NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "memfd:rundown") != NULL && sscanf(line, "%lx", &start) == 1 &&
            ((struct abi_control *)start)->magic == ABI_MAGIC)
            memory = (struct abi_memory *)start;
    if (maps != NULL)
        fclose(maps);
    if (memory == NULL)
        exit(3);
}

static void noise(void *at, size_t bytes)
{
    for (uint64_t *word = at, *end = word + bytes / sizeof *word; word < end; word++)
        *word = draw();
}

/* --- damage ---------------------------------------------------------------------------------- */

static void everything(void)
{
    noise(memory, sizeof *memory);
}

static void ones(void)
{
    memset(memory, 0xff, sizeof *memory);
}

static void zeros(void)
{
    memset(memory, 0, sizeof *memory);
}

static void control_page(void)
{
    noise(&memory->control, sizeof memory->control);
}

/* All but the control block, whose word is what the rest is read by. */
static void records(void)
{
    noise(memory->lane, 8 * sizeof memory->lane[0]);
    noise(&memory->spec, (size_t)((char *)&memory->heap - (char *)&memory->spec));
    memory->control.lanes = memory->control.deaths = memory->control.modules = UINT32_MAX;
    memory->control.anomaly = ANOMALY_LOOK | ANOMALY_HEAP;
}

static void everybody(void) /* as a number to send a signal to */
{
    memory->control.pid = (uint32_t)-1;
}

static void parent(void)
{
    memory->control.pid = (uint32_t)getppid();
}

static void claim(void)
{
    memory->control.claim = CLAIM_SUPERVISOR;
}

static void done(void)
{
    memory->control.done = memory->control.passed = UINT64_MAX / 3;
}

static void endless(void)
{
    memory->control.batch_count = UINT64_MAX;
}

static void server(void)
{
    memory->control.server = (uint32_t)draw();
}

static void laps(void)
{
    memory->control.laps = UINT32_MAX;
    memory->control.lap = UINT64_MAX;
}

static void *keeps_on(void *unused)
{
    for (;;)
        noise(&memory->control, sizeof memory->control);
    return unused;
}

/* While everybody reads it. */
static void storm(void)
{
    pthread_t thread;

    if (fork() == 0)
        keeps_on(NULL);
    pthread_create(&thread, NULL, keeps_on, NULL);
}

/* --- hard to look at ------------------------------------------------------------------------- */

static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;

static void *waits(void *unused)
{
    pthread_mutex_lock(&taken);
    return unused;
}

/* More threads than there are lanes, all waiting for one who waits himself. */
static void crowd(void)
{
    pthread_attr_t small;
    pthread_t thread;

    pthread_mutex_lock(&taken);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, CROWD_STACK);
    for (unsigned i = 0; i < CROWD && pthread_create(&thread, &small, waits, NULL) == 0; i++)
        ;
}

/* Every process forks for as long as there are forks left for all of them, and then stays. */
static void bomb(void)
{
    int *left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t first = getpid();

    if (left == MAP_FAILED)
        exit(4);
    *left = BOMB_FORKS;
    while (__atomic_fetch_sub(left, 1, __ATOMIC_RELAXED) > 0)
        if (fork() == 0 && getpid() % 2 != 0)
            setsid();
    while (getpid() != first)
        pause();
}

/* Each goes on in a child of its own, again and again; not so fast that the dead use up all
 * process numbers of the machine. */
static void hops(void)
{
    for (unsigned i = 0; i < HOPPERS; i++)
        if (fork() == 0)
            for (;;) {
                setsid();
                usleep(HOP_US);
                if (fork() > 0)
                    _exit(0);
            }
}

static pthread_mutex_t robust_lock[3];
static pthread_barrier_t robust_ready;

/* Its list of robust locks runs in a circle without its head, and the locks say what can't be. */
static void *has_robust_locks(void *unused)
{
    struct {
        void *next;
    } * entry[3];

    for (unsigned i = 0; i < 3; i++) {
        pthread_mutex_lock(&robust_lock[i]);
        entry[i] = (void *)((char *)&robust_lock[i] + 32);
    }
    for (unsigned i = 0; i < 3; i++)
        entry[i]->next = entry[(i + 1) % 3];
    robust_lock[0].__data.__lock = 0x3ffffffe;
    robust_lock[1].__data.__count = UINT32_MAX;
    robust_lock[2].__data.__kind |= 0x7f00;
    pthread_barrier_wait(&robust_ready);
    pthread_mutex_lock(&taken);
    return unused;
}

static void robust(void)
{
    pthread_mutexattr_t kind;
    pthread_t thread;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    for (unsigned i = 0; i < 3; i++)
        pthread_mutex_init(&robust_lock[i], &kind);
    pthread_barrier_init(&robust_ready, NULL, 2);
    pthread_mutex_lock(&taken);
    pthread_create(&thread, NULL, has_robust_locks, NULL);
    pthread_barrier_wait(&robust_ready);
    pthread_mutex_lock(&robust_lock[0]); /* for ever: the word names nobody alive */
}

/* From the first call on nothing here may touch the stack: it can't be read any more. */
__attribute__((noinline)) static void take_stack_away(void *stack, long bytes, int *word)
{
    __asm__ volatile("mov %[protect], %%rax\n\t"
                     "xor %%edx, %%edx\n\t"
                     "syscall\n\t"
                     "mov %[word], %%rdi\n"
                     "1:\n\t"
                     "mov %[futex], %%rax\n\t"
                     "mov %[wait], %%rsi\n\t"
                     "xor %%edx, %%edx\n\t"
                     "xor %%r10d, %%r10d\n\t"
                     "syscall\n\t"
                     "jmp 1b\n\t"
                     :
                     : "D"(stack), "S"(bytes), [word] "r"(word), [protect] "i"(SYS_mprotect),
                       [futex] "i"(SYS_futex), [wait] "i"(FUTEX_WAIT_PRIVATE)
                     : "rax", "rcx", "rdx", "r10", "r11", "memory");
    __builtin_unreachable();
}

static int never_woken;
static pthread_barrier_t all_made;

/* The kernel writes to the rseq area when a thread moves to another processor, and ends the process
 * if it can't; glibc's lies on the thread's stack. */
static void need_no_rseq(void)
{
    void *area = (char *)__builtin_thread_pointer() + __rseq_offset;

    syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

static void *has_no_stack(void *stack)
{
    need_no_rseq();
    /* Not before: the list of threads that pthread_create() adds to lies on their stacks. */
    pthread_barrier_wait(&all_made);
    take_stack_away(stack, STACK_BYTES, &never_woken);
    return NULL;
}

static void stacks(void)
{
    pthread_attr_t own;
    pthread_t thread = 0;

    pthread_barrier_init(&all_made, NULL, UNREADABLE + 1);
    for (unsigned i = 0; i < UNREADABLE; i++) {
        void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

        pthread_attr_init(&own);
        if (stack == MAP_FAILED || pthread_attr_setstack(&own, stack, STACK_BYTES) != 0 ||
            pthread_create(&thread, &own, has_no_stack, stack) != 0)
            exit(4);
    }
    pthread_barrier_wait(&all_made);
    for (;;) /* no join: what it reads of a thread lies on that thread's stack */
        syscall(SYS_futex, &never_woken, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"everything", everything},
    {"ones", ones},
    {"zeros", zeros},
    {"control", control_page},
    {"records", records},
    {"pid-all", everybody},
    {"pid-parent", parent},
    {"claim", claim},
    {"done", done},
    {"endless", endless},
    {"server", server},
    {"laps", laps},
    {"storm", storm},
    {"crowd", crowd},
    {"bomb", bomb},
    {"hops", hops},
    {"robust", robust},
    {"stacks", stacks},
};

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    find_memory();
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    if (memory->control.purpose != PURPOSE_CYCLE && argc <= 4)
        return 0;
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(argv[1], acts[i].name) == 0)
            acts[i].act();
    if (strcmp(argv[2], "hang") == 0)
        for (pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;;)
            pthread_mutex_lock(&lock);
    if (strcmp(argv[2], "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(argv[2], "leave") == 0)
        _exit(0);
    return 0;
}
