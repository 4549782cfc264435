/*
 * lap_at: finds the function in its file and prepares its first instructions to be moved, so that
 * the agent (agent/lap_at.c) has only to copy. What is not certain is refused here, in words.
 *
 * A jump of 5 bytes takes the place of as many whole instructions as it needs. They may be moved
 * if each is known, none is a call (its return would lead to us), and no jump of the function leads
 * between them. What they do relative to their place is made right by the agent.
 */
#include "lap_at.h"

#include <harness/common/suggest.h>
#include <harness/supervisor/process/instruction.h>

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JUMP_BYTES = 5, NAMES_MOST = 1 << 16, NEAR_BYTES = 4096 };

/* struct image_file - an ELF file, open. */
struct image_file {
    char *path;
    int fd;
    Elf *elf;
    bool is_program;
};

static void close_image(struct image_file *image)
{
    elf_end(image->elf);
    if (image->fd >= 0)
        close(image->fd);
    free(image->path);
}

static int open_image(struct image_file *image, struct error *e)
{
    elf_version(EV_CURRENT);
    image->fd = open(image->path, O_RDONLY | O_CLOEXEC);
    if (image->fd < 0)
        return error_set(e, ERROR_USAGE, "--lap-at: %s cannot be read", image->path);
    image->elf = elf_begin(image->fd, ELF_C_READ_MMAP, NULL);
    if (image->elf == NULL || elf_kind(image->elf) != ELF_K_ELF ||
        gelf_getclass(image->elf) != ELFCLASS64)
        return error_set(e, ERROR_USAGE,
                         "--lap-at: %s is no x86-64 program; name the module: MODULE:FUNCTION",
                         image->path);
    return 0;
}

/* --- symbols --------------------------------------------------------------------------------- */

/* struct found - a function of the file. */
struct found {
    uint64_t address;
    uint64_t bytes; /* 0: not known */
    bool known;
};

/* Calls @each for every function; stops when that says true. */
static void each_function(Elf *elf,
                          bool (*each)(void *context, const char *name, const GElf_Sym *symbol),
                          void *context)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        Elf_Data *data;
        GElf_Sym symbol;

        if (gelf_getshdr(section, &header) == NULL || header.sh_entsize == 0 ||
            (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) ||
            (data = elf_getdata(section, NULL)) == NULL)
            continue;
        for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
            const char *name;

            if (gelf_getsym(data, (int)i, &symbol) == NULL || symbol.st_shndx == SHN_UNDEF ||
                GELF_ST_TYPE(symbol.st_info) != STT_FUNC ||
                (name = elf_strptr(elf, header.sh_link, symbol.st_name)) == NULL || *name == 0)
                continue;
            if (each(context, name, &symbol))
                return;
        }
    }
}

struct search {
    const char *name;
    struct found found;
    const char **names;
    size_t count;
    uint64_t address; /* of which the function is looked for, 0: by name */
};

static bool is_it(void *context, const char *name, const GElf_Sym *symbol)
{
    struct search *search = context;

    if (strcmp(name, search->name) != 0)
        return false;
    search->found = (struct found){symbol->st_value, symbol->st_size, true};
    return true;
}

static bool is_around(void *context, const char *name, const GElf_Sym *symbol)
{
    struct search *search = context;

    (void)name;
    if (search->address < symbol->st_value || search->address >= symbol->st_value + symbol->st_size)
        return false;
    search->found = (struct found){symbol->st_value, symbol->st_size, true};
    return true;
}

static bool note_name(void *context, const char *name, const GElf_Sym *symbol)
{
    struct search *search = context;

    (void)symbol;
    search->names[search->count++] = name;
    return search->count == NAMES_MOST;
}

