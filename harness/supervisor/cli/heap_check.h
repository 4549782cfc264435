/*
 * heap_check.h: what --heap-check wants, in the words of command line and replay line:
 *
 *     off    zones    zones,fill    guard    zones,fill,guard=20
 */
#ifndef SUPERVISOR_HEAP_CHECK_H
#define SUPERVISOR_HEAP_CHECK_H

#include <harness/error.h>

#include <stdint.h>

enum { HEAP_CHECK_BYTES = 64, HEAP_CHECK_EVERY = 1000 };

#define HEAP_CHECK_WORDS "off|[zones][,fill][,guard[=N]]"
#define HEAP_CHECK_HELP                                                                            \
    "look at heap blocks: zones behind them, freed ones filled and kept, one allocation in N "     \
    "(1000) between guard pages (default off)"

/** struct heap_check - @options: OPTION_HEAP_*, 0 off. @every: of guard, 0 without. */
struct heap_check {
    uint32_t options;
    uint32_t every;
};

/** heap_check_parse() - ERROR_USAGE with the word that is wrong; then @out is untouched. */
int heap_check_parse(const char *text, struct heap_check *out, struct error *e);

/** heap_check_format() - the reverse; "off" if nothing is on. Returns @out. */
const char *heap_check_format(const struct heap_check *check, char out[HEAP_CHECK_BYTES]);

#endif
