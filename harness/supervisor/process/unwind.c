/*
 * unwind: stacks of a target by libdw, one handle for many targets.
 *
 * The one place where targets meet libdw, with symbol.c and image.c as its hands. All it
 * reads was left by a program that has just failed: registers, stacks, modules and their
 * files may be garbage, so each walk is bounded by frames, by a stack pointer that must
 * grow, and by a few guesses. No file is fetched over a network from here.
 */
#include <harness/supervisor/process/unwind.h>

#include <harness/supervisor/process/image.h>
#include <harness/supervisor/process/space.h>
#include <harness/supervisor/process/symbol.h>

#include <assert.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

enum {
    WALK_TID = 1,     /* libdw wants a thread's number; ours are told apart by registers */
    GUESSES_MAX = 32, /* a chain of frame pointers through code without tables */
    TRAMPOLINES_MAX = 8,
    FRAME_BYTES_MAX = 1 << 20,
};

/* One frame as found, before it gets names. */
struct step {
    uint64_t pc;
    uint64_t sp;
    unsigned flags;
};

/*
 * A walk up one stack. libdw starts at @regs and goes on while it has tables; @stuck says
 * that it hasn't, and @regs are then those of the frame reached.
 */
struct walk {
    struct unwind *u;
    struct unwind_regs regs;
    struct step step[UNWIND_FRAMES_MAX];
    size_t max;
    size_t count;
    unsigned flags; /* of the frame that a (re)start begins with */
    unsigned trampolines;
    bool fresh;
    bool stuck;
};

struct unwind {
    struct space space;
    struct image_list images;
    Dwfl *dwfl;
    Elf *machine;
    Elf64_Ehdr machine_head;
    struct walk *walk;
    const struct unwind_stack *stack;
    size_t kept;
};

/* ---- libdw's questions to us ---- */

static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                    char **file_name, Elf **elf)
{
    struct image *image = *userdata;
    int fd = image_open(image, elf);

    if (*elf != NULL)
        *file_name = strdup(image->path);
    return fd;
}

/*
 * Where a separate debug file may lie. libdw's own finder isn't used: it loads a network
 * client into us, and leaves its descriptors open across exec.
 */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                          const char *file_name, const char *link_name, GElf_Word crc,
                          char **debug_name)
{
    /* Without a checksum it asks for what several debug files share, which lines don't need. */
    if (link_name != NULL && crc == 0)
        return -1;
    return image_open_debug(*userdata, link_name, debug_name);
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = find_elf,
    .find_debuginfo = find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

static size_t read_memory(struct unwind *u, uint64_t address, void *out, size_t bytes)
{
    const struct unwind_stack *stack = u->stack;

    if (stack != NULL && address >= stack->address && bytes <= stack->length &&
        address - stack->address <= stack->length - bytes) {
        memcpy(out, (const uint8_t *)stack->bytes + (address - stack->address), bytes);
        return bytes;
    }
    return space_read(&u->space, address, out, bytes);
}

static bool read_word(struct unwind *u, uint64_t address, uint64_t *word)
{
    return read_memory(u, address, word, sizeof *word) == sizeof *word;
}

static bool on_memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *arg)
{
    return read_word(arg, address, result);
}

static pid_t on_next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
    pid_t tid = *thread_arg == NULL ? WALK_TID : 0;

    *thread_arg = arg;
    return tid;
}

static bool on_get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
    *thread_arg = arg;
    return tid == WALK_TID;
}

/* A return address is looked up one byte early, else the last call of a function is its
 * successor's. */
static bool on_set_registers(Dwfl_Thread *thread, void *arg)
{
    const struct unwind *u = arg;
    Dwarf_Word word[UNWIND_REGS];

    for (size_t i = 0; i < UNWIND_REGS; i++)
        word[i] = u->walk->regs.r[i];
    if (!(u->walk->flags & UNWIND_EXACT))
        word[UNWIND_RIP]--;
    return dwfl_thread_state_registers(thread, 0, UNWIND_REGS, word);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
    .next_thread = on_next_thread,
    .get_thread = on_get_thread,
    .memory_read = on_memory_read,
    .set_initial_registers = on_set_registers,
};

/* ---- modules ---- */