static int refuse_name(const struct image_file *image, const char *name, struct error *e)
{
    static const char *names[NAMES_MOST + 1];
    struct search search = {.names = names};
    const char *near;

    each_function(image->elf, note_name, &search);
    names[search.count] = NULL;
    near = suggest_nearest(name, names);
    return error_set(e, ERROR_USAGE, "--lap-at: %s has no function '%.100s'%s%.100s%s", image->path,
                     name,
                     near != NULL        ? "; did you mean '"
                     : search.count == 0 ? ": it has no symbols; write MODULE+0xOFFSET"
                     : image->is_program ? "; one of a library is MODULE:FUNCTION"
                                         : "",
                     near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* --- code ------------------------------------------------------------------------------------ */

/* The code at @address of the file, and how much of it there is. */
static const uint8_t *code_at(const struct image_file *image, uint64_t address, size_t *bytes)
{
    size_t count = 0, size = 0;
    const char *file = elf_rawfile(image->elf, &size);

    elf_getphdrnum(image->elf, &count);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(image->elf, (int)i, &segment) == NULL || segment.p_type != PT_LOAD ||
            !(segment.p_flags & PF_X) || address < segment.p_vaddr ||
            address >= segment.p_vaddr + segment.p_filesz ||
            segment.p_offset + segment.p_filesz > size)
            continue;
        *bytes = (size_t)(segment.p_vaddr + segment.p_filesz - address);
        return (const uint8_t *)file + segment.p_offset + (address - segment.p_vaddr);
    }
    return NULL;
}

static bool add_fixup(struct abi_lap_at *what, unsigned position, uint64_t target)
{
    if (what->fixups == ABI_LAP_FIXUPS)
        return false;
    what->fixup[what->fixups].position = position;
    what->fixup[what->fixups++].target = target;
    return true;
}

/* A short jump becomes a long one. */
static bool move_short(struct abi_lap_at *what, const struct instruction *one, const uint8_t *code,
                       uint64_t target)
{
    uint8_t opcode = code[one->opcode];
    uint8_t *out = what->code + what->code_bytes;
    unsigned length = 0;

    if (one->kind == INSTRUCTION_JUMP) {
        out[length++] = 0xe9;
    } else {
        out[length++] = 0x0f;
        out[length++] = (uint8_t)(opcode + 0x10);
    }
    if (!add_fixup(what, what->code_bytes + length, target))
        return false;
    what->code_bytes += length + 4;
    what->fixup[what->fixups - 1].end = what->code_bytes;
    return true;
}

static bool move_one(struct abi_lap_at *what, const struct instruction *one, const uint8_t *code)
{
    uint64_t end = what->address + what->old_bytes + one->length;
    uint64_t target = end + (uint64_t)(int64_t)one->displacement;
    bool jumps = one->kind == INSTRUCTION_JUMP || one->kind == INSTRUCTION_BRANCH;

    if (one->kind == INSTRUCTION_CALL || what->code_bytes + INSTRUCTION_BYTES > ABI_LAP_CODE)
        return false;
    if (jumps && one->relative_bytes != 0 && target >= what->address && target < end)
        return false; /* a loop upon itself */
    memcpy(what->old + what->old_bytes, code, one->length);
    what->old_bytes += one->length;
    if (one->relative_bytes == 1)
        return move_short(what, one, code, target);
    memcpy(what->code + what->code_bytes, code, one->length);
    if (one->relative_bytes == 4 && !add_fixup(what, what->code_bytes + one->relative, target))
        return false;
    what->code_bytes += one->length;
    if (one->relative_bytes == 4)
        what->fixup[what->fixups - 1].end = what->code_bytes;
    return true;
}

/* Behind a jump or a return there is nothing of this function's that we know. */
static bool goes_on(const struct instruction *one)
{
    return one->kind == INSTRUCTION_PLAIN || one->kind == INSTRUCTION_BRANCH;
}

static bool move_all(struct abi_lap_at *what, const uint8_t *code, size_t bytes)
{
    bool more = true;

    while (what->old_bytes < JUMP_BYTES) {
        struct instruction one;

        if (!more || !instruction_read(code + what->old_bytes, bytes - what->old_bytes, &one) ||
            !move_one(what, &one, code + what->old_bytes))
            return false;
        more = goes_on(&one);
    }
    return true;
}

