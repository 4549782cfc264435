/*
 * start: how the agent comes into a program, and where the program is prepared and forked.
 *
 * The loader brings us in by LD_PRELOAD. Our constructor finds the shared memory by the
 * environment, takes both traces of us out of that environment (so programs that the target
 * starts run without us), and we stand in for __libc_start_main to wrap main. In the wrapped
 * main, after all constructors and before any thread, the fork server loops; each child
 * returns from it and runs the program's own main.
 */
#include "agent.h"
#include "emit.h"
#include "inits.h"
#include "heap_check.h"
#include "loader_table.h"

#include <harness/common/server.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct abi_memory *agent_memory;
PER_CYCLE int agent_active;

static PER_CYCLE int memory_fd = -1;
static PER_CYCLE int bell_fd = -1;
static int (*program_main)(int, char **, char **);
/* For the compiler's own setjmp; libc's is one more page of code. */
static PER_CYCLE void *below_main[5];
static volatile int main_status;

/* --- environment ------------------------------------------------------------------- */

static int parse_number(const char **text)
{
    int number = 0;

    if (**text < '0' || **text > '9')
        return -1;
    while (**text >= '0' && **text <= '9')
        number = number * 10 + (*(*text)++ - '0');
    if (**text == ':')
        (*text)++;
    return number;
}

static void drop_entry(char **entry)
{
    do
        entry[0] = entry[1];
    while (*entry++ != NULL);
}

/* "LD_PRELOAD=ours:theirs" becomes "LD_PRELOAD=theirs", or goes if it was ours alone. */
static void strip_preload(char **entry)
{
    char *value = *entry + strlen("LD_PRELOAD=");
    size_t ours = strcspn(value, ": ");

    if (value[ours] == 0)
        drop_entry(entry);
    else
        memmove(value, value + ours + 1, strlen(value + ours + 1) + 1);
}

/* Takes our traces out of the environment; returns the variable's value, or NULL. */
static const char *take_environment(char **environment)
{
    static const char mark[] = ABI_ENVIRONMENT "=";
    const char *value = NULL;
    char **preload = NULL;

    for (char **entry = environment; entry != NULL && *entry != NULL;) {
        if (strncmp(*entry, mark, sizeof mark - 1) == 0) {
            value = *entry + sizeof mark - 1;
            drop_entry(entry);
            continue;
        }
        if (strncmp(*entry, "LD_PRELOAD=", 11) == 0)
            preload = entry;
        entry++;
    }
    if (value != NULL && preload != NULL)
        strip_preload(preload);
    return value;
}

/*
 * On a border of 64 KiB: the kernel maps that much around the first page read, and with it, in one
 * fault instead of several, what every cycle touches (control, then the first lane).
 */
static struct abi_memory *map_memory(void)
{
    const size_t border = 65536, size = sizeof *agent_memory;
    char *room = mmap(NULL, size + border, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *at;

    if (room == MAP_FAILED)
        return MAP_FAILED;
    at = room + (border - (uintptr_t)room % border) % border;
    if (at > room)
        munmap(room, (size_t)(at - room));
    if (at < room + border)
        munmap(at + size, (size_t)(room + border - at));
    return mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_fd, 0);
}

static void attach(void)
{
    struct abi_memory *memory;
    const char *value = take_environment(environ);

    if (value == NULL)
        return;
    memory_fd = parse_number(&value);
    bell_fd = parse_number(&value);
    memory = map_memory();
    if (memory == MAP_FAILED)
        return;
    if (memory->control.magic != ABI_MAGIC || memory->control.version != ABI_VERSION ||
        memory->control.size != sizeof *memory ||
        memory->control.registry != injector_registry_hash()) {
        munmap(memory, sizeof *memory);
        return;
    }
    agent_memory = memory;
}

__attribute__((constructor)) static void agent_constructor(void)
{
    real_resolve();
    inits_compare_before();
    if (agent_memory == NULL)
        attach();
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        RAW1(SYS_close, *fd);
    *fd = -1;
}

/* The program's descriptors are its own again: ours are gone before its main. */
static void close_ours(void)
{
    close_fd(&memory_fd);
    close_fd(&bell_fd);
}

/* A fork copies the table up to the highest descriptor, and 64 fit into the task itself. */
static void move_down(int *fd)
{
    int low = fcntl(*fd, F_DUPFD_CLOEXEC, 32);

    if (low >= 64 || low < 0) {
        if (low >= 0)
            RAW1(SYS_close, low);
        return;
    }
    RAW1(SYS_close, *fd);
    *fd = low;
}

/* --- may this program be forked here? ------------------------------------------------ */

static bool refuse(const char *why)
{
    strncpy(CONTROL->refusal, why, sizeof CONTROL->refusal - 1);
    return false;
}

static bool single_threaded(void)
{
    char text[4096];
    const char *line;

    if (agent_task_read(RAW1(SYS_gettid, 0), "status", text, sizeof text) == 0)
        return true;
    line = strstr(text, "\nThreads:\t");
    return line == NULL || strncmp(line, "\nThreads:\t1\n", 12) == 0 ||
           refuse("its constructors start threads");
}