/* libdw tells modules apart by name and range: the name says all that image_same() compares. */
static Dwfl_Module *report(struct unwind *u, struct image *image)
{
    void **userdata;
    uint64_t start = image->origin < image->end ? image->origin : image->start;
    char *key;

    if (asprintf(&key, "%d:%lx:%lx:%lx:%s:%s", image->unloaded, (unsigned long)image->device,
                 (unsigned long)image->inode, (unsigned long)image->head, image->build_id,
                 image->path) < 0)
        return NULL;
    image->module = dwfl_report_module(u->dwfl, key, start, image->end);
    free(key);
    if (image->module != NULL &&
        dwfl_module_info(image->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL) != NULL)
        *userdata = image;
    return image->module;
}

/* What was known of the old images passes to the new ones that are the same. */
static size_t carry_over(struct image_list *from, struct image_list *to)
{
    size_t kept = 0;

    for (size_t i = 0; i < to->count; i++) {
        struct image *now = to->image[i];
        struct image *was = image_find(from, now->start);

        if (was == NULL || was->claimed || !image_same(was, now))
            continue;
        was->claimed = true;
        now->symbols = was->symbols;
        was->symbols = NULL;
        now->bytes = was->bytes;
        was->bytes = NULL;
        now->deleted |= was->deleted;
        kept++;
    }
    return kept;
}

static int load_images(struct unwind *u, struct error *e)
{
    struct image_list now = {0};
    int code = image_scan(&u->space, &now, e);

    if (code == 0)
        u->kept = carry_over(&u->images, &now);
    dwfl_report_begin(u->dwfl);
    for (size_t i = 0; i < now.count; i++) {
        if (report(u, now.image[i]) == NULL)
            code = error_set(e, ERROR_MEMORY, "modules of process %d: %s", (int)u->space.pid,
                             dwfl_errmsg(-1));
    }
    dwfl_report_end(u->dwfl, NULL, NULL);
    image_clear(&u->images);
    u->images = now;
    return code;
}

/* libdw takes the machine from an ELF file; ours is the shortest that says x86-64. */
static bool attach(struct unwind *u)
{
    u->machine_head = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_ehsize = sizeof(Elf64_Ehdr),
    };
    elf_version(EV_CURRENT);
    u->machine = elf_memory((char *)&u->machine_head, sizeof u->machine_head);
    return u->machine != NULL &&
           dwfl_attach_state(u->dwfl, u->machine, WALK_TID, &thread_callbacks, u);
}

static int make(struct unwind **out, struct error *e)
{
    struct unwind *u = calloc(1, sizeof *u);

    if (u == NULL)
        return error_set(e, ERROR_MEMORY, "stacks: no memory");
    space_none(&u->space);
    u->dwfl = dwfl_begin(&callbacks);
    if (u->dwfl == NULL || !attach(u)) {
        error_set(e, ERROR_MEMORY, "stacks: libdw: %s", dwfl_errmsg(-1));
        unwind_close(u);
        return ERROR_MEMORY;
    }
    *out = u;
    return 0;
}

int unwind_retarget(struct unwind *u, pid_t pid, pid_t live_tid, struct error *e)
{
    int code;

    space_close(&u->space);
    u->kept = 0;
    code = space_open(&u->space, pid, live_tid, e);
    if (code == 0)
        code = load_images(u, e);
    if (code != 0)
        space_close(&u->space);
    return code;
}

int unwind_open(struct unwind **out, pid_t pid, pid_t live_tid, struct error *e)
{
    struct unwind *u;
    int code = make(&u, e);

    if (code != 0)
        return code;
    code = unwind_retarget(u, pid, live_tid, e);
    if (code != 0)
        unwind_close(u);
    else
        *out = u;
    return code;
}

int unwind_open_space(struct unwind **out, struct space *space, struct error *e)
{
    struct unwind *u;
    int code = make(&u, e);

    if (code != 0) {
        space_close(space);
        return code;
    }
    u->space = *space;
    space_none(space);
    code = load_images(u, e);
    if (code != 0)
        unwind_close(u);
    else
        *out = u;
    return code;
}

const struct space *unwind_space(const struct unwind *u)
{
    return &u->space;
}

size_t unwind_kept(const struct unwind *u)
{
    return u->kept;
}

