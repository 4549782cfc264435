/*
 * heap_fault: frees of what is no block, put down with all that is known.
 *
 * Only what is certain is called a fault, since a false one would be blamed on somebody's sound
 * program: a block whose birth no hook saw may have come from before main, from an allocator of
 * the program's own, from a thread without a lane or a process that shares our tables without
 * a word (a raw clone). Where one of those is possible, the free is EVENT_FREE_UNKNOWN and no
 * more; if glibc then aborts, the detectors may still tell. The call goes on in either case.
 */
#include "heap_check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#pragma weak _dl_find_object

enum {
    REACH = 65536,       /* how far below an address its block may begin */
    REACH_SPENT = 256,   /* the same, after that has been looked for too often */
    WALKS = 64,          /* per cycle: programs free many blocks from before main */
    STACK_MOST = 8 << 20 /* from the stack pointer up: only there maps are worth reading */
};

static bool is_glibc;     /* glibc's own allocator follows our hooks */
static bool heap_is_ours; /* and all that allocates comes by them */
static PER_CYCLE uint32_t walks;

extern void *__libc_stack_end;

/* A program may have only some of them for itself, and hand its blocks to our free. */
void heap_begin(void)
{
    static const char *const names[] = {
        "malloc",         "calloc",        "realloc",      "free",   "memalign",
        "posix_memalign", "aligned_alloc", "reallocarray", "valloc", "pvalloc"};
    void *libc_free = dlsym(RTLD_NEXT, "__libc_free");

    is_glibc = libc_free != NULL && libc_free == (void *)real.free;
    heap_is_ours = is_glibc;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        heap_is_ours &= agent_owns_address((uint64_t)dlsym(RTLD_DEFAULT, names[i]));
}

bool heap_is_glibc(void)
{
    return is_glibc;
}

bool heap_is_targets(void)
{
    return agent_active && (uint32_t)RAW1(SYS_getpid, 0) == CONTROL->pid;
}

/* --- stacks ------------------------------------------------------------------------------ */

/* Whatever the bytes are, reading them this way can't fail but by stopping early. */
static uint32_t read_own(void *out, uint64_t from, uint32_t bytes)
{
    uint32_t head = ABI_PAGE_BYTES - (uint32_t)(from % ABI_PAGE_BYTES);
    struct iovec local = {out, bytes};
    struct iovec remote[2] = {{(void *)from, head < bytes ? head : bytes},
                              {(void *)(from + head), head < bytes ? bytes - head : 0}};
    long got =
        raw_syscall(SYS_process_vm_readv, RAW1(SYS_getpid, 0), (long)&local, 1, (long)remote, 2, 0);

    if (got > 0)
        return (uint32_t)got;
    memcpy(out, (const void *)from, remote[0].iov_len); /* refused: its own page is surely there */
    return (uint32_t)remote[0].iov_len;
}

/* What callers have in rbx, rbp and r12 to r15 by now lies in the frames that are copied. */
void __attribute__((noinline)) heap_stack(struct abi_stack *out)
{
    uint64_t *regs = out->regs;

    memset(regs, 0, sizeof out->regs);
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "r"(regs)
                     : "rax", "memory");
    out->address = regs[7];
    out->bytes = read_own(out->copy, out->address, ABI_STACK_BYTES);
}

/* --- records ----------------------------------------------------------------------------- */

struct abi_heap_fault *fault_begin(struct abi_lane *lane, uint32_t kind, uint64_t address)
{
    uint32_t index = __atomic_fetch_add(&CONTROL->heap_faults, 1, __ATOMIC_RELAXED);
    struct abi_heap_fault *fault;

    __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_BLOCK, __ATOMIC_RELAXED);
    if (index >= ABI_HEAP_FAULTS)
        return NULL;
    fault = &agent_memory->heap_fault[index];
    memset(fault, 0, offsetof(struct abi_heap_fault, stack));
    fault->kind = kind;
    fault->lane = lane_index(lane);
    fault->site = lane->site <= ABI_SITE_LAST_ALLOC ? lane->site : SITE_ANY;
    fault->hit = lane->hits[fault->site];
    fault->freed_lane = UINT32_MAX;
    fault->address = address;
    fault->caller = fault->site != SITE_ANY ? lane->site_caller : 0;
    fault->time = agent_ticks();
    fault->stack.bytes = 0;
    if (fault->site != SITE_ANY)
        heap_stack(&fault->stack);
    return fault;
}

