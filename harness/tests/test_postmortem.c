/*
 * Tests of `rundown autopsy`, from outside: programs that stand still in a known way must be
 * told rightly, as they are, stripped and static, alive and from a core; programs that only wait
 * must not be called hung; and however it ends, the program that was looked at goes on.
 *
 * A target is a child of this test that ends with it. That it has come to its place is asked of
 * /proc (see tests/stuck/stuck.c), never of the clock.
 */
#include <harness/tests/command_run.h>

#include <harness/supervisor/postmortem/postmortem.h>

#include <CUnit/Basic.h>

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define STUCK_DIR RUNDOWN_BUILD_DIR "/tests/stuck/"

enum { SETTLE_SECONDS = 60, MUTATIONS = 300 };

static struct said said;

/* --- targets ------------------------------------------------------------------------------- */

static char thread_look(pid_t pid, pid_t tid, long *call)
{
    char path[64], text[512] = "", *end;
    FILE *file;

    *call = -1;
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    file = fopen(path, "re");
    if (file != NULL && fgets(text, sizeof text, file) != NULL && text[0] != 'r')
        *call = strtol(text, NULL, 10);
    if (file != NULL)
        fclose(file);
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    file = fopen(path, "re");
    if (file == NULL)
        return 'X';
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    end = strrchr(text, ')');
    return end != NULL ? end[2] : 'X';
}

/* How many threads sleep in @wanted, or in any call that is no way to meet; -1 if one does not. */
static int count_sleeping(pid_t pid, long wanted)
{
    char path[64];
    struct dirent *entry;
    DIR *tasks;
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    tasks = opendir(path);
    while (tasks != NULL && count >= 0 && (entry = readdir(tasks)) != NULL) {
        long call;

        if (entry->d_name[0] == '.')
            continue;
        count = thread_look(pid, atoi(entry->d_name), &call) == 'S' && call >= 0 &&
                        (wanted >= 0 ? call == wanted : call != SYS_sched_yield)
                    ? count + 1
                    : -1;
    }
    if (tasks != NULL)
        closedir(tasks);
    return count;
}

static int count_settled(pid_t pid)
{
    return count_sleeping(pid, -1);
}

static void wait_settled(pid_t pid, int threads)
{
    uint64_t end = clock_ms() + SETTLE_SECONDS * 1000;

    while (count_settled(pid) != threads && clock_ms() < end)
        sched_yield();
    CU_ASSERT_EQUAL(count_settled(pid), threads);
}

static void wait_state(pid_t pid, char state)
{
    uint64_t end = clock_ms() + SETTLE_SECONDS * 1000;
    long call;

    while (thread_look(pid, pid, &call) != state && clock_ms() < end)
        sched_yield();
    CU_ASSERT_EQUAL(thread_look(pid, pid, &call), state);
}

