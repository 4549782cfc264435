/*
 * test_unwind: the stacks that an autopsy meets, each in a live target.
 *
 * What a stack must show is known because the target's functions are in this file. A case
 * that the machine forbids (another user, a seccomp filter) says so and counts as passed.
 */
#include <harness/supervisor/process/unwind.h>

#include <harness/tests/unwind_tests.h>

#include <CUnit/Basic.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/ucontext.h>

enum {
    NOBODY = 65534,
    HIDDEN = 3, /* a status: nobody cannot read this program */
    STACKS = 16,
};

/* The stacks of a target, taken while it was stopped. */
struct stacks {
    pid_t tid[STACKS];
    size_t threads;
    size_t frames[STACKS];
    struct unwind_frame frame[STACKS][UNWIND_FRAMES_MAX];
};

static struct stacks taken;

/* Takes all stacks of @pid, and lets it go on. */
static void take(struct unwind *u, pid_t pid)
{
    struct error e = {0};

    memset(&taken, 0, sizeof taken);
    CU_ASSERT_EQUAL_FATAL(unwind_seize_all(pid, taken.tid, STACKS, &taken.threads, &e), 0);
    for (size_t i = 0; i < taken.threads; i++)
        CU_ASSERT_EQUAL(
            unwind_thread(u, taken.tid[i], taken.frame[i], UNWIND_FRAMES_MAX, &taken.frames[i], &e),
            0);
    CU_ASSERT_EQUAL(unwind_detach_all(pid, taken.tid, taken.threads), 0);
}

static void open_and_take(pid_t pid, pid_t live)
{
    struct error e = {0};
    struct unwind *u;

    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, live, &e), 0);
    take(u, pid);
    unwind_close(u);
}

static size_t thread_index(pid_t tid)
{
    for (size_t i = 0; i < taken.threads; i++) {
        if (taken.tid[i] == tid)
            return i;
    }
    CU_FAIL_FATAL("a thread is missing");
    return 0;
}

/* The place of a function in a stack from frame @from on; -1 if it isn't there. */
static int find(size_t thread, const char *function, int from)
{
    for (int i = from; i >= 0 && i < (int)taken.frames[thread]; i++) {
        if (strcmp(taken.frame[thread][i].function, function) == 0)
            return i;
    }
    return -1;
}

static const struct unwind_frame *last_frame(size_t thread)
{
    return &taken.frame[thread][taken.frames[thread] - 1];
}

static const char *own_name(void)
{
    static char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    const char *slash;

    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- waiting for a lock ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static TARGET_KEPT void wait_for_lock(void)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    TARGET_NOT_LAST();
}

static const int wait_for_lock_line = __LINE__ - 6; /* of its name */

static void *lock_worker(void *arg)
{
    struct board *board = arg;

    atomic_store(&board->tid[atomic_fetch_add(&board->counter, 1)], target_tid());
    wait_for_lock();
    return NULL;
}

static TARGET_KEPT void lock_target(struct board *board)
{
    pthread_t thread[3];

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, lock_worker, board);
    board_post(board, 1);
    board_wait(board, 2);
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}

static void wait_for_workers(struct board *board, pid_t pid, uint32_t workers)
{
    int64_t deadline = target_now_s() + TARGET_WAIT_S;

    while (atomic_load(&board->counter) < workers) {
        if (target_now_s() > deadline)
            target_broken("workers");
        sched_yield();
    }
    for (uint32_t i = 0; i < workers; i++) {
        while (atomic_load(&board->tid[i]) == 0)
            sched_yield();
        target_wait_call(pid, atomic_load(&board->tid[i]), SYS_futex);
    }
}

static void check_lock_stack(size_t thread)
{
    int at = find(thread, "wait_for_lock", 1);
    const struct unwind_frame *frame = &taken.frame[thread][at > 0 ? at : 0];

    CU_ASSERT_TRUE_FATAL(at > 0);
    CU_ASSERT_STRING_EQUAL(frame->module, own_name());
    CU_ASSERT_STRING_EQUAL(frame->file, "test_unwind.c");
    CU_ASSERT_TRUE(frame->line > wait_for_lock_line && frame->line < wait_for_lock_line + 5);
    CU_ASSERT_TRUE(strlen(frame->build_id) == 0 || strlen(frame->build_id) == 40);
    CU_ASSERT_TRUE(frame->function_offset > 0 && frame->function_offset < 200);
    CU_ASSERT_EQUAL(frame->flags, 0);
    CU_ASSERT_EQUAL(taken.frame[thread][0].flags, UNWIND_EXACT);
    CU_ASSERT_TRUE(find(thread, "pthread_mutex_lock", 0) >= 0);
    CU_ASSERT_TRUE(find(thread, "lock_worker", at + 1) == at + 1);
    CU_ASSERT_STRING_EQUAL(last_frame(thread)->module, "libc.so.6");
    CU_ASSERT_EQUAL(strlen(last_frame(thread)->build_id), 40);
    CU_ASSERT_TRUE(strstr(last_frame(thread)->module_path, "/libc.so.6") != NULL);
}

static void test_lock(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(lock_target, board);
    int status;

    board_wait(board, 1);
    wait_for_workers(board, pid, 3);
    open_and_take(pid, pid);
    CU_ASSERT_EQUAL(taken.threads, 4);
    for (int i = 0; i < 3; i++)
        check_lock_stack(thread_index(atomic_load(&board->tid[i])));
    CU_ASSERT_TRUE(find(thread_index(pid), "lock_target", 0) > 0);
    CU_ASSERT_TRUE(find(thread_index(pid), "main", 0) > 0);
    board_post(board, 2);
    status = target_join(pid);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    board_free(board);
}

static void test_offset_is_of_the_file(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(lock_target, board);
    struct unwind_frame frame;
    struct error e = {0};
    Dl_info info;
    struct link_map *map;
    struct unwind *u;

    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_NOT_EQUAL_FATAL(
        dladdr1(dlsym(RTLD_DEFAULT, "calloc"), &info, (void **)&map, RTLD_DL_LINKMAP), 0);
    CU_ASSERT_EQUAL(unwind_address(u, (uintptr_t)info.dli_saddr + 3, &frame), 0);
    CU_ASSERT_STRING_EQUAL(frame.function, "calloc");
    CU_ASSERT_EQUAL(frame.function_offset, 3);
    CU_ASSERT_EQUAL(frame.offset, (uintptr_t)info.dli_saddr + 3 - map->l_addr);
    unwind_close(u);
    target_kill(pid);
    board_free(board);
}

