/*
 * staying: reads the dynamic parts of modules' files, every offset checked: the file may be
 * another one by now, and the path may come from a damaged table.
 */
#include "staying.h"

#include <harness/supervisor/process/demangle.h>

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** struct file - a mapped ELF file; its tables are NULL where it has none. */
struct file {
    const unsigned char *bytes;
    size_t size;
    const Elf64_Dyn *dynamic;
    size_t dynamics;
    const char *dynamic_text;
    size_t dynamic_text_bytes;
    const Elf64_Sym *symbol;
    size_t symbols;
    const char *symbol_text;
    size_t symbol_text_bytes;
};

/* --- the file ----------------------------------------------------------------------------------
 */

static const void *part(const struct file *file, uint64_t offset, uint64_t bytes)
{
    if (offset > file->size || bytes > file->size - offset || offset % 8 != 0)
        return NULL;
    return file->bytes + offset;
}

static const Elf64_Shdr *sections(const struct file *file, unsigned *count)
{
    const Elf64_Ehdr *header = (const void *)file->bytes;

    *count = 0;
    if (file->size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(Elf64_Shdr))
        return NULL;
    *count = header->e_shnum;
    return part(file, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr));
}

static const char *text_of(const struct file *file, const Elf64_Shdr *section, unsigned count,
                           uint32_t link, size_t *bytes)
{
    *bytes = 0;
    if (link >= count || section[link].sh_offset > file->size ||
        section[link].sh_size > file->size - section[link].sh_offset)
        return NULL;
    *bytes = section[link].sh_size;
    return (const char *)file->bytes + section[link].sh_offset;
}

static void find_tables(struct file *file)
{
    unsigned count;
    const Elf64_Shdr *section = sections(file, &count);

    for (unsigned i = 0; section != NULL && i < count; i++) {
        const void *table = part(file, section[i].sh_offset, section[i].sh_size);

        if (section[i].sh_type == SHT_DYNAMIC && table != NULL) {
            file->dynamic = table;
            file->dynamics = section[i].sh_size / sizeof(Elf64_Dyn);
            file->dynamic_text =
                text_of(file, section, count, section[i].sh_link, &file->dynamic_text_bytes);
        } else if (section[i].sh_type == SHT_DYNSYM && table != NULL) {
            file->symbol = table;
            file->symbols = section[i].sh_size / sizeof(Elf64_Sym);
            file->symbol_text =
                text_of(file, section, count, section[i].sh_link, &file->symbol_text_bytes);
        }
    }
}

static bool open_file(const char path[ABI_PATH_BYTES], struct file *file)
{
    char name[ABI_PATH_BYTES + 1];
    struct stat info;
    void *bytes = MAP_FAILED;
    int fd;

    memset(file, 0, sizeof *file);
    snprintf(name, sizeof name, "%.*s", ABI_PATH_BYTES, path);
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return false;
    file->bytes = bytes;
    file->size = (size_t)info.st_size;
    find_tables(file);
    return true;
}

static void close_file(struct file *file)
{
    munmap((void *)file->bytes, file->size);
}

