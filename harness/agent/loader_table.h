/* loader_table.h: the modules that came and went in this cycle. */
#ifndef AGENT_LOADER_TABLE_H
#define AGENT_LOADER_TABLE_H

#include "agent.h"

/**
 * Notes what is loaded before main: none of these is ever counted as loaded in a cycle. And
 * remarks a malloc of the program's own: it comes before our hook, which then never sees one.
 */
void modules_begin(void);
/**
 * True if @address lies in a module that came after main, or is coming right now. @map: its link
 * map, may be NULL. Asks the loader without its lock.
 */
bool modules_came(uint64_t address, const struct link_map **map);
/** The loaded module that @index numbers, modulo their count; NULL if there is none. */
struct abi_module *modules_pick(int64_t index);
/** dlclose of it, once. */
void modules_drop(struct abi_module *module);
/** The process ends: says so if a module was closed, and yet not as often as it was opened. */
void modules_at_exit(void);

#endif