static pid_t start(const char *program, const char *scene, long number)
{
    char path[512], text[32];
    pid_t pid;

    snprintf(path, sizeof path, STUCK_DIR "%s", program);
    snprintf(text, sizeof text, "%ld", number);
    fflush(NULL);
    pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execl(path, path, scene, text, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

__attribute__((format(printf, 1, 2))) static void examine(const char *format, ...)
{
    struct going going;
    char line[600];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    going_start(&going, NULL, "autopsy %s", line);
    going_take(&going, &said);
}

/* It sleeps as before, and nobody traces it. */
static void expect_unharmed(pid_t pid)
{
    char path[64];
    char *text;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    text = file_text(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    said_has("status", text, "TracerPid:\t0\n");
    CU_ASSERT_PTR_NULL(strstr(text, "State:\tT"));
    CU_ASSERT_PTR_NULL(strstr(text, "State:\tt"));
    free(text);
}

/* --- what is told ---------------------------------------------------------------------------- */

/* struct scene - @wanted: what has to be told, parted by '|'. */
struct scene {
    const char *name;
    int threads;
    int status;
    const char *wanted;
};

static const struct scene scenes[] = {
    {"circle", 2, 1,
     "HANG  a circle of waits|waits for mutex second_lock|held by T?1|held by T1|"
     "holds mutex first_lock|T?1 clerk|"
     "the circle: T1 ─mutex second_lock─► T?1 ─mutex first_lock─► T1|proof: "},
    {"recursive", 2, 1, "a circle|second_lock (recursive)|first_lock (recursive)"},
    {"errorcheck", 2, 1, "a circle|second_lock (error-checking)|held by T?1"},
    {"adaptive", 2, 1, "a circle|second_lock (adaptive)|held by T?1"},
    {"robust", 2, 1, "a circle|second_lock (robust|held by T?1|holds mutex first_lock"},
    {"shared", 2, 1, "a circle|second_lock (process-shared)|held by T?1"},
    {"inheriting", 2, 1, "a circle|second_lock (priority-inheriting)|held by T?1"},
    {"self", 1, 1, "held by this thread itself|the circle: T1 ─mutex first_lock─► T1"},
    {"owner-gone", 1, 1,
     "HANG  whoever is waited for is not there|held by thread |"
     "which does not exist any more"},
    {"writer", 2, 1,
     "a circle|waits for rwlock table_lock to read|held for writing by T?1|"
     "holds rwlock table_lock"},
    {"readers", 2, 1,
     "nobody inside can go on|waits for rwlock table_lock to write|"
     "1 hold it for reading or wait to"},
    {"join", 2, 1, "waits for T?1 to end|waits for T1 to end|T1 ─join─► T?1 ─join─► T1"},
    {"stream", 2, 1, "waits for the lock of a stream|holds the lock of a stream|a circle"},
    {"loader", 2, 1,
     "waits for the loader lock|holds the loader lock|"
     "T1 ─join─► T?1 ─the loader lock─► T1"},
    {"heap", 2, 1, "waits for the heap lock|held by T?1, by its stack|holds the heap lock"},
    {"heap-gone", 1, 1, "waits for the heap lock|no thread alive is inside the allocator"},
    {"condition", 1, 1, "nobody inside can go on|waits for condition news|with mutex first_lock"},
    {"semaphore", 1, 1, "waits for semaphore slots|its value is 0, 1 wait|does not note who"},
    {"barrier", 1, 1, "waits for barrier gate|1 of 3 have come"},
    {"word", 1, 1, "waits for futex home_grown|while it is 7"},
    {"pipe", 1, 1,
     "waits for something to read|of this process, and nobody else's|nobody inside can go on"},
    {"socket", 1, 1, "waits for something to receive|of this process, and nobody"},
    {"file-lock", 1, 1, "waits for a lock on |held by this process itself"},
    {"forked", 2, 1,
     "waits for process |a child of |fork did not copy it|"
     "─mutex first_lock─► a thread that is not there"},
    {"handled", 1, 1, "nobody inside can go on|but: there are handlers for SIGTERM"},
    /* and what is no hang */
    {"timed", 1, 0, "no hang seen|first_lock, with a time limit|held by this thread itself"},
    {"sleeps", 1, 0, "no hang seen|sleeps|not proved to stand still: T1 sleeps"},
    {"holds", 2, 0, "no hang seen|holds mutex first_lock"},
    {"accepts", 1, 0, "no hang seen|waits for a connection"},
    {"fed", 1, 0, "no hang seen|the other end has process "},
    {"shared-semaphore", 1, 0, "no hang seen|on memory that other programs can share"},
};

static void check_wanted(const char *what, const char *wanted)
{
    char copy[600], *rest = copy, *part;

    snprintf(copy, sizeof copy, "%s", wanted);
    while ((part = strsep(&rest, "|")) != NULL)
        said_has(what, said.out, part);
}

static void check_scene(const char *program, const struct scene *scene)
{
    pid_t pid = start(program, scene->name, 1);

    wait_settled(pid, scene->threads);
    if (strcmp(scene->name, "forked") == 0) { /* until the child, too, has come to its place */
        char path[64];
        char *child;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
        child = file_text(path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(child);
        wait_settled(atoi(child), 1);
        free(child);
    }
    /* Where the machine has no time for it, a thread is not stopped in time, and that is told. */
    for (unsigned tries = 0; tries < 20; tries++) {
        examine("%d", pid);
        if (strstr(said.out, "were not read") == NULL)
            break;
    }
    said_status(scene->name, &said, scene->status);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    check_wanted(scene->name, scene->wanted);
    expect_unharmed(pid);
    end(pid);
}

/* Whether somebody else has the other end as well, only root can see of all processes. */
static const struct scene *as_user(const struct scene *scene)
{
    static const struct scene pipe = {
        "pipe", 1, 0, "waits for something to read|whether others have it too cannot be seen"};
    static const struct scene socket = {"socket", 1, 0,
                                        "no hang seen|waits for something to receive"};

    if (geteuid() == 0)
        return scene;
    return strcmp(scene->name, pipe.name) == 0     ? &pipe
           : strcmp(scene->name, socket.name) == 0 ? &socket
                                                   : scene;
}

static void test_scenes(void)
{
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
        check_scene("stuck", as_user(&scenes[i]));
}

/* Names of the program's own are gone; those of the C library may be, too (static). */
static void test_without_debug_information(void)
{
    static const struct scene plain = {"circle", 2, 1,
                                       "in second_then_first  stuck_bare+0x|held by T?1|circle: "};
    static const struct scene stripped = {
        "circle", 2, 1, "waits for mutex stuck_stripped+0x|in stuck_stripped+0x|the circle: T1"};
    static const struct scene fixed = {
        "stream", 2, 1, "waits for the lock of a stream|waits for mutex first_lock|the circle: T1"};
    static const struct scene heap = {"heap-gone", 1, 1, "no thread alive is inside the allocator"};

    check_scene("stuck_bare", &plain);
    check_scene("stuck_stripped", &stripped);
    check_scene("stuck_static", &fixed);
    check_scene("stuck_static", &heap);
}

static void test_without_any_name(void)
{
    static const struct scene nameless[] = {
        {"circle", 2, 1,
         "waits for mutex stuck_static_stripped+0x|as far as its memory tells|"
         "called from stuck_static_stripped+0x|the circle: T1"},
        {"stream", 2, 1, "waits for the lock of a stream|holds the lock of a stream|the circle"},
        {"join", 2, 1, "waits for T?1 to end|T1 ─join─► T?1 ─join─► T1"},
        {"writer", 2, 1, "to read|held for writing by T?1|the circle"},
        {"readers", 2, 1, "to write|1 hold it for reading"},
        {"semaphore", 1, 1, "waits for semaphore|its value is 0"},
        {"condition", 1, 1, "waits for condition|as far as its memory tells"},
        {"inheriting", 2, 1, "(priority-inheriting)|the circle"},
    };

    for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++)
        check_scene("stuck_static_stripped", &nameless[i]);
}

static void test_running(void)
{
    pid_t pid = start("stuck", "runs", 1);
    struct rusage before, after;
    char path[64];

    wait_state(pid, 'R');
    for (int i = 0; i < 3; i++) {
        examine("%d", pid);
        said_status("runs", &said, 0);
        said_has("runs", said.out, "not proved to stand still");
    }
    expect_unharmed(pid);
    end(pid);
    pid = start("stuck", "spins", 1);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    memset(&before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    wait_state(pid, 'R');
    do {
        examine("%d", pid);
    } while (strstr(said.out, "spins for spin lock spin") == NULL &&
             getrusage(RUSAGE_CHILDREN, &after) == 0 && after.ru_utime.tv_sec < 20);
    said_status("spins", &said, 0);
    said_has("spins", said.out, "spins for spin lock spin");
    said_has("spins", said.out, "does not note who has it");
    end(pid);
}

static void test_routine_of_a_once(void)
{
    static const struct scene once = {"once", 2, 1, "waits for T?1 to end"};

    check_scene("stuck", &once);
    if (strstr(said.out, "waits for once") != NULL) /* with the C library's debug file */
        check_wanted("once", "waits for once once_control|its routine is run by T1|the circle");
}

/* --- many, and the hostile ---------------------------------------------------------------------
 */

static void test_many_threads(void)
{
    static const long numbers[] = {99, 2000};

    for (size_t i = 0; i < 2; i++) {
        pid_t pid = start("stuck", "many", numbers[i]);
        char wanted[64];

        wait_settled(pid, (int)numbers[i] + 1);
        examine("%d", pid);
        said_status("many", &said, 1);
        check_wanted("many", "the circle: T1 ─join─► T?1 ─mutex first_lock─► T1");
        snprintf(wanted, sizeof wanted, "and %ld more threads do the same", numbers[i] - 2);
        said_has("many", said.out, wanted);
        expect_unharmed(pid);
        CU_ASSERT_EQUAL(count_settled(pid), numbers[i] + 1);
        end(pid);
    }
}

static void check_hostile(const char *scene, long number, int threads, const char *wanted)
{
    pid_t pid = start("stuck", scene, number);

    wait_settled(pid, threads);
    for (int i = 0; i < 3; i++) {
        static const char *const options[] = {"", "--json", "--stacks"};

        examine("%s %d", options[i], pid);
        CU_ASSERT_TRUE(said.status == 0 || said.status == 1);
        CU_ASSERT_STRING_EQUAL(said.err, "");
        if (i == 0)
            check_wanted(scene, wanted);
    }
    expect_unharmed(pid);
    end(pid);
}

static void test_hostile(void)
{
    static const long torn[] = {0, 1, 0x55, 0x7f, 0x80, 0xff};

    for (size_t i = 0; i < sizeof torn / sizeof torn[0]; i++)
        check_hostile("torn", torn[i], 2, "waits for ");
    check_hostile("torn", 0x55, 2, "its memory makes no sense as a mutex");
    check_hostile("torn", 0xff, 2, "it was destroyed");
    check_hostile("cyclic", 1, 1, "waits for semaphore slots");
    check_hostile("stackless", 1, 1, "waits for futex");
    check_hostile("deep", 3900, 1, "waits for semaphore slots");
}

/* --- never left stopped --------------------------------------------------------------------------
 */

/* Ends rundown by @number in the middle of its reading: when the target is seen to be held. */
static void end_reader(pid_t pid, int number)
{
    uint64_t late = clock_ms() + SETTLE_SECONDS * 1000;
    bool held = false;
    long call;

    while (!held && clock_ms() < late) {
        struct going going;

        going_start(&going, NULL, "autopsy %d", pid);
        while (!going_ended(&going, 0) && !held)
            held = thread_look(pid, pid, &call) == 't';
        kill(going.pid, number);
        going_take(&going, &said);
    }
    CU_ASSERT_TRUE(held);
}

static void test_reader_ended(void)
{
    static const int signals[] = {SIGKILL, SIGINT, SIGTERM};
    pid_t pid = start("stuck", "many", 999);

    wait_settled(pid, 1000);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        end_reader(pid, signals[i]);
        CU_ASSERT_EQUAL(said.status, -1);
        wait_settled(pid, 1000);
        expect_unharmed(pid);
    }
    examine("%d", pid); /* and can be read again */
    said_status("many", &said, 1);
    end(pid);
}

/* --- refusals
 * ------------------------------------------------------------------------------------- */

static int refused_call;

/* PTRACE is refused, as by a container's profile. */
static void filter_ptrace(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)refused_call),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};

    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* which needs ptrace itself */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(99);
}

