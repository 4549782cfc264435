/*
 * symbol: from an address to a function's name and a source line.
 *
 * libdw can do both, but searches a symbol table from end to end for each address and, in
 * the versions in use, finds no line where a compiler wrote no .debug_aranges (clang). So
 * symbols are sorted once per module, and units are searched where the short way fails.
 * Tables come from files that may be damaged; nothing in them is trusted.
 */
#include <harness/supervisor/process/symbol.h>

#include <harness/common/array.h>
#include <harness/supervisor/process/demangle.h>
#include <harness/supervisor/process/source.h>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNITS_MAX = 50000, /* a bound on the search, far above libc's two thousand */
};

/* @reach: the farthest end among the entries up to this one, so a search knows when to stop. */
struct symbol_table {
    size_t count;
    struct symbol *symbol;
    uint64_t *reach;
};

/* How a name is told from its aliases: the lower, the better known. */
enum {
    RANK_UNDERSCORE = 1, /* each of the first seven */
    RANK_LOCAL = 8,
    RANK_GI = 16,  /* glibc's hidden twin */
    RANK_OLD = 32, /* a version kept for old programs */
    RANK_UNTYPED = 64,
    RANK_UNSIZED = 128,
};

static unsigned rank_name(const char *name)
{
    const char *version = strchr(name, '@');
    unsigned underscores = (unsigned)strspn(name, "_");
    unsigned rank = underscores < 7 ? underscores * RANK_UNDERSCORE : 7 * RANK_UNDERSCORE;

    if (strncmp(name, "__GI_", 5) == 0)
        rank += RANK_GI;
    if (version != NULL && version[1] != '@')
        rank += RANK_OLD;
    return rank;
}

static unsigned rank_symbol(const char *name, const GElf_Sym *sym)
{
    unsigned rank = rank_name(name);

    if (GELF_ST_BIND(sym->st_info) == STB_LOCAL)
        rank += RANK_LOCAL;
    if (GELF_ST_TYPE(sym->st_info) == STT_NOTYPE)
        rank += RANK_UNTYPED;
    if (sym->st_size == 0)
        rank += RANK_UNSIZED;
    return rank;
}

static bool names_something(const char *name, const GElf_Sym *sym)
{
    unsigned type = GELF_ST_TYPE(sym->st_info);

    if (name == NULL || name[0] == '\0' || sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS)
        return false;
    return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT || type == STT_NOTYPE;
}

/* Where a symbol's section ends in the process; 0 if that can't be known. */
static uint64_t section_end(Elf *elf, GElf_Word index, Dwarf_Addr bias)
{
    Elf_Scn *section = elf != NULL && index < SHN_LORESERVE ? elf_getscn(elf, index) : NULL;
    GElf_Shdr head;

    if (section == NULL || gelf_getshdr(section, &head) == NULL)
        return 0;
    return head.sh_addr + head.sh_size + bias;
}

/* Takes number @index of the module's table; false if it names nothing of use. */
static bool take_symbol(Dwfl_Module *module, int index, struct symbol *out)
{
    GElf_Sym sym;
    GElf_Addr address;
    GElf_Word section;
    Elf *elf;
    Dwarf_Addr bias;
    const char *name =
        dwfl_module_getsym_info(module, index, &sym, &address, &section, &elf, &bias);

    if (!names_something(name, &sym) || section == (GElf_Word)-1)
        return false;
    out->start = address;
    out->end = sym.st_size > 0 ? address + sym.st_size : section_end(elf, section, bias);
    out->name = name;
    out->rank = rank_symbol(name, &sym);
    return out->end > out->start;
}

