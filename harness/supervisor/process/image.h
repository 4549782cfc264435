/*
 * image.h: the ELF images of a process: where each lies, who it is, and its file.
 *
 * Knows ELF headers through plain reads and hands out libelf handles; knows nothing of
 * symbols, DWARF or stacks. Only unwind.c and symbol.c build on it.
 */
#ifndef SUPERVISOR_IMAGE_H
#define SUPERVISOR_IMAGE_H

#include <harness/error.h>
#include <harness/supervisor/process/space.h>

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_NAME_BYTES = 64,
    IMAGE_PATH_BYTES = 512,
    IMAGE_BUILD_ID_BYTES = 48, /* 20 bytes in hex, with room for longer ones cut off */
};

struct symbol_table;

/**
 * struct image - one ELF file in a process, or one that was there.
 * @start, @end: the addresses it covers, of which some may be unmapped.
 * @bias: address in the process minus address in the file (dlpi_addr).
 * @origin: where libdw has to believe the image starts to come to the same @bias.
 * @deleted: the path leads no longer to this file. @unloaded: known by hearsay, not by a map.
 * @head: hash of the ELF header and program headers; tells files without build id apart.
 * @space: where it lies; NULL for a file alone. @bytes: a copy from memory, where one was made.
 * @module, @symbols: what unwind.c and symbol.c made of it, NULL at first.
 */
struct image {
    uint64_t start;
    uint64_t end;
    uint64_t bias;
    uint64_t origin;
    uint64_t inode;
    dev_t device;
    uint64_t head;
    uint64_t map_end;
    bool deleted;
    bool unloaded;
    bool vdso;
    bool claimed;
    char build_id[IMAGE_BUILD_ID_BYTES];
    char name[IMAGE_NAME_BYTES];
    char *path;
    struct space *space;
    uint8_t *bytes;
    Dwfl_Module *module;
    struct symbol_table *symbols;
};

/** struct image_list - images by ascending @start, each allocated on its own. */
struct image_list {
    struct image **image;
    size_t count;
    size_t room;
};

/**
 * image_scan() - find the images that are mapped for execution.
 * @list: empty; filled.
 *
 * Reads the process's memory, opens no file. Returns 0 or ERROR_MEMORY.
 */
int image_scan(struct space *space, struct image_list *list, struct error *e);

/**
 * image_from_file() - an image that is known by its path alone.
 * @start: where it was mapped, or 0 with @end 0: at the addresses in the file.
 *
 * Returns 0, ERROR_NOT_FOUND (no such file), ERROR_PERMISSION, ERROR_CORRUPT (no x86-64 ELF
 * file) or ERROR_MEMORY. The caller adds *@out to a list or frees it.
 */
int image_from_file(const char *path, uint64_t start, uint64_t end, struct image **out,
                    struct error *e);

/** image_add() - puts an image into its place, then the list owns it. 0 or ERROR_MEMORY. */
int image_add(struct image_list *list, struct image *image);

/** image_find() - the image that covers @address, or NULL. */
struct image *image_find(const struct image_list *list, uint64_t address);

/** image_same() - the same file at the same place, so what is known of one holds for the other. */
bool image_same(const struct image *one, const struct image *other);

/**
 * image_open() - the ELF file of an image, proved to be the one that is mapped.
 * @elf: set; the caller ends it.
 *
 * Tries the kernel's link to the mapped file, then the path in the process's root, then our
 * own; if all are gone or are other files, the image is put together from memory and has
 * program headers only. Returns a descriptor that belongs to @elf, or -1: then @elf needs
 * none, and is NULL where nothing could be had.
 */
int image_open(struct image *image, Elf **elf);

/**
 * image_open_debug() - the separate debug file of an image, if one with its build id is there.
 * @link: the name that the image's .gnu_debuglink gives, or NULL.
 * @name: set to its path, which the caller frees.
 *
 * Looks for the build id in /usr/lib/debug, then for @link beside the image, in .debug there,
 * and under /usr/lib/debug. Returns a descriptor, or -1 with @name untouched.
 */
int image_open_debug(const struct image *image, const char *link, char **name);

/** image_free() - the image, its symbols and its copy. NULL is allowed. */
void image_free(struct image *image);

/** image_clear() - frees every image of the list and the list's memory. */
void image_clear(struct image_list *list);

#endif