/* ---- signal handlers ---- */

static struct board *handler_board;

static TARGET_KEPT void stay_in_handler(int signal)
{
    atomic_store(&handler_board->tid[1], target_tid());
    board_post(handler_board, 2);
    target_sleep(handler_board);
    TARGET_NOT_LAST();
}

static TARGET_KEPT void spin_until_hit(struct board *board)
{
    for (;;)
        atomic_fetch_add_explicit(&board->counter, 1, memory_order_relaxed);
}

static void *spinner(void *arg)
{
    spin_until_hit(arg);
    TARGET_NOT_LAST();
    return NULL;
}

/* A handler's stack of one's own, below or above the thread's. */
static void use_other_stack(void)
{
    stack_t stack = {.ss_size = 1 << 16};

    stack.ss_sp =
        mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&stack, NULL);
}

static void *spinner_on_other_stack(void *arg)
{
    use_other_stack();
    spin_until_hit(arg);
    TARGET_NOT_LAST();
    return NULL;
}

static void hit(struct board *board, void *(*body)(void *))
{
    pthread_t thread;

    handler_board = board;
    pthread_create(&thread, NULL, body, board);
    while (atomic_load(&board->counter) == 0)
        sched_yield();
    pthread_kill(thread, SIGUSR1);
    target_sleep(board);
}

static TARGET_KEPT void handler_target(struct board *board)
{
    struct sigaction action = {.sa_handler = stay_in_handler};

    sigaction(SIGUSR1, &action, NULL);
    hit(board, spinner);
}

static TARGET_KEPT void other_stack_target(struct board *board)
{
    struct sigaction action = {.sa_handler = stay_in_handler, .sa_flags = SA_ONSTACK};

    sigaction(SIGUSR1, &action, NULL);
    hit(board, spinner_on_other_stack);
}

/* A trampoline without unwind tables, as a runtime of its own may bring. */
void test_unwind_restorer(void);
__asm__(".text\n"
        ".type test_unwind_restorer, @function\n"
        "nop\n"
        "test_unwind_restorer:\n"
        "mov $15, %rax\n"
        "syscall\n"
        ".size test_unwind_restorer, . - test_unwind_restorer\n");

struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static TARGET_KEPT void own_restorer_target(struct board *board)
{
    struct kernel_action action = {stay_in_handler, 0x04000000, test_unwind_restorer, 0};

    syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, sizeof action.mask);
    hit(board, spinner);
}

static void check_hit_stack(size_t thread, const char *trampoline, const char *bottom)
{
    int handler = find(thread, "stay_in_handler", 1), struck = find(thread, "spin_until_hit", 1);

    CU_ASSERT_TRUE_FATAL(handler > 0 && struck == handler + 2);
    CU_ASSERT_STRING_EQUAL(taken.frame[thread][handler + 1].function, trampoline);
    CU_ASSERT_TRUE(taken.frame[thread][handler + 1].flags & UNWIND_TRAMPOLINE);
    CU_ASSERT_EQUAL(taken.frame[thread][struck].flags, UNWIND_EXACT);
    CU_ASSERT_EQUAL(taken.frame[thread][struck + 1].flags, 0);
    CU_ASSERT_EQUAL(find(thread, bottom, struck), struck + 1);
    CU_ASSERT_STRING_EQUAL(last_frame(thread)->module, "libc.so.6");
}

static void try_handler(void (*target)(struct board *), const char *trampoline, const char *bottom)
{
    struct board *board = board_new();
    pid_t pid = target_start(target, board);

    board_wait(board, 2);
    target_wait_call(pid, atomic_load(&board->tid[1]), SYS_futex);
    open_and_take(pid, pid);
    check_hit_stack(thread_index(atomic_load(&board->tid[1])), trampoline, bottom);
    target_kill(pid);
    board_free(board);
}

static void test_handler(void)
{
    try_handler(handler_target, "__restore_rt", "spinner");
}

static void test_handler_on_other_stack(void)
{
    try_handler(other_stack_target, "__restore_rt", "spinner_on_other_stack");
}

static void test_handler_without_tables(void)
{
    try_handler(own_restorer_target, "test_unwind_restorer", "spinner");
}

/* ---- a call to nowhere ---- */

static void (*volatile nowhere)(void);

static TARGET_KEPT void call_nowhere(void)
{
    nowhere();
    TARGET_NOT_LAST();
}

static void *nowhere_worker(void *arg)
{
    use_other_stack();
    atomic_store(&((struct board *)arg)->tid[0], target_tid());
    call_nowhere();
    return NULL;
}

static TARGET_KEPT void nowhere_target(struct board *board)
{
    struct sigaction action = {.sa_handler = stay_in_handler, .sa_flags = SA_ONSTACK};
    pthread_t thread;

    handler_board = board;
    sigaction(SIGSEGV, &action, NULL);
    pthread_create(&thread, NULL, nowhere_worker, board);
    target_sleep(board);
}

static void test_call_to_nowhere(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(nowhere_target, board);
    size_t thread;
    int at;

    board_wait(board, 2);
    target_wait_call(pid, atomic_load(&board->tid[1]), SYS_futex);
    open_and_take(pid, pid);
    thread = thread_index(atomic_load(&board->tid[1]));
    at = find(thread, "call_nowhere", 0);
    CU_ASSERT_TRUE_FATAL(at > 2);
    CU_ASSERT_EQUAL(taken.frame[thread][at].flags, UNWIND_GUESSED);
    CU_ASSERT_EQUAL(taken.frame[thread][at - 1].pc, 0);
    CU_ASSERT_STRING_EQUAL(taken.frame[thread][at - 1].module, "");
    CU_ASSERT_EQUAL(find(thread, "nowhere_worker", at), at + 1);
    CU_ASSERT_EQUAL(taken.frame[thread][at + 1].flags, 0);
    target_kill(pid);
    board_free(board);
}

