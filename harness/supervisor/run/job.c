/*
 * job: makes the shared memory and the server; talks to the server by the control block.
 */
#include "job.h"

#include <harness/supervisor/cli/usersite.h>

#include <harness/common/server.h>
#include <harness/injector.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptor numbers in the server; the target closes them before its main. */
enum { CHILD_MEMORY = 1000, CHILD_BELL = 1001 };

int job_open(struct job *job, struct error *e)
{
    int pipes[2];

    memset(job, 0, sizeof *job);
    job->memory_fd = memfd_create("rundown", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (job->memory_fd < 0 || ftruncate(job->memory_fd, sizeof *job->memory) != 0)
        return error_set(e, ERROR_SYSTEM, "shared memory: %s", strerror(errno));
    job->memory =
        mmap(NULL, sizeof *job->memory, PROT_READ | PROT_WRITE, MAP_SHARED, job->memory_fd, 0);
    if (job->memory == MAP_FAILED)
        return error_set(e, ERROR_MEMORY, "shared memory: %s", strerror(errno));
    fcntl(job->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK); /* a target that cuts it would kill us */
    job->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (job->bell < 0 || pipe2(pipes, O_CLOEXEC) != 0)
        return error_set(e, ERROR_SYSTEM, "pipe: %s", strerror(errno));
    job->output = pipes[0];
    job->output_writer = pipes[1];
    fcntl(job->output, F_SETFL, O_NONBLOCK);
    return 0;
}

/* Those of the command line come first, in its own order, and then what the dry cycle has passed.
 */
void job_name_sites(const struct target *target, struct abi_control *control)
{
    if (target->user_site[0][0] != 0)
        memcpy(control->user_site, target->user_site, sizeof control->user_site);
    else
        usersite_fill(control->user_site);
    control->user_sites = 0;
    while (control->user_sites < ABI_USER_SITES && control->user_site[control->user_sites][0] != 0)
        control->user_sites++;
}

/* --- starting a server ---------------------------------------------------------------- */

static void reset_memory(struct job *job, const struct target *target, const struct place *place,
                         uint64_t seed)
{
    struct abi_control *control = &job->memory->control;
    uint64_t epoch = control->epoch;

    memset(&job->trust, 0, sizeof job->trust);
    memset(control, 0, sizeof *control);
    control->magic = ABI_MAGIC;
    control->version = ABI_VERSION;
    control->size = sizeof *job->memory;
    control->registry = injector_registry_hash();
    control->epoch = epoch;
    control->laps = target->laps;
    control->lap_mode = target->lap_mode;
    control->lap_every = target->lap_every;
    memset(&job->memory->lap_at, 0, sizeof job->memory->lap_at);
    if (target->lap_at != NULL)
        job->memory->lap_at = *target->lap_at;
    control->options = (target->fresh ? OPTION_FRESH : 0) | (target->probe ? OPTION_PROBE : 0) |
                       (target_is_shipped(target) ? 0 : OPTION_REOPEN) |
                       (place->trace ? OPTION_TRACE : 0) |
                       (target->must_unload ? OPTION_MUST_UNLOAD : 0) |
                       (target->reach ? OPTION_REACH : 0) | target->heap_check.options;
    control->guard_every = target->heap_check.every;
    control->plan.seed = seed;
    job_name_sites(target, control);
    memset(job->memory->call_site, 0, sizeof job->memory->call_site);
    madvise(&job->memory->order, sizeof job->memory->order, MADV_REMOVE); /* of another program */
}

/* Our environment, the target's additions, the recorder's, and our two words for the agent. */
struct environment {
    char *entry[1024];
    unsigned count;
};

static void put_entry(struct environment *env, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;

    for (unsigned i = 0; i < env->count; i++) {
        if (strncmp(env->entry[i], entry, name) == 0) {
            free(env->entry[i]);
            env->entry[i] = strdup(entry);
            return;
        }
    }
    if (env->count < 1023)
        env->entry[env->count++] = strdup(entry);
}

static void put_words(struct environment *env, const char *words)
{
    char *copy = strdup(words);
    char *rest = copy;
    char *word;

    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != 0)
            put_entry(env, word);
    free(copy);
}

