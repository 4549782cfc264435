/*
 * image: which ELF files lie where in a process.
 *
 * A path in the maps proves nothing: the file may have been deleted, replaced or rewritten
 * since. So what is mapped is identified from memory, and a file counts only if it says the
 * same. Headers come from the other process or from the disk and may hold anything; every
 * size is bounded before it is used. No file is mapped here, since one that is truncated
 * under a mapping would kill the reader.
 */
#include <harness/supervisor/process/image.h>

#include <harness/common/array.h>
#include <harness/supervisor/process/symbol.h>

#include <assert.h>
#include <elf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEBUG_FOLDER "/usr/lib/debug"

enum {
    SEGMENTS_MAX = 64,
    NOTES_MAX = 4096,
    COPY_MAX = 64 << 20,
};

/* What the headers say; addresses as in the file. */
struct shape {
    Elf64_Ehdr head;
    Elf64_Phdr segment[SEGMENTS_MAX];
    unsigned segments;
    uint64_t low;    /* page of the segment that holds the file's start */
    uint64_t high;   /* end of the last segment */
    uint64_t origin; /* first segment, as libdw rounds it */
    uint64_t file_bytes;
    uint64_t hash;
    char build_id[IMAGE_BUILD_ID_BYTES];
};

/* Where headers are read from: a file, or memory from the image's first byte on. */
struct source {
    int fd;
    struct space *space;
    uint64_t start;
};

static bool source_read(const struct source *source, uint64_t at, void *out, size_t bytes)
{
    if (source->space != NULL)
        return space_read(source->space, source->start + at, out, bytes) == bytes;
    return (off_t)at >= 0 && pread(source->fd, out, bytes, (off_t)at) == (ssize_t)bytes;
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *byte = data;

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3;
    return hash;
}

/* Section headers are left out: stripping a file changes them and not the code. */
static uint64_t hash_shape(const struct shape *shape)
{
    Elf64_Ehdr head = shape->head;
    uint64_t hash;

    head.e_shoff = 0;
    head.e_shnum = 0;
    head.e_shstrndx = 0;
    hash = hash_bytes(0xcbf29ce484222325, &head, sizeof head);
    return hash_bytes(hash, shape->segment, shape->segments * sizeof shape->segment[0]);
}

static bool head_ok(const Elf64_Ehdr *head)
{
    return memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == ELFCLASS64 &&
           head->e_ident[EI_DATA] == ELFDATA2LSB && head->e_machine == EM_X86_64 &&
           (head->e_type == ET_DYN || head->e_type == ET_EXEC) &&
           head->e_phentsize == sizeof(Elf64_Phdr) && head->e_phnum > 0 &&
           head->e_phnum <= SEGMENTS_MAX;
}

static void measure(struct shape *shape)
{
    bool first = true, found = false;

    for (unsigned i = 0; i < shape->segments; i++) {
        const Elf64_Phdr *segment = &shape->segment[i];
        uint64_t end = segment->p_vaddr + segment->p_memsz;

        if (segment->p_type != PT_LOAD || end < segment->p_vaddr)
            continue;
        if (first)
            shape->origin = segment->p_vaddr & -segment->p_align;
        first = false;
        if (!found && segment->p_offset < SPACE_PAGE) {
            shape->low = segment->p_vaddr - segment->p_offset;
            found = true;
        }
        if (end > shape->high)
            shape->high = end;
        if (segment->p_offset + segment->p_filesz > shape->file_bytes)
            shape->file_bytes = segment->p_offset + segment->p_filesz;
    }
    shape->low &= -(uint64_t)SPACE_PAGE;
}

static void write_hex(char *out, size_t room, const uint8_t *byte, size_t bytes)
{
    for (size_t i = 0; i < bytes && 2 * i + 3 <= room; i++)
        snprintf(out + 2 * i, 3, "%02x", byte[i]);
}

/* Walks one note segment; names and contents are padded to 4 bytes. */
static void find_build_id(const uint8_t *notes, size_t bytes, char *out)
{
    size_t at = 0;

    while (bytes - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        size_t name, content;

        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        content = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name > bytes - at || content > bytes - at - name)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + at, "GNU", 4) == 0) {
            write_hex(out, IMAGE_BUILD_ID_BYTES, notes + at + name, note.n_descsz);
            return;
        }
        at += name + content;
    }
}