/* ---- code that no file knows ---- */

/*
 * push %rbp; mov %rsp, %rbp; mov %rdi, %rax; mov %rsi, %rdi; call *%rax; pop %rbp; ret:
 * calls its first argument with its second.
 */
static const uint8_t made_code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8,
                                    0x48, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3};

typedef void (*made_function)(void (*inner)(struct board *), struct board *);

static TARGET_KEPT void sleep_inside(struct board *board)
{
    atomic_store(&board->tid[0], target_tid());
    board_post(board, 1);
    target_sleep(board);
    TARGET_NOT_LAST();
}

static made_function make_code(struct board *board)
{
    uint8_t *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(page, made_code, sizeof made_code);
    atomic_store(&board->address[0], (uintptr_t)page);
    return (made_function)(void *)page;
}

static volatile size_t some_bytes = 32;

/* A frame pointer is what leads out of code without tables; a frame of unknown size has one. */
static TARGET_KEPT void call_made(struct board *board)
{
    char *space = __builtin_alloca(some_bytes);

    __asm__ volatile("" : : "r"(space) : "memory");
    make_code(board)(sleep_inside, board);
    TARGET_NOT_LAST();
}

static TARGET_KEPT void made_target(struct board *board)
{
    call_made(board);
    TARGET_NOT_LAST();
}

static void test_anonymous_code(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(made_target, board);
    const struct unwind_frame *made;
    size_t thread;
    int at;

    board_wait(board, 1);
    target_wait_call(pid, pid, SYS_futex);
    open_and_take(pid, pid);
    thread = thread_index(pid);
    at = find(thread, "sleep_inside", 0);
    CU_ASSERT_TRUE_FATAL(at > 0 && at + 3 < (int)taken.frames[thread]);
    made = &taken.frame[thread][at + 1];
    CU_ASSERT_STRING_EQUAL(made->module, "[anon]");
    CU_ASSERT_STRING_EQUAL(made->function, "");
    CU_ASSERT_EQUAL(made->offset, 12);
    CU_ASSERT_EQUAL(made->pc, atomic_load(&board->address[0]) + 12);
    CU_ASSERT_EQUAL(find(thread, "call_made", at), at + 2);
    CU_ASSERT_EQUAL(taken.frame[thread][at + 2].flags, UNWIND_GUESSED);
    CU_ASSERT_EQUAL(find(thread, "made_target", at), at + 3);
    CU_ASSERT_TRUE(find(thread, "main", at) > 0);
    target_kill(pid);
    board_free(board);
}

/* ---- inside malloc, with its lock held ---- */

/* Lets @call of the calling thread hang in the kernel for ever: nobody answers. */
static bool block_call(int call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                   &program) >= 0;
}

static void *volatile sink;

static TARGET_KEPT void grow_the_heap(void)
{
    sink = malloc(31 << 20); /* more than any test left free, less than what mmap serves */
    TARGET_NOT_LAST();
}

static TARGET_KEPT void wait_for_the_heap(void)
{
    sink = malloc(100000);
    TARGET_NOT_LAST();
}

static void *grower(void *arg)
{
    struct board *board = arg;

    if (!block_call(SYS_brk)) {
        board_post(board, 9);
        return NULL;
    }
    atomic_store(&board->tid[0], target_tid());
    board_post(board, 1);
    grow_the_heap();
    return NULL;
}

static void *allocator(void *arg)
{
    struct board *board = arg;

    board_wait(board, 2);
    atomic_store(&board->tid[1], target_tid());
    board_post(board, 3);
    wait_for_the_heap();
    return NULL;
}

static TARGET_KEPT void heap_target(struct board *board)
{
    pthread_t thread[2];

    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    pthread_create(&thread[1], NULL, allocator, board);
    pthread_create(&thread[0], NULL, grower, board);
    target_sleep(board);
}

static void check_heap_stacks(struct board *board)
{
    size_t holder = thread_index(atomic_load(&board->tid[0]));
    size_t waiter = thread_index(atomic_load(&board->tid[1]));
    int at = find(holder, "grow_the_heap", 0);

    CU_ASSERT_TRUE(at > 0);
    CU_ASSERT_EQUAL(find(holder, "malloc", 0), at - 1);
    at = find(waiter, "wait_for_the_heap", 0);
    CU_ASSERT_TRUE(at > 0);
    CU_ASSERT_EQUAL(find(waiter, "malloc", 0), at - 1);
    CU_ASSERT_EQUAL(find(waiter, "allocator", 0), at + 1);
}

/* A sanitizer brings a malloc of its own, with other locks. */
static bool malloc_is_libc(void)
{
    Dl_info info;

    return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) != 0 &&
           strstr(info.dli_fname, "libc.so") != NULL;
}

static void test_in_malloc(void)
{
    struct board *board = board_new();
    pid_t pid;

    if (!malloc_is_libc()) {
        puts("  (malloc is not libc's: skipped)");
        board_free(board);
        return;
    }
    pid = target_start(heap_target, board);
    board_wait(board, 1);
    if (atomic_load(&board->stage) == 9) {
        puts("  (no user notification here: skipped)");
    } else {
        target_wait_call(pid, atomic_load(&board->tid[0]), SYS_brk);
        board_post(board, 2);
        board_wait(board, 3);
        target_wait_call(pid, atomic_load(&board->tid[1]), SYS_futex);
        open_and_take(pid, pid);
        check_heap_stacks(board);
    }
    target_kill(pid);
    board_free(board);
}

/* ---- the main thread is gone ---- */

static void *survivor(void *arg)
{
    sleep_inside(arg);
    TARGET_NOT_LAST();
    return NULL;
}

static TARGET_KEPT void headless_target(struct board *board)
{
    pthread_t thread;

    pthread_create(&thread, NULL, survivor, board);
    syscall(SYS_exit, 0);
}

