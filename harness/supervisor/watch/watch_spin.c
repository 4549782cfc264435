/*
 * watch_spin: proves that threads spin, by stepping them.
 *
 * A thread whose registers and own stack are again what they were, after steps none of which
 * changed any other memory, took in nothing new and so will do the same for ever. If that
 * holds for each thread that runs, it holds for all together, however they take turns: none
 * ever sees another's memory change. What could tell a thread something new without a change of
 * memory is refused: the clock, the processor's counters and random numbers, any system call
 * but sched_yield, handlers of signals, and memory that other processes can write. The stacks of
 * the spinners count as their own alone.
 *
 * A loop that counts is never proved. Nothing here may wait without a deadline, and a thread
 * that was stepped goes on without the step's own signal.
 */
#include "watch_spin.h"

#include <stdio.h>

#if defined(__x86_64__)

#include "operand.h"

#include <harness/supervisor/process/clock.h>
#include <harness/supervisor/process/unwind.h>
#include <harness/supervisor/recorder/recorder_place.h>

#include <harness/recorder.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STEPS = 128,         /* instructions in one turn of the loop */
    REGIONS = 1024,      /* writable mappings */
    CODES = 64,          /* of code that asks others */
    PAGE = 4096,         /* of memory */
    CHUNK = 16,          /* pages read at once */
    BYTES_MAX = 8 << 20, /* of memory that is compared */
    WORK_MAX = 64 << 20, /* of it, over all steps of a turn */
    XSTATE = 16384,      /* vector registers */
    DEADLINE_MS = 250,   /* for all of it; then no further step is taken */
    STEP_MS = 2000,      /* for one that was taken: its signal must not be left to the program */
    POLLS = 20,
    FLAG_TRAP = 0x100,
    FLAG_RESUME = 0x10000,
};

struct region {
    uint64_t start;
    uint64_t end;
    bool own; /* the stack of a thread that runs */
};

/** @code: of [vdso], from which clocks are read, and of the recorder, whose memory others write.
 * @rseq: what the kernel itself writes. */
struct space_seen {
    int memory;
    int pages;
    unsigned regions;
    struct region region[REGIONS];
    unsigned codes;
    struct region code[CODES];
    unsigned runners;
    uint64_t rseq[WATCH_SPINNERS];
    uint64_t bytes; /* that the last comparison read */
};

struct runner {
    int tid;
    bool waits;   /* it was stopped in a system call that it is to begin anew */
    bool stepped; /* its last stop is a step's */
    struct user_regs_struct regs;
    size_t vectors;
    unsigned char vector[XSTATE];
};

struct proof {
    int pid;
    int64_t end_ms;
    char *why;
    struct space_seen seen;
    struct runner runner[WATCH_SPINNERS];
    unsigned runners;
    struct watch_spin_word word[WATCH_SPIN_WORDS];
    unsigned words;
};

static bool no(struct proof *proof, const char *why)
{
    snprintf(proof->why, FINDING_TEXT_BYTES, "a thread runs, and %s", why);
    return false;
}

/* --- memory ------------------------------------------------------------------------------- */

/* Between the recorder in the process and its daemons; nobody else in there reads it. */
static bool is_recorders_memory(const char *line)
{
    static const char *const names[] = {RECORDER_PLACE_ROOT "/" RECORDER_PLACE_PREFIX,
                                        "/dev/shm/lttng-ust-wait-", "/dev/shm/shm-event-notifier-"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(line, names[i]) != NULL)
            return true;
    return false;
}

static bool asks_others(const char *line)
{
    const char *slash = strrchr(line, '/');

    return strstr(line, "[vdso]") != NULL || (slash != NULL && recorder_is_module(slash + 1));
}

static bool add_code(struct proof *proof, uint64_t from, uint64_t to)
{
    struct space_seen *seen = &proof->seen;

    if (seen->codes == CODES)
        return no(proof, "the process has too many mappings");
    seen->code[seen->codes++] = (struct region){from, to, false};
    return true;
}

static bool add_region(struct proof *proof, const char *line)
{
    struct space_seen *seen = &proof->seen;
    unsigned long long from, to;
    char flags[8];

    if (sscanf(line, "%llx-%llx %7s", &from, &to, flags) != 3)
        return true;
    if (flags[2] == 'x' && asks_others(line) && !add_code(proof, from, to))
        return false;
    if (flags[3] == 's')
        return strstr(line, "memfd:rundown") != NULL || is_recorders_memory(line) ||
               no(proof, "the process has memory that others can write");
    if (flags[0] != 'r' || flags[1] != 'w')
        return true;
    if (seen->regions == REGIONS)
        return no(proof, "the process has too many mappings");
    seen->region[seen->regions++] = (struct region){from, to, false};
    return true;
}

