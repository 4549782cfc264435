/*
 * trust: the shared memory held against what is known without it.
 */
#include "trust.h"

#include <harness/supervisor/process/process_tree.h>
#include <harness/supervisor/watch/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t YEARS_NS = UINT64_C(1) << 62;

/* Without padding: two of them are compared as bytes. */
_Static_assert(sizeof(struct trust) == 4 * 8 + 6 * 4, "no holes");

void trust_note(struct trust *trust, const struct abi_control *control)
{
    *trust = (struct trust){
        .magic = control->magic,
        .registry = control->registry,
        .batch_first = control->batch_first,
        .batch_count = control->batch_count,
        .version = control->version,
        .size = control->size,
        .options = control->options,
        .purpose = control->purpose,
        .laps = control->laps,
        .guard_every = control->guard_every,
    };
}

static pid_t parent_of(pid_t pid)
{
    struct process_tree_look look;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool seen = proc >= 0 && process_tree_look(proc, pid, &look) == PROCESS_TREE_SEEN;

    if (proc >= 0)
        close(proc);
    return seen ? look.parent : -1;
}

/*
 * One that is gone was reaped a moment ago: the server takes its number away after that. The
 * kernel shows 0 for the parent of one that is reaped while its file is read; asked once more, it
 * is gone.
 */
static bool is_another(pid_t pid, pid_t server)
{
    pid_t parent;

    if (pid == 0 || server == 0)
        return false;
    parent = pid > 0 ? parent_of(pid) : 0;
    if (parent == 0 && pid > 0)
        parent = parent_of(pid);
    if (parent < 0 || parent == server)
        return false;
    return !watch_leaves(server, server); /* who was its child is another's, once it is ended */
}

bool trust_counts(const struct trust *trust, const struct abi_control *control)
{
    uint64_t most = trust->batch_count, sum = 0;

    for (unsigned i = 0; i < ABI_HISTOGRAM; i++)
        sum += control->histogram[i];
    return control->done <= most && control->passed <= most && control->failed <= most &&
           control->not_fired <= most && sum <= most &&
           control->passed + control->failed + control->not_fired <= most &&
           control->nanoseconds < YEARS_NS && control->longest <= control->nanoseconds;
}

uint64_t trust_cycle(const struct trust *trust, const struct abi_control *control)
{
    uint64_t cycle = control->cycle;

    if (trust->magic == 0 || cycle - trust->batch_first < trust->batch_count)
        return cycle;
    return trust->batch_first;
}

bool trust_broken(const struct trust *trust, const struct abi_control *control, pid_t server)
{
    struct trust now;
    uint32_t claim;

    if (trust->magic == 0)
        return false;
    trust_note(&now, control);
    claim = __atomic_load_n(&control->claim, __ATOMIC_ACQUIRE);
    return memcmp(&now, trust, sizeof now) != 0 || claim == CLAIM_SUPERVISOR ||
           claim > CLAIM_DONE || control->server > SERVER_REFUSED ||
           is_another((pid_t)control->pid, server);
}

void trust_restore(const struct trust *trust, struct abi_control *control)
{
    control->magic = trust->magic;
    control->version = trust->version;
    control->size = trust->size;
    control->registry = trust->registry;
    control->options = trust->options;
    control->purpose = trust->purpose;
    control->laps = trust->laps;
    control->guard_every = trust->guard_every;
    control->batch_first = trust->batch_first;
    control->batch_count = trust->batch_count;
    control->done = control->passed = control->failed = control->not_fired = 0;
    control->nanoseconds = control->longest = 0;
    memset(control->histogram, 0, sizeof control->histogram);
    control->remarks = 0;
    control->fired = 0;
    control->cycle = trust_cycle(trust, control);
}

pid_t trust_pid(const struct abi_control *control, pid_t server)
{
    pid_t pid = (pid_t)__atomic_load_n(&control->pid, __ATOMIC_ACQUIRE);

    return pid > 0 && server > 0 && parent_of(pid) == server ? pid : 0;
}

/* The descriptor stands for the process that was looked at, also if its number is used again. */
void trust_signal(const struct abi_control *control, pid_t server, int number)
{
    pid_t pid = (pid_t)__atomic_load_n(&control->pid, __ATOMIC_ACQUIRE);
    int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

    if (pid <= 0 || (fd < 0 && errno != ENOSYS))
        return;
    if (server > 0 && parent_of(pid) == server) {
        if (fd >= 0)
            syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
        else
            kill(pid, number);
    }
    if (fd >= 0)
        close(fd);
}