static void test_dead_leader(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(headless_target, board), live;
    struct error e = {0};
    struct unwind *u = NULL;

    board_wait(board, 1);
    live = atomic_load(&board->tid[0]);
    target_wait_call(pid, live, SYS_futex);
    target_wait_state(pid, pid, 'Z');
    CU_ASSERT_EQUAL(unwind_open(&u, pid, pid, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(e.code, ERROR_NOT_FOUND);
    CU_ASSERT_TRUE(strstr(e.text, "alive") != NULL);
    open_and_take(pid, live);
    CU_ASSERT_EQUAL_FATAL(taken.threads, 1);
    CU_ASSERT_EQUAL(taken.tid[0], live);
    CU_ASSERT_TRUE(find(0, "sleep_inside", 0) > 0);
    CU_ASSERT_TRUE(find(0, "survivor", 0) > 0);
    target_kill(pid);
    board_free(board);
}

/* ---- registers and stack saved before a death ---- */

static TARGET_KEPT void die_here(struct board *board)
{
    uint64_t *r = board->regs;

    __asm__ volatile("mov %%rbx, 24(%0)\n\tmov %%rbp, 48(%0)\n\tmov %%rsp, 56(%0)\n\t"
                     "mov %%r12, 96(%0)\n\tmov %%r13, 104(%0)\n\tmov %%r14, 112(%0)\n\t"
                     "mov %%r15, 120(%0)\n\tlea (%%rip), %%rax\n\tmov %%rax, 128(%0)"
                     :
                     : "r"(r)
                     : "rax", "memory");
    memcpy(board->stack, (void *)(uintptr_t)r[UNWIND_RSP], sizeof board->stack);
    atomic_store(&board->tid[0], target_tid());
    syscall(SYS_exit, 0);
    TARGET_NOT_LAST();
}

static TARGET_KEPT void lead_to_death(struct board *board)
{
    die_here(board);
    TARGET_NOT_LAST();
}

static void *victim(void *arg)
{
    lead_to_death(arg);
    TARGET_NOT_LAST();
    return NULL;
}

enum {
    VICTIM_STACK = 1 << 16,
    VICTIM_SPARE = 1 << 16, /* above the stack, so that a copy past its top is possible */
};

static TARGET_KEPT void death_target(struct board *board)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *stack = mmap(NULL, VICTIM_STACK + VICTIM_SPARE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    pthread_attr_init(&attr);
    pthread_attr_setstack(&attr, stack, VICTIM_STACK);
    pthread_create(&thread, &attr, victim, board);
    pthread_join(thread, NULL);
    munmap(stack, VICTIM_STACK + VICTIM_SPARE);
    board_post(board, 1);
    target_sleep(board);
}

static size_t unwind_death(struct unwind *u, struct board *board, size_t length)
{
    struct unwind_regs regs;
    struct unwind_stack stack = {board->regs[UNWIND_RSP], board->stack, length};

    memcpy(regs.r, board->regs, sizeof regs.r);
    taken.threads = 1;
    CU_ASSERT_EQUAL(unwind_regs(u, &regs, length > 0 ? &stack : NULL, taken.frame[0],
                                UNWIND_FRAMES_MAX, &taken.frames[0]),
                    0);
    return taken.frames[0];
}

static void test_saved_registers(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(death_target, board);
    struct error e = {0};
    struct unwind *u;

    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_TRUE(unwind_death(u, board, sizeof board->stack) >= 4);
    CU_ASSERT_EQUAL(find(0, "die_here", 0), 0);
    CU_ASSERT_EQUAL(find(0, "lead_to_death", 0), 1);
    CU_ASSERT_EQUAL(find(0, "victim", 0), 2);
    CU_ASSERT_STRING_EQUAL(last_frame(0)->module, "libc.so.6");
    /* Without the copy the stack is gone: the place of death is all there is. */
    CU_ASSERT_EQUAL(unwind_death(u, board, 0), 1);
    CU_ASSERT_EQUAL(find(0, "die_here", 0), 0);
    CU_ASSERT_EQUAL(unwind_death(u, board, 4), 1);
    unwind_close(u);
    target_kill(pid);
    board_free(board);
}

static void test_few_frames_wanted(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(death_target, board);
    struct unwind_frame frame[2];
    struct unwind_regs regs;
    struct unwind_stack stack;
    struct error e = {0};
    struct unwind *u;
    size_t count;

    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    memcpy(regs.r, board->regs, sizeof regs.r);
    stack = (struct unwind_stack){regs.r[UNWIND_RSP], board->stack, sizeof board->stack};
    CU_ASSERT_EQUAL(unwind_regs(u, &regs, &stack, frame, 2, &count), 0);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_STRING_EQUAL(frame[1].function, "lead_to_death");
    CU_ASSERT_EQUAL(unwind_regs(u, &regs, &stack, frame, 0, &count), ERROR_RANGE);
    CU_ASSERT_EQUAL(count, 0);
    unwind_close(u);
    target_kill(pid);
    board_free(board);
}

/* ---- garbage ---- */

static TARGET_KEPT void page_target(struct board *board)
{
    uint8_t *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    void *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(page, 0xe8, 4096); /* so that every address in it looks like one after a call */
    munmap(gone, 4096);
    atomic_store(&board->address[0], (uintptr_t)page);
    atomic_store(&board->address[1], (uintptr_t)gone);
    board_post(board, 1);
    target_sleep(board);
}

static const uint64_t false_stack = 0x10000000000;

/* A stack of @bytes 8-byte words in which word 2i points to word 2(i + step), 2i + 1 into code. */
static size_t unwind_chain(struct unwind *u, struct board *board, uint64_t code, int step)
{
    struct unwind_stack stack = {false_stack, board->stack, sizeof board->stack};
    struct unwind_regs regs = {{0}};
    uint64_t word[2];

    for (int i = 0; i < (int)(sizeof board->stack / 16); i++) {
        word[0] = false_stack + (uint64_t)(16 * (i + step));
        word[1] = code + 100;
        memcpy(board->stack + 16 * i, word, sizeof word);
    }
    regs.r[UNWIND_RIP] = code;
    regs.r[UNWIND_RSP] = false_stack;
    regs.r[UNWIND_RBP] = false_stack;
    taken.threads = 1;
    CU_ASSERT_EQUAL(
        unwind_regs(u, &regs, &stack, taken.frame[0], UNWIND_FRAMES_MAX, &taken.frames[0]), 0);
    return taken.frames[0];
}

static void test_corrupt_chain(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(page_target, board);
    uint64_t code;
    struct error e = {0};
    struct unwind *u;

    board_wait(board, 1);
    code = atomic_load(&board->address[0]);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    /* Frames that point to themselves, and backwards: one step is believed. */
    CU_ASSERT_EQUAL(unwind_chain(u, board, code, 0), 2);
    CU_ASSERT_EQUAL(taken.frame[0][1].flags, UNWIND_GUESSED);
    CU_ASSERT_EQUAL(unwind_chain(u, board, code, -1), 2);
    /* An honest chain through the page is followed, but not for ever. */
    CU_ASSERT_TRUE(unwind_chain(u, board, code, 1) > 8);
    CU_ASSERT_TRUE(unwind_chain(u, board, code, 1) <= UNWIND_FRAMES_MAX);
    /* Return addresses into nothing are no frames. */
    CU_ASSERT_EQUAL(unwind_chain(u, board, atomic_load(&board->address[1]), 1), 1);
    CU_ASSERT_STRING_EQUAL(taken.frame[0][0].module, "");
    unwind_close(u);
    target_kill(pid);
    board_free(board);
}

/* A word that may be anything a damaged stack holds. */
static uint64_t bad_word(uint64_t *seed, uint64_t page)
{
    uint64_t random = target_random(seed);
    const uint64_t base[] = {0,
                             ~(uint64_t)0,
                             page,
                             false_stack,
                             random,
                             (uintptr_t)&lock,
                             (uintptr_t)wait_for_lock,
                             (uintptr_t)dlsym(RTLD_DEFAULT, "malloc"),
                             getauxval(AT_SYSINFO_EHDR),
                             0x7fffffffe000};

    return base[random % (sizeof base / sizeof base[0])] + (random >> 32) % 4096;
}

static bool text_ends(const struct unwind_frame *frame)
{
    return memchr(frame->module, 0, sizeof frame->module) != NULL &&
           memchr(frame->function, 0, sizeof frame->function) != NULL &&
           memchr(frame->file, 0, sizeof frame->file) != NULL &&
           memchr(frame->build_id, 0, sizeof frame->build_id) != NULL &&
           memchr(frame->module_path, 0, sizeof frame->module_path) != NULL;
}

static bool survives(struct unwind *u, uint64_t seed, uint64_t page)
{
    static uint64_t word[512];
    struct unwind_stack stack = {false_stack, word, sizeof word};
    struct unwind_regs regs;
    size_t count = 0;

    for (size_t i = 0; i < UNWIND_REGS; i++)
        regs.r[i] = bad_word(&seed, page);
    for (size_t i = 0; i < 512; i++)
        word[i] = bad_word(&seed, page);
    if (seed % 2 == 0)
        regs.r[UNWIND_RSP] = false_stack + seed % 4096;
    if (unwind_regs(u, &regs, &stack, taken.frame[0], UNWIND_FRAMES_MAX, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!text_ends(&taken.frame[0][i]))
            return false;
    }
    return count >= 1 && count <= UNWIND_FRAMES_MAX;
}

static void test_garbage(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(page_target, board);
    struct error e = {0};
    struct unwind *u;

    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        if (!survives(u, seed, atomic_load(&board->address[0]))) {
            printf("  garbage with seed %lu\n", (unsigned long)seed);
            CU_FAIL("a damaged stack");
        }
    }
    unwind_close(u);
    target_kill(pid);
    board_free(board);
}

/* ---- addresses ---- */

static uint64_t a_variable[4] = {1};

static void vdso_symbol(uint64_t *address)
{
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);

    *address = vdso != NULL ? (uintptr_t)dlsym(vdso, "__vdso_getcpu") : 0;
}

