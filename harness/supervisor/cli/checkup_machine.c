/*
 * checkup_machine: is the processor what we build on, and does the kernel grant what a run asks?
 *
 * A container's filter, a security module or a setting can refuse any of these calls, and no
 * version number tells. So each is made.
 */
#include <harness/supervisor/cli/checkup.h>

#include <harness/agent_abi.h>

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INVARIANT_TSC = 1 << 8, CPUID_POWER = 0x80000007, WHY_BYTES = 160, MEND_BYTES = 300 };

void checkup_processor(struct checkup *checkup)
{
    unsigned a, b, c, d = 0;

    if (__get_cpuid(CPUID_POWER, &a, &b, &c, &d) && (d & INVARIANT_TSC))
        checkup_ok(checkup, "x86-64 with an invariant time stamp counter");
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "exact order and times of events on different processors",
                    "in a virtual machine, pass the processor flag invtsc on to the guest",
                    "x86-64, its time stamp counter may stop or change its speed");
}

/* --- shared memory -----------------------------------------------------------------------------
 */

/* What a job has: its size must be allowed, its pages come when touched. */
static int map_memory(void *context)
{
    int fd = memfd_create("rundown-checkup", MFD_CLOEXEC);
    struct abi_memory *memory;

    if (fd < 0 || ftruncate(fd, sizeof *memory) != 0)
        return errno;
    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return errno;
    memory->control.magic = ABI_MAGIC;
    return 0;
}

void checkup_memory(struct checkup *checkup)
{
    char why[WHY_BYTES] = "";
    int error = checkup_child(map_memory, NULL, why, sizeof why);
    unsigned megabytes = (unsigned)(sizeof(struct abi_memory) >> 20);

    if (error == 0)
        checkup_ok(checkup, "%u MiB for each job can be mapped, most of it never touched",
                   megabytes);
    else
        checkup_bad(checkup, CHECKUP_MISSING, "every run",
                    "allow memfd_create in the container, and raise `ulimit -v` and `ulimit -f`",
                    "%u MiB by memfd_create: %s", megabytes, error > 0 ? strerror(error) : why);
}

void checkup_pidfd(struct checkup *checkup)
{
    int fd = pidfd_open(getpid(), 0);

    if (fd < 0) {
        checkup_bad(checkup, CHECKUP_MISSING, "every run",
                    "use Linux 5.3 or later; in a container, allow pidfd_open", "pidfd_open: %s",
                    strerror(errno));
        return;
    }
    close(fd);
    checkup_ok(checkup, "pidfd_open works");
}

/* --- looking into a target ---------------------------------------------------------------------
 */

static const char witness[] = "rundown";

/* A child that waits in the kernel for ever; it dies with us. */
static pid_t start_sleeper(void)
{
    pid_t parent = getpid(), child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent)
        pause();
    _exit(0);
}

static void end_sleeper(pid_t child)
{
    if (child <= 0)
        return;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* 0 or errno; the child goes on afterwards. */
static int seize(pid_t child)
{
    struct user_regs_struct regs;
    int status, error = 0;

    if (ptrace(PTRACE_SEIZE, child, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, child, NULL, NULL) != 0)
        return errno;
    if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
        return ESRCH;
    if (ptrace(PTRACE_GETREGS, child, NULL, &regs) != 0)
        error = errno;
    ptrace(PTRACE_DETACH, child, NULL, NULL);
    return error;
}

static void yama_scope(char *scope, size_t size)
{
    if (!checkup_read("/proc/sys/kernel/yama/ptrace_scope", scope, size))
        snprintf(scope, size, "absent");
}

void checkup_ptrace(struct checkup *checkup)
{
    pid_t child = start_sleeper();
    int error = child < 0 ? errno : seize(child);
    char scope[16], mend[MEND_BYTES];

    end_sleeper(child);
    yama_scope(scope, sizeof scope);
    if (error == 0) {
        checkup_ok(checkup, "a child was seized, and its registers read (yama scope %s)", scope);
        return;
    }
    snprintf(mend, sizeof mend,
             "set /proc/sys/kernel/yama/ptrace_scope to 1 or 0 (it is %s); in a container grant "
             "CAP_SYS_PTRACE and a seccomp profile that allows ptrace",
             scope);
    checkup_bad(checkup, CHECKUP_DEGRADED, "stacks of living threads in findings, and replay --gdb",
                mend, "seizing a child: %s", strerror(error));
}

static int read_child(pid_t child)
{
    char bytes[sizeof witness] = "";
    struct iovec here = {bytes, sizeof bytes};
    struct iovec there = {(void *)witness, sizeof witness};

    if (process_vm_readv(child, &here, 1, &there, 1, 0) != (ssize_t)sizeof bytes)
        return errno != 0 ? errno : EIO;
    return memcmp(bytes, witness, sizeof bytes) == 0 ? 0 : EIO;
}

/* The way out where process_vm_readv is refused. */
static bool mem_file_opens(pid_t child)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void checkup_target_memory(struct checkup *checkup)
{
    static const char mend[] = "in a container allow process_vm_readv, or grant CAP_SYS_PTRACE";
    pid_t child = start_sleeper();
    int error = child < 0 ? errno : read_child(child);
    bool file = child > 0 && mem_file_opens(child);

    end_sleeper(child);
    if (error == 0)
        checkup_ok(checkup, "process_vm_readv works");
    else if (file)
        checkup_bad(checkup, CHECKUP_DEGRADED, "some speed of the autopsy", mend,
                    "process_vm_readv: %s; /proc/PID/mem takes its place", strerror(error));
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, "owners of locks, and the rest of every stack", mend,
                    "process_vm_readv: %s, and /proc/PID/mem cannot be opened", strerror(error));
}

