/*
 * fatal: a fatal signal is noted on an alternate stack, then the process stops itself. The
 * server, its parent, sees the stop and rings the supervisor, which reads the target while it
 * stands still and then ends it. A program that installs handlers of its own replaces ours.
 */
#include "agent.h"
#include "ties.h"
#include "heap_check.h"

#include <string.h>
#include <sys/ucontext.h>

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};

static void note_registers(struct abi_crash *crash, const ucontext_t *uc)
{
    static const unsigned char order[17] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                            REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                            REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

    for (unsigned i = 0; i < 17; i++)
        crash->regs[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
}

static void on_fatal(int signal, siginfo_t *info, void *context)
{
    struct abi_crash *crash = &CONTROL->crash;
    struct abi_lane *lane = agent_lane;
    uint32_t anomaly = __atomic_fetch_or(&CONTROL->anomaly, ANOMALY_SIGNAL, __ATOMIC_ACQ_REL);

    if (!(anomaly & ANOMALY_SIGNAL)) { /* the first one is the one to tell of */
        crash->signal = (uint32_t)signal;
        crash->code = info->si_code;
        crash->address = (uint64_t)info->si_addr;
        crash->tid = (uint32_t)RAW1(SYS_gettid, 0);
        crash->lane = lane != NULL ? lane_index(lane) : UINT32_MAX;
        crash->time = agent_ticks();
        note_registers(crash, context);
        crash->handler_of = ties_signal_at(crash->regs[16]);
        crash->wrote = ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] >> 1 & 1;
        if (lane != NULL)
            lane_put(lane, EVENT_SIGNAL, (uint16_t)lane->site, (uint32_t)signal, crash->address, 0,
                     crash->regs[16], crash->time);
        __atomic_store_n(&crash->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
        if (heap_checks(HEAP_CHECKS) && lane != NULL)
            heap_check_end(lane);
    }
    /* To this very thread: sent to the process, another may take it while we go on and die. */
    RAW3(SYS_tgkill, RAW1(SYS_getpid, 0), RAW1(SYS_gettid, 0), SIGSTOP);
    /* Whoever lets us go on wants the signal's own end: the instruction happens again. */
    struct sigaction standard;

    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, NULL);
    if (info->si_code <= 0) /* sent, not caused: nothing would happen again */
        RAW3(SYS_tgkill, RAW1(SYS_getpid, 0), RAW1(SYS_gettid, 0), signal);
}

void fatal_install(void)
{
    struct sigaction action;
    struct sigaction old;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fatal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (unsigned i = 0; i < sizeof fatal_signals / sizeof fatal_signals[0]; i++)
        if (sigaction(fatal_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(fatal_signals[i], &action, NULL);
}

void fatal_release(int signal)
{
    struct sigaction action;

    if (sigaction(signal, NULL, &action) != 0 || !(action.sa_flags & SA_SIGINFO) ||
        action.sa_sigaction != on_fatal)
        return;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, NULL);
}

void fatal_stack(struct abi_lane *lane)
{
    stack_t stack;

    memset(&stack, 0, sizeof stack);
    stack.ss_sp = agent_memory->altstack[lane_index(lane)];
    stack.ss_size = ABI_ALTSTACK_BYTES;
    RAW2(SYS_sigaltstack, &stack, NULL);
}
