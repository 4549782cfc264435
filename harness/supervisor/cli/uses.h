/*
 * uses.h: a module and what is to be done with it: read, compiled and tried before a run.
 *
 * A use is a call ('fn(1,"text",NULL)'), a C file that defines void use(void *module), or a
 * shared object with that function. C files are compiled into a folder of our own, which goes
 * with the last holder, or with the process however it ends.
 *
 * Calls here print nothing but what the compiler says, which goes to our stderr. The caller
 * has one thread.
 */
#ifndef SUPERVISOR_USES_H
#define SUPERVISOR_USES_H

#include <harness/error.h>

enum { USES_MOST = 64 };

/** struct uses - shared by the targets of one module; uses_hold() and uses_drop(). */
struct uses;

/**
 * uses_open() - reads @use, compiles, loads the module once in a process of its own and looks
 * for every function.
 * @library: as the user gave it; a name that is no file here is left to the loader's search.
 * @host: path of the program that loads modules. @use: @count texts, at most USES_MOST.
 *
 * Returns 0, ERROR_USAGE (the module or a use is wrong, or there is no compiler: the text says
 * what and the mend), ERROR_MEMORY or ERROR_SYSTEM. A module that crashes or hangs while it is
 * tried is let through: finding that is the run's work.
 */
int uses_open(const char *library, const char *const *use, unsigned count, const char *host,
              struct uses **out, struct error *e);

/** uses_hold() - one more holder; returns @uses. */
struct uses *uses_hold(struct uses *uses);

/** uses_drop() - one holder less; NULL is allowed. */
void uses_drop(struct uses *uses);

/** uses_library() - what dlopen gets: an absolute path, or a bare name. */
const char *uses_library(const struct uses *uses);

/** uses_file() - path of the module's file as the loader found it; "" where that is unknown. */
const char *uses_file(const struct uses *uses);

unsigned uses_count(const struct uses *uses);

/** uses_text() - use @index as a replay line has it: a call, or an absolute path. */
const char *uses_text(const struct uses *uses, unsigned index);

/** uses_word() - use @index as the host takes it: "call:..." or "driver:...". */
const char *uses_word(const struct uses *uses, unsigned index);

#endif
