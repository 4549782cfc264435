/*
 * postmortem_core: a core file as a process that stands still for ever.
 *
 * The file may be cut off, forged, or of a program whose files have changed since. It is read
 * by pread alone (a mapping of a file that shrinks would kill us), and every size in it is
 * bounded. Memory that the core left out because a file has it is read from that file.
 */
#include "postmortem_parts.h"

#include <harness/common/array.h>
#include <harness/supervisor/process/space.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

enum {
    SEGMENTS_MAX = 70000, /* the kernel's default limit of maps, and some */
    NOTES_MAX = 256 << 20,
    FILES_KEPT = 256,
};

/* A stretch of memory: where the core has it, and which file had it. */
struct stretch {
    uint64_t start, end;
    uint64_t offset, bytes; /* in the core; bytes may be fewer than end - start */
    uint64_t file_offset;
    unsigned flags;
    const char *path; /* NULL for none */
    int file;         /* -1 not tried, -2 cannot be had */
};

struct core {
    int fd;
    off_t size;
    time_t written;
    struct stretch *stretch;
    size_t stretches;
    size_t files; /* stretches behind those, that are not sorted in yet */
    uint8_t *notes;
    size_t notes_bytes;
    char *paths; /* of NT_FILE, or NULL */
    uint64_t vdso;
    unsigned opened;
};

void postmortem_core_free(void *source)
{
    struct core *core = source;

    if (core == NULL)
        return;
    for (size_t i = 0; i < core->stretches; i++)
        if (core->stretch[i].file >= 0)
            close(core->stretch[i].file);
    if (core->fd >= 0)
        close(core->fd);
    free(core->stretch);
    free(core->notes);
    free(core->paths);
    free(core);
}

/* --- memory ------------------------------------------------------------------------------------
 */

static struct stretch *find_stretch(struct core *core, uint64_t address)
{
    size_t low = ARRAY_FIRST(core->stretches, i, core->stretch[i].end <= address);

    return low < core->stretches && core->stretch[low].start <= address ? &core->stretch[low]
                                                                        : NULL;
}