static void test_ptrace_refused(void)
{
    static const int errors[] = {EPERM, ENOSYS};
    pid_t pid = start("stuck", "circle", 1);
    struct going going;

    wait_settled(pid, 2);
    for (size_t i = 0; i < 2; i++) {
        char line[64];

        refused_call = errors[i];
        snprintf(line, sizeof line, "autopsy %d", pid);
        going_words(&going, filter_ptrace, line);
        going_take(&going, &said);
        said_refused(line, &said, 2, "seccomp profile that allows ptrace");
        expect_unharmed(pid);
    }
    end(pid);
}

static int as_nobody(void *context)
{
    static char *const environment[] = {NULL};
    char number[32];
    char *argv[] = {(char *)"rundown", (char *)"autopsy", number, NULL};
    int program = open(COMMAND_PROGRAM, O_RDONLY | O_CLOEXEC);

    snprintf(number, sizeof number, "%d", *(pid_t *)context);
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 99;
    fexecve(program, argv, environment);
    return 98;
}

static void test_of_another_user(void)
{
    pid_t pid;
    struct going going = {.what = "autopsy as nobody"};

    if (geteuid() != 0)
        return; /* there is only one user then */
    pid = start("stuck", "circle", 1);
    wait_settled(pid, 2);
    going_call(&going, as_nobody, &pid);
    going_take(&going, &said);
    said_refused("as nobody", &said, 2, "run as the user that the process runs as");
    end(pid);
}