void unwind_close(struct unwind *u)
{
    if (u == NULL)
        return;
    if (u->dwfl != NULL)
        dwfl_end(u->dwfl);
    if (u->machine != NULL)
        elf_end(u->machine);
    image_clear(&u->images);
    space_close(&u->space);
    free(u);
}

/* Whether code, or an image, is in the range now. */
static bool in_use(const struct unwind *u, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < u->images.count; i++) {
        if (u->images.image[i]->start < end && start < u->images.image[i]->end)
            return true;
    }
    for (size_t i = 0; i < u->space.maps; i++) {
        const struct space_map *map = &u->space.map[i];

        if (map->executable && map->start < end && start < map->end)
            return true;
    }
    return false;
}

static int add_file(struct unwind *u, const char *path, uint64_t start, uint64_t end,
                    struct error *e)
{
    struct image *image;
    int code = image_from_file(path, start, end, &image, e);

    if (code != 0)
        return code;
    if (in_use(u, image->start, image->end))
        code = error_set(e, ERROR_BUSY, "%s: its old range holds other code now", path);
    else if (image_add(&u->images, image) != 0)
        code = error_set(e, ERROR_MEMORY, "%s: no memory", path);
    if (code != 0) {
        image_free(image);
        return code;
    }
    dwfl_report_begin_add(u->dwfl);
    if (report(u, image) == NULL)
        code = error_set(e, ERROR_MEMORY, "%s: %s", path, dwfl_errmsg(-1));
    dwfl_report_end(u->dwfl, NULL, NULL);
    return code;
}

int unwind_add_unloaded(struct unwind *u, const char *path, uint64_t start, uint64_t end,
                        struct error *e)
{
    if (end <= start)
        return error_set(e, ERROR_RANGE, "%s: the range it was mapped at is empty", path);
    return add_file(u, path, start, end, e);
}

/* ---- the walk ---- */

static bool has_fde(Dwarf_CFI *cfi, uint64_t address)
{
    Dwarf_Frame *frame = NULL;
    bool found = cfi != NULL && dwarf_cfi_addrframe(cfi, address, &frame) == 0;

    free(frame);
    return found;
}

/* Whether unwind tables cover an address: .eh_frame first, since .debug_frame loads DWARF. */
static bool has_tables(struct unwind *u, uint64_t address)
{
    const struct image *image = image_find(&u->images, address);
    Dwarf_Addr bias = 0;
    Dwarf_CFI *cfi;

    if (image == NULL || image->module == NULL)
        return false;
    cfi = dwfl_module_eh_cfi(image->module, &bias);
    if (has_fde(cfi, address - bias))
        return true;
    cfi = dwfl_module_dwarf_cfi(image->module, &bias);
    return has_fde(cfi, address - bias);
}

static uint64_t lookup_address(uint64_t pc, unsigned flags)
{
    return flags & UNWIND_EXACT || pc == 0 ? pc : pc - 1;
}

static bool add_step(struct walk *walk, uint64_t pc, uint64_t sp, unsigned flags)
{
    const struct step *last = walk->count > 0 ? &walk->step[walk->count - 1] : NULL;

    if (walk->count == walk->max || (last != NULL && pc == 0 && !(flags & UNWIND_EXACT)))
        return false;
    /* Only a signal may change to another stack, lower down; else the walk runs in a circle. */
    if (last != NULL && sp <= last->sp && !(last->flags & UNWIND_TRAMPOLINE))
        return false;
    walk->step[walk->count++] = (struct step){pc, sp, flags};
    return true;
}

/*
 * What kind of frame libdw has reached. It calls both a trampoline and the frame that the
 * signal hit an "activation"; they come in this order.
 */
static unsigned step_flags(struct walk *walk, bool activation)
{
    const struct step *last = walk->count > 0 ? &walk->step[walk->count - 1] : NULL;

    if (!activation)
        return 0;
    if (last != NULL && last->flags & UNWIND_TRAMPOLINE)
        return UNWIND_EXACT;
    if (walk->trampolines++ >= TRAMPOLINES_MAX)
        return 0;
    return UNWIND_EXACT | UNWIND_TRAMPOLINE;
}