static int compare_symbols(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    size_t length_x, length_y;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    length_x = strlen(x->name);
    length_y = strlen(y->name);
    if (length_x != length_y)
        return length_x < length_y ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Keeps the best name of each address. A symbol without size ends where the next begins. */
static void settle(struct symbol_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++) {
        struct symbol *last = kept > 0 ? &table->symbol[kept - 1] : NULL;

        if (last != NULL && last->start == table->symbol[i].start)
            continue;
        if (last != NULL && last->rank >= RANK_UNSIZED && last->end > table->symbol[i].start)
            last->end = table->symbol[i].start;
        table->symbol[kept++] = table->symbol[i];
    }
    table->count = kept;
    for (size_t i = 0; i < kept; i++) {
        table->reach[i] = table->symbol[i].end;
        if (i > 0 && table->reach[i - 1] > table->reach[i])
            table->reach[i] = table->reach[i - 1];
    }
}

struct symbol_table *symbol_table_new(Dwfl_Module *module)
{
    int all = dwfl_module_getsymtab(module);
    size_t room = all > 0 ? (size_t)all : 1;
    struct symbol_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->symbol = calloc(room, sizeof *table->symbol);
    table->reach = calloc(room, sizeof *table->reach);
    if (table->symbol == NULL || table->reach == NULL) {
        symbol_table_free(table);
        return NULL;
    }
    for (int i = 1; i < all; i++) {
        if (take_symbol(module, i, &table->symbol[table->count]))
            table->count++;
    }
    qsort(table->symbol, table->count, sizeof *table->symbol, compare_symbols);
    settle(table);
    return table;
}

void symbol_table_free(struct symbol_table *table)
{
    if (table == NULL)
        return;
    free(table->symbol);
    free(table->reach);
    free(table);
}

const struct symbol *symbol_find(const struct symbol_table *table, uint64_t address)
{
    size_t low =
        ARRAY_FIRST(table != NULL ? table->count : 0, i, table->symbol[i].start <= address);

    for (; low > 0 && table->reach[low - 1] > address; low--) {
        if (table->symbol[low - 1].end > address)
            return &table->symbol[low - 1];
    }
    return NULL;
}

void symbol_name(const struct symbol *symbol, char *out, size_t bytes)
{
    size_t length = strcspn(symbol->name, "@");

    if (bytes == 0 || demangle(symbol->name, length, out, bytes))
        return;
    if (length >= bytes)
        length = bytes - 1;
    memcpy(out, symbol->name, length);
    out[length] = '\0';
}

static void put_line(const char *path, int number, char *file, size_t bytes, int *line)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name) < bytes ? strlen(name) : bytes - 1;

    memcpy(file, name, length);
    file[length] = '\0';
    *line = number;
}

static const char *path_of(Dwfl_Module *module)
{
    const char *path = NULL;

    dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &path, NULL);
    return path;
}

static const char *directory_of(Dwarf_Die *unit)
{
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
}

/* The long way: asks each compilation unit whether the address is its own. */
static bool search_units(Dwfl_Module *module, uint64_t address, char *file, size_t bytes, int *line)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = NULL;

    for (int i = 0; i < UNITS_MAX && (unit = dwfl_module_nextcu(module, unit, &bias)); i++) {
        Dwarf_Line *row;
        const char *path;
        int number;

        if (dwarf_haspc(unit, address - bias) != 1)
            continue;
        row = dwarf_getsrc_die(unit, address - bias);
        path = row != NULL ? dwarf_linesrc(row, NULL, NULL) : NULL;
        if (path == NULL || dwarf_lineno(row, &number) != 0)
            return false;
        put_line(path, number, file, bytes, line);
        source_note(directory_of(unit), path, number, path_of(module));
        return true;
    }
    return false;
}

bool symbol_line(Dwfl_Module *module, uint64_t address, char *file, size_t bytes, int *line)
{
    Dwfl_Line *row = dwfl_module_getsrc(module, address);
    int number = 0;
    const char *path = row != NULL ? dwfl_lineinfo(row, NULL, &number, NULL, NULL, NULL) : NULL;

    file[0] = '\0';
    *line = 0;
    if (path == NULL)
        return search_units(module, address, file, bytes, line);
    put_line(path, number, file, bytes, line);
    source_note(dwfl_line_comp_dir(row), path, number, path_of(module));
    return true;
}