void fault_end(struct abi_heap_fault *fault)
{
    if (fault != NULL)
        __atomic_store_n(&fault->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
}

void fault_block(struct abi_heap_fault *fault, uint64_t block, struct heap_block was)
{
    if (fault == NULL)
        return;
    fault->block = block;
    fault->bytes = was.bytes > 0 ? (uint64_t)was.bytes : 0;
    fault->allocated = agent_memory->call_site[was.site % ABI_CALL_SITES];
}

/* --- what the rings tell of a free ----------------------------------------------------------- */

/** struct freed - the last free of a block that a ring has; @lane NULL: none. */
struct freed {
    const struct abi_lane *lane;
    uint64_t at; /* number of the event */
    uint64_t time;
};

static const struct abi_event *event_at(const struct abi_lane *lane, uint64_t number)
{
    return &lane->ring[number % ABI_RING_EVENTS];
}

/* Stamps are thinned out: what has none lies behind the last that has one. */
static uint64_t time_at(const struct abi_lane *lane, uint64_t number, uint64_t first)
{
    while (number > first && event_at(lane, number)->time == 0)
        number--;
    return event_at(lane, number)->time;
}

static void look_in(const struct abi_lane *lane, uint64_t block, struct freed *found)
{
    uint64_t first = lane->seq > ABI_RING_EVENTS ? lane->seq - ABI_RING_EVENTS : 0;

    for (uint64_t at = lane->seq; at-- > first;) {
        const struct abi_event *event = event_at(lane, at);
        uint64_t time;

        if (event->object != block ||
            (event->kind != EVENT_FREE && event->kind != EVENT_FREE_UNKNOWN))
            continue;
        time = time_at(lane, at, first);
        if (found->lane == NULL || time > found->time)
            *found = (struct freed){lane, at, time};
        return;
    }
}

static struct freed who_freed(const struct abi_lane *self, uint64_t block)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;
    struct freed found = {NULL, 0, 0};

    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &agent_memory->lane[i];

        if (lane->epoch == CONTROL->epoch && lane->pid == self->pid)
            look_in(lane, block, &found);
    }
    return found;
}

/*
 * The plan struck inside that very free: whether the block was given back by then nobody knows,
 * and that it was not is no fault of the program's.
 */
static bool was_struck(const struct freed *freed)
{
    for (uint64_t at = freed->at + 1; at < freed->lane->seq && at <= freed->at + 3; at++)
        if (event_at(freed->lane, at)->kind == EVENT_INJECT_INTENT)
            return true;
    return false;
}

static void tell_freed(struct abi_heap_fault *fault, const struct freed *freed)
{
    const struct abi_event *event;

    if (fault == NULL || freed->lane == NULL)
        return;
    event = event_at(freed->lane, freed->at);
    fault->freed = event->caller;
    fault->freed_lane = lane_index(freed->lane);
    fault->freed_site = event->site;
    fault->freed_time = event->time; /* 0 where its stamp was saved */
}

/* --- is it certain? ----------------------------------------------------------------------------
 */

static bool has_children(void)
{
    struct rusage usage;

    memset(&usage, 0, sizeof usage);
    RAW2(SYS_getrusage, RUSAGE_CHILDREN, &usage);
    return usage.ru_minflt != 0 ||
           raw_syscall(SYS_waitid, P_ALL, 0, 0, WEXITED | WNOHANG | WNOWAIT, 0, 0) == 0;
}

/* A child that no hook saw made has written in our tables as if it were we. */
static bool has_unseen_children(void)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;
    static const uint8_t makers[] = {SITE_FORK, SITE_VFORK, SITE_SYSTEM, SITE_POPEN, SITE_SPAWN};

    for (uint32_t i = 0; i < lanes; i++)
        for (unsigned site = 0; site < sizeof makers; site++)
            if (agent_memory->lane[i].epoch == CONTROL->epoch &&
                agent_memory->lane[i].hits[makers[site]] != 0)
                return false;
    return has_children();
}

static bool is_certain(const struct abi_lane *lane)
{
    return heap_is_ours && !lane->elsewhere && heap_is_targets() && CONTROL->heap_full == 0 &&
           CONTROL->lane_overflow == 0 && !has_unseen_children();
}

/* --- what no allocator gives out ---------------------------------------------------------------
 */

