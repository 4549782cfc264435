/*
 * command.h: one file cmd_NAME.c is one command of the tool: rundown NAME ...
 */
#ifndef SUPERVISOR_COMMAND_H
#define SUPERVISOR_COMMAND_H

/**
 * struct command - one entry of the registry (generated from the files' names).
 * @name: as typed. @summary: one line for --help.
 * @run: gets the words from the command's own name on; returns the exit status.
 */
struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

extern const struct command *const command_registry[];

/** What --version prints, for every command's parser. */
#define COMMAND_VERSION "rundown " RUNDOWN_VERSION

/** Exit statuses (design: command line). */
enum { STATUS_GOOD = 0, STATUS_FOUND = 1, STATUS_USAGE = 2, STATUS_UNTRUSTED = 3 };

#endif