/* Some jump of the function leads behind the first of the moved bytes. */
static bool is_led_into(const struct abi_lap_at *what, const uint8_t *code, uint64_t start,
                        size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        struct instruction one;
        uint64_t target;

        if (!instruction_read(code + at, bytes - at, &one)) {
            at++; /* what we do not know is stepped over, byte by byte: rather one jump too many */
            continue;
        }
        at += one.length;
        target = start + at + (uint64_t)(int64_t)one.displacement;
        if (one.relative_bytes != 0 && one.kind != INSTRUCTION_PLAIN && target > what->address &&
            target < what->address + what->old_bytes)
            return true;
    }
    return false;
}

static int prepare(const struct image_file *image, uint64_t address, const char *text,
                   struct abi_lap_at *what, struct error *e)
{
    struct search around = {.address = address};
    uint64_t start;
    const uint8_t *code;
    size_t bytes = 0, least;

    what->address = address;
    code = code_at(image, address, &bytes);
    if (code == NULL)
        return error_set(e, ERROR_USAGE, "--lap-at: %s: %s has no code there", text, image->path);
    if (!move_all(what, code, bytes))
        return error_set(e, ERROR_USAGE,
                         "--lap-at: %s: its first instructions cannot be moved: name a function "
                         "that it calls, or that calls it",
                         text);
    each_function(image->elf, is_around, &around);
    start = around.found.known ? around.found.address : address;
    code = code_at(image, start, &bytes);
    least = around.found.known ? (size_t)around.found.bytes : NEAR_BYTES;
    if (code != NULL && is_led_into(what, code, start, least < bytes ? least : bytes))
        return error_set(e, ERROR_USAGE,
                         "--lap-at: %s: a jump leads between its first instructions: name a "
                         "function that it calls, or that calls it",
                         text);
    return 0;
}

/* --- which file ------------------------------------------------------------------------------ */

static bool is_program(const struct target *target, const char *module)
{
    const char *slash = strrchr(target->path, '/');

    return *module == 0 || strcmp(module, target->path) == 0 ||
           strcmp(module, slash != NULL ? slash + 1 : target->path) == 0;
}

/* Where the loader looks for a name, as far as that is known without it. */
static char *find_library(const char *name)
{
    static const char *const places[] = {"/lib/x86_64-linux-gnu",
                                         "/usr/lib/x86_64-linux-gnu",
                                         "/lib64",
                                         "/usr/lib64",
                                         "/usr/local/lib",
                                         "/usr/lib",
                                         "/lib"};
    const char *path = getenv("LD_LIBRARY_PATH");
    char *copy = strdup(path != NULL ? path : ""), *rest = copy, *one, *file = NULL;

    while (copy != NULL && file == NULL && (one = strsep(&rest, ":")) != NULL)
        if (*one != 0 && asprintf(&file, "%s/%s", one, name) >= 0 && access(file, R_OK) != 0) {
            free(file);
            file = NULL;
        }
    free(copy);
    for (size_t i = 0; file == NULL && i < sizeof places / sizeof places[0]; i++)
        if (asprintf(&file, "%s/%s", places[i], name) >= 0 && access(file, R_OK) != 0) {
            free(file);
            file = NULL;
        }
    return file;
}

static int find_image(const struct target *target, const char *module, struct image_file *image,
                      struct error *e)
{
    image->fd = -1;
    image->is_program = is_program(target, module);
    if (image->is_program)
        image->path = strdup(target->path);
    else
        image->path = strchr(module, '/') != NULL ? strdup(module) : find_library(module);
    if (image->path == NULL)
        return error_set(e, ERROR_USAGE,
                         "--lap-at: the module '%.200s' is not found: give its path", module);
    return open_image(image, e);
}