static void read_build_id(const struct source *source, struct shape *shape)
{
    uint8_t notes[NOTES_MAX];

    for (unsigned i = 0; i < shape->segments && shape->build_id[0] == '\0'; i++) {
        const Elf64_Phdr *segment = &shape->segment[i];
        uint64_t at = source->space != NULL ? segment->p_vaddr - shape->low : segment->p_offset;

        if (segment->p_type == PT_NOTE && segment->p_filesz <= sizeof notes &&
            source_read(source, at, notes, segment->p_filesz))
            find_build_id(notes, segment->p_filesz, shape->build_id);
    }
}

static bool read_shape(const struct source *source, struct shape *shape)
{
    memset(shape, 0, sizeof *shape);
    if (!source_read(source, 0, &shape->head, sizeof shape->head) || !head_ok(&shape->head))
        return false;
    shape->segments = shape->head.e_phnum;
    if (!source_read(source, shape->head.e_phoff, shape->segment,
                     shape->segments * sizeof shape->segment[0]))
        return false;
    measure(shape);
    if (shape->high <= shape->low)
        return false;
    shape->hash = hash_shape(shape);
    read_build_id(source, shape);
    return true;
}

static void set_name(struct image *image, const char *path)
{
    const char *slash = strrchr(path, '/');

    snprintf(image->name, sizeof image->name, "%s", slash != NULL ? slash + 1 : path);
}

static struct image *new_image(const struct shape *shape, const char *path)
{
    struct image *image = calloc(1, sizeof *image);

    if (image == NULL)
        return NULL;
    image->path = strdup(path);
    if (image->path == NULL) {
        free(image);
        return NULL;
    }
    set_name(image, path);
    image->head = shape->hash;
    memcpy(image->build_id, shape->build_id, sizeof image->build_id);
    return image;
}

static void place(struct image *image, const struct shape *shape, uint64_t start)
{
    image->start = start;
    image->bias = start - shape->low;
    image->end = image->bias + ((shape->high + SPACE_PAGE - 1) & -(uint64_t)SPACE_PAGE);
    image->origin = image->bias + shape->origin;
}

static bool is_vdso(const struct space_map *map)
{
    return strcmp(map->path, "[vdso]") == 0;
}

/* Whether anything in the image's range can be executed: else it is a file read as data. */
static bool runs_code(const struct space *space, size_t first, uint64_t end)
{
    for (size_t i = first; i < space->maps && space->map[i].start < end; i++) {
        if (space->map[i].executable && space->map[i].inode == space->map[first].inode)
            return true;
    }
    return false;
}

static bool may_start_image(const struct space_map *map)
{
    return map->readable && map->offset == 0 && (map->inode != 0 || is_vdso(map));
}

/* The image that starts with map number @index: 1 found and added, 0 none, -1 no memory. */
static int scan_one(struct space *space, size_t index, struct image_list *list)
{
    const struct space_map *map = &space->map[index];
    struct source source = {-1, space, map->start};
    struct shape shape;
    struct image *image;
    int code;

    if (!may_start_image(map) || !read_shape(&source, &shape))
        return 0;
    if (!runs_code(space, index, map->start + (shape.high - shape.low)))
        return 0;
    image = new_image(&shape, is_vdso(map) ? "linux-vdso.so.1" : map->path);
    if (image == NULL)
        return -1;
    place(image, &shape, map->start);
    image->space = space;
    image->inode = map->inode;
    image->device = map->device;
    image->deleted = map->deleted;
    image->map_end = map->end;
    image->vdso = is_vdso(map);
    if (image->end > image->start && image_add(list, image) == 0)
        return 1;
    code = image->end > image->start ? -1 : 0;
    image_free(image);
    return code;
}

/* A forged header may claim any size; an image ends where the next one begins. */
static void cut_overlaps(struct image_list *list)
{
    for (size_t i = 0; i + 1 < list->count; i++) {
        if (list->image[i]->end > list->image[i + 1]->start)
            list->image[i]->end = list->image[i + 1]->start;
    }
}

/* A small file may be mapped from offset 0 twice: text, and data that shares its first page. */
static bool belongs_to_last(const struct image_list *list, const struct space_map *map)
{
    const struct image *last = list->count > 0 ? list->image[list->count - 1] : NULL;

    return last != NULL && map->start < last->end && map->inode == last->inode &&
           map->device == last->device;
}

int image_scan(struct space *space, struct image_list *list, struct error *e)
{
    for (size_t i = 0; i < space->maps; i++) {
        if (belongs_to_last(list, &space->map[i]))
            continue;
        if (scan_one(space, i, list) < 0) {
            image_clear(list);
            return error_set(e, ERROR_MEMORY, "modules of process %d: no memory", (int)space->pid);
        }
    }
    cut_overlaps(list);
    return 0;
}

