/*
 * checkup_parts: our own files beside the program, and the programs and symbols of others.
 *
 * Files are not only looked for but used: the runner runs, the agent is preloaded, the flight
 * recorder records.
 */
#include <harness/supervisor/cli/checkup.h>

#include <harness/supervisor/heap/arena_walk.h>
#include <harness/supervisor/run/place.h>
#include <harness/supervisor/recorder/recorder.h>
#include <harness/supervisor/recorder/recorder_helper.h>

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4400, TEXT_BYTES = 512, WHY_BYTES = 160, BUILD_ID_BYTES = 64 };

#define REINSTALL   "install rundown again, with lib/rundown beside its bin"
#define NO_TIMELINE "the flight recorder: no timelines of failing cycles"

static void own_file(char path[PATH_BYTES], const char *name)
{
    struct place place;

    run_place(&place);
    snprintf(path, PATH_BYTES, "%s/%s", place.libdir, name);
}

/* --- runner and agent --------------------------------------------------------------------------
 */

/* struct trial - the runner's `null`, with something preloaded or not. */
struct trial {
    char runner[PATH_BYTES];
    char preload[PATH_BYTES + 16]; /* "" or LD_PRELOAD=... */
    int output;
};

static int run_null(void *context)
{
    struct trial *trial = context;
    char *argv[] = {trial->runner, (char *)"null", NULL};
    char *environment[] = {trial->preload[0] != 0 ? trial->preload : NULL, NULL};

    dup2(trial->output, STDOUT_FILENO);
    dup2(trial->output, STDERR_FILENO);
    execve(trial->runner, argv, environment);
    dprintf(trial->output, "%s", strerror(errno));
    return 127;
}

/* True if it ran and had nothing to say; else @why is its first line, or how it ended. */
static bool try_null(struct trial *trial, char *why, size_t size)
{
    int status;
    ssize_t length;

    own_file(trial->runner, "rundown-target");
    trial->output = memfd_create("rundown-checkup", MFD_CLOEXEC);
    if (trial->output < 0) {
        snprintf(why, size, "memfd_create: %s", strerror(errno));
        return false;
    }
    status = checkup_child(run_null, trial, why, size);
    length = pread(trial->output, why, size - 1, 0);
    close(trial->output);
    if (length > 0) {
        why[length] = 0;
        why[strcspn(why, "\n")] = 0;
        return false;
    }
    if (status > 0)
        snprintf(why, size, "exit status %d", status);
    return status == 0;
}

void checkup_runner(struct checkup *checkup)
{
    struct trial trial = {.preload = ""};
    char why[TEXT_BYTES] = "";

    if (try_null(&trial, why, sizeof why))
        checkup_ok(checkup, "%.300s runs", trial.runner);
    else
        checkup_bad(checkup, CHECKUP_MISSING, "every run of a shipped workload", REINSTALL,
                    "%.200s: %.180s", trial.runner, why);
}

/* The loader only remarks on a library that it cannot preload, and goes on. */
void checkup_agent(struct checkup *checkup)
{
    struct trial trial;
    char why[TEXT_BYTES] = "", path[PATH_BYTES];

    own_file(path, "librundown-agent.so");
    snprintf(trial.preload, sizeof trial.preload, "LD_PRELOAD=%s", path);
    if (access(path, R_OK) != 0)
        snprintf(why, sizeof why, "%s", strerror(errno));
    else if (try_null(&trial, why, sizeof why)) {
        checkup_ok(checkup, "%.300s can be preloaded", path);
        return;
    }
    checkup_bad(checkup, CHECKUP_MISSING, "every run", REINSTALL, "%.200s: %.180s", path, why);
}

void checkup_modules(struct checkup *checkup)
{
    char path[PATH_BYTES];
    const struct dirent *entry;
    unsigned count = 0;
    DIR *folder;

    own_file(path, "modules");
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        count += strlen(entry->d_name) > 3 &&
                 strcmp(entry->d_name + strlen(entry->d_name) - 3, ".so") == 0;
    if (folder != NULL)
        closedir(folder);
    if (count > 0)
        checkup_ok(checkup, "%u in %.300s", count, path);
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, "shipped workloads that load modules", REINSTALL,
                    "%.300s: none", path);
}

/* --- LTTng -------------------------------------------------------------------------------------
 */

static void look_for_tool(struct checkup *checkup, const char *tool)
{
    char path[PATH_BYTES];

    if (checkup_find(tool, path, sizeof path))
        checkup_ok(checkup, "%.300s", path);
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, NO_TIMELINE, "apt-get install lttng-tools",
                    "%s is not in PATH", tool);
}

void checkup_daemon(struct checkup *checkup)
{
    look_for_tool(checkup, "lttng-sessiond");
}

void checkup_crash_tool(struct checkup *checkup)
{
    look_for_tool(checkup, "lttng-crash");
}

/* Not loaded here: the tracer's library would leave files that the recorder takes for another's. */
void checkup_provider(struct checkup *checkup)
{
    char path[PATH_BYTES];

    own_file(path, "librundown-lttng.so");
    if (session_missing() != NULL)
        checkup_bad(checkup, CHECKUP_DEGRADED, NO_TIMELINE,
                    "apt-get install liblttng-ctl-dev liblttng-ust-dev, and build rundown again",
                    "%.300s", session_missing());
    else if (access(path, R_OK) == 0)
        checkup_ok(checkup, "%.300s", path);
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, NO_TIMELINE,
                    "build rundown again with liblttng-ust-dev installed", "%.300s: %s", path,
                    strerror(errno));
}