static void test_refusals(void)
{
    static const char *const words[][2] = {
        {"", "a PID or a core file is missing"},
        {"1 2", "one process or core file at a time"},
        {"0", "no such number of a process"},
        {"99999999999", "no such number of a process"},
        {"4194304", "there is no such process"},
        {"/nonexistent", "name a PID or a core file"},
        {"/dev/null", "not a file"},
        {"/etc/passwd", "not an ELF file"},
        {COMMAND_PROGRAM, "no core file"},
        {"--jsn 1", "--jsn"},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        examine("%s", words[i][0]);
        said_refused(words[i][0], &said, 2, words[i][1]);
        CU_ASSERT_EQUAL(strncmp(said.err, "rundown autopsy: ", 17), 0);
    }
}

/* --- cores
 * ------------------------------------------------------------------------------------------ */

static bool have_gcore(void)
{
    return system("command -v gcore >/dev/null 2>&1") == 0;
}

/* Writes "core" of a scene, by gcore; the scene is over then. */
static void write_core(const char *program, const char *scene, int threads)
{
    pid_t pid = start(program, scene, 1);
    char line[128], name[64];

    wait_settled(pid, threads);
    snprintf(line, sizeof line, "gcore -o part %d >/dev/null 2>&1 </dev/null", pid);
    CU_ASSERT_EQUAL(system(line), 0);
    snprintf(name, sizeof name, "part.%d", pid);
    CU_ASSERT_EQUAL(rename(name, "core"), 0);
    end(pid);
}

