/*
 * step: counts the instructions of a call by the processor's trap flag, in the thread itself.
 *
 * Only instructions outside the agent count. The handler runs before each of them and either
 * strikes, or lets it go on. Two kinds of system call must not be stepped over blindly:
 *
 *   - one that would block SIGTRAP: the next trap would kill the process. The handler does the
 *     call itself, on the mask that its own return will install, and leaves SIGTRAP out. What
 *     the program wants of SIGTRAP is kept beside it, told when asked for, and given back;
 *   - one that makes a new thread or process: flag, mask and handler would be copied to it.
 *     Stepping ends there, so lengths and strikes reach up to the clone and not beyond.
 *
 * Source of the flag's rules: Intel SDM vol. 3, 17.3 (debug exceptions).
 */
#include "agent.h"

#include <string.h>
#include <sys/ucontext.h>

#define TRAP_FLAG 0x100
#define TRAP_BIT  (UINT64_C(1) << (SIGTRAP - 1))

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
static uint64_t code_end; /* of the agent's own code; found at the first step */

/* While this thread has SIGTRAP for itself: whether the program wants it blocked here. */
static __thread bool taken INITIAL_EXEC;
static __thread bool program_blocks INITIAL_EXEC;

/* What the program wants done at a SIGTRAP, while threads of it are stepped. */
static struct sigaction program_action;
static uint32_t stepped; /* threads */

static void find_own_code(void)
{
    const char *base = (const char *)&__ehdr_start;
    const ElfW(Phdr) *segment = (const void *)(base + __ehdr_start.e_phoff);

    for (unsigned i = 0; i < __ehdr_start.e_phnum; i++, segment++)
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X))
            code_end = (uint64_t)base + segment->p_vaddr + segment->p_memsz;
}

bool agent_owns_address(uint64_t address)
{
    if (code_end == 0)
        find_own_code();
    return address >= (uint64_t)&__ehdr_start && address < code_end;
}

static void kernel_mask(int how, const uint64_t *set, uint64_t *old)
{
    RAW4(SYS_rt_sigprocmask, how, set, old, 8);
}