static bool read_maps(struct proof *proof)
{
    char path[64];
    char line[4352];
    bool good = true;
    FILE *maps;

    snprintf(path, sizeof path, "/proc/%d/maps", proof->pid);
    maps = fopen(path, "re");
    if (maps == NULL)
        return no(proof, "its mappings cannot be read");
    while (good && fgets(line, sizeof line, maps) != NULL)
        good = add_region(proof, line);
    fclose(maps);
    return good;
}

static int open_proc(int pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The kernel notes there on which processor a thread runs. */
static void blank_rseq(const struct space_seen *seen, uint64_t start, unsigned char *bytes,
                       size_t length)
{
    for (unsigned r = 0; r < seen->runners; r++)
        for (uint64_t at = seen->rseq[r]; at < seen->rseq[r] + sizeof(struct rseq); at++)
            if (at >= start && at < start + length)
                bytes[at - start] = 0;
}

static uint64_t mix(uint64_t hash, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

/* Pages that were never written are not there, and are not made by looking. */
static bool mix_chunk(struct space_seen *seen, uint64_t start, unsigned pages, uint64_t *hash)
{
    uint64_t entry[CHUNK];
    unsigned char bytes[CHUNK * PAGE];
    ssize_t want = (ssize_t)(pages * sizeof entry[0]);

    if (pread(seen->pages, entry, (size_t)want, (off_t)(start / PAGE * sizeof entry[0])) != want)
        return false;
    for (unsigned i = 0; i < pages; i++) {
        uint64_t at = start + (uint64_t)i * PAGE;

        if ((entry[i] >> 62) == 0)
            continue;
        if (pread(seen->memory, bytes, PAGE, (off_t)at) != PAGE)
            return false;
        blank_rseq(seen, at, bytes, PAGE);
        *hash = mix(*hash ^ at, bytes, PAGE);
        seen->bytes += PAGE;
    }
    return true;
}

static bool mix_region(struct space_seen *seen, const struct region *region, uint64_t *hash)
{
    for (uint64_t at = region->start; at < region->end; at += (uint64_t)CHUNK * PAGE) {
        uint64_t left = (region->end - at) / PAGE;

        if (seen->bytes > BYTES_MAX ||
            !mix_chunk(seen, at, left < CHUNK ? (unsigned)left : CHUNK, hash))
            return false;
    }
    return true;
}

/* All memory but the runners' stacks; or @own, one of those. */
static bool memory_hash(struct proof *proof, const struct region *own, uint64_t *hash)
{
    struct space_seen *seen = &proof->seen;
    bool good = true;

    *hash = UINT64_C(0xcbf29ce484222325);
    seen->bytes = 0;
    for (unsigned i = 0; own == NULL && good && i < seen->regions; i++)
        good = seen->region[i].own || mix_region(seen, &seen->region[i], hash);
    if (own != NULL)
        good = mix_region(seen, own, hash);
    return good || no(proof, "its memory is too large to be compared");
}

static struct region *find_region(struct region *region, unsigned count, uint64_t address)
{
    for (unsigned i = 0; i < count; i++)
        if (address >= region[i].start && address < region[i].end)
            return &region[i];
    return NULL;
}

static struct region *region_of(struct space_seen *seen, uint64_t address)
{
    return find_region(seen->region, seen->regions, address);
}

/* --- one instruction ------------------------------------------------------------------------- */

static bool is_prefix(unsigned char byte)
{
    static const unsigned char prefixes[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e,
                                             0x36, 0x3e, 0x26, 0x64, 0x65};

    return memchr(prefixes, byte, sizeof prefixes) != NULL || (byte & 0xf0) == 0x40;
}

/* Where its opcode is; @length if that is not among these bytes. */
static size_t opcode_at(const unsigned char *code, size_t length)
{
    size_t i = 0;

    while (i < length && is_prefix(code[i]))
        i++;
    return i;
}

/* Whether the instruction at @code can bring in anything but memory and registers. */
static bool is_informed(const unsigned char *code, size_t length, uint64_t rax)
{
    size_t i = opcode_at(code, length);

    if (i + 3 > length)
        return true;
    if (code[i] == 0xcd || code[i] == 0xcc || (code[i] & 0xfc) == 0xe4 || (code[i] & 0xfc) == 0xec)
        return true; /* int, and the ports */
    if (code[i] != 0x0f)
        return false;
    switch (code[i + 1]) {
    case 0x05:
        return rax != SYS_sched_yield;
    case 0x01: /* rdtscp, and other system instructions; but xgetbv */
        return code[i + 2] != 0xd0;
    case 0xc7: /* rdrand, rdseed and rdpid; with a memory operand cmpxchg16b */
        return code[i + 2] >= 0xc0;
    case 0x31: /* rdtsc */
    case 0x33: /* rdpmc */
    case 0x34: /* sysenter */
    case 0xa2: /* cpuid */
        return true;
    default:
        return false;
    }
}

/*
 * pushf, popf and iret. Over the first, the step's own trap flag goes to the stack with the others;
 * over the other two, Linux takes it for the program's own from then on (enable_single_step() in
 * arch/x86/kernel/step.c). Either way the program would trap when we have gone.
 */
static bool moves_flags(const unsigned char *code, size_t length)
{
    size_t i = opcode_at(code, length);

    return i < length && (code[i] == 0x9c || code[i] == 0x9d || code[i] == 0xcf);
}

static bool may_step(struct proof *proof, const struct runner *runner)
{
    unsigned char code[16];
    uint64_t at = runner->regs.rip;
    ssize_t length = pread(proof->seen.memory, code, sizeof code, (off_t)at);

    if (length <= 0)
        return no(proof, "its code cannot be read");
    if (find_region(proof->seen.code, proof->seen.codes, at) != NULL ||
        is_informed(code, (size_t)length, runner->regs.rax))
        return no(proof, "asks the system or the clock");
    return !moves_flags(code, (size_t)length) || no(proof, "saves its flags or restores them");
}

/* It runs one instruction, mostly while we look; on a busy machine it takes its time. */
static int await_stop(int tid, int *status)
{
    struct timespec pause = {0, 20000};
    int64_t end = clock_ms() + STEP_MS;

    for (unsigned poll = 0;; poll++) {
        int got = waitpid(tid, status, __WALL | WNOHANG);

        if (got != 0 && !(got < 0 && errno == EINTR))
            return got;
        if (poll >= POLLS) {
            if (clock_ms() > end)
                return 0;
            nanosleep(&pause, NULL);
        }
    }
}

/* True if it stopped of the step itself. */
static bool await_step(struct proof *proof, struct runner *runner)
{
    int status = 0;

    if (await_stop(runner->tid, &status) != runner->tid)
        return no(proof, "it cannot be followed");
    runner->stepped = WIFSTOPPED(status) && status >> 8 == SIGTRAP;
    return runner->stepped || no(proof, "was interrupted");
}

/*
 * The kernel's own results, which no program sees: the call is made again on the way back. A step
 * would wait there for as long as the call does, which by then nobody else can end; and as it is
 * interrupted at last the step's signal is raised after the stop that lets the thread go.
 */
static bool is_restarted(const struct user_regs_struct *regs)
{
    enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_BLOCK = 516 };
    int64_t result = -(int64_t)regs->rax;

    return (int64_t)regs->orig_rax >= 0 && (result == RESTARTSYS || result == RESTARTNOINTR ||
                                            result == RESTARTNOHAND || result == RESTART_BLOCK);
}

static bool read_registers(struct proof *proof, struct runner *runner)
{
    struct iovec area = {&runner->regs, sizeof runner->regs};

    if (ptrace(PTRACE_GETREGSET, runner->tid, (void *)(uintptr_t)NT_PRSTATUS, &area) != 0)
        return no(proof, "its registers cannot be read");
    runner->waits = is_restarted(&runner->regs);
    runner->regs.orig_rax = 0;
    runner->regs.eflags &= ~(unsigned long)FLAG_RESUME;
    return true;
}

static bool read_vectors(struct runner *runner)
{
    struct iovec area = {runner->vector, sizeof runner->vector};

    memset(runner->vector, 0, sizeof runner->vector);
    if (ptrace(PTRACE_GETREGSET, runner->tid, (void *)(uintptr_t)NT_X86_XSTATE, &area) != 0)
        return false;
    runner->vectors = area.iov_len;
    return true;
}

static bool step(struct proof *proof, struct runner *runner)
{
    if (clock_ms() > proof->end_ms)
        return no(proof, "there was no time to follow it");
    if (!may_step(proof, runner))
        return false;
    runner->stepped = false;
    if (ptrace(PTRACE_SINGLESTEP, runner->tid, NULL, NULL) != 0)
        return no(proof, "it cannot be followed");
    return await_step(proof, runner) && read_registers(proof, runner);
}

/* --- one turn of a loop ------------------------------------------------------------------------
 */

static bool is_back(const struct runner *now, const struct runner *then)
{
    return memcmp(&now->regs, &then->regs, sizeof now->regs) == 0;
}

/* How many steps it takes until the registers are as they are now; 0: too many. */
static unsigned turn_length(struct proof *proof, struct runner *runner)
{
    struct runner then = *runner;

    for (unsigned steps = 1; steps <= STEPS; steps++) {
        if (!step(proof, runner))
            return 0;
        if (is_back(runner, &then))
            return steps;
    }
    no(proof, "its registers did not recur");
    return 0;
}

/* @then: before the instruction that has just been stepped. */
static void note_word(struct proof *proof, const struct runner *runner,
                      const struct user_regs_struct *then)
{
    const uint64_t general[16] = {then->rax, then->rcx, then->rdx, then->rbx, then->rsp, then->rbp,
                                  then->rsi, then->rdi, then->r8,  then->r9,  then->r10, then->r11,
                                  then->r12, then->r13, then->r14, then->r15};
    unsigned char code[16];
    ssize_t length = pread(proof->seen.memory, code, sizeof code, (off_t)then->rip);
    const struct region *region;
    uint64_t word;

    if (length <= 0 ||
        !operand_address(code, (size_t)length, general, then->fs_base, runner->regs.rip, &word))
        return;
    region = region_of(&proof->seen, word);
    if (region == NULL || region->own || proof->words == WATCH_SPIN_WORDS)
        return;
    for (unsigned i = 0; i < proof->words; i++)
        if (proof->word[i].tid == runner->tid && proof->word[i].word == word)
            return;
    proof->word[proof->words++] =
        (struct watch_spin_word){.tid = runner->tid, .word = word, .at = then->rip};
}

/* One more turn, and after each step of it the memory is what it was: @hash. */
static bool turn_again(struct proof *proof, struct runner *runner, unsigned steps, uint64_t hash)
{
    uint64_t now;

    for (unsigned i = 0; i < steps; i++) {
        struct user_regs_struct then = runner->regs;

        if (!step(proof, runner) || !memory_hash(proof, NULL, &now))
            return false;
        note_word(proof, runner, &then);
        if (now != hash)
            return no(proof, "writes to memory");
        if (proof->seen.bytes * (steps - i) > WORK_MAX)
            return no(proof, "its memory is too large to be compared at each step");
    }
    return true;
}

static bool recurs(struct proof *proof, struct runner *runner, uint64_t hash)
{
    struct region *stack = region_of(&proof->seen, runner->regs.rsp);
    static struct runner then;
    uint64_t before, after;
    unsigned steps;

    /* From a first step on all stops are of one kind, and their registers comparable. */
    if (!step(proof, runner) || (steps = turn_length(proof, runner)) == 0 ||
        !read_vectors(runner) || !memory_hash(proof, stack, &before))
        return false;
    then = *runner;
    if (!turn_again(proof, runner, steps, hash) || !read_vectors(runner) ||
        !memory_hash(proof, stack, &after))
        return false;
    if (!is_back(runner, &then) || before != after || runner->vectors != then.vectors ||
        memcmp(runner->vector, then.vector, sizeof then.vector) != 0)
        return no(proof, "is not again as it was");
    return true;
}

/* --- signals ------------------------------------------------------------------------------------
 */

/* Faults come of what a thread does itself; those of the agent and of glibc are among the rest. */
static uint64_t from_outside(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    uint64_t mask = (UINT64_C(1) << 31) - 1; /* the signals below the real-time ones */

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        mask &= ~(UINT64_C(1) << (faults[i] - 1));
    return mask;
}

/* A loop may wait for what a handler writes, and a signal may come at any time. */
static bool may_be_told(struct proof *proof)
{
    char path[64];
    char line[256];
    unsigned long long caught = UINT64_MAX;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", proof->pid);
    status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "SigCgt: %llx", &caught) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return (caught & from_outside()) != 0;
}

