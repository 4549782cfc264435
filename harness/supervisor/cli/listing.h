/*
 * listing.h: what rundown knows by name, as lists: for people, for programs, for a shell.
 *
 * Each kind is a table of functions over the entries of one registry. Nothing here runs a
 * workload or touches a target; a workload's own unavailable() is the only code of theirs called.
 */
#ifndef SUPERVISOR_LISTING_H
#define SUPERVISOR_LISTING_H

#include <harness/error.h>
#include <results/text/json_write.h>

#include <stdio.h>

enum { LISTING_NAMES = 512 };

/**
 * struct listing - one kind of thing.
 * @name: as typed: "workloads". @summary: one line. @one: for errors: "workload".
 * @entry: name of entry @index, NULL behind the last.
 * @tag: a word between name and text, or NULL for the whole kind.
 * @text: one line about it; "" for none.
 * @details: further lines, indented, aligned; wrapped at @columns (0: not). NULL for none.
 * @members: what JSON has beyond "name" and "summary". NULL for none.
 * @words: what may be typed behind the name, one a line ("threads="). NULL for none.
 */
struct listing {
    const char *name;
    const char *summary;
    const char *one;
    const char *(*entry)(unsigned index);
    const char *(*tag)(unsigned index);
    const char *(*text)(unsigned index);
    void (*details)(FILE *out, unsigned index, unsigned columns);
    void (*members)(struct json_write *json, unsigned index);
    void (*words)(FILE *out, unsigned index);
};

/** Every kind, NULL at the end. */
extern const struct listing *const listings[];

extern const struct listing listing_workloads;
extern const struct listing listing_injectors;

/**
 * listing_own_workload() - takes the workload in a shared object of the user's into
 * listing_workloads, behind all others. @libdir: as own_open().
 * Returns its index, or -1 with @e filled.
 */
int listing_own_workload(const char *path, const char *libdir, struct error *e);

/** listing_find() - a kind by its name, or NULL. */
const struct listing *listing_find(const char *name);

/** listing_index() - place of an entry, -1 if there is none. */
int listing_index(const struct listing *listing, const char *entry);

/** listing_nearest() - the entry that a mistyped one may have meant, or NULL. */
const char *listing_nearest(const struct listing *listing, const char *entry);

/**
 * listing_print() - for people: aligned columns.
 * @index: this entry alone; -1 for all. @columns: of the terminal, 0 for no limit.
 */
void listing_print(const struct listing *listing, int index, FILE *out, unsigned columns);

/** listing_print_json() - an array of objects, one entry a line. @index: as above. */
void listing_print_json(const struct listing *listing, int index, FILE *out);

/** listing_print_names() - one name a line; of one entry what may follow it, else its name. */
void listing_print_names(const struct listing *listing, int index, FILE *out);

/**
 * listing_row() - a line of columns, the last one wrapped under itself.
 * @head: what stands before, already padded, such as "    threads=4   ".
 */
void listing_row(FILE *out, unsigned columns, const char *head, const char *text);

#endif
