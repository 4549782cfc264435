/*
 * stuck: stands still in one of the ways that rundown autopsy has to read: stuck SCENE [NUMBER].
 *
 * Threads meet by spinning, so the only place where one of them ever sleeps is the one that the
 * scene is about: who looks from outside needs no other sign that it is reached. Nothing here
 * ends by itself: whoever starts it kills it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 4000, STACK = 64 << 10 };

static pthread_mutex_t first_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t gate;
static pthread_once_t once_control = PTHREAD_ONCE_INIT;
static pthread_spinlock_t spin;
static sem_t slots;
static atomic_int step;
static long number;
static pthread_t other;

#ifdef __clang__
#define KEPT __attribute__((noinline, optnone))
#else
#define KEPT __attribute__((noinline, noclone))
#endif

static void reach(int value)
{
    while (atomic_load(&step) < value)
        sched_yield();
}

static void pass(int value)
{
    atomic_store(&step, value);
}

static pthread_t start(void *(*body)(void *))
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    if (pthread_create(&thread, &attr, body, NULL) != 0)
        abort();
    return thread;
}

/* --- mutexes ------------------------------------------------------------------------------- */

KEPT static void *second_then_first(void *unused)
{
    pthread_setname_np(pthread_self(), "clerk");
    pthread_mutex_lock(&second_lock);
    pass(1);
    reach(2);
    pthread_mutex_lock(&first_lock);
    pthread_mutex_unlock(&first_lock);
    return unused;
}

static void circle(void)
{
    pthread_mutex_lock(&first_lock);
    start(second_then_first);
    reach(1);
    pass(2);
    pthread_mutex_lock(&second_lock);
}

static void circle_of(int type, int robust, int protocol, int shared)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, type);
    pthread_mutexattr_setrobust(&attr, robust);
    pthread_mutexattr_setprotocol(&attr, protocol);
    pthread_mutexattr_setpshared(&attr, shared);
    if (pthread_mutex_init(&first_lock, &attr) != 0 || pthread_mutex_init(&second_lock, &attr) != 0)
        abort();
    circle();
}

static void recursive(void)
{
    circle_of(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, 0);
}

static void errorcheck(void)
{
    circle_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, 0);
}

static void adaptive(void)
{
    circle_of(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, 0);
}

static void robust(void)
{
    circle_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
}

static void shared(void)
{
    circle_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE, 1);
}

/* The kernel sees a circle of such mutexes itself, so one of the two is a plain one. */
static void inheriting(void)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&second_lock, &attr);
    circle();
}

static void self(void)
{
    pthread_mutex_lock(&first_lock);
    pthread_mutex_lock(&first_lock);
}

static void *takes_and_vanishes(void *unused)
{
    pthread_mutex_lock(&first_lock);
    pass(1);
    syscall(SYS_exit, 0);
    return unused;
}

static void owner_gone(void)
{
    start(takes_and_vanishes);
    reach(1);
    pthread_mutex_lock(&first_lock);
}

static void *locks_first(void *unused)
{
    pthread_mutex_lock(&first_lock);
    return unused;
}

/* Everybody waits for main, which waits for the first of them. */
static void many(void)
{
    pthread_mutex_lock(&first_lock);
    other = start(locks_first);
    for (long i = 1; i < number; i++)
        start(locks_first);
    pthread_join(other, NULL);
}

/* --- others that know their owner ------------------------------------------------------------- */

static void *writes_and_waits(void *unused)
{
    pthread_rwlock_wrlock(&table_lock);
    pass(1);
    pthread_mutex_lock(&first_lock);
    return unused;
}

static void writer(void)
{
    pthread_mutex_lock(&first_lock);
    start(writes_and_waits);
    reach(1);
    pthread_rwlock_rdlock(&table_lock);
}

static void *reads_and_waits(void *unused)
{
    pthread_rwlock_rdlock(&table_lock);
    pass(1);
    sem_wait(&slots);
    return unused;
}

static void readers(void)
{
    start(reads_and_waits);
    reach(1);
    pthread_rwlock_wrlock(&table_lock);
}

static void *joins_main(void *unused)
{
    pthread_join(other, NULL);
    return unused;
}

static void join(void)
{
    pthread_t thread;

    other = pthread_self();
    thread = start(joins_main);
    pthread_join(thread, NULL);
}

static void *holds_stream(void *unused)
{
    flockfile(stderr);
    pass(1);
    pthread_mutex_lock(&first_lock);
    return unused;
}

