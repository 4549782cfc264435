/*
 * ending.h: what a command that has made a run does once it is over: where the results lie,
 * what the store is told about the run, the reports, the exit status.
 *
 * Serves commands only: it prints.
 */
#ifndef SUPERVISOR_ENDING_H
#define SUPERVISOR_ENDING_H

#include <harness/supervisor/run/run.h>

/**
 * ending_directory() - rundown-results/TIME, which is free; its parent is made.
 * The text is static: good until the next call.
 */
char *ending_directory(void);

/** ending_directory_in() - the same below another directory. */
char *ending_directory_in(const char *parent);

/**
 * ending_store() - the findings' lines are run again, and the store is told about the run.
 * What a command does that writes its reports by itself.
 */
void ending_store(struct run *run, const char *command, int argc, char *const *argv);

/**
 * ending_run() - after run_execute(): reports, the last lines on stdout, run_close().
 * @code, @e: what run_execute() gave. @command: its name, "module". @argc, @argv: the words
 * behind the name, for the store's "command".
 *
 * Returns the exit status.
 */
int ending_run(struct run *run, int code, const struct error *e, const char *command, int argc,
               char *const *argv);

#endif
