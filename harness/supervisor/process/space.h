/*
 * space.h: the address space of another process, as its maps and its memory.
 *
 * Plain reading: nothing here stops, traces or changes the process, and nothing knows ELF or
 * DWARF. What the process does meanwhile makes the answers older, never wrong in form.
 */
#ifndef SUPERVISOR_SPACE_H
#define SUPERVISOR_SPACE_H

#include <harness/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SPACE_PAGE = 4096,
    SPACE_PAGES_KEPT = 4,
};

/**
 * struct space_map - one line of /proc/PID/maps.
 * @path: without " (deleted)"; "" for anonymous memory. Owned by the space.
 * @device: as in st_dev; 0 with @inode 0 for what is no file.
 */
struct space_map {
    uint64_t start;
    uint64_t end;
    uint64_t offset;
    uint64_t inode;
    dev_t device;
    bool readable;
    bool writable;
    bool executable;
    bool shared;
    bool deleted;
    const char *path;
};

/** struct space_page - a page read lately; @address is 0 while the slot is empty. */
struct space_page {
    uint64_t address;
    uint8_t bytes[SPACE_PAGE];
};

/**
 * struct space - a process's maps and the way to its memory.
 * @tid: a thread that lived when the space was opened; reads go through it.
 * @memory: /proc/TID/mem, which also works after that thread's end; -1 if refused.
 * @source: reads instead of a process's memory, where there is none (a core file); NULL else.
 *          Returns how many bytes it could give from @address on. @context is its own.
 * @text: what the maps' paths point into. @map: @maps of them, ascending and disjoint.
 */
struct space {
    pid_t pid;
    pid_t tid;
    int memory;
    size_t (*source)(void *context, uint64_t address, void *out, size_t bytes);
    void *context;
    char *text;
    struct space_map *map;
    size_t maps;
    struct space_page page[SPACE_PAGES_KEPT];
};

/**
 * space_open() - read the maps of a process.
 * @tid: one of its threads that is alive; a dead leader's maps read empty.
 *
 * Returns 0, ERROR_NOT_FOUND (no such process or thread, or it has ended), ERROR_PERMISSION,
 * ERROR_MEMORY or ERROR_SYSTEM; after an error there is nothing to close.
 */
int space_open(struct space *space, pid_t pid, pid_t tid, struct error *e);

/** space_none() - a space without a process: no maps, and every read gives 0 bytes. */
void space_none(struct space *space);

/** space_close() - gives everything back. A closed space may be closed again. */
void space_close(struct space *space);

/**
 * space_read() - memory of the process.
 *
 * Returns how many of the @bytes could be read from @address on, 0 for none. Small reads are
 * served from pages kept since the last space_forget().
 */
size_t space_read(struct space *space, uint64_t address, void *out, size_t bytes);

/** space_forget() - drops the pages kept: the process may have run since. */
void space_forget(struct space *space);

/** space_find() - the map that holds @address, or NULL. */
const struct space_map *space_find(const struct space *space, uint64_t address);

/**
 * space_refused() - fills @e with what to do where the kernel refuses to look into @pid.
 * @what: the call that was refused, such as "ptrace".
 *
 * Returns ERROR_PERMISSION.
 */
int space_refused(struct error *e, const char *what, pid_t pid);

#endif