static void check_core(const char *program, const struct scene *scene)
{
    write_core(program, scene->name, scene->threads);
    examine("core");
    said_status(scene->name, &said, scene->status);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    check_wanted(scene->name, scene->wanted);
    unlink("core");
}

static void test_cores(void)
{
    static const struct scene dynamic = {
        "circle", 2, 1,
        "core core, 2 threads|waits for mutex second_lock|held by T?1|"
        "holds mutex first_lock|second_then_first|the circle: T1"};
    static const struct scene loader = {"loader", 2, 1, "holds the loader lock|the circle: T1"};
    static const struct scene nameless = {"stream", 2, 1, "the lock of a stream|the circle: T1"};
    static const struct scene gone = {"owner-gone", 1, 1, "which does not exist any more"};
    static const struct scene still = {"semaphore", 1, 1,
                                       "HANG  nobody inside could go on|"
                                       "at that moment"};
    static const struct scene waits = {"sleeps", 1, 0, "no hang seen|sleeps"};

    if (!have_gcore())
        return;
    check_core("stuck", &dynamic);
    check_core("stuck", &loader);
    check_core("stuck_static_stripped", &nameless);
    check_core("stuck_stripped", &gone);
    check_core("stuck", &still);
    check_core("stuck", &waits);
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Where damage hurts: the headers and notes, and the memory that locks and stacks lie in. */
static off_t draw_place(uint64_t *state, off_t size)
{
    switch (draw(state) % 4) {
    case 0:
        return (off_t)(draw(state) % 4096);
    case 1:
        return size - 1 - (off_t)(draw(state) % 32768);
    default:
        return (off_t)(draw(state) % (uint64_t)size);
    }
}

struct damage {
    int fd;
    off_t size;
    uint64_t seed;
};

static void read_damaged(const char *path)
{
    static struct postmortem all;
    struct error e = {0};

    if (postmortem_core(&all, path, &e) == 0) {
        postmortem_text(&all, true, 0);
        postmortem_json(&all);
        rewind(stdout);
    }
    postmortem_close(&all);
}

static int damage_core(void *context)
{
    const struct damage *damage = context;
    uint64_t state = damage->seed;
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", damage->fd);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        uint8_t was[64], now[64];
        size_t bytes = 1 + draw(&state) % sizeof now;
        off_t at = draw_place(&state, damage->size);

        bytes = (size_t)pread(damage->fd, was, bytes, at);
        for (size_t b = 0; b < bytes; b++)
            now[b] = draw(&state) % 4 == 0 ? 0xff : (uint8_t)draw(&state);
        dprintf(STDERR_FILENO, "%u ", i);
        if (pwrite(damage->fd, now, bytes, at) != (ssize_t)bytes)
            return 99;
        read_damaged(path);
        if (pwrite(damage->fd, was, bytes, at) != (ssize_t)bytes)
            return 99;
    }
    return 0;
}