/*
 * The kernel gives a blocked SIGTRAP its default action when a step raises it: that would end the
 * process. The agent's own stepping is such a place, in its handler.
 */
static bool blocks_steps(const struct proof *proof, int tid)
{
    char path[64];
    char line[256];
    unsigned long long blocked = UINT64_MAX;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/task/%d/status", proof->pid, tid);
    status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return (blocked & UINT64_C(1) << (SIGTRAP - 1)) != 0;
}

/* --- all of them --------------------------------------------------------------------------------
 */

static bool begin(struct proof *proof, const int *tids, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct runner *runner = &proof->runner[i];
        struct region *stack;

        runner->tid = tids[i];
        runner->stepped = false;
        if (!read_registers(proof, runner))
            return false;
        if ((runner->regs.eflags & FLAG_TRAP) || blocks_steps(proof, runner->tid))
            return no(proof, "it is being stepped already");
        if (runner->waits)
            return no(proof, "it waits in a system call by now");
        stack = region_of(&proof->seen, runner->regs.rsp);
        if (stack == NULL)
            return no(proof, "its stack is not known");
        stack->own = true;
        proof->seen.rseq[i] = runner->regs.fs_base + (uint64_t)__rseq_offset;
    }
    proof->runners = proof->seen.runners = count;
    return true;
}

