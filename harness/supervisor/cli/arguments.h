/*
 * arguments.h: a command's options, read by argp, with every refusal in one line.
 *
 * argp alone would say two lines and no mend. What is here serves commands only: it prints to
 * stderr and may end the program.
 */
#ifndef SUPERVISOR_ARGUMENTS_H
#define SUPERVISOR_ARGUMENTS_H

#include <argp.h>

/**
 * arguments_parse() - argp_parse() for the words of one command.
 * @command: its name, "report". @argp: without children. @flags: ARGP_IN_ORDER or 0.
 *
 * Adds --help, --usage and --version, and ends the program after them by status 0. A wrong option
 * ends it by STATUS_USAGE and one line. @argp's parser refuses by arguments_refuse() and returns
 * ARGP_ERR_UNKNOWN for keys that it does not know, and for nothing else.
 */
void arguments_parse(const char *command, const struct argp *argp, int argc, char **argv,
                     unsigned flags, void *input);

/** arguments_refuse() - "rundown COMMAND: " and a printf format to stderr; ends by STATUS_USAGE. */
void arguments_refuse(const char *command, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/**
 * arguments_finish() - the last thing a command that prints does.
 *
 * Returns @status, or STATUS_UNTRUSTED with one line if not all of stdout could be written.
 */
int arguments_finish(const char *command, int status);

/** arguments_columns() - how wide stdout is; 0, no limit, where it is no terminal. */
unsigned arguments_columns(void);

#endif