static int cut_core(void *context)
{
    const struct damage *damage = context;
    uint64_t state = damage->seed;
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", damage->fd);
    for (off_t size = damage->size; size > 0; size = (off_t)(draw(&state) % (uint64_t)size)) {
        if (ftruncate(damage->fd, size) != 0)
            return 99;
        read_damaged(path);
    }
    return 0;
}

static void test_damaged_cores(void)
{
    struct damage damage = {.seed = (uint64_t)getpid()};

    if (!have_gcore())
        return;
    write_core("stuck_static", "circle", 2);
    damage.fd = open("core", O_RDWR | O_CLOEXEC);
    damage.size = lseek(damage.fd, 0, SEEK_END);
    CU_ASSERT_FATAL(damage.size > 4096);
    for (int cut = 0; cut < 2; cut++) {
        struct going going = {.what = "damaged cores"};

        going_call(&going, cut ? cut_core : damage_core, &damage);
        going_take(&going, &said);
        if (said.status != 0)
            fprintf(stderr, "\n    seed %#llx, mutation: %.4000s\n",
                    (unsigned long long)damage.seed, said.err);
        CU_ASSERT_EQUAL(said.status, 0);
    }
    close(damage.fd);
    unlink("core");
}

/* --- for programs, and with the agent inside
 * ------------------------------------------------------- */