static void build_environment(struct environment *env, const struct target *target,
                              const struct place *place)
{
    const char *preload = getenv("LD_PRELOAD");
    char text[8192];

    env->count = 0;
    for (char **entry = environ; *entry != NULL; entry++)
        put_entry(env, *entry);
    put_words(env, target->environment);
    for (char **entry = target->variable; entry != NULL && *entry != NULL; entry++)
        put_entry(env, *entry);
    for (char *const *entry = place->recorder_env; entry != NULL && *entry != NULL; entry++)
        put_entry(env, *entry);
    snprintf(text, sizeof text, "LD_PRELOAD=%s/librundown-agent.so%s%s", place->libdir,
             preload != NULL ? ":" : "", preload != NULL ? preload : "");
    put_entry(env, text);
    snprintf(text, sizeof text, ABI_ENVIRONMENT "=%d:%d", CHILD_MEMORY, CHILD_BELL);
    put_entry(env, text);
    env->entry[env->count] = NULL;
}

static void free_environment(struct environment *env)
{
    for (unsigned i = 0; i < env->count; i++)
        free(env->entry[i]);
}

/* --- programs that are started afresh: our own loop around fork and exec ----------------- */

struct fresh {
    int memory_fd;
    char *path;
    char **argv;
    char **envp;
};

static pid_t spawn_fresh(struct server *server)
{
    const struct fresh *fresh = server->context;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    /* stdin starts at offset 0 again; the pipe gets a description of its own. */
    int input = open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC);

    if (input >= 0)
        dup2(input, 0);
    for (int fd = 1; fd <= 2; fd++) {
        int writer = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_CLOEXEC);

        if (writer >= 0)
            dup2(writer, fd);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    fcntl(CHILD_MEMORY, F_SETFD, 0);
    fcntl(CHILD_BELL, F_SETFD, 0);
    server->memory->control.pid = (uint32_t)getpid();
    execve(fresh->path, fresh->argv, fresh->envp);
    _exit(127);
}

/* Strings of path, argv and environment, each NUL-terminated, lists ended by an empty count. */
struct packed {
    uint32_t argc;
    uint32_t envc;
    char text[];
};

static int fresh_server(void *argument, size_t length)
{
    struct packed *packed = argument;
    struct fresh fresh;
    struct server server = {NULL, CHILD_BELL, spawn_fresh, &fresh};
    char *at = packed->text;

    fresh.argv = calloc(packed->argc + 1, sizeof *fresh.argv);
    fresh.envp = calloc(packed->envc + 1, sizeof *fresh.envp);
    if (fresh.argv == NULL || fresh.envp == NULL)
        return 1;
    fresh.path = at;
    at += strlen(at) + 1;
    for (uint32_t i = 0; i < packed->argc; i++, at += strlen(at) + 1)
        fresh.argv[i] = at;
    for (uint32_t i = 0; i < packed->envc; i++, at += strlen(at) + 1)
        fresh.envp[i] = at;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    server.memory =
        mmap(NULL, sizeof *server.memory, PROT_READ | PROT_WRITE, MAP_SHARED, CHILD_MEMORY, 0);
    if (server.memory == MAP_FAILED)
        return 1;
    server_run(&server);
    return 0;
}

static struct packed *pack(const struct target *target, const struct environment *env,
                           size_t *length)
{
    struct packed *packed;
    char *at;

    *length = sizeof *packed + strlen(target->path) + 1;
    for (char **word = target->argv; *word != NULL; word++)
        *length += strlen(*word) + 1;
    for (unsigned i = 0; i < env->count; i++)
        *length += strlen(env->entry[i]) + 1;
    packed = calloc(1, *length);
    if (packed == NULL)
        return NULL;
    at = stpcpy(packed->text, target->path) + 1;
    for (char **word = target->argv; *word != NULL; word++, packed->argc++)
        at = stpcpy(at, *word) + 1;
    for (unsigned i = 0; i < env->count; i++, packed->envc++)
        at = stpcpy(at, env->entry[i]) + 1;
    return packed;
}

/* What the server makes has them from it. The soft limit alone, and never above the hard one;
 * @raise: one that is lower may be raised. */
static void limit(pid_t server, int resource, uint64_t bytes, bool raise)
{
    struct rlimit now;

    if (prlimit(server, resource, NULL, &now) != 0 || (!raise && now.rlim_cur <= bytes))
        return;
    now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
    prlimit(server, resource, &now, NULL);
}

/* Shells mostly allow no core files at all, so who wants small ones must get them. */
static void limit_server(const struct job *job, const struct place *place)
{
    if (place->memory_bytes != 0)
        limit(job->server, RLIMIT_DATA, place->memory_bytes, false);
    if (place->core_limited)
        limit(job->server, RLIMIT_CORE, place->core_bytes, true);
}

int job_start(struct job *job, struct guardian *guardian, const struct place *place,
              struct target *target, uint64_t seed, struct error *e)
{
    struct environment env;
    struct guardian_spawn spawn;
    struct packed *packed = NULL;
    int input = open(target->input != NULL ? target->input : "/dev/null", O_RDONLY | O_CLOEXEC);
    int code;

