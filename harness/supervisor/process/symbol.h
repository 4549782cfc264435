/*
 * symbol.h: names and source lines of addresses in one module.
 *
 * Works on a module that libdw has opened; opens nothing itself, and knows no process.
 */
#ifndef SUPERVISOR_SYMBOL_H
#define SUPERVISOR_SYMBOL_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct symbol - a function or a variable.
 * @start, @end: addresses in the process; @end is exclusive.
 * @name: lives as long as the module; may end in "@VERSION".
 */
struct symbol {
    uint64_t start;
    uint64_t end;
    const char *name;
    unsigned rank;
};

struct symbol_table;

/**
 * symbol_table_new() - the symbols of a module, sorted for searching.
 *
 * Takes .symtab, of the file or of its separate debug file, else .dynsym. Of several names
 * for one address it keeps the one that users know: pthread_mutex_lock rather than
 * ___pthread_mutex_lock or __GI_pthread_mutex_lock, whichever tables are installed.
 * Returns an empty table for a module without symbols, NULL without memory.
 */
struct symbol_table *symbol_table_new(Dwfl_Module *module);

/** symbol_table_free() - NULL is allowed. */
void symbol_table_free(struct symbol_table *table);

/** symbol_find() - the innermost symbol around @address, or NULL. @table may be NULL. */
const struct symbol *symbol_find(const struct symbol_table *table, uint64_t address);

/** symbol_name() - copies the name, demangled and without its version, cut to @bytes. */
void symbol_name(const struct symbol *symbol, char *out, size_t bytes);

/**
 * symbol_line() - source file (last part of its path) and line of a code address.
 *
 * Returns false, with "" and 0, where no line information covers it.
 */
bool symbol_line(Dwfl_Module *module, uint64_t address, char *file, size_t bytes, int *line);

#endif
