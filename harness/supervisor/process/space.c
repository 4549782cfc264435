/*
 * space: maps and memory of another process.
 *
 * Read only, and without ptrace. Everything that comes from /proc and from the other process
 * is untrusted: sizes are bounded, addresses may be anything, and a process that dies
 * meanwhile gives short reads and nothing worse.
 */
#include <harness/supervisor/process/space.h>

#include <harness/common/array.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    TEXT_FIRST = 32 << 10,
    TEXT_MAX = 64 << 20, /* the kernel's default limit of 65530 maps is a tenth of it */
    PATH_BYTES = 64,
};

int space_refused(struct error *e, const char *what, pid_t pid)
{
    char scope[16] = "absent";
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");

    if (file != NULL) {
        if (fgets(scope, sizeof scope, file) != NULL)
            scope[strcspn(scope, "\n")] = '\0';
        fclose(file);
    }
    return error_set(e, ERROR_PERMISSION,
                     "%s: process %d: refused: run as the user that the process runs as, set "
                     "/proc/sys/kernel/yama/ptrace_scope to 0 (it is %s), and in a container "
                     "grant CAP_SYS_PTRACE and a seccomp profile that allows ptrace",
                     what, (int)pid, scope);
}

/* The text of a /proc file, with a NUL; NULL with errno. */
static char *read_text(const char *path, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
    size_t size = TEXT_FIRST, n = 0;
    char *text = fd < 0 ? NULL : malloc(size);
    ssize_t got = -1;

    while (text != NULL && (got = read(fd, text + n, size - n - 1)) > 0) {
        n += (size_t)got;
        if (size - n > SPACE_PAGE)
            continue;
        char *more = size < TEXT_MAX ? realloc(text, size * 2) : NULL;
        if (more == NULL)
            break;
        text = more;
        size *= 2;
    }
    saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    if (text == NULL || got < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    *length = n;
    return text;
}

/* The kernel writes a newline in a name as \012, and nothing else specially. */
static void unescape(char *path)
{
    char *from = path, *to = path;

    while (*from != '\0') {
        if (strncmp(from, "\\012", 4) == 0) {
            *to++ = '\n';
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static bool cut_deleted(char *path)
{
    static const char mark[] = " (deleted)";
    size_t n = strlen(path), m = sizeof mark - 1;

    if (path[0] != '/' || n <= m || strcmp(path + n - m, mark) != 0)
        return false;
    path[n - m] = '\0';
    return true;
}

/* "start-end perms offset major:minor inode   path" */
static bool parse_line(char *line, struct space_map *map)
{
    char *at = line, *perms;
    unsigned long high, low;

    map->start = strtoull(at, &at, 16);
    if (*at++ != '-')
        return false;
    map->end = strtoull(at, &at, 16);
    if (*at++ != ' ' || strlen(at) < 5 || map->end <= map->start)
        return false;
    perms = at;
    map->readable = perms[0] == 'r';
    map->writable = perms[1] == 'w';
    map->executable = perms[2] == 'x';
    map->shared = perms[3] == 's';
    map->offset = strtoull(at + 5, &at, 16);
    high = strtoul(at, &at, 16);
    if (*at++ != ':')
        return false;
    low = strtoul(at, &at, 16);
    map->device = makedev((unsigned)high, (unsigned)low);
    map->inode = strtoull(at, &at, 10);
    at += strspn(at, " ");
    map->deleted = cut_deleted(at);
    unescape(at);
    map->path = at;
    return true;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n + 1;
}

static int parse_maps(struct space *space, struct error *e)
{
    char *rest = space->text, *line;
    uint64_t last = 0;

    space->map = calloc(count_lines(space->text), sizeof *space->map);
    if (space->map == NULL)
        return error_set(e, ERROR_MEMORY, "maps of process %d: no memory", (int)space->pid);
    while ((line = strsep(&rest, "\n")) != NULL) {
        struct space_map *map = &space->map[space->maps];

        if (!parse_line(line, map) || map->start < last)
            continue; /* a map that moved while we read: the first reading stands */
        last = map->end;
        space->maps++;
    }
    return 0;
}

static int load_maps(struct space *space, struct error *e)
{
    char path[PATH_BYTES];
    size_t length;

    snprintf(path, sizeof path, "/proc/%d/task/%d/maps", (int)space->pid, (int)space->tid);
    space->text = read_text(path, &length);
    if (space->text == NULL && (errno == EACCES || errno == EPERM))
        return space_refused(e, "reading maps", space->pid);
    if (space->text == NULL && (errno == ENOENT || errno == ESRCH))
        return error_set(e, ERROR_NOT_FOUND, "process %d: no thread %d: it has ended",
                         (int)space->pid, (int)space->tid);
    if (space->text == NULL)
        return error_set(e, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    if (length == 0)
        return error_set(e, ERROR_NOT_FOUND,
                         "process %d: thread %d has no memory any more: name one that is alive",
                         (int)space->pid, (int)space->tid);
    return parse_maps(space, e);
}

void space_none(struct space *space)
{
    memset(space, 0, sizeof *space);
    space->memory = -1;
}

int space_open(struct space *space, pid_t pid, pid_t tid, struct error *e)
{
    char path[PATH_BYTES];
    int code;

    assert(pid > 0 && tid > 0);
    space_none(space);
    space->pid = pid;
    space->tid = tid;
    code = load_maps(space, e);
    if (code != 0) {
        space_close(space);
        return code;
    }
    snprintf(path, sizeof path, "/proc/%d/mem", (int)tid);
    space->memory = open(path, O_RDONLY | O_CLOEXEC);
    return 0;
}

void space_close(struct space *space)
{
    if (space->memory >= 0)
        close(space->memory);
    free(space->map);
    free(space->text);
    space_none(space);
}

void space_forget(struct space *space)
{
    for (size_t i = 0; i < SPACE_PAGES_KEPT; i++)
        space->page[i].address = 0;
}

/* One attempt: process_vm_readv, or the mem file where that is refused or its thread ended. */
static size_t read_once(const struct space *space, uint64_t address, void *out, size_t bytes)
{
    struct iovec here = {out, bytes};
    struct iovec there = {(void *)(uintptr_t)address, bytes};
    ssize_t got;

    if (space->source != NULL)
        return space->source(space->context, address, out, bytes);
    if (space->tid == 0)
        return 0;
    got = process_vm_readv(space->tid, &here, 1, &there, 1, 0);
    if (got < 0 && errno != EFAULT && space->memory >= 0 && (off_t)address >= 0)
        got = pread(space->memory, out, bytes, (off_t)address);
    return got > 0 ? (size_t)got : 0;
}

/* All that can be had in one piece from the start; page by page where a piece fails. */
static size_t read_long(const struct space *space, uint64_t address, uint8_t *out, size_t bytes)
{
    size_t done = 0, got, step;

    while (done < bytes) {
        got = read_once(space, address + done, out + done, bytes - done);
        if (got == 0) {
            step = SPACE_PAGE - (size_t)((address + done) % SPACE_PAGE);
            if (step >= bytes - done)
                break;
            got = read_once(space, address + done, out + done, step);
        }
        if (got == 0)
            break;
        done += got;
    }
    return done;
}

static const struct space_page *kept_page(struct space *space, uint64_t address)
{
    struct space_page *page = &space->page[address / SPACE_PAGE % SPACE_PAGES_KEPT];

    if (page->address == address && address != 0)
        return page;
    page->address = 0;
    if (address == 0 || read_once(space, address, page->bytes, SPACE_PAGE) != SPACE_PAGE)
        return NULL;
    page->address = address;
    return page;
}

size_t space_read(struct space *space, uint64_t address, void *out, size_t bytes)
{
    size_t within = (size_t)(address % SPACE_PAGE);
    const struct space_page *page;

    if (bytes == 0 || address + bytes < address)
        return 0;
    if (within + bytes > SPACE_PAGE)
        return read_long(space, address, out, bytes);
    page = kept_page(space, address - within);
    if (page == NULL)
        return 0;
    memcpy(out, page->bytes + within, bytes);
    return bytes;
}

const struct space_map *space_find(const struct space *space, uint64_t address)
{
    size_t low = ARRAY_FIRST(space->maps, i, space->map[i].end <= address);

    return low < space->maps && space->map[low].start <= address ? &space->map[low] : NULL;
}