static int open_refused(const char *path, struct error *e)
{
    if (errno == EACCES || errno == EPERM)
        return error_set(e, ERROR_PERMISSION, "%s: %s", path, strerror(errno));
    return error_set(e, ERROR_NOT_FOUND, "%s: %s", path, strerror(errno));
}

int image_from_file(const char *path, uint64_t start, uint64_t end, struct image **out,
                    struct error *e)
{
    struct source source = {open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), NULL, 0};
    struct shape shape;
    struct image *image;
    bool ok;

    if (source.fd < 0)
        return open_refused(path, e);
    ok = read_shape(&source, &shape);
    close(source.fd);
    if (!ok)
        return error_set(e, ERROR_CORRUPT, "%s: not an x86-64 ELF program or library", path);
    image = new_image(&shape, path);
    if (image == NULL)
        return error_set(e, ERROR_MEMORY, "%s: no memory", path);
    place(image, &shape, end > start ? start : shape.low);
    if (end > start && end < image->end)
        image->end = end;
    image->unloaded = true;
    *out = image;
    return 0;
}

int image_add(struct image_list *list, struct image *image)
{
    size_t at = list->count;

    if (!ARRAY_ROOM(list->image, list->count, list->room))
        return ERROR_MEMORY;
    for (; at > 0 && list->image[at - 1]->start > image->start; at--)
        list->image[at] = list->image[at - 1];
    list->image[at] = image;
    list->count++;
    return 0;
}

struct image *image_find(const struct image_list *list, uint64_t address)
{
    size_t low = ARRAY_FIRST(list->count, i, list->image[i]->end <= address);

    return low < list->count && list->image[low]->start <= address ? list->image[low] : NULL;
}

bool image_same(const struct image *one, const struct image *other)
{
    return one->start == other->start && one->end == other->end && one->bias == other->bias &&
           one->inode == other->inode && one->device == other->device && one->head == other->head &&
           one->unloaded == other->unloaded && strcmp(one->build_id, other->build_id) == 0 &&
           strcmp(one->path, other->path) == 0;
}

/* Whether an open file is the one that is mapped. */
static bool is_it(const struct image *image, int fd)
{
    struct source source = {fd, NULL, 0};
    struct shape shape;
    struct stat status;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || !read_shape(&source, &shape))
        return false;
    if (image->build_id[0] != '\0')
        return strcmp(image->build_id, shape.build_id) == 0;
    return image->head == shape.hash;
}

static int open_checked(const struct image *image, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && is_it(image, fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_mapped(const struct image *image)
{
    char path[128];

    if (image->space == NULL || image->inode == 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/map_files/%lx-%lx", (int)image->space->tid,
             (unsigned long)image->start, (unsigned long)image->map_end);
    return open_checked(image, path);
}

static int open_rooted(const struct image *image)
{
    char path[64 + IMAGE_PATH_BYTES];

    if (image->space == NULL || image->inode == 0)
        return -1;
    if (snprintf(path, sizeof path, "/proc/%d/root%s", (int)image->space->tid, image->path) >=
        (int)sizeof path)
        return -1;
    return open_checked(image, path);
}

static int open_any(const struct image *image)
{
    int fd = open_mapped(image);

    if (fd < 0)
        fd = open_rooted(image);
    if (fd < 0 && !image->vdso)
        fd = open_checked(image, image->path);
    return fd;
}

/* Unreadable pages stay zero: a hole in the copy is better than none. */
static void copy_pages(struct space *space, uint64_t address, uint8_t *out, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        size_t got = space_read(space, address + done, out + done, bytes - done);

        if (got == 0)
            got = SPACE_PAGE - (size_t)((address + done) % SPACE_PAGE);
        done += got;
    }
}

/*
 * A file's loaded parts, each at its place in the file. The rest, with it the section
 * headers, isn't in memory; so the header says that there are none.
 */
static void copy_segments(struct image *image, const struct shape *shape)
{
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)image->bytes;
    uint64_t budget = COPY_MAX; /* segments that overlap in the file may add up to more */

    for (unsigned i = 0; i < shape->segments; i++) {
        const Elf64_Phdr *segment = &shape->segment[i];

        if (segment->p_type != PT_LOAD || segment->p_offset > shape->file_bytes ||
            segment->p_filesz > shape->file_bytes - segment->p_offset || segment->p_filesz > budget)
            continue;
        budget -= segment->p_filesz;
        copy_pages(image->space, image->bias + segment->p_vaddr, image->bytes + segment->p_offset,
                   segment->p_filesz);
    }
    memcpy(head, &shape->head, sizeof *head);
    head->e_shoff = 0;
    head->e_shnum = 0;
    head->e_shstrndx = 0;
}