static long long ask_json(const char *query)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    long long answer = -1;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_text(statement, 1, said.out, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

#define THREAD "$.processes[0].threads[0]"

static void test_json(void)
{
    pid_t pid = start("stuck", "circle", 1);

    wait_settled(pid, 2);
    examine("--json %d", pid);
    said_status("--json", &said, 1);
    CU_ASSERT_EQUAL(ask_json("select json_valid(?)"), 1);
    CU_ASSERT_EQUAL(ask_json("select json_extract(?, '$.hang')"), 1);
    CU_ASSERT_EQUAL(ask_json("select json_array_length(?, '$.circles[0]')"), 2);
    CU_ASSERT_EQUAL(ask_json("select json_extract(?, '$.processes[0].pid')"), pid);
    CU_ASSERT_EQUAL(ask_json("select json_extract(?, '" THREAD ".kind') = 'mutex'"), 1);
    CU_ASSERT_EQUAL(ask_json("select json_extract(?, '" THREAD ".owner.thread') = 'T?1'"), 1);
    CU_ASSERT_EQUAL(ask_json("select json_extract(?, '" THREAD ".owner.how') = 'recorded'"), 1);
    CU_ASSERT_EQUAL(
        ask_json("select json_extract(?, '" THREAD ".holds[0].what') = 'mutex first_lock'"), 1);
    CU_ASSERT(ask_json("select json_array_length(?, '" THREAD ".stack')") > 2);
    CU_ASSERT(ask_json("select json_extract(?, '$.processes[0].stopped_ms') > 0") == 1);
    end(pid);
}

/* The target of a run: of those with this word on their command line, the one that sleeps. */
static pid_t find_sleeper(const char *word)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (processes != NULL && found == 0 && (entry = readdir(processes)) != NULL) {
        char path[300], text[2048];
        pid_t pid = atoi(entry->d_name);
        ssize_t length;
        int fd;

        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        length = fd >= 0 ? read(fd, text, sizeof text) : -1;
        if (fd >= 0)
            close(fd);
        if (length > 0 && memmem(text, (size_t)length, word, strlen(word)) != NULL &&
            count_sleeping(pid, SYS_clock_nanosleep) == 2)
            found = pid;
    }
    if (processes != NULL)
        closedir(processes);
    return found;
}

static void test_agent_inside(void)
{
    uint64_t late = clock_ms() + SETTLE_SECONDS * 1000;
    struct going going;
    struct said run = {0};
    char word[64];
    pid_t pid = 0;

    snprintf(word, sizeof word, "4711%d", getpid());
    going_start(&going, NULL, "run --inject none --cycles 1 --deadline 600s --out agent -- %s%s",
                STUCK_DIR "stuck holds ", word);
    while (pid == 0 && clock_ms() < late && !going_ended(&going, 1))
        pid = find_sleeper(word);
    CU_ASSERT_FATAL(pid > 0);
    examine("%d", pid);
    said_status("agent", &said, 0);
    check_wanted("agent", "T1.1|holds mutex first_lock, taken in locks_and_sleeps");
    examine("--json %d", pid);
    CU_ASSERT_EQUAL(ask_json("select json_extract(?, '$.processes[0].agent')"), 1);
    kill(going.pid, SIGINT);
    going_end(&going, &run);
    said_free(&run);
    tree_remove("agent");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("postmortem", place_open, place_close);
    CU_add_test(suite, "each way of standing still", test_scenes);
    CU_add_test(suite, "without debug information", test_without_debug_information);
    CU_add_test(suite, "without any name", test_without_any_name);
    CU_add_test(suite, "what runs goes on", test_running);
    CU_add_test(suite, "the routine of a once", test_routine_of_a_once);
    CU_add_test(suite, "many threads", test_many_threads);
    CU_add_test(suite, "hostile memory", test_hostile);
    CU_add_test(suite, "the reader is ended", test_reader_ended);
    CU_add_test(suite, "ptrace is refused", test_ptrace_refused);
    CU_add_test(suite, "another user's", test_of_another_user);
    CU_add_test(suite, "refusals", test_refusals);
    CU_add_test(suite, "cores by gcore", test_cores);
    CU_add_test(suite, "damaged cores", test_damaged_cores);
    CU_add_test(suite, "json", test_json);
    CU_add_test(suite, "with the agent inside", test_agent_inside);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() > 0 || CU_get_error() != CUE_SUCCESS ? 1 : 0;
}