static bool sharable(const char *target, int fd)
{
    if (strncmp(target, "socket:", 7) == 0)
        return refuse("its constructors open sockets");
    if (strncmp(target, "anon_inode:", 11) == 0)
        return refuse("its constructors open epoll, timer or event descriptors");
    if (target[0] == '/' && strncmp(target, "/dev/", 5) != 0 &&
        (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
        return refuse("its constructors open files for writing");
    return true;
}

static bool descriptor_sharable(int directory, const char *name)
{
    char target[256];
    int fd = atoi(name);
    ssize_t length = readlinkat(directory, name, target, sizeof target - 1);

    if (length <= 0 || fd <= 2 || fd == memory_fd || fd == bell_fd || fd == directory)
        return true;
    target[length] = 0;
    return sharable(target, fd);
}

/* Without opendir: a heap that the program does not make itself is one more thing to fork. */
static bool descriptors_sharable(void)
{
    int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _Alignas(struct dirent64) char entries[2048];
    bool good = true;
    ssize_t bytes;

    if (directory < 0)
        return true;
    while (good && (bytes = getdents64(directory, entries, sizeof entries)) > 0)
        for (char *at = entries; good && at < entries + bytes;) {
            const struct dirent64 *entry = (const struct dirent64 *)at;

            good = descriptor_sharable(directory, entry->d_name);
            at += entry->d_reclen;
        }
    close(directory);
    return good;
}

/* --- making a target ------------------------------------------------------------------- */

/* Same pipe or file, but a description of its own: flags and offset are this cycle's alone. */
static void reopen(int fd, int flags)
{
    char path[32] = "/proc/self/fd/0";
    int fresh;

    path[14] = (char)('0' + fd);
    fresh = (int)RAW4(SYS_openat, AT_FDCWD, path, flags, 0);
    if (fresh < 0)
        return;
    RAW3(SYS_dup3, fresh, fd, 0);
    RAW1(SYS_close, fresh);
}

static void become_target(void)
{
    RAW2(SYS_setpgid, 0, 0); /* as a shell starts it; kill(0, ...) must not reach the server */
    close_ours();
    if (CONTROL->options & OPTION_REOPEN) {
        reopen(0, O_RDONLY);
        reopen(1, O_WRONLY | O_APPEND);
        reopen(2, O_WRONLY | O_APPEND);
    }
    CONTROL->pid = (uint32_t)RAW1(SYS_getpid, 0);
    CONTROL->hello = 1;
    agent_active = 1;
    lane_begin_main();
}

static pid_t spawn(struct server *server)
{
    pid_t pid;

    if (emit_ops != NULL)
        return emit_fork();
    pid = real.fork();
    return pid;
}

/* Returns in each child; never in the server itself. */
static void serve(void)
{
    struct server server;

    close_fd(&memory_fd); /* the mapping stays */
    move_down(&bell_fd);
    server = (struct server){agent_memory, bell_fd, spawn, NULL};
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (!server_run(&server))
        RAW1(SYS_exit_group, 0);
}

/* Asked before the recorder comes in, whose threads and sockets know how to be forked. */
static void refuse_if_unforkable(void)
{
    struct server server = {agent_memory, bell_fd, spawn, NULL};

    if (single_threaded() && descriptors_sharable())
        return;
    server_say(&server, SERVER_REFUSED);
    RAW1(SYS_exit_group, 0);
}

IN_EVERY_CYCLE static int wrapped_main(int argc, char **argv, char **environment)
{
    int status;

    fatal_install();
    if (!(CONTROL->options & OPTION_FRESH))
        refuse_if_unforkable();
    if (CONTROL->options & OPTION_TRACE)
        emit_open();
    modules_begin();
    inits_compare_after();
    heap_begin();
    if (heap_checks(HEAP_CHECKS)) {
        fill_begin();
        guard_begin();
    }
    lap_at_install();
    fatal_stack(&agent_memory->lane[0]);
    if (!(CONTROL->options & OPTION_FRESH))
        serve();
    become_target();
    if (__builtin_setjmp(below_main) == 0) {
        agent_leave(agent_enter(SITE_MAIN, 0));
        status = program_main(argc, argv, environment);
    } else {
        status = main_status;
    }
    struct agent_call call = agent_enter(SITE_MAIN_RETURN, 0);
    exit_phase(call.lane, PHASE_REQUESTED, status);
    probe_at_exit(call);
    look_at_end(call.lane);
    agent_leave(call);
    return status;
}

void agent_return_from_main(int status) __attribute__((__noreturn__));
void agent_return_from_main(int status)
{
    main_status = status;
    if (agent_lane != NULL)
        agent_lane->depth = 0;
    __builtin_longjmp(below_main, 1);
}

HOOK int __libc_start_main(int (*main_function)(int, char **, char **), int argc, char **argv,
                           void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                           void *stack_end);
HOOK int __libc_start_main(int (*main_function)(int, char **, char **), int argc, char **argv,
                           void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                           void *stack_end)
{
    agent_constructor();
    program_main = main_function;
    return real.libc_start_main(agent_memory != NULL ? wrapped_main : main_function, argc, argv,
                                init, fini, rtld_fini, stack_end);
}