/* The vdso is mapped as a whole, with its section headers. */
static size_t copy_size(const struct image *image, const struct shape *shape)
{
    uint64_t bytes = image->vdso ? image->map_end - image->start : shape->file_bytes;

    return bytes >= sizeof(Elf64_Ehdr) && bytes <= COPY_MAX ? (size_t)bytes : 0;
}

static Elf *open_copy(struct image *image)
{
    struct source source = {-1, image->space, image->start};
    struct shape shape;
    size_t bytes;

    if (image->space == NULL || !read_shape(&source, &shape) || shape.hash != image->head)
        return NULL;
    bytes = copy_size(image, &shape);
    free(image->bytes);
    image->bytes = bytes > 0 ? calloc(1, bytes) : NULL;
    if (image->bytes == NULL)
        return NULL;
    if (image->vdso)
        copy_pages(image->space, image->start, image->bytes, bytes);
    else
        copy_segments(image, &shape);
    return elf_memory((char *)image->bytes, bytes);
}

int image_open(struct image *image, Elf **elf)
{
    int fd = open_any(image);

    elf_version(EV_CURRENT);
    *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : open_copy(image);
    if (fd >= 0 && *elf == NULL) {
        close(fd);
        fd = -1;
    }
    if (fd < 0 && !image->vdso && !image->unloaded)
        image->deleted = true;
    return fd;
}

/*
 * libdw maps a debug file. Those of the system are replaced by renaming; one that belongs to
 * somebody's build may be rewritten under the map, so a copy of it is handed out.
 */
static int safe_copy(int fd)
{
    int copy = memfd_create("debug file", MFD_CLOEXEC);
    struct stat status;

    if (copy >= 0 && fstat(fd, &status) == 0) {
        while (sendfile(copy, fd, NULL, (size_t)status.st_size) > 0)
            ;
    }
    close(fd);
    return copy;
}

/* libelf finds the note by its section: a debug file's program headers lead nowhere. */
static bool has_build_id(const struct image *image, int fd)
{
    char hex[IMAGE_BUILD_ID_BYTES] = "";
    const void *bits;
    Elf *elf;
    ssize_t bytes;

    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    bytes = elf != NULL ? dwelf_elf_gnu_build_id(elf, &bits) : 0;
    if (bytes > 0)
        write_hex(hex, sizeof hex, bits, (size_t)bytes);
    if (elf != NULL)
        elf_end(elf);
    return bytes > 0 && strcmp(hex, image->build_id) == 0;
}

static int open_debug_at(const struct image *image, const char *path, char **name)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && !has_build_id(image, fd)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0 && strncmp(path, DEBUG_FOLDER "/", sizeof DEBUG_FOLDER) != 0)
        fd = safe_copy(fd);
    if (fd >= 0)
        *name = strdup(path);
    return fd;
}

static int open_debug_link(const struct image *image, const char *link, char **name)
{
    static const char *const places[][2] = {{"", ""}, {"", ".debug/"}, {DEBUG_FOLDER, ""}};
    const char *slash = strrchr(image->path, '/');
    int folder = slash != NULL ? (int)(slash - image->path) + 1 : 0;
    char path[2 * IMAGE_PATH_BYTES];
    int fd = -1;

    for (size_t i = 0; fd < 0 && i < sizeof places / sizeof places[0]; i++) {
        if (snprintf(path, sizeof path, "%s%.*s%s%s", places[i][0], folder, image->path,
                     places[i][1], link) < (int)sizeof path)
            fd = open_debug_at(image, path, name);
    }
    return fd;
}

int image_open_debug(const struct image *image, const char *link, char **name)
{
    char path[sizeof DEBUG_FOLDER + IMAGE_BUILD_ID_BYTES + 32];
    int fd;

    if (strlen(image->build_id) < 3)
        return -1;
    snprintf(path, sizeof path, DEBUG_FOLDER "/.build-id/%.2s/%s.debug", image->build_id,
             image->build_id + 2);
    fd = open_debug_at(image, path, name);
    if (fd < 0 && link != NULL && link[0] != '\0' && strchr(link, '/') == NULL)
        fd = open_debug_link(image, link, name);
    return fd;
}

void image_free(struct image *image)
{
    if (image == NULL)
        return;
    symbol_table_free(image->symbols);
    free(image->bytes);
    free(image->path);
    free(image);
}

void image_clear(struct image_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        image_free(list->image[i]);
    free(list->image);
    memset(list, 0, sizeof *list);
}