    if (input < 0)
        return error_set(e, ERROR_NOT_FOUND, "--stdin: %s: %s", target->input, strerror(errno));
    reset_memory(job, target, place, seed);
    build_environment(&env, target, place);
    memset(&spawn, 0, sizeof spawn);
    spawn.path = target->path;
    spawn.cwd = target->directory;
    spawn.argv = (const char *const *)target->argv;
    spawn.envp = (const char *const *)env.entry;
    if (target->fresh) {
        packed = pack(target, &env, &spawn.length);
        spawn.function = fresh_server;
        spawn.argument = packed;
        spawn.path = NULL;
        spawn.argv = NULL;
    }
    spawn.fds[0].from = input;
    spawn.fds[1].from = job->output_writer;
    spawn.fds[1].to = 1;
    spawn.fds[2].from = job->output_writer;
    spawn.fds[2].to = 2;
    spawn.fds[3].from = job->memory_fd;
    spawn.fds[3].to = CHILD_MEMORY;
    spawn.fds[4].from = job->bell;
    spawn.fds[4].to = CHILD_BELL;
    spawn.fd_count = 5;
    code = guardian_spawn(guardian, &spawn, &job->server, e);
    close(input);
    free(packed);
    free_environment(&env);
    job->target = target;
    job->alive = code == 0;
    if (job->alive)
        limit_server(job, place);
    return code;
}

void job_stop(struct job *job, struct guardian *guardian)
{
    if (job->server != 0)
        guardian_kill_tree(guardian, job->server, NULL);
    job->server = 0;
    job->alive = false;
    job_drain(job);
}

void job_close(struct job *job, struct guardian *guardian)
{
    job_stop(job, guardian);
    munmap(job->memory, sizeof *job->memory);
    close(job->memory_fd);
    close(job->bell);
    close(job->output);
    close(job->output_writer);
}

void job_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void job_command(struct job *job, uint32_t command)
{
    struct abi_control *control = &job->memory->control;

    if (command == COMMAND_RUN)
        trust_note(&job->trust, control);
    __atomic_store_n(&control->command, command, __ATOMIC_RELEASE);
    job_wake(&control->command);
}

/* --- output --------------------------------------------------------------------------------- */

static void keep(struct job *job, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        job->tail[job->tail_bytes++ % JOB_OUTPUT_BYTES] = bytes[i];
}

void job_drain(struct job *job)
{
    struct abi_control *control = &job->memory->control;
    char buffer[65536];
    uint64_t epoch;
    ssize_t got;

    for (;;) {
        epoch = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE);
        got = read(job->output, buffer, sizeof buffer);
        if (got <= 0)
            return;
        if (epoch != job->tail_epoch) {
            job->tail_epoch = epoch;
            job->tail_bytes = 0;
        }
        keep(job, buffer, (size_t)got);
        __atomic_fetch_add(&control->drained, (uint64_t)got, __ATOMIC_RELEASE);
        job_wake((uint32_t *)&control->drained);
    }
}

char *job_tail(const struct job *job, size_t *length)
{
    bool current = job->tail_epoch == job->memory->control.epoch;
    size_t all = current ? job->tail_bytes : 0;
    size_t kept = all < JOB_OUTPUT_BYTES ? all : JOB_OUTPUT_BYTES;
    char *text = malloc(kept + 1);

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < kept; i++)
        text[i] = job->tail[(all - kept + i) % JOB_OUTPUT_BYTES];
    text[kept] = 0;
    *length = kept;
    return text;
}

/* --- the profile -------------------------------------------------------------------------------
 */

void job_profile(const struct job *job, struct profile *out)
{
    const struct abi_memory *memory = job->memory;
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;

    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < lanes; i++) {
        const struct abi_lane *lane = &memory->lane[i];

        if (lane->epoch != memory->control.epoch)
            continue;
        for (uint32_t site = 1; site < ABI_SITES_ALL; site++) {
            struct profile_entry *entry = &out->entry[out->count];

            if (lane->hits[site] == 0 || out->count >= PROFILE_ENTRIES)
                continue;
            memcpy(entry->thread, lane->name, sizeof entry->thread);
            entry->thread[sizeof entry->thread - 1] = 0;
            entry->site = (uint16_t)site;
            entry->hits = lane->hits[site];
            memcpy(entry->length, memory->lengths[i].length[site], sizeof entry->length);
            out->count++;
        }
    }
    plan_profile_sort(out);
}