/* The loader knows a module by the last part of its path at the least. */
static void name_module(const struct image_file *image, struct abi_lap_at *what)
{
    const char *slash = strrchr(image->path, '/');

    if (!image->is_program)
        snprintf(what->module, sizeof what->module, "%s", slash != NULL ? slash + 1 : image->path);
}

/* --- the words ------------------------------------------------------------------------------- */

/* struct place_words - "MODULE:FUNCTION" or "MODULE+0xOFFSET", cut up. @function NULL: @offset. */
struct place_words {
    char *module;
    char *function;
    uint64_t offset;
};

static bool cut_words(char *text, struct place_words *words)
{
    char *plus = strstr(text, "+0x"), *colon = strrchr(text, ':'), *end;

    *words = (struct place_words){.module = text};
    if (plus != NULL) {
        *plus = 0;
        words->offset = strtoull(plus + 1, &end, 16);
        return end > plus + 3 && *end == 0;
    }
    words->function = text;
    words->module = text + strlen(text);
    if (colon != NULL && colon > text && colon[-1] != ':') { /* not C++'s own */
        *colon = 0;
        words->module = text;
        words->function = colon + 1;
    }
    return words->function[0] != 0;
}

static int find_place(const struct image_file *image, const struct place_words *words,
                      const char *text, struct abi_lap_at *what, struct error *e)
{
    struct search search = {.name = words->function};

    if (words->function == NULL)
        return prepare(image, words->offset, text, what, e);
    each_function(image->elf, is_it, &search);
    if (!search.found.known)
        return refuse_name(image, words->function, e);
    return prepare(image, search.found.address, text, what, e);
}

static int set_note(struct target *target, const struct image_file *image)
{
    const char *slash = strrchr(image->path, '/');

    return asprintf(&target->lap_note,
                    "laps: one ends whenever %s is entered (%s+0x%llx); other threads ran on "
                    "meanwhile, nothing was waited for to be quiet",
                    target->lap_text, slash != NULL ? slash + 1 : image->path,
                    (unsigned long long)target->lap_at->address);
}

int lap_at_set(struct target *target, const char *text, struct error *e)
{
    struct image_file image = {.fd = -1};
    struct place_words words = {0};
    char *copy = strdup(text);
    int code;

    target->lap_at = calloc(1, sizeof *target->lap_at);
    target->lap_text = strdup(text);
    if (target->workload != NULL || target->uses != NULL)
        code = error_set(e, ERROR_USAGE,
                         "--lap-at: it is for a program of your own; workloads take --laps");
    else if (copy == NULL || target->lap_at == NULL || target->lap_text == NULL)
        code = error_set(e, ERROR_MEMORY, "out of memory");
    else if (!cut_words(copy, &words))
        code = error_set(e, ERROR_USAGE,
                         "--lap-at: '%.200s' is neither FUNCTION, MODULE:FUNCTION nor "
                         "MODULE+0xOFFSET",
                         text);
    else
        code = find_image(target, words.module, &image, e);
    if (code == 0)
        code = find_place(&image, &words, text, target->lap_at, e);
    if (code == 0) {
        name_module(&image, target->lap_at);
        target->lap_mode = LAPS_AT;
        if (set_note(target, &image) < 0)
            code = error_set(e, ERROR_MEMORY, "out of memory");
    }
    close_image(&image);
    free(copy);
    return code;
}

int lap_every_set(struct target *target, uint32_t events, struct error *e)
{
    if (target->workload != NULL || target->uses != NULL)
        return error_set(e, ERROR_USAGE,
                         "--lap-every: it is for a program of your own; workloads take --laps");
    target->lap_mode = LAPS_EVERY;
    target->lap_every = events;
    if (asprintf(&target->lap_note,
                 "laps: one ends after every %u call%s that rundown sees (malloc, locks, threads "
                 "...), wherever the program is then: name a function by --lap-at for laps of the "
                 "program's own",
                 events, events == 1 ? "" : "s") < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    return 0;
}
