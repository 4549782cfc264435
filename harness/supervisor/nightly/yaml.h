/*
 * yaml.h: a YAML file, and values of it that fit or are refused with their place.
 *
 * Every refusal reads "FILE:LINE:COLUMN: what is wrong; the mend", lines and columns from 1.
 * Texts live as long as the file is open. libfyaml is known here and nowhere else.
 */
#ifndef SUPERVISOR_NIGHTLY_YAML_H
#define SUPERVISOR_NIGHTLY_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <harness/error.h>

struct yaml;
struct fy_node;

/** yaml_open() - reads a file. ERROR_USAGE (no such file, no YAML), ERROR_MEMORY. */
int yaml_open(const char *path, struct yaml **out, struct error *e);
void yaml_close(struct yaml *yaml);

/** yaml_root() - what the document holds; NULL: nothing. */
struct fy_node *yaml_root(const struct yaml *yaml);

/** yaml_refuse() - ERROR_USAGE at the place of @node, with a printf format. */
int yaml_refuse(const struct yaml *yaml, struct fy_node *node, struct error *e, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

/** yaml_place() - puts the place of @node before what @e says already; returns @code. */
int yaml_place(const struct yaml *yaml, struct fy_node *node, int code, struct error *e);

/** struct yaml_key - one key of a mapping. @read: its value, into what yaml_mapping() was given. */
struct yaml_key {
    const char *name;
    int (*read)(struct yaml *yaml, struct fy_node *value, void *into, struct error *e);
};

/**
 * yaml_mapping() - hands each value to its key. @keys: ended by a NULL name.
 * @what: what the mapping describes, "a program". An unknown key is refused with a suggestion.
 */
int yaml_mapping(struct yaml *yaml, struct fy_node *node, const struct yaml_key *keys,
                 const char *what, void *into, struct error *e);

/** yaml_sequence() - hands each item to @read. */
int yaml_sequence(struct yaml *yaml, struct fy_node *node,
                  int (*read)(struct yaml *yaml, struct fy_node *item, void *into, struct error *e),
                  void *into, struct error *e);

bool yaml_is_text(struct fy_node *node);
bool yaml_is_mapping(struct fy_node *node);

/** yaml_text() - a scalar. Not empty. */
int yaml_text(struct yaml *yaml, struct fy_node *node, const char **out, struct error *e);

/** yaml_words() - a list of texts, at most @most, NULL at the end; @out has room for one more. */
int yaml_words(struct yaml *yaml, struct fy_node *node, const char **out, unsigned most,
               struct error *e);

/** yaml_bool() - true or false. */
int yaml_bool(struct yaml *yaml, struct fy_node *node, bool *out, struct error *e);

/** yaml_number() - a whole number in [@low, @high]. */
int yaml_number(struct yaml *yaml, struct fy_node *node, uint64_t low, uint64_t high, uint64_t *out,
                struct error *e);

/** yaml_size() - bytes: "500M", "2G", "64K", or a plain number. */
int yaml_size(struct yaml *yaml, struct fy_node *node, uint64_t *out, struct error *e);

/** yaml_duration() - seconds: "90s", "30m", "8h". */
int yaml_duration(struct yaml *yaml, struct fy_node *node, double *out, struct error *e);

/** yaml_pairs() - a mapping of texts to texts, in order; @each stops at != 0 and says why in @e. */
int yaml_pairs(struct yaml *yaml, struct fy_node *node,
               int (*each)(const char *name, const char *value, void *into, struct error *e),
               void *into, struct error *e);

#endif