static void stream(void)
{
    pthread_mutex_lock(&first_lock);
    start(holds_stream);
    reach(1);
    fputs("x", stderr);
}

static void *wants_once(void *unused);

static void routine(void)
{
    pthread_join(start(wants_once), NULL);
}

static void *wants_once(void *unused)
{
    pthread_once(&once_control, routine);
    return unused;
}

static void once(void)
{
    pthread_once(&once_control, routine);
}

static int visits(struct dl_phdr_info *info, size_t size, void *thread)
{
    pthread_join(*(pthread_t *)thread, NULL);
    return 1;
}

static int looks(struct dl_phdr_info *info, size_t size, void *unused)
{
    return 1;
}

static void *iterates(void *unused)
{
    reach(1);
    dl_iterate_phdr(looks, NULL);
    return unused;
}

static int visits_first(struct dl_phdr_info *info, size_t size, void *thread)
{
    pass(1);
    return visits(info, size, thread);
}

static void loader(void)
{
    other = start(iterates);
    dl_iterate_phdr(visits_first, &other);
}

/* --- the heap ----------------------------------------------------------------------------------
 */

static void parks(int signal)
{
    pass(1);
    sem_wait(&slots);
}

static void vanishes(int signal)
{
    pass(1);
    syscall(SYS_exit, 0);
}

static void *volatile allocated; /* so that no compiler leaves it out */

static void *allocates(void *unused)
{
    allocated = malloc(100000);
    return unused;
}

/* The end of the heap cannot be written: whoever cuts a piece off it stops there, lock in hand. */
static void heap_with(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    char *block, *top;

    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 24);
    mallopt(M_TOP_PAD, 1 << 22);
    block = malloc(100000);
    top = (char *)(((uintptr_t)block + 100000 + 4096) & ~(uintptr_t)4095);
    sigaction(SIGSEGV, &action, NULL);
    mprotect(top, (size_t)((char *)sbrk(0) - top), PROT_READ);
    start(allocates);
    reach(1);
    allocates(NULL);
}

static void heap(void)
{
    heap_with(parks);
}

static void heap_gone(void)
{
    heap_with(vanishes);
}

/* --- others that do not
 * ---------------------------------------------------------------------------- */

static void condition(void)
{
    pthread_mutex_lock(&first_lock);
    pthread_cond_wait(&news, &first_lock);
}

static void semaphore(void)
{
    sem_wait(&slots);
}

static void barrier(void)
{
    pthread_barrier_init(&gate, NULL, 3);
    pthread_barrier_wait(&gate);
}

static void spins(void)
{
    pthread_spin_lock(&spin);
    pthread_spin_lock(&spin);
}

static void timed(void)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 3600;
    pthread_mutex_lock(&first_lock);
    pthread_mutex_timedlock(&first_lock, &limit);
}

static void word(void)
{
    static uint32_t home_grown = 7;

    syscall(SYS_futex, &home_grown, FUTEX_WAIT_PRIVATE, 7, NULL, NULL, 0);
}

static void *locks_and_sleeps(void *unused)
{
    pthread_mutex_lock(&first_lock);
    sleep(100000);
    return unused;
}

/* --- the kernel's side
 * ------------------------------------------------------------------------------- */

static void reads_own_pipe(void)
{
    int ends[2];
    char byte;

    if (pipe2(ends, O_CLOEXEC) != 0 || read(ends[0], &byte, 1) < 0)
        abort();
}

static void reads_own_socket(void)
{
    int ends[2];
    char byte;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 ||
        recv(ends[0], &byte, 1, 0) < 0)
        abort();
}

static void file_lock(void)
{
    int one = memfd_create("file", MFD_CLOEXEC);
    char path[64];
    int two;

    snprintf(path, sizeof path, "/proc/self/fd/%d", one);
    two = open(path, O_RDWR | O_CLOEXEC);
    flock(one, LOCK_EX);
    flock(two, LOCK_EX);
}

static void *holds_for_ever(void *unused)
{
    pthread_mutex_lock(&first_lock);
    pass(1);
    sem_wait(&slots);
    return unused;
}

/* The child's mutex is held by a thread that fork did not copy; the parent waits for the child. */
static void forked(void)
{
    pid_t pid;

    start(holds_for_ever);
    reach(1);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pthread_mutex_lock(&first_lock);
    }
    waitpid(pid, NULL, 0);
}

/* Waits that are none of the program's own business: something outside can end them. */
static void fed(void)
{
    int ends[2];
    char byte;

    if (pipe2(ends, O_CLOEXEC) != 0)
        abort();
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        sleep(100000);
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) < 0)
        abort();
}