static bool prove(struct proof *proof, const int *tids, unsigned count)
{
    uint64_t hash;

    if (may_be_told(proof))
        return no(proof, "a signal could tell it something");
    if (!read_maps(proof) || !begin(proof, tids, count) || !memory_hash(proof, NULL, &hash))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!recurs(proof, &proof->runner[i], hash))
            return false;
    return true;
}

static bool was_stepped(const struct proof *proof, pid_t tid)
{
    for (unsigned i = 0; i < proof->runners; i++)
        if (proof->runner[i].tid == tid)
            return proof->runner[i].stepped;
    return false;
}

static struct proof proof; /* large; the supervisor has one thread */
static pid_t held[EVIDENCE_THREADS];
static size_t held_count;

/* A step's own signal must not reach the program; any other must. */
static void let_go(void)
{
    size_t others = 0;

    for (size_t i = 0; i < held_count; i++)
        if (!was_stepped(&proof, held[i]) || ptrace(PTRACE_DETACH, held[i], NULL, NULL) != 0)
            held[others++] = held[i];
    held_count = others;
    watch_spin_release();
}

void watch_spin_release(void)
{
    if (held_count > 0 && unwind_detach_all(proof.pid, held, held_count) == 0)
        held_count = 0;
}

unsigned watch_spin_words(struct watch_spin_word words[WATCH_SPIN_WORDS])
{
    memcpy(words, proof.word, sizeof proof.word);
    return proof.words;
}

