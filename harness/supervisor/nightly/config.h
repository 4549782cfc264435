/*
 * config.h: a night's configuration: a YAML file, held against a schema.
 *
 * docs/nightly.md has every key. Whatever does not fit is refused in one line: file:line:column,
 * what is wrong, and the mend.
 */
#ifndef SUPERVISOR_NIGHTLY_CONFIG_H
#define SUPERVISOR_NIGHTLY_CONFIG_H

#include <harness/error.h>

#include "night.h"

/**
 * config_read() - fills @night from the file, its cells included. Paths in it are relative to it.
 * A file that names no target means every shipped workload, unless @named: some are named
 * elsewhere. ERROR_USAGE with the place; ERROR_NOT_FOUND, ERROR_NOT_EXECUTABLE (a program);
 * ERROR_MEMORY.
 */
int config_read(const char *path, bool named, struct night *night, struct error *e);

#endif