static void keep_registers(struct walk *walk, Dwfl_Frame *state, uint64_t pc)
{
    for (unsigned i = 0; i < UNWIND_RIP; i++) {
        Dwarf_Word word;

        walk->regs.r[i] = dwfl_frame_reg(state, i, &word) == 0 ? word : 0;
    }
    walk->regs.r[UNWIND_RIP] = pc;
}

/* mov $15, %rax; syscall: rt_sigreturn, by whoever wrote it. */
static bool at_sigreturn(struct unwind *u, uint64_t pc)
{
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    static const uint8_t brief[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
    uint8_t here[sizeof code];

    if (read_memory(u, pc, here, sizeof here) != sizeof here)
        return false;
    return memcmp(here, code, sizeof code) == 0 || memcmp(here, brief, sizeof brief) == 0;
}

/*
 * A signal's frame is laid out by the kernel, so it is crossed without libdw, which takes an
 * interrupted pc of 0 for the end of the stack. What else has a signal's unwind tables is
 * left to libdw.
 */
static int on_frame(Dwfl_Frame *state, void *arg)
{
    struct walk *walk = arg;
    Dwarf_Addr pc;
    Dwarf_Word sp;
    bool activation, trampoline;
    unsigned flags;

    if (!dwfl_frame_pc(state, &pc, &activation) || dwfl_frame_reg(state, UNWIND_RSP, &sp) != 0)
        return DWARF_CB_ABORT;
    if (walk->fresh)
        pc = walk->regs.r[UNWIND_RIP];
    trampoline = at_sigreturn(walk->u, pc);
    if (trampoline)
        flags = UNWIND_EXACT | UNWIND_TRAMPOLINE;
    else
        flags = walk->fresh ? walk->flags : step_flags(walk, activation);
    walk->fresh = false;
    if (!add_step(walk, pc, sp, flags))
        return DWARF_CB_ABORT;
    if (!trampoline && has_tables(walk->u, lookup_address(pc, flags)))
        return DWARF_CB_OK;
    keep_registers(walk, state, pc);
    walk->stuck = true;
    return DWARF_CB_ABORT;
}

/* Whether the bytes before an address are a call: e8 rel32, or ff /2 in its lengths. */
static bool after_call(struct unwind *u, uint64_t address)
{
    static const size_t indirect[] = {2, 3, 4, 6, 7};
    uint8_t code[8];

    if (read_memory(u, address - sizeof code, code, sizeof code) != sizeof code)
        return false;
    if (code[8 - 5] == 0xe8)
        return true;
    for (size_t i = 0; i < sizeof indirect / sizeof indirect[0]; i++) {
        const uint8_t *at = code + sizeof code - indirect[i];

        if (at[0] == 0xff && (at[1] & 0x38) == 0x10)
            return true;
    }
    return false;
}

/* A return address leads into code. What an unloaded module held can't be read, so is believed. */
static bool may_return_to(struct unwind *u, uint64_t address)
{
    const struct space_map *map = space_find(&u->space, address - 1);
    const struct image *image = image_find(&u->images, address - 1);

    if (address == 0)
        return false;
    if (map != NULL && map->executable)
        return after_call(u, address);
    return image != NULL && image->unloaded;
}

/* The callee made no frame yet, as after a call to an address where no code is. */
static bool guess_return_slot(struct walk *walk)
{
    uint64_t *r = walk->regs.r, target;

    if (!read_word(walk->u, r[UNWIND_RSP], &target) || !may_return_to(walk->u, target))
        return false;
    r[UNWIND_RIP] = target;
    r[UNWIND_RSP] += 8;
    return true;
}

static bool guess_frame_pointer(struct walk *walk)
{
    uint64_t *r = walk->regs.r, fp = r[UNWIND_RBP], target, outer;

    if (fp % 8 != 0 || fp < r[UNWIND_RSP] || fp - r[UNWIND_RSP] > FRAME_BYTES_MAX)
        return false;
    if (!read_word(walk->u, fp, &outer) || !read_word(walk->u, fp + 8, &target) ||
        !may_return_to(walk->u, target))
        return false;
    r[UNWIND_RIP] = target;
    r[UNWIND_RSP] = fp + 16;
    r[UNWIND_RBP] = outer;
    return true;
}

/* The kernel's frame: a ucontext, whose registers begin 40 bytes in, in the kernel's order. */
static bool cross_signal(struct walk *walk)
{
    static const uint8_t order[UNWIND_REGS] = {8, 9, 10, 11, 12, 13, 14, 15, 5,
                                               4, 6, 3,  1,  0,  2,  7,  16};
    uint64_t word[UNWIND_REGS];

    if (walk->trampolines++ >= TRAMPOLINES_MAX ||
        read_memory(walk->u, walk->regs.r[UNWIND_RSP] + 40, word, sizeof word) != sizeof word)
        return false;
    for (size_t i = 0; i < UNWIND_REGS; i++)
        walk->regs.r[order[i]] = word[i];
    walk->flags = UNWIND_EXACT;
    return true;
}

/* One step without tables. False: the stack ends here, as far as anybody can tell. */
static bool guess(struct walk *walk)
{
    const struct step *last = &walk->step[walk->count - 1];
    const struct space_map *map = space_find(&walk->u->space, last->pc);
    bool no_code = map == NULL || !map->executable;
    bool found;

    if (last->flags & UNWIND_TRAMPOLINE)
        return cross_signal(walk);
    if (!(last->flags & UNWIND_EXACT))
        found = guess_frame_pointer(walk);
    else if (no_code)
        found = guess_return_slot(walk) || guess_frame_pointer(walk);
    else
        found = guess_frame_pointer(walk) || guess_return_slot(walk);
    walk->flags = UNWIND_GUESSED;
    return found;
}

static void run_walk(struct unwind *u, struct walk *walk)
{
    unsigned guesses = 0;

    u->walk = walk;
    do {
        walk->fresh = true;
        walk->stuck = false;
        dwfl_getthread_frames(u->dwfl, WALK_TID, on_frame, walk);
    } while (walk->stuck && walk->count < walk->max && guesses++ < GUESSES_MAX && guess(walk));
    u->walk = NULL;
    if (walk->count == 0)
        add_step(walk, walk->regs.r[UNWIND_RIP], walk->regs.r[UNWIND_RSP], UNWIND_EXACT);
}

/* ---- names ---- */

static void copy_text(char *out, size_t bytes, const char *text)
{
    snprintf(out, bytes, "%s", text);
}

static void fill_map(const struct space_map *map, uint64_t pc, struct unwind_frame *frame)
{
    const char *slash = strrchr(map->path, '/');

    frame->offset = pc - map->start;
    copy_text(frame->module, sizeof frame->module,
              map->path[0] == '\0' ? "[anon]"
              : slash != NULL      ? slash + 1
                                   : map->path);
    if (map->path[0] == '/' && strlen(map->path) < sizeof frame->module_path)
        copy_text(frame->module_path, sizeof frame->module_path, map->path);
    if (map->deleted)
        frame->flags |= UNWIND_DELETED;
}

static void fill_symbol(struct image *image, uint64_t address, struct unwind_frame *frame)
{
    const struct symbol *symbol;

    if (image->symbols == NULL)
        image->symbols = symbol_table_new(image->module);
    symbol = symbol_find(image->symbols, address);
    if (symbol != NULL) {
        symbol_name(symbol, frame->function, sizeof frame->function);
        frame->function_offset = frame->pc - symbol->start;
    }
    symbol_line(image->module, address, frame->file, sizeof frame->file, &frame->line);
}

static void fill_image(struct image *image, uint64_t address, struct unwind_frame *frame)
{
    frame->offset = frame->pc - image->bias;
    copy_text(frame->module, sizeof frame->module, image->name);
    copy_text(frame->build_id, sizeof frame->build_id, image->build_id);
    if (image->path[0] == '/' && strlen(image->path) < sizeof frame->module_path)
        copy_text(frame->module_path, sizeof frame->module_path, image->path);
    if (image->module != NULL)
        fill_symbol(image, address, frame);
    if (image->unloaded)
        frame->flags |= UNWIND_UNLOADED;
    if (image->deleted)
        frame->flags |= UNWIND_DELETED;
}

/* Names the code at @address, which is @pc or the call before it. False: nothing is there. */
static bool fill(struct unwind *u, uint64_t pc, uint64_t address, unsigned flags,
                 struct unwind_frame *frame)
{
    struct image *image = image_find(&u->images, address);
    const struct space_map *map = space_find(&u->space, address);

    memset(frame, 0, sizeof *frame);
    frame->pc = pc;
    frame->flags = flags;
    if (image != NULL)
        fill_image(image, address, frame);
    else if (map != NULL)
        fill_map(map, pc, frame);
    if (flags & UNWIND_TRAMPOLINE && frame->function[0] == '\0')
        copy_text(frame->function, sizeof frame->function, "__restore_rt");
    return image != NULL || map != NULL;
}

int unwind_address(struct unwind *u, uint64_t address, struct unwind_frame *frame)
{
    return fill(u, address, address, UNWIND_EXACT, frame) ? 0 : ERROR_NOT_FOUND;
}

int unwind_file_address(const char *path, uint64_t offset, struct unwind_frame *frame,
                        struct error *e)
{
    struct unwind *u;
    int code;

    memset(frame, 0, sizeof *frame);
    frame->pc = offset;
    frame->offset = offset;
    code = make(&u, e);
    if (code != 0)
        return code;
    code = add_file(u, path, 0, 0, e);
    if (code == 0 && !fill(u, offset, offset, UNWIND_EXACT, frame))
        code = error_set(e, ERROR_RANGE, "%s: offset 0x%lx is outside it", path,
                         (unsigned long)offset);
    unwind_close(u);
    return code;
}

/* ---- what the autopsy calls ---- */

int unwind_regs(struct unwind *u, const struct unwind_regs *regs, const struct unwind_stack *stack,
                struct unwind_frame *frames, size_t max, size_t *count)
{
    struct walk walk = {.u = u, .regs = *regs, .flags = UNWIND_EXACT};

    *count = 0;
    if (max == 0)
        return ERROR_RANGE;
    walk.max = max < UNWIND_FRAMES_MAX ? max : UNWIND_FRAMES_MAX;
    space_forget(&u->space);
    u->stack = stack;
    run_walk(u, &walk);
    u->stack = NULL;
    for (size_t i = 0; i < walk.count; i++) {
        const struct step *step = &walk.step[i];

        fill(u, step->pc, lookup_address(step->pc, step->flags), step->flags, &frames[i]);
    }
    *count = walk.count;
    return 0;
}

int unwind_thread(struct unwind *u, pid_t tid, struct unwind_frame *frames, size_t max,
                  size_t *count, struct error *e)
{
    struct unwind_regs regs;
    int code = unwind_registers(tid, &regs, e);

    *count = 0;
    if (code == 0)
        code = unwind_regs(u, &regs, NULL, frames, max, count);
    return code;
}

size_t unwind_read(struct unwind *u, uint64_t address, void *out, size_t bytes)
{
    space_forget(&u->space);
    return space_read(&u->space, address, out, bytes);
}

static int registers_refused(pid_t tid, struct error *e)
{
    char path[32];

    if (errno != ESRCH)
        return error_set(e, ERROR_SYSTEM, "thread %d: registers: %s", (int)tid, strerror(errno));
    snprintf(path, sizeof path, "/proc/%d", (int)tid);
    if (access(path, F_OK) == 0)
        return error_set(e, ERROR_BUSY, "thread %d: not stopped: seize and interrupt it first",
                         (int)tid);
    return error_set(e, ERROR_NOT_FOUND, "thread %d: it has ended", (int)tid);
}

int unwind_registers(pid_t tid, struct unwind_regs *regs, struct error *e)
{
    struct user_regs_struct all;
    struct iovec area = {&all, sizeof all};

    if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &area) != 0)
        return registers_refused(tid, e);
    if (area.iov_len != sizeof all || all.cs == 0x23)
        return error_set(e, ERROR_TARGET, "thread %d: it runs 32-bit code: only x86-64 is read",
                         (int)tid);
    *regs = (struct unwind_regs){{all.rax, all.rdx, all.rcx, all.rbx, all.rsi, all.rdi, all.rbp,
                                  all.rsp, all.r8, all.r9, all.r10, all.r11, all.r12, all.r13,
                                  all.r14, all.r15, all.rip}};
    return 0;
}
