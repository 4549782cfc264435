/*
 * address.h: a stored cycle's replay line, by DIR:CELL:CYCLE.
 */
#ifndef SUPERVISOR_ADDRESS_H
#define SUPERVISOR_ADDRESS_H

#include <stdbool.h>

#include <harness/error.h>

/**
 * address_read() - looks the first finding of a cycle up.
 * @text: what the user gave. @line, @signature: the caller frees; untouched unless 0 is returned
 * and @is_address is true.
 *
 * Returns 0 with @is_address false if the text is no address (it is a line then), else what
 * store_open() returns, or ERROR_NOT_FOUND.
 */
int address_read(const char *text, bool *is_address, char **line, char **signature,
                 struct error *e);

#endif