/* A string of a table, "" where it can't be one. */
static const char *string_at(const char *text, size_t bytes, uint64_t offset)
{
    if (text == NULL || offset >= bytes || memchr(text + offset, 0, bytes - offset) == NULL)
        return "";
    return text + offset;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* --- reasons in the file
 * ---------------------------------------------------------------------------- */

static bool is_nodelete(const struct file *file)
{
    for (size_t i = 0; i < file->dynamics && file->dynamic[i].d_tag != DT_NULL; i++)
        if (file->dynamic[i].d_tag == DT_FLAGS_1)
            return (file->dynamic[i].d_un.d_val & DF_1_NODELETE) != 0;
    return false;
}

/* What others call this file: its soname, or its name without one. */
static void own_name(const struct file *file, const char path[ABI_PATH_BYTES], char *out,
                     size_t size)
{
    char name[ABI_PATH_BYTES + 1];

    snprintf(name, sizeof name, "%.*s", ABI_PATH_BYTES, path);
    snprintf(out, size, "%s", base_of(name));
    for (size_t i = 0; i < file->dynamics && file->dynamic[i].d_tag != DT_NULL; i++)
        if (file->dynamic[i].d_tag == DT_SONAME)
            snprintf(out, size, "%s",
                     string_at(file->dynamic_text, file->dynamic_text_bytes,
                               file->dynamic[i].d_un.d_val));
}

static bool needs(const struct file *file, const char *name)
{
    for (size_t i = 0; i < file->dynamics && file->dynamic[i].d_tag != DT_NULL; i++)
        if (file->dynamic[i].d_tag == DT_NEEDED &&
            strcmp(base_of(string_at(file->dynamic_text, file->dynamic_text_bytes,
                                     file->dynamic[i].d_un.d_val)),
                   name) == 0)
            return true;
    return false;
}

/* The first unique symbol that it defines; @more: how many others. */
static const char *unique_symbol(const struct file *file, unsigned *more)
{
    const char *found = NULL;

    *more = 0;
    for (size_t i = 0; i < file->symbols; i++) {
        if (ELF64_ST_BIND(file->symbol[i].st_info) != STB_GNU_UNIQUE ||
            file->symbol[i].st_shndx == SHN_UNDEF)
            continue;
        if (found == NULL)
            found = string_at(file->symbol_text, file->symbol_text_bytes, file->symbol[i].st_name);
        else
            ++*more;
    }
    return found;
}

static bool makes_thread_locals(const struct file *file)
{
    for (size_t i = 0; i < file->symbols; i++) {
        const char *name =
            string_at(file->symbol_text, file->symbol_text_bytes, file->symbol[i].st_name);

        if (file->symbol[i].st_shndx == SHN_UNDEF &&
            (strcmp(name, "__cxa_thread_atexit") == 0 ||
             strcmp(name, "__cxa_thread_atexit_impl") == 0))
            return true;
    }
    return false;
}

/* --- reasons in the table
 * ----------------------------------------------------------------------------- */

static bool is_loaded(const struct abi_memory *memory, unsigned index)
{
    const struct abi_module *module = &memory->module[index];

    return module->epoch == memory->control.epoch && module->state == MODULE_LOADED;
}

static bool find_dependant(const struct abi_memory *memory, unsigned index, const char *name,
                           char *out, size_t size)
{
    for (unsigned i = 0; i < ABI_MODULES; i++) {
        struct file file;
        bool found;

        if (i == index || !is_loaded(memory, i) || !open_file(memory->module[i].path, &file))
            continue;
        found = needs(&file, name);
        close_file(&file);
        if (found) {
            char path[ABI_PATH_BYTES + 1];

            snprintf(path, sizeof path, "%.*s", ABI_PATH_BYTES, memory->module[i].path);
            snprintf(out, size, "%.*s", (int)size - 1, base_of(path));
            return true;
        }
    }
    return false;
}

static void say_unique(const char *symbol, unsigned more, char *out)
{
    char name[81];

    if (demangle(symbol, strlen(symbol), name, sizeof name))
        symbol = name;
    if (more > 0)
        snprintf(out, STAYING_BYTES, "it defines %.80s and %u more unique symbols", symbol, more);
    else
        snprintf(out, STAYING_BYTES, "it defines the unique symbol %.80s", symbol);
}

static void say(const struct abi_memory *memory, unsigned index, const struct file *file, char *out)
{
    const struct abi_module *module = &memory->module[index];
    const char *symbol;
    char name[ABI_PATH_BYTES + 1];
    char other[80];
    unsigned more;

    own_name(file, module->path, name, sizeof name);
    if (is_nodelete(file))
        snprintf(out, STAYING_BYTES, "it is linked with -z nodelete");
    else if (module->loads > 0)
        snprintf(out, STAYING_BYTES,
                 "a reference was not dropped: %u more dlopen than dlclose in the process",
                 module->loads);
    else if (find_dependant(memory, index, name, other, sizeof other))
        snprintf(out, STAYING_BYTES, "%s needs it, which is still mapped too", other);
    else if ((symbol = unique_symbol(file, &more)) != NULL)
        say_unique(symbol, more, out);
    else if (makes_thread_locals(file))
        snprintf(out, STAYING_BYTES,
                 "a thread that used it still had thread_local objects of it to destroy");
    else
        snprintf(out, STAYING_BYTES,
                 "its file does not say why: opened with RTLD_NODELETE, or another's symbols were "
                 "bound to it");
}

const char *staying_reason(const struct abi_memory *memory, unsigned index, char out[STAYING_BYTES])
{
    struct file file;

    if (memory == NULL || index >= ABI_MODULES || !is_loaded(memory, index) ||
        !open_file(memory->module[index].path, &file))
        return NULL;
    say(memory, index, &file, out);
    close_file(&file);
    return out;
}