static void accepts(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0)
        abort();
    accept(fd, NULL, NULL);
}

static void shared_semaphore(void)
{
    int fd = memfd_create("shared", MFD_CLOEXEC);
    sem_t *sem;

    if (ftruncate(fd, 4096) != 0)
        abort();
    sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(sem, 1, 0);
    sem_wait(sem);
}

static void on_signal(int signal)
{
    sem_post(&slots);
}

static void handled(void)
{
    signal(SIGTERM, on_signal);
    sem_wait(&slots);
}

/* Without spinning: under the agent's own scheduler nobody else would get his turn. */
static void holds(void)
{
    start(locks_and_sleeps);
    sleep(100000);
}

static void sleeps(void)
{
    sleep(100000);
}

static void runs(void)
{
    for (;;)
        atomic_fetch_add(&step, 1);
}

/* --- damage
 * --------------------------------------------------------------------------------------- */

/* The word that it sleeps on stays; all around it is torn. */
static void *tears(void *unused)
{
    reach(1);
    for (;;) {
        uint32_t *word = (uint32_t *)&first_lock;

        /* Until main sleeps: the kernel has the count of such sleeps in nobody's reach, so by lock.
         */
        if (atomic_load((atomic_uint *)word) == 2)
            break;
        sched_yield();
    }
    memset((char *)&first_lock + 4, (int)number, sizeof first_lock - 4);
    sem_wait(&slots);
    return unused;
}

static void torn(void)
{
    pthread_mutex_lock(&first_lock);
    start(tears);
    pass(1);
    pthread_mutex_lock(&first_lock);
}

/* A robust list that never comes back to its head. */
static void cyclic(void)
{
    static uint64_t entry[2];
    void *head;
    size_t bytes;

    syscall(SYS_get_robust_list, 0, &head, &bytes);
    entry[0] = (uint64_t)(uintptr_t)&entry[1];
    entry[1] = (uint64_t)(uintptr_t)&entry[0];
    *(uint64_t *)head = (uint64_t)(uintptr_t)entry;
    sem_wait(&slots);
}

/* Sleeps with a stack that cannot be read. */
static void stackless(void)
{
    static uint32_t word;
    void *hole = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    register long r10 __asm__("r10") = 0;
    long call = SYS_futex;

    __asm__ volatile("mov %5, %%rsp\n\tsyscall\n\tud2"
                     : "+a"(call)
                     : "D"(&word), "S"((long)FUTEX_WAIT_PRIVATE), "d"(0L), "r"(r10),
                       "r"((char *)hole + 4096)
                     : "rcx", "r11", "memory");
}

KEPT static void deep(void)
{
    volatile char room[64];

    room[0] = (char)number;
    if (number-- > 0)
        deep();
    else
        sem_wait(&slots);
    room[1] = room[0];
}

static const struct {
    const char *name;
    void (*play)(void);
} scenes[] = {
    {"circle", circle},
    {"recursive", recursive},
    {"errorcheck", errorcheck},
    {"adaptive", adaptive},
    {"robust", robust},
    {"shared", shared},
    {"inheriting", inheriting},
    {"self", self},
    {"owner-gone", owner_gone},
    {"many", many},
    {"writer", writer},
    {"readers", readers},
    {"join", join},
    {"stream", stream},
    {"once", once},
    {"loader", loader},
    {"heap", heap},
    {"heap-gone", heap_gone},
    {"condition", condition},
    {"semaphore", semaphore},
    {"barrier", barrier},
    {"spins", spins},
    {"timed", timed},
    {"word", word},
    {"pipe", reads_own_pipe},
    {"socket", reads_own_socket},
    {"file-lock", file_lock},
    {"forked", forked},
    {"fed", fed},
    {"accepts", accepts},
    {"shared-semaphore", shared_semaphore},
    {"handled", handled},
    {"holds", holds},
    {"sleeps", sleeps},
    {"runs", runs},
    {"torn", torn},
    {"cyclic", cyclic},
    {"stackless", stackless},
    {"deep", deep},
};

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    number = argc > 2 ? atol(argv[2]) : 1;
    if (number > THREADS_MAX)
        number = THREADS_MAX;
    sem_init(&slots, 0, 0);
    pthread_spin_init(&spin, 0);
    for (size_t i = 0; argc > 1 && i < sizeof scenes / sizeof scenes[0]; i++)
        if (strcmp(argv[1], scenes[i].name) == 0)
            scenes[i].play();
    return 2;
}