/* The loader's own early allocations lie in its data; they are never freed, but who knows. */
static bool is_static(uint64_t address)
{
    struct dl_find_object object;
    uint64_t loader = (uint64_t)_dl_find_object;

    if (_dl_find_object == NULL || _dl_find_object((void *)address, &object) != 0)
        return false;
    return loader - (uint64_t)object.dlfo_map_start >=
           (uint64_t)object.dlfo_map_end - (uint64_t)object.dlfo_map_start;
}

static uint64_t hex(const char **text)
{
    uint64_t number = 0;

    for (;; (*text)++) {
        char c = **text;

        if (c >= '0' && c <= '9')
            number = number << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number << 4 | (uint64_t)(c - 'a' + 10);
        else
            return number;
    }
}

/* One line of maps; 1 if it has all three addresses, -1 if it has @low and not the others. */
static int judge_line(const char *line, uint64_t low, uint64_t address, uint64_t high)
{
    uint64_t from = hex(&line);
    uint64_t to;

    line++;
    to = hex(&line);
    if (low < from || low >= to)
        return 0;
    return address < to && high <= to ? 1 : -1;
}

/* Whether one mapping has them all. */
static bool in_one_mapping(uint64_t low, uint64_t address, uint64_t high)
{
    long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    char line[64];
    char chunk[512];
    unsigned length = 0;
    long got;
    int verdict = 0;

    if (fd < 0)
        return false;
    while (verdict == 0 && (got = RAW3(SYS_read, fd, chunk, sizeof chunk)) > 0)
        for (long i = 0; i < got && verdict == 0; i++) {
            if (chunk[i] != '\n') {
                if (length < sizeof line - 1)
                    line[length++] = chunk[i];
                continue;
            }
            line[length] = 0;
            verdict = judge_line(line, low, address, high);
            length = 0;
        }
    RAW1(SYS_close, fd);
    return verdict > 0;
}

/*
 * The thread's block lies above its stack, in the same mapping, with a guard page below; the
 * main thread's stack ends where libc says. What runs on a stack of the program's own making
 * has its stack pointer in another mapping, and is not judged.
 */
static bool is_on_stack(const struct abi_lane *lane, uint64_t address)
{
    uint64_t low = (uint64_t)__builtin_frame_address(0);
    uint64_t high = lane->tid == CONTROL->pid ? (uint64_t)__libc_stack_end
                                              : (uint64_t)__builtin_thread_pointer();

    return address >= low && address - low < STACK_MOST && address < high &&
           in_one_mapping(low, address, high);
}

/* HEAP_FAULT_NONE: it may well be a block that nobody has told us of. */
static uint32_t kind_of(const struct abi_lane *lane, uint64_t address, uint64_t *around,
                        struct heap_block *was)
{
    bool odd = address % 16 != 0;

    *around = heap_find_around(address, odd || walks++ < WALKS ? REACH : REACH_SPENT, was);
    if (*around != 0)
        return HEAP_FAULT_INSIDE;
    if (is_on_stack(lane, address))
        return HEAP_FAULT_STACK;
    if (is_static(address))
        return HEAP_FAULT_STATIC;
    return odd ? HEAP_FAULT_ODD : HEAP_FAULT_NONE;
}

/* --- a free that the table knows nothing of
 * -------------------------------------------------------
 */

static void suspect_bad(struct abi_lane *lane, uint64_t address)
{
    struct heap_block was = {-1, 0};
    uint64_t around;
    uint32_t kind = kind_of(lane, address, &around, &was);
    struct abi_heap_fault *fault;

    if (kind == HEAP_FAULT_NONE || !is_certain(lane))
        return;
    fault = fault_begin(lane, kind, address);
    fault_block(fault, around, was);
    fault_end(fault);
}

static void suspect_freed(struct abi_lane *lane, uint64_t address, struct heap_block was)
{
    struct freed freed = who_freed(lane, address);
    struct abi_heap_fault *fault;

    if ((freed.lane != NULL && was_struck(&freed)) || !is_certain(lane))
        return;
    fault = fault_begin(lane, HEAP_FAULT_FREED, address);
    fault_block(fault, address, was);
    tell_freed(fault, &freed);
    fault_end(fault);
}

void heap_suspect(struct abi_lane *lane, const void *block)
{
    struct heap_block was;
    bool paused = step_pause(lane); /* what is looked at here is not the call's */

    if ((uint64_t)block % 16 == 0 && heap_find_freed(block, &was))
        suspect_freed(lane, (uint64_t)block, was);
    else if (!fill_holds(block)) /* told when it is taken out */
        suspect_bad(lane, (uint64_t)block);
    if (paused)
        step_resume();
}