bool watch_spin_proved(int pid, const int *tids, unsigned count, char why[FINDING_TEXT_BYTES])
{
    struct error e;
    bool proved = false;
    int code;

    proof.why = why;
    if (held_count > 0)
        return no(&proof, "and threads that were stopped before could not be let go yet");
    memset(&proof, 0, sizeof proof);
    proof.pid = pid;
    proof.why = why;
    proof.end_ms = clock_ms() + DEADLINE_MS;
    if (count == 0 || count > WATCH_SPINNERS)
        return no(&proof, "so do too many others");
    code = unwind_seize_all(pid, held, EVIDENCE_THREADS, &held_count, &e);
    proof.seen.memory = open_proc(pid, "mem");
    proof.seen.pages = open_proc(pid, "pagemap");
    if (code == 0 && proof.seen.memory >= 0 && proof.seen.pages >= 0)
        proved = prove(&proof, tids, count);
    else
        no(&proof, "it cannot be stopped and read");
    let_go();
    if (proof.seen.memory >= 0)
        close(proof.seen.memory);
    if (proof.seen.pages >= 0)
        close(proof.seen.pages);
    return proved;
}

#else

bool watch_spin_proved(int pid, const int *tids, unsigned count, char why[FINDING_TEXT_BYTES])
{
    (void)pid;
    (void)tids;
    (void)count;
    snprintf(why, FINDING_TEXT_BYTES, "a thread runs, and can't be followed on this machine");
    return false;
}

void watch_spin_release(void) {}

unsigned watch_spin_words(struct watch_spin_word words[WATCH_SPIN_WORDS])
{
    (void)words;
    return 0;
}

#endif