/* The sleeper may not sleep yet: then the file says "running", which proves as much. */
void checkup_waits(struct checkup *checkup)
{
    pid_t child = start_sleeper();
    char path[80], line[200];
    bool read;

    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)child, (int)child);
    read = child > 0 && checkup_read(path, line, sizeof line);
    end_sleeper(child);
    if (read)
        checkup_ok(checkup, "/proc/PID/task/TID/syscall can be read");
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, "the proof of a hang: only the deadline is left",
                    "grant the right to ptrace; the kernel needs CONFIG_HAVE_ARCH_TRACEHOOK",
                    "/proc/PID/task/TID/syscall: %s", strerror(errno));
}

/* --- stepping ----------------------------------------------------------------------------------
 */

static volatile sig_atomic_t traps;

static void count_trap(int number)
{
    (void)number;
    traps++;
}

/* The trap flag on, two instructions, and off; the red zone is stepped over first. */
static int step(void *context)
{
    (void)context;
    signal(SIGTRAP, count_trap);
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "pushfq\n\t"
                     "orq $0x100, (%%rsp)\n\t"
                     "popfq\n\t"
                     "nop\n\t"
                     "nop\n\t"
                     "pushfq\n\t"
                     "andq $~0x100, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
    return traps >= 4 ? 0 : 1;
}

void checkup_steps(struct checkup *checkup)
{
    char why[WHY_BYTES] = "too few traps came";
    int status = checkup_child(step, NULL, why, sizeof why);

    if (status == 0)
        checkup_ok(checkup, "the trap flag stops at each instruction");
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "strikes inside calls: injectors strike at their entry alone",
                    "run on the machine itself or under another hypervisor or sandbox",
                    "the trap flag: %s", why);
}

__attribute__((noinline)) static void landmark(void)
{
    __asm__ volatile("nop");
}

static int breakpoint(void *context)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_BREAKPOINT,
        .size = sizeof attr,
        .sample_period = 1,
        .bp_type = HW_BREAKPOINT_X,
        .bp_addr = (uint64_t)(uintptr_t)landmark,
        .bp_len = sizeof(long),
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .sigtrap = 1,
        .remove_on_exec = 1,
    };

    (void)context;
    signal(SIGTRAP, count_trap);
    if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) < 0)
        return errno;
    landmark();
    return traps == 1 ? 0 : ENODATA;
}

void checkup_breakpoints(struct checkup *checkup)
{
    char why[WHY_BYTES] = "", paranoid[16] = "absent", mend[MEND_BYTES];
    int error = checkup_child(breakpoint, NULL, why, sizeof why);

    checkup_read("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid);
    if (error == 0) {
        checkup_ok(checkup, "a breakpoint raised its signal (perf_event_paranoid %s)", paranoid);
        return;
    }
    snprintf(mend, sizeof mend,
             "set /proc/sys/kernel/perf_event_paranoid to 2 or less (it is %s); in a container "
             "allow perf_event_open; the kernel must be 5.13 or later",
             paranoid);
    checkup_bad(checkup, CHECKUP_DEGRADED,
                "the fast way to an instruction: strikes inside calls go by single steps", mend,
                "perf_event_open: %s",
                error == ENODATA ? "its breakpoint is never hit"
                : error > 0      ? strerror(error)
                                 : why);
}

/* --- namespaces --------------------------------------------------------------------------------
 */

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        close(fd);
    return written < 0 ? -1 : 0;
}

/* As the flight recorder does it. */
static int leave_root(void *context)
{
    (void)context;
    if (unshare(CLONE_NEWUSER) != 0 || write_text("/proc/self/setgroups", "deny") != 0 ||
        write_text("/proc/self/uid_map", "1000 0 1") != 0)
        return errno;
    return getuid() == 1000 ? 0 : EPERM;
}

void checkup_namespaces(struct checkup *checkup)
{
    char why[WHY_BYTES] = "";
    int error;

    if (geteuid() != 0) {
        checkup_ok(checkup, "not needed: only root's flight recorder needs one");
        return;
    }
    error = checkup_child(leave_root, NULL, why, sizeof why);
    if (error == 0)
        checkup_ok(checkup, "root can make one");
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "the flight recorder: no timelines of failing cycles",
                    "run as another user than root, or set /proc/sys/user/max_user_namespaces "
                    "above 0; a plain chroot never may",
                    "making one: %s", error > 0 ? strerror(error) : why);
}