static void check_memory_names(struct unwind *u)
{
    struct unwind_frame frame;
    uint64_t vdso, word = 0;

    CU_ASSERT_EQUAL(unwind_address(u, (uintptr_t)&a_variable[2], &frame), 0);
    CU_ASSERT_STRING_EQUAL(frame.function, "a_variable");
    CU_ASSERT_EQUAL(frame.function_offset, 16);
    CU_ASSERT_EQUAL(unwind_address(u, (uintptr_t)&frame, &frame), 0);
    CU_ASSERT_STRING_EQUAL(frame.module, "[stack]");
    CU_ASSERT_EQUAL(unwind_address(u, 8, &frame), ERROR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(frame.module, "");
    CU_ASSERT_EQUAL(frame.pc, 8);
    vdso_symbol(&vdso);
    if (vdso != 0) {
        CU_ASSERT_EQUAL(unwind_address(u, vdso, &frame), 0);
        CU_ASSERT_STRING_EQUAL(frame.module, "linux-vdso.so.1");
        CU_ASSERT_TRUE(strstr(frame.function, "getcpu") != NULL);
        CU_ASSERT_STRING_EQUAL(frame.module_path, "");
    }
    CU_ASSERT_EQUAL(unwind_read(u, (uintptr_t)a_variable, &word, sizeof word), sizeof word);
    CU_ASSERT_EQUAL(word, 1);
    CU_ASSERT_EQUAL(unwind_read(u, 8, &word, sizeof word), 0);
}

static void test_addresses(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(page_target, board);
    struct error e = {0};
    struct unwind *u;

    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    check_memory_names(u);
    unwind_close(u);
    target_kill(pid);
    board_free(board);
}

static void test_file_address(void)
{
    struct unwind_frame frame;
    struct error e = {0};
    struct link_map *map;
    Dl_info info;

    CU_ASSERT_NOT_EQUAL_FATAL(
        dladdr1(dlsym(RTLD_DEFAULT, "calloc"), &info, (void **)&map, RTLD_DL_LINKMAP), 0);
    CU_ASSERT_EQUAL(unwind_file_address(info.dli_fname, (uintptr_t)info.dli_saddr - map->l_addr + 5,
                                        &frame, &e),
                    0);
    CU_ASSERT_STRING_EQUAL(frame.function, "calloc");
    CU_ASSERT_EQUAL(frame.function_offset, 5);
    CU_ASSERT_EQUAL(frame.offset, (uintptr_t)info.dli_saddr - map->l_addr + 5);
    CU_ASSERT_TRUE(frame.flags & UNWIND_UNLOADED);
    CU_ASSERT_EQUAL(strlen(frame.build_id), 40);

    CU_ASSERT_NOT_EQUAL_FATAL(
        dladdr1((void *)test_unwind_restorer, &info, (void **)&map, RTLD_DL_LINKMAP), 0);
    CU_ASSERT_EQUAL(
        unwind_file_address("/proc/self/exe", (uintptr_t)wait_for_lock - map->l_addr, &frame, &e),
        0);
    CU_ASSERT_STRING_EQUAL(frame.function, "wait_for_lock");
    CU_ASSERT_STRING_EQUAL(frame.file, "test_unwind.c");
    CU_ASSERT_TRUE(frame.line >= wait_for_lock_line && frame.line < wait_for_lock_line + 3);
}

static void test_file_address_errors(void)
{
    struct unwind_frame frame;
    struct error e = {0};

    CU_ASSERT_EQUAL(unwind_file_address("/no/such/file", 5, &frame, &e), ERROR_NOT_FOUND);
    CU_ASSERT_TRUE(strstr(e.text, "/no/such/file") != NULL);
    CU_ASSERT_EQUAL(frame.offset, 5);
    CU_ASSERT_EQUAL(unwind_file_address("/proc/self/maps", 5, &frame, &e), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(unwind_file_address("/dev/null", 5, &frame, &e), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(unwind_file_address("/proc/self/exe", ~(uint64_t)0, &frame, &e), ERROR_RANGE);
    CU_ASSERT_EQUAL(frame.pc, ~(uint64_t)0);
    CU_ASSERT_STRING_EQUAL(frame.function, "");
}

/* ---- modules whose file is gone, and modules that are gone ---- */

static char folder[64], module_path[128];

static bool copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_CREAT | O_WRONLY | O_EXCL, 0755);
    static char buffer[65536];
    ssize_t n = -1;

    while (in >= 0 && out >= 0 && (n = read(in, buffer, sizeof buffer)) > 0) {
        if (write(out, buffer, (size_t)n) != n)
            break;
    }
    close(in);
    close(out);
    return n == 0;
}

/* A library of our own to delete: a copy of libm in a folder of its own. */
static void make_module(void)
{
    void *libm = dlopen("libm.so.6", RTLD_NOW);
    struct link_map *map;

    CU_ASSERT_PTR_NOT_NULL_FATAL(libm);
    CU_ASSERT_EQUAL_FATAL(dlinfo(libm, RTLD_DI_LINKMAP, &map), 0);
    snprintf(folder, sizeof folder, "/tmp/test_unwind.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL_FATAL(chmod(folder, 0777), 0);
    snprintf(module_path, sizeof module_path, "%s/libown.so", folder);
    CU_ASSERT_TRUE_FATAL(copy_file(map->l_name, module_path));
    dlclose(libm);
}

static void remove_module(void)
{
    unlink(module_path);
    rmdir(folder);
}

/* Loads the module and says where cbrt is; unloads it if asked to. */
static void load(struct board *board, bool keep)
{
    void *handle = dlopen(module_path, RTLD_NOW);
    struct link_map *map = NULL;

    if (handle != NULL && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0) {
        atomic_store(&board->address[0], (uintptr_t)dlsym(handle, "cbrt"));
        atomic_store(&board->address[1], map->l_addr);
    }
    if (handle != NULL && !keep)
        dlclose(handle);
    board_post(board, 1);
}

static TARGET_KEPT void loader_target(struct board *board)
{
    load(board, true);
    target_sleep(board);
}

/* A thread at the entry of a module's function: its tables lead to the caller. */
static void check_stack_through(struct unwind *u, uint64_t pc)
{
    uint64_t word[8] = {(uintptr_t)wait_for_lock + 6};
    struct unwind_stack stack = {false_stack, word, sizeof word};
    struct unwind_regs regs = {{0}};
    size_t count;

    regs.r[UNWIND_RIP] = pc;
    regs.r[UNWIND_RSP] = false_stack;
    CU_ASSERT_EQUAL(unwind_regs(u, &regs, &stack, taken.frame[0], 2, &count), 0);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_STRING_EQUAL(taken.frame[0][0].function, "cbrt");
    CU_ASSERT_STRING_EQUAL(taken.frame[0][1].function, "wait_for_lock");
    CU_ASSERT_EQUAL(taken.frame[0][1].flags, 0);
}

static void check_cbrt(pid_t pid, struct board *board, unsigned flag)
{
    struct unwind_frame frame;
    struct error e = {0};
    struct unwind *u;
    uint64_t cbrt = atomic_load(&board->address[0]);

    CU_ASSERT_NOT_EQUAL_FATAL(cbrt, 0);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(unwind_address(u, cbrt + 1, &frame), 0);
    CU_ASSERT_STRING_EQUAL(frame.module, "libown.so");
    CU_ASSERT_STRING_EQUAL(frame.module_path, module_path);
    CU_ASSERT_STRING_EQUAL(frame.function, "cbrt");
    CU_ASSERT_EQUAL(frame.function_offset, 1);
    CU_ASSERT_EQUAL(frame.offset, cbrt + 1 - atomic_load(&board->address[1]));
    CU_ASSERT_EQUAL(frame.flags & UNWIND_DELETED, flag);
    check_stack_through(u, cbrt);
    unwind_close(u);
}

static void test_deleted_file(void)
{
    struct board *board = board_new();
    pid_t pid;

    make_module();
    pid = target_start(loader_target, board);
    board_wait(board, 1);
    check_cbrt(pid, board, 0);
    unlink(module_path);
    check_cbrt(pid, board, UNWIND_DELETED);
    /* Another library under the old name must not lend its symbols. */
    CU_ASSERT_TRUE(copy_file("/proc/self/exe", module_path));
    check_cbrt(pid, board, UNWIND_DELETED);
    target_kill(pid);
    remove_module();
    board_free(board);
}

/* The same without the right to open what is mapped: then memory is all there is. */
static TARGET_KEPT void nobody_target(struct board *board)
{
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return;
    prctl(PR_SET_DUMPABLE, 1);
    loader_target(board);
}

static struct board *nobody_board;
static pid_t nobody_pid;

static void check_as_nobody(struct board *unused)
{
    unsigned before = CU_get_number_of_failures();
    char own[4096] = {0};

    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(1);
    /* Below somebody's closed directory nobody finds the tables of this program either. */
    if (readlink("/proc/self/exe", own, sizeof own - 1) < 0 || access(own, R_OK) != 0)
        _exit(HIDDEN);
    check_cbrt(nobody_pid, nobody_board, UNWIND_DELETED);
    _exit(CU_get_number_of_failures() != before);
}

static void test_deleted_file_from_memory(void)
{
    int status;

    if (geteuid() != 0) {
        puts("  (needs root: skipped)");
        return;
    }
    make_module();
    nobody_board = board_new();
    nobody_pid = target_start(nobody_target, nobody_board);
    board_wait(nobody_board, 1);
    unlink(module_path);
    status = target_join(target_start(check_as_nobody, NULL));
    if (WIFEXITED(status) && WEXITSTATUS(status) == HIDDEN)
        puts("  (needs a build directory that everybody can enter: skipped)");
    else
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    target_kill(nobody_pid);
    remove_module();
    board_free(nobody_board);
}

static void test_truncated_file(void)
{
    struct board *board = board_new();
    struct unwind_frame frame;
    struct error e = {0};
    struct unwind *u;
    pid_t pid;

    make_module();
    pid = target_start(loader_target, board);
    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(truncate(module_path, 3000), 0);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(unwind_address(u, atomic_load(&board->address[0]), &frame), 0);
    CU_ASSERT_STRING_EQUAL(frame.module, "libown.so");
    /* And while it is held open: reading shorter than believed must not kill us. */
    CU_ASSERT_EQUAL(truncate(module_path, 0), 0);
    CU_ASSERT_EQUAL(unwind_address(u, atomic_load(&board->address[0]) + 64, &frame), 0);
    unwind_close(u);
    target_kill(pid);
    remove_module();
    board_free(board);
}

static TARGET_KEPT void unloader_target(struct board *board)
{
    load(board, false);
    target_sleep(board);
}

static void test_unloaded_module(void)
{
    struct board *board = board_new();
    struct unwind_frame frame;
    struct error e = {0};
    struct unwind *u;
    uint64_t cbrt, base;
    pid_t pid;

    make_module();
    pid = target_start(unloader_target, board);
    board_wait(board, 1);
    cbrt = atomic_load(&board->address[0]);
    base = atomic_load(&board->address[1]);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(unwind_address(u, cbrt, &frame), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(unwind_add_unloaded(u, "/no/such", base, base + 4096, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(unwind_add_unloaded(u, module_path, base, base, &e), ERROR_RANGE);
    CU_ASSERT_EQUAL(unwind_add_unloaded(u, module_path, base, cbrt + 65536, &e), 0);
    CU_ASSERT_EQUAL(unwind_address(u, cbrt + 2, &frame), 0);
    CU_ASSERT_STRING_EQUAL(frame.function, "cbrt");
    CU_ASSERT_STRING_EQUAL(frame.module, "libown.so");
    CU_ASSERT_EQUAL(frame.offset, cbrt + 2 - base);
    CU_ASSERT_TRUE(frame.flags & UNWIND_UNLOADED);
    check_stack_through(u, cbrt);
    CU_ASSERT_EQUAL(unwind_add_unloaded(u, module_path, base, cbrt + 65536, &e), ERROR_BUSY);
    CU_ASSERT_EQUAL(unwind_retarget(u, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(unwind_address(u, cbrt, &frame), ERROR_NOT_FOUND);
    unwind_close(u);
    target_kill(pid);
    remove_module();
    board_free(board);
}

/* ---- one handle for many targets ---- */

static void test_retarget(void)
{
    struct board *board = board_new(), *other = board_new();
    pid_t pid = target_start(lock_target, board), next = target_start(lock_target, other);
    struct error e = {0};
    struct unwind *u;

    board_wait(board, 1);
    board_wait(other, 1);
    wait_for_workers(board, pid, 3);
    wait_for_workers(other, next, 3);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(unwind_kept(u), 0);
    take(u, pid);
    check_lock_stack(thread_index(atomic_load(&board->tid[0])));
    CU_ASSERT_EQUAL(unwind_retarget(u, next, next, &e), 0);
    CU_ASSERT_TRUE(unwind_kept(u) >= 4); /* this program, libc, the loader and more */
    take(u, next);
    check_lock_stack(thread_index(atomic_load(&other->tid[0])));
    target_kill(next);
    CU_ASSERT_EQUAL(unwind_retarget(u, next, next, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(unwind_retarget(u, pid, pid, &e), 0);
    CU_ASSERT_TRUE(unwind_kept(u) >= 4);
    take(u, pid);
    check_lock_stack(thread_index(atomic_load(&board->tid[2])));
    unwind_close(u);
    target_kill(pid);
    board_free(board);
    board_free(other);
}

/* Modules come and go between two looks; what was read of others stays valid. */
static void test_retarget_other_modules(void)
{
    struct board *board = board_new(), *other = board_new();
    struct unwind_frame frame;
    struct error e = {0};
    struct unwind *u;
    pid_t with, without;

    make_module();
    with = target_start(loader_target, board);
    without = target_start(page_target, other);
    board_wait(board, 1);
    board_wait(other, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, with, with, &e), 0);
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(unwind_address(u, atomic_load(&board->address[0]), &frame), 0);
        CU_ASSERT_STRING_EQUAL(frame.function, "cbrt");
        CU_ASSERT_EQUAL(unwind_retarget(u, without, without, &e), 0);
        CU_ASSERT_EQUAL(unwind_address(u, (uintptr_t)wait_for_lock, &frame), 0);
        CU_ASSERT_STRING_EQUAL(frame.function, "wait_for_lock");
        CU_ASSERT_NOT_EQUAL(unwind_address(u, atomic_load(&board->address[0]), &frame), 0);
        CU_ASSERT_EQUAL(unwind_retarget(u, with, with, &e), 0);
    }
    unwind_close(u);
    target_kill(with);
    target_kill(without);
    remove_module();
    board_free(board);
    board_free(other);
}

/* ---- what is refused ---- */

static void test_not_stopped(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(page_target, board);
    struct error e = {0};
    struct unwind *u;
    size_t count = 7;

    board_wait(board, 1);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(unwind_thread(u, pid, taken.frame[0], 4, &count, &e), ERROR_BUSY);
    CU_ASSERT_EQUAL(count, 0);
    target_kill(pid);
    CU_ASSERT_EQUAL(unwind_thread(u, pid, taken.frame[0], 4, &count, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(unwind_address(u, (uintptr_t)wait_for_lock, taken.frame[0]), 0);
    CU_ASSERT_STRING_EQUAL(taken.frame[0][0].function, "wait_for_lock");
    unwind_close(u);
    CU_ASSERT_EQUAL(unwind_open(&u, pid, pid, &e), ERROR_NOT_FOUND);
    board_free(board);
}

static pid_t refused_pid;

static int refused_as(uid_t user)
{
    struct error e = {0};
    struct unwind *u;
    size_t count;
    int code;

    if (user != 0 && setresuid(user, user, user) != 0)
        return 1;
    code = unwind_open(&u, refused_pid, refused_pid, &e);
    if (code != ERROR_PERMISSION || strstr(e.text, "ptrace_scope") == NULL)
        return 2;
    code = unwind_seize_all(refused_pid, taken.tid, STACKS, &count, &e);
    return code == ERROR_PERMISSION && count == 0 && strstr(e.text, "CAP_SYS_PTRACE") != NULL ? 0
                                                                                              : 3;
}

static void try_as_nobody(struct board *unused)
{
    _exit(refused_as(NOBODY));
}

static void test_other_user(void)
{
    struct board *board = board_new();
    int status;

    if (geteuid() != 0) {
        puts("  (needs root: skipped)");
        board_free(board);
        return;
    }
    refused_pid = target_start(page_target, board);
    board_wait(board, 1);
    status = target_join(target_start(try_as_nobody, NULL));
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    target_kill(refused_pid);
    board_free(board);
}

/* ptrace and process_vm_readv answer EPERM from here on, as under a container's filter. */
static bool refuse_tracing(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

static int filtered(struct board *board)
{
    struct error e = {0};
    struct unwind *u;
    size_t count;

    if (!refuse_tracing())
        return 1;
    if (unwind_seize_all(refused_pid, taken.tid, STACKS, &count, &e) != ERROR_PERMISSION ||
        strstr(e.text, "seccomp") == NULL)
        return 2;
    /* Memory can still be had through the file, so a saved stack is still unwound. */
    if (unwind_open(&u, refused_pid, refused_pid, &e) != 0)
        return 3;
    if (unwind_death(u, board, sizeof board->stack) < 3 || find(0, "lead_to_death", 0) != 1)
        return 4;
    unwind_close(u);
    return 0;
}

static void try_filtered(struct board *board)
{
    _exit(filtered(board));
}

static void test_filtered(void)
{
    struct board *board = board_new();
    int status;

    refused_pid = target_start(death_target, board);
    board_wait(board, 1);
    status = target_join(target_start(try_filtered, board));
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    target_kill(refused_pid);
    board_free(board);
}

enum {
    DESCRIPTORS = 256,
};

static void list_descriptors(int flags[DESCRIPTORS])
{
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        flags[fd] = fcntl(fd, F_GETFD);
}

/* What a handle holds open is closed by exec, so no target ever inherits it. */
static void test_descriptors(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(page_target, board);
    static int before[DESCRIPTORS], during[DESCRIPTORS], after[DESCRIPTORS];
    struct unwind_frame frame;
    struct error e = {0};
    struct unwind *u;
    int opened = 0;

    board_wait(board, 1);
    list_descriptors(before);
    CU_ASSERT_EQUAL_FATAL(unwind_open(&u, pid, pid, &e), 0);
    unwind_address(u, (uintptr_t)wait_for_lock, &frame);
    unwind_address(u, (uintptr_t)dlsym(RTLD_DEFAULT, "malloc"), &frame);
    list_descriptors(during);
    unwind_close(u);
    list_descriptors(after);
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        opened += before[fd] < 0 && during[fd] >= 0;
        CU_ASSERT_FALSE(before[fd] < 0 && during[fd] >= 0 && !(during[fd] & FD_CLOEXEC));
        CU_ASSERT_EQUAL(before[fd], after[fd]);
    }
    CU_ASSERT_TRUE(opened > 0);
    target_kill(pid);
    board_free(board);
}

static CU_TestInfo tests[] = {
    {"threads that wait for a lock", test_lock},
    {"offset is what the file's tools take", test_offset_is_of_the_file},
    {"a signal handler", test_handler},
    {"a signal handler on its own stack", test_handler_on_other_stack},
    {"a signal trampoline without tables", test_handler_without_tables},
    {"a call to nowhere", test_call_to_nowhere},
    {"code in anonymous memory", test_anonymous_code},
    {"inside malloc, lock held and waited for", test_in_malloc},
    {"the main thread has ended", test_dead_leader},
    {"saved registers and stack", test_saved_registers},
    {"as many frames as asked for", test_few_frames_wanted},
    {"corrupt frame chains end", test_corrupt_chain},
    {"garbage", test_garbage},
    {"addresses of all kinds", test_addresses},
    {"an address in a file", test_file_address},
    {"an address in no such file", test_file_address_errors},
    {"a deleted and replaced file", test_deleted_file},
    {"a deleted file, from memory alone", test_deleted_file_from_memory},
    {"a truncated file", test_truncated_file},
    {"an unloaded module", test_unloaded_module},
    {"one handle, several targets", test_retarget},
    {"one handle, changing modules", test_retarget_other_modules},
    {"threads that aren't stopped", test_not_stopped},
    {"another user's process", test_other_user},
    {"a filter that refuses ptrace", test_filtered},
    {"descriptors", test_descriptors},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    return unwind_tests("unwind", NULL, NULL, tests);
}