void checkup_recorder(struct checkup *checkup)
{
    struct recorder_env env;
    struct recorder *recorder;
    struct error e;

    if (recorder_start(&recorder, &env, &e) != 0) {
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "timelines of failing cycles; verdicts stay the same",
                    "see the lttng lines above, user namespaces and /dev/shm", "%.380s", e.text);
        return;
    }
    recorder_stop(recorder);
    checkup_ok(checkup, "a session was started, and an event read back");
}

/* --- the C library -----------------------------------------------------------------------------
 */

void checkup_libc(struct checkup *checkup)
{
    const char *version = gnu_get_libc_version();
    unsigned minor = 0;

    if (sscanf(version, "2.%u", &minor) == 1 && minor >= ARENA_VERSION_LOW &&
        minor <= ARENA_VERSION_HIGH) {
        checkup_ok(checkup, "glibc %s, whose heap is known", version);
        return;
    }
    checkup_bad(checkup, CHECKUP_DEGRADED,
                "heap.inconsistent: the allocator's own records are not read",
                "use glibc 2.36 or 2.41, which Debian 12 and 13 have",
                "glibc %s, whose heap is not known", version);
}

static void hex(const unsigned char *bytes, size_t count, char out[BUILD_ID_BYTES])
{
    out[0] = 0;
    for (size_t i = 0; i < count && 2 * i + 3 < BUILD_ID_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void find_build_id(const unsigned char *note, size_t size, char out[BUILD_ID_BYTES])
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *header = (const void *)note;
        size_t name = (header->n_namesz + 3u) & ~3u;
        size_t whole = sizeof *header + name + ((header->n_descsz + 3u) & ~3u);

        if (whole > size)
            return;
        if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4)
            hex(note + sizeof *header + name, header->n_descsz, out);
        note += whole;
        size -= whole;
    }
}

static int each_library(struct dl_phdr_info *info, size_t size, void *context)
{
    if (strstr(info->dlpi_name, "/libc.so.6") == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE)
            find_build_id((const unsigned char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                          info->dlpi_phdr[i].p_memsz, context);
    return 1;
}

static bool has_debug_file(const char *build_id)
{
    char path[200];

    snprintf(path, sizeof path, "/usr/lib/debug/.build-id/%.2s/%s.debug", build_id, build_id + 2);
    return access(path, R_OK) == 0;
}

void checkup_libc_symbols(struct checkup *checkup)
{
    char build_id[BUILD_ID_BYTES] = "";

    dl_iterate_phdr(each_library, build_id);
    if (strlen(build_id) > 2 && has_debug_file(build_id))
        checkup_ok(checkup, "there for build %.16s", build_id);
    else
        checkup_bad(checkup, CHECKUP_DEGRADED,
                    "names of the C library's inner functions and lines in stacks",
                    "apt-get install libc6-dbg", "none under /usr/lib/debug for build %.16s",
                    build_id[0] != 0 ? build_id : "unknown");
}

/* --- debug information -------------------------------------------------------------------------
 */

/* Sections lie behind a table whose every number comes from the file. */
static bool section_exists(const unsigned char *file, size_t size, const char *wanted)
{
    const Elf64_Ehdr *header = (const void *)file;
    const Elf64_Shdr *section, *names;

    if (size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_shoff > size || header->e_shnum > (size - header->e_shoff) / sizeof *section ||
        header->e_shstrndx >= header->e_shnum)
        return false;
    section = (const void *)(file + header->e_shoff);
    names = &section[header->e_shstrndx];
    if (names->sh_offset > size || names->sh_size > size - names->sh_offset)
        return false;
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (section[i].sh_name < names->sh_size &&
            strncmp((const char *)file + names->sh_offset + section[i].sh_name, wanted,
                    names->sh_size - section[i].sh_name) == 0)
            return true;
    return false;
}

static bool file_has_section(const char *path, const char *wanted)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    bool found = false;
    void *file;

    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && info.st_size > 0) {
        file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file != MAP_FAILED) {
            found = section_exists(file, (size_t)info.st_size, wanted);
            munmap(file, (size_t)info.st_size);
        }
    }
    close(fd);
    return found;
}

void checkup_debug_info(struct checkup *checkup)
{
    char path[PATH_BYTES];

    own_file(path, "rundown-target");
    if (file_has_section(path, ".debug_line"))
        checkup_ok(checkup, "the shipped workloads have it; build your own programs with -g");
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, "files and lines in findings of shipped workloads",
                    "build rundown with -g and do not strip it", "%.300s has none", path);
}

/* A program that the user may have named by @variable, with arguments or without. */
static void look_for_program(struct checkup *checkup, const char *variable, const char *standard,
                             const char *lost, const char *mend)
{
    const char *chosen = getenv(variable);
    char name[PATH_BYTES], path[PATH_BYTES];

    if (chosen == NULL || *chosen == 0)
        chosen = standard;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(chosen, " "), chosen);
    if (strchr(name, '/') != NULL && access(name, X_OK) == 0)
        checkup_ok(checkup, "%.300s", name);
    else if (strchr(name, '/') == NULL && checkup_find(name, path, sizeof path))
        checkup_ok(checkup, "%.300s", path);
    else
        checkup_bad(checkup, CHECKUP_DEGRADED, lost, mend, "%.200s is not to be found", name);
}

void checkup_gdb(struct checkup *checkup)
{
    look_for_program(checkup, "GDB", "gdb", "rundown replay --gdb",
                     "apt-get install gdb, or name another by GDB");
}

void checkup_compiler(struct checkup *checkup)
{
    look_for_program(checkup, "CC", "cc", "rundown module --use FILE.c",
                     "apt-get install gcc, or name another by CC");
}