/* The first stretch of a file opens it; what is writable has changed since it was mapped. */
static int file_of(struct core *core, struct stretch *stretch)
{
    struct stat status;

    if (stretch->file != -1)
        return stretch->file;
    stretch->file = -2;
    if (stretch->path == NULL || stretch->path[0] != '/' || stretch->flags & PF_W ||
        core->opened >= FILES_KEPT)
        return -2;
    stretch->file = open(stretch->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (stretch->file >= 0 && (fstat(stretch->file, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(stretch->file);
        stretch->file = -2;
    }
    if (stretch->file < 0)
        stretch->file = -2;
    else
        core->opened++;
    return stretch->file;
}

static size_t read_stretch(struct core *core, struct stretch *stretch, uint64_t address, void *out,
                           size_t bytes)
{
    uint64_t within = address - stretch->start;
    ssize_t got;
    int fd;

    if (bytes > stretch->end - address)
        bytes = (size_t)(stretch->end - address);
    if (within < stretch->bytes) {
        if (bytes > stretch->bytes - within)
            bytes = (size_t)(stretch->bytes - within);
        got = pread(core->fd, out, bytes, (off_t)(stretch->offset + within));
        return got > 0 ? (size_t)got : 0;
    }
    fd = file_of(core, stretch);
    got = fd >= 0 ? pread(fd, out, bytes, (off_t)(stretch->file_offset + within)) : 0;
    return got > 0 ? (size_t)got : 0;
}

static size_t read_memory(void *context, uint64_t address, void *out, size_t bytes)
{
    struct core *core = context;
    uint8_t *at = out;
    size_t done = 0;

    while (done < bytes) {
        struct stretch *stretch = find_stretch(core, address + done);
        size_t got = stretch != NULL
                         ? read_stretch(core, stretch, address + done, at + done, bytes - done)
                         : 0;

        if (got == 0)
            break;
        done += got;
    }
    return done;
}

/* --- the file ------------------------------------------------------------------------------------
 */

static bool read_at(const struct core *core, uint64_t offset, void *out, size_t bytes)
{
    return offset <= (uint64_t)core->size && bytes <= (uint64_t)core->size - offset &&
           pread(core->fd, out, bytes, (off_t)offset) == (ssize_t)bytes;
}

static int no_core(const char *path, const char *why, struct error *e)
{
    return error_set(e, ERROR_CORRUPT,
                     "%s: %s: name a PID, or a core file as the kernel or gcore "
                     "write them",
                     path, why);
}

static int open_core(struct core *core, const char *path, struct error *e)
{
    struct stat status;

    core->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (core->fd < 0 && (errno == EACCES || errno == EPERM))
        return error_set(e, ERROR_PERMISSION, "%s: %s", path, strerror(errno));
    if (core->fd < 0)
        return error_set(e, ERROR_NOT_FOUND, "%s: %s: name a PID or a core file", path,
                         strerror(errno));
    if (fstat(core->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return no_core(path, "not a file", e);
    core->size = status.st_size;
    core->written = status.st_mtime;
    return 0;
}

static size_t count_segments(const struct core *core, const Elf64_Ehdr *head)
{
    Elf64_Shdr first;

    if (head->e_phnum != PN_XNUM)
        return head->e_phnum;
    return read_at(core, head->e_shoff, &first, sizeof first) ? first.sh_info : 0;
}

static void add_notes(struct core *core, const Elf64_Phdr *segment)
{
    if (core->notes != NULL || segment->p_filesz == 0 || segment->p_filesz > NOTES_MAX ||
        segment->p_filesz > (uint64_t)core->size)
        return;
    core->notes = malloc(segment->p_filesz);
    if (core->notes == NULL)
        return;
    if (read_at(core, segment->p_offset, core->notes, segment->p_filesz))
        core->notes_bytes = segment->p_filesz;
}

static void add_stretch(struct core *core, const Elf64_Phdr *segment)
{
    struct stretch *stretch = &core->stretch[core->stretches];
    uint64_t last = core->stretches > 0 ? stretch[-1].end : 0;
    uint64_t end = segment->p_vaddr + segment->p_memsz;

    if (segment->p_memsz == 0 || end < segment->p_vaddr || segment->p_vaddr < last)
        return;
    *stretch = (struct stretch){.start = segment->p_vaddr,
                                .end = end,
                                .flags = segment->p_flags,
                                .offset = segment->p_offset,
                                .file = -1};
    if (segment->p_offset <= (uint64_t)core->size)
        stretch->bytes =
            segment->p_filesz <= segment->p_memsz ? segment->p_filesz : segment->p_memsz;
    core->stretches++;
}

static int read_segments(struct core *core, const char *path, struct error *e)
{
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    size_t count;

    if (!read_at(core, 0, &head, sizeof head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
        return no_core(path, "not an ELF file", e);
    if (head.e_type != ET_CORE || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_machine != EM_X86_64 || head.e_phentsize != sizeof segment)
        return no_core(path, head.e_type == ET_CORE ? "not of an x86-64 program" : "no core file",
                       e);
    count = count_segments(core, &head);
    if (count == 0 || count > SEGMENTS_MAX)
        return no_core(path, "it has no list of segments", e);
    core->stretch = calloc(count, sizeof *core->stretch);
    if (core->stretch == NULL)
        return error_set(e, ERROR_MEMORY, "%s: no memory", path);
    for (size_t i = 0; i < count; i++) {
        if (!read_at(core, head.e_phoff + i * sizeof segment, &segment, sizeof segment))
            break;
        if (segment.p_type == PT_NOTE)
            add_notes(core, &segment);
        else if (segment.p_type == PT_LOAD)
            add_stretch(core, &segment);
    }
    return core->notes_bytes > 0 ? 0 : no_core(path, "it has no notes, so no threads", e);
}

/* --- notes
 * ------------------------------------------------------------------------------------------
 */

/* Walks the notes: the next of @type, NULL at the end. *@at is where to go on. */
static const uint8_t *next_note(const struct core *core, unsigned type, size_t *at, size_t *bytes)
{
    while (core->notes_bytes - *at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        size_t name, content;
        const uint8_t *found;

        memcpy(&note, core->notes + *at, sizeof note);
        *at += sizeof note;
        name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        content = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name > core->notes_bytes - *at || note.n_descsz > core->notes_bytes - *at - name)
            break;
        found = core->notes + *at + name;
        *at += name + content < core->notes_bytes - *at ? name + content : core->notes_bytes - *at;
        if (note.n_type == type) {
            *bytes = note.n_descsz;
            return found;
        }
    }
    *at = core->notes_bytes;
    return NULL;
}

/* What the core does not have at all, since a file has it unchanged: gcore leaves out code. */
static void add_file(struct core *core, const uint64_t entry[3], uint64_t offset, const char *path)
{
    struct stretch *stretch = find_stretch(core, entry[0]);

    if (stretch != NULL && stretch->start == entry[0]) {
        stretch->path = path;
        stretch->file_offset = offset;
    }
    if (stretch != NULL || entry[1] <= entry[0])
        return;
    core->stretch[core->stretches + core->files++] = (struct stretch){.start = entry[0],
                                                                      .end = entry[1],
                                                                      .file_offset = offset,
                                                                      .flags = PF_R | PF_X,
                                                                      .path = path,
                                                                      .file = -1};
}

static int compare_stretches(const void *a, const void *b)
{
    const struct stretch *one = a, *other = b;

    return one->start < other->start ? -1 : one->start > other->start;
}

/* Those by files join the others, cut where they would overlap. */
static void settle_stretches(struct core *core)
{
    size_t count = core->stretches + core->files, kept = 0;

    qsort(core->stretch, count, sizeof *core->stretch, compare_stretches);
    for (size_t i = 0; i < count; i++) {
        struct stretch stretch = core->stretch[i];

        if (i + 1 < count && stretch.end > core->stretch[i + 1].start)
            stretch.end = core->stretch[i + 1].start;
        if (stretch.end <= stretch.start ||
            (kept > 0 && stretch.start < core->stretch[kept - 1].end))
            continue;
        if (stretch.bytes > stretch.end - stretch.start)
            stretch.bytes = stretch.end - stretch.start;
        core->stretch[kept++] = stretch;
    }
    core->stretches = kept;
    core->files = 0;
}

static bool make_room(struct core *core, size_t more)
{
    struct stretch *wider =
        reallocarray(core->stretch, core->stretches + more, sizeof *core->stretch);

    if (wider != NULL)
        core->stretch = wider;
    return wider != NULL;
}

/* NT_FILE: count, page size, then start, end and offset in pages of each, then the paths. */
static void read_files(struct core *core)
{
    size_t at = 0, bytes = 0, used;
    const uint8_t *note = next_note(core, NT_FILE, &at, &bytes);
    uint64_t count, page, entry[3];

    if (note == NULL || bytes < 16)
        return;
    memcpy(&count, note, 8);
    memcpy(&page, note + 8, 8);
    if (count > SEGMENTS_MAX || 16 + count * 24 > bytes || page == 0 || page > 1 << 30)
        return;
    used = 16 + (size_t)count * 24;
    core->paths = calloc(1, bytes - used + 1);
    if (core->paths == NULL)
        return;
    memcpy(core->paths, note + used, bytes - used);
    if (count == 0 || !make_room(core, (size_t)count))
        return;
    for (size_t i = 0, path = 0; i < count && path < bytes - used; i++) {
        memcpy(entry, note + 16 + i * 24, sizeof entry);
        add_file(core, entry, entry[2] * page, core->paths + path);
        path += strlen(core->paths + path) + 1;
    }
    settle_stretches(core);
}

static void read_auxv(struct core *core)
{
    size_t at = 0, bytes = 0;
    const uint8_t *note = next_note(core, NT_AUXV, &at, &bytes);
    uint64_t pair[2];

    for (size_t i = 0; note != NULL && i + sizeof pair <= bytes; i += sizeof pair) {
        memcpy(pair, note + i, sizeof pair);
        if (pair[0] == AT_SYSINFO_EHDR)
            core->vdso = pair[1];
    }
}

/* A path as the kernel tells it of a file that is no more there. */
static bool is_deleted(const char *path)
{
    size_t length = strlen(path);

    return length > 10 && strcmp(path + length - 10, " (deleted)") == 0;
}

static uint64_t hash_path(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *path != 0; path++)
        hash = (hash ^ (uint8_t)*path) * 0x100000001b3;
    return hash | 1;
}

static int make_space(struct core *core, struct space *space, struct error *e)
{
    space_none(space);
    space->source = read_memory;
    space->context = core;
    space->map = calloc(core->stretches + 1, sizeof *space->map);
    if (space->map == NULL)
        return error_set(e, ERROR_MEMORY, "maps of the core: no memory");
    for (size_t i = 0; i < core->stretches; i++) {
        const struct stretch *stretch = &core->stretch[i];
        bool vdso = core->vdso != 0 && stretch->start == core->vdso;

        space->map[space->maps++] = (struct space_map){
            .start = stretch->start,
            .end = stretch->end,
            .offset = stretch->path != NULL ? stretch->file_offset : 0,
            .inode = stretch->path != NULL ? hash_path(stretch->path) : 0,
            .readable = true, /* whether it can be had shows when it is read */
            .writable = (stretch->flags & PF_W) != 0,
            .executable = (stretch->flags & PF_X) != 0,
            .deleted = stretch->path != NULL && is_deleted(stretch->path),
            .path = vdso                    ? "[vdso]"
                    : stretch->path != NULL ? stretch->path
                                            : "",
        };
    }
    return 0;
}

/* --- threads
 * ------------------------------------------------------------------------------------------
 */

/* The instruction before is a system call, and its number is still there. */
static bool is_in_call(const struct postmortem_process *process,
                       const struct user_regs_struct *regs)
{
    uint8_t code[2];
    long result = (long)regs->rax;

    return (long)regs->orig_rax >= 0 && (long)regs->orig_rax < 1024 &&
           ((result <= -512 && result >= -516) || result == -EINTR) &&
           postmortem_read(process, regs->rip - 2, code, 2) && code[0] == 0x0f && code[1] == 0x05;
}

static void take_thread(struct postmortem_process *process, const uint8_t *note, size_t *budget)
{
    struct postmortem_thread *thread = &process->thread[process->threads++];
    struct user_regs_struct all;
    struct elf_prstatus status;

    memcpy(&status, note, sizeof status);
    memcpy(&all, status.pr_reg, sizeof all);
    thread->process = process;
    thread->tid = thread->own = status.pr_pid;
    thread->state = '?';
    thread->stopped = true;
    thread->fs_base = all.fs_base;
    thread->regs = (struct unwind_regs){{all.rax, all.rdx, all.rcx, all.rbx, all.rsi, all.rdi,
                                         all.rbp, all.rsp, all.r8, all.r9, all.r10, all.r11,
                                         all.r12, all.r13, all.r14, all.r15, all.rip}};
    thread->call = is_in_call(process, &all) ? (long)all.orig_rax : -1;
    memcpy(thread->argument, (uint64_t[6]){all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9},
           sizeof thread->argument);
    *budget -= postmortem_copy_stack(thread, *budget);
    postmortem_copy_words(thread);
}

static void take_threads(struct postmortem_process *process, const struct core *core)
{
    size_t at = 0, bytes = 0, budget = POSTMORTEM_STACKS_BYTES;
    const uint8_t *note;

    while ((note = next_note(core, NT_PRSTATUS, &at, &bytes)) != NULL) {
        if (bytes < sizeof(struct elf_prstatus))
            continue;
        if (process->threads == POSTMORTEM_THREADS) {
            process->more = true;
            break;
        }
        take_thread(process, note, &budget);
    }
}

static void take_program(struct postmortem_process *process, const struct core *core)
{
    size_t at = 0, bytes = 0;
    const uint8_t *note = next_note(core, NT_PRPSINFO, &at, &bytes);
    struct elf_prpsinfo info;

    if (note != NULL && bytes >= sizeof info) {
        memcpy(&info, note, sizeof info);
        process->pid = process->own = info.pr_pid;
        snprintf(process->comm, sizeof process->comm, "%.*s", (int)sizeof info.pr_fname,
                 info.pr_fname);
        snprintf(process->program, sizeof process->program, "%s", process->comm);
    }
    if (postmortem_own(process, process->pid) == NULL && process->threads > 0)
        process->pid = process->own =
            process->thread[0].tid; /* the kernel's cores: the one that fell */
}

/* What the core left out is read from files: they should be older than it. */
static void remark_files(struct postmortem *all, const struct core *core)
{
    for (size_t i = 0; i < core->stretches; i++) {
        struct stat status;
        const char *path = core->stretch[i].path;

        if (path != NULL && core->stretch[i].flags & PF_X && stat(path, &status) == 0 &&
            status.st_mtime > core->written)
            postmortem_remark(all, "%.120s is newer than the core: names in it may be wrong", path);
        else if (path != NULL && core->stretch[i].flags & PF_X && stat(path, &status) != 0)
            postmortem_remark(all, "%.120s is not here: stacks through it may be cut short", path);
    }
}

static int read_core(struct postmortem *all, struct core *core, struct error *e)
{
    struct postmortem_process *process = postmortem_process_new(all, 0);
    struct space space;
    int code = make_space(core, &space, e);

    if (code != 0)
        return code;
    process->thread = calloc(POSTMORTEM_THREADS, sizeof *process->thread);
    code = unwind_open_space(&process->unwind, &space, e);
    if (code != 0 || process->thread == NULL)
        return code != 0 ? code : error_set(e, ERROR_MEMORY, "threads of the core: no memory");
    take_threads(process, core);
    take_program(process, core);
    if (process->threads == 0)
        return error_set(e, ERROR_CORRUPT, "%s: it has no threads: write it again, by gcore PID",
                         all->what);
    postmortem_name_threads(process);
    postmortem_name_stacks(process);
    remark_files(all, core);
    if (process->more)
        postmortem_remark(all, "the core has more than %d threads: the rest was not read",
                          POSTMORTEM_THREADS);
    return 0;
}

int postmortem_core(struct postmortem *all, const char *path, struct error *e)
{
    struct core *core = calloc(1, sizeof *core);
    int code;

    if (core == NULL)
        return error_set(e, ERROR_MEMORY, "%s: no memory", path);
    core->fd = -1;
    all->core = true;
    all->source = core;
    snprintf(all->what, sizeof all->what, "%s", path);
    code = open_core(core, path, e);
    if (code == 0)
        code = read_segments(core, path, e);
    if (code != 0)
        return code;
    read_files(core);
    read_auxv(core);
    code = read_core(all, core, e);
    if (code != 0)
        return code;
    postmortem_read_waits(all);
    postmortem_read_held(all);
    postmortem_find_circles(all);
    postmortem_judge_quiet(all);
    return 0;
}
