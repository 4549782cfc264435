/*
 * lap_at.h: where a program of the user's own ends a lap: --lap-at and --lap-every.
 */
#ifndef SUPERVISOR_LAP_AT_H
#define SUPERVISOR_LAP_AT_H

#include "target.h"

/**
 * lap_at_set() - makes @target count a lap whenever somebody enters a function.
 * @text: FUNCTION (of the program), MODULE:FUNCTION, or MODULE+0xOFFSET, as the file has it.
 * MODULE is a path, or a name as the loader finds it; "" or the program's name is the program.
 *
 * Returns 0, or ERROR_USAGE with one line: no such function (and which is near), or its first
 * instructions cannot be moved. ERROR_MEMORY. Reads files, starts nothing.
 */
int lap_at_set(struct target *target, const char *text, struct error *e);

/** lap_every_set() - a lap is so many hook events, of all threads; 1 and more. */
int lap_every_set(struct target *target, uint32_t events, struct error *e);

#endif
