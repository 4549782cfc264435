/*
 * reports.h: writing reports, for the commands that end with some.
 *
 * Each call reads in one transaction, so a report is of one moment and takes the database's locks
 * once; none may be under way.
 */
#ifndef SUPERVISOR_REPORTS_H
#define SUPERVISOR_REPORTS_H

#include <harness/error.h>
#include <harness/report.h>

/** reports_write_all() - the terminal's to stdout, every file's into @directory; all of one moment.
 */
int reports_write_all(struct store *store, const char *directory);

/** reports_write_terminal() - the one for eyes, to stdout. */
int reports_write_terminal(struct store *store, struct error *e);

/** reports_write_file() - one format to @path, by rename: nobody reads half a report. */
int reports_write_file(struct store *store, const struct report_format *format, const char *path,
                       struct error *e);

/** reports_find() - a format by name, NULL if there is none. */
const struct report_format *reports_find(const char *name);

/** reports_check_detector() - ERROR_USAGE with a suggestion if no detector has this name. */
int reports_check_detector(const char *name, struct error *e);

#endif