static inline void set_flag(void)
{
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

static inline void clear_flag(void)
{
    __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

static void finish(struct abi_lane *lane)
{
    lane->stepping = 0;
    lane->attention &= ~(uint32_t)ATTEND_STEP;
}

static bool is_syscall(uint64_t rip)
{
    return memcmp((const void *)rip, "\x0f\x05", 2) == 0;
}

static bool makes_a_thread(long number)
{
    return number == SYS_clone || number == SYS_clone3 || number == SYS_fork || number == SYS_vfork;
}

/* The mask as the program would have it, in a context. */
static uint64_t program_mask(const ucontext_t *uc)
{
    uint64_t mask;

    memcpy(&mask, &uc->uc_sigmask, sizeof mask);
    return (mask & ~TRAP_BIT) | (program_blocks ? TRAP_BIT : 0);
}

static uint64_t changed_mask(uint64_t mask, greg_t how, const uint64_t *set)
{
    if (set == NULL)
        return mask;
    if (how == SIG_BLOCK)
        return mask | *set;
    return how == SIG_UNBLOCK ? mask & ~*set : *set;
}

/* rt_sigprocmask(how, set, old, 8), carried out on the context that sigreturn installs. */
static void emulate_mask(ucontext_t *uc)
{
    greg_t *regs = uc->uc_mcontext.gregs;
    const uint64_t *set = (const uint64_t *)regs[REG_RSI];
    uint64_t *old = (uint64_t *)regs[REG_RDX];
    uint64_t before = program_mask(uc);
    uint64_t mask = changed_mask(before, regs[REG_RDI], set);

    if (old != NULL)
        *old = before; /* perhaps what @set was read from */
    program_blocks = (mask & TRAP_BIT) != 0;
    mask &= ~TRAP_BIT;
    memcpy(&uc->uc_sigmask, &mask, sizeof mask);
    regs[REG_RAX] = 0;
    regs[REG_RIP] += 2;
}

/* With several strikes another thread may just begin to step: then the signal stays ours. */
static void give_back_signal(void)
{
    taken = false;
    if (__atomic_sub_fetch(&stepped, 1, __ATOMIC_ACQ_REL) == 0 && CONTROL->plan.count <= 1)
        sigaction(SIGTRAP, &program_action, NULL);
}

static void give_back_mask(ucontext_t *uc)
{
    uint64_t mask = program_mask(uc);

    memcpy(&uc->uc_sigmask, &mask, sizeof mask);
}

static void before_syscall(struct abi_lane *lane, ucontext_t *uc)
{
    greg_t *regs = uc->uc_mcontext.gregs;

    if (regs[REG_RAX] == SYS_rt_sigprocmask && regs[REG_R10] == 8 &&
        (regs[REG_RSI] == 0 || (uint64_t)regs[REG_RDI] <= SIG_SETMASK))
        emulate_mask(uc);
    else if (makes_a_thread(regs[REG_RAX])) {
        regs[REG_EFL] &= ~TRAP_FLAG;
        lane->step_goal = 0; /* measured up to here, and nothing to strike any more */
        give_back_signal();  /* what is born now has nothing of ours */
        give_back_mask(uc);
    }
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *regs = uc->uc_mcontext.gregs;
    struct abi_lane *lane = agent_lane;
    uint64_t rip = (uint64_t)regs[REG_RIP];

    if (lane == NULL || lane->stepping == 0) {
        regs[REG_EFL] &= ~TRAP_FLAG;
        return;
    }
    if (agent_owns_address(rip))
        return;
    if (lane->step_count >= lane->step_goal) {
        bool strike = lane->stepping == 1;

        regs[REG_EFL] &= ~TRAP_FLAG;
        give_back_signal();
        give_back_mask(uc);
        if (strike) {
            strike_fire(lane, lane->strike - 1, context);
            finish(lane);
        }
        return;
    }
    lane->step_count++;
    if (is_syscall(rip))
        before_syscall(lane, uc);
}

void step_begin(struct abi_lane *lane, uint32_t mode, uint32_t goal)
{
    lane->step_count = 0;
    lane->step_goal = goal;
    lane->step_site = lane->site;
    lane->step_hit = lane->hits[lane->site];
    lane->step_nested = 0;
    lane->stepping = mode;
    lane->attention |= ATTEND_STEP;
}

static void take_signal(void)
{
    struct sigaction action;
    struct sigaction old;

    __atomic_fetch_add(&stepped, 1, __ATOMIC_ACQ_REL);
    taken = true;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigfillset(&action.sa_mask);
    if (sigaction(SIGTRAP, &action, &old) == 0 && old.sa_sigaction != on_trap)
        program_action = old;
}

/* What comes between this and the real function is a few instructions of our own. */
void step_go(struct abi_lane *lane)
{
    uint64_t trap = TRAP_BIT;
    uint64_t before = 0;

    if (lane->step_nested++ != 0)
        return;
    if (code_end == 0)
        find_own_code();
    take_signal();
    kernel_mask(SIG_UNBLOCK, &trap, &before);
    program_blocks = (before & TRAP_BIT) != 0;
    set_flag();
}

static void note_length(struct abi_lane *lane)
{
    struct abi_step_lengths *lengths = &agent_memory->lengths[lane_index(lane)];
    unsigned bucket = 31 - (unsigned)__builtin_clz((uint32_t)lane->step_hit | 1);

    if (bucket < PROFILE_LENGTHS && lane->step_site < ABI_SITES_ALL)
        lengths->length[lane->step_site][bucket] = lane->step_count;
}

/* Only the hook that began the stepping ends it, not one that is nested in its call. */
void step_end(struct abi_lane *lane)
{
    uint64_t trap = TRAP_BIT;

    if (--lane->step_nested != 0)
        return;
    clear_flag();
    if (lane->stepping == 2)
        note_length(lane);
    finish(lane);
    if (!taken)
        return; /* given back where the stepping ended */
    give_back_signal();
    if (program_blocks)
        kernel_mask(SIG_BLOCK, &trap, NULL);
}

bool step_pause(const struct abi_lane *lane)
{
    if (lane->stepping == 0 || lane->step_nested == 0 || !taken)
        return false;
    clear_flag();
    return true;
}

void step_resume(void)
{
    set_flag();
}

IN_EVERY_CYCLE void step_forked(void)
{
    if (stepped == 0)
        return;
    stepped = 0;
    taken = false;
    sigaction(SIGTRAP, &program_action, NULL);
}
