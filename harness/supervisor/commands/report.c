/*
 * report: writes a report of a finished, interrupted or running run, from its store alone.
 *
 * Reads the store and changes nothing in it. A file that exists is replaced only once the
 * report is whole.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/common/suggest.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/cli/reports.h>
#include <results/page/page.h>
#include <results/store/store.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_COLUMNS = 100, PIPE_COLUMNS = 80, FORMATS = 32 };
enum { KEY_FINDING = 1000, KEY_MARKDOWN, KEY_JSON };

static const struct argp_option option_list[] = {
    {"format", 'f', "NAME", 0, "see `rundown list formats`; default: terminal", 1},
    {"finding", KEY_FINDING, "ID", 0,
     "this finding alone, in full, where the format can; reports give its number", 1},
    {"markdown", KEY_MARKDOWN, NULL, 0, "that finding's page as Markdown", 1},
    {"json", KEY_JSON, NULL, 0, "that finding's page as JSON (docs/finding.schema.json)", 1},
    {"verbose", 'v', NULL, 0, "every finding in full, not one for each signature", 1},
    {"output", 'o', "FILE", 0, "write to FILE, by renaming once it is whole; - is stdout", 1},
    {0},
};

/* @format: NULL until one is named. @form: of a finding's page. */
struct report {
    const char *directory;
    const struct report_format *format;
    enum page_form form;
    uint64_t finding;
    bool verbose;
    const char *output; /* NULL: stdout */
};

static const struct report_format *find_format(const char *name)
{
    const struct report_format *format = reports_find(name);
    const char *names[FORMATS + 1] = {NULL};
    const char *near;

    if (format != NULL)
        return format;
    for (unsigned i = 0; i < FORMATS && report_format_registry[i] != NULL; i++)
        names[i] = report_format_registry[i]->name;
    near = suggest_nearest(name, names);
    if (near != NULL)
        arguments_refuse("report", "--format: '%s' is no format; did you mean '%s'?", name, near);
    arguments_refuse("report", "--format: '%s' is no format; see rundown list formats", name);
}

static const char *form_option(enum page_form form)
{
    return form == PAGE_JSON ? "--json" : "--markdown";
}

static void set_form(struct report *report, enum page_form form)
{
    if (report->form != PAGE_TEXT && report->form != form)
        arguments_refuse("report", "--json and --markdown: a page has one form; choose one");
    report->form = form;
}

static void check_form(const struct report *report)
{
    if (report->form == PAGE_TEXT)
        return;
    if (report->finding == 0)
        arguments_refuse("report", "%s: it is the page of one finding; name that by --finding ID",
                         form_option(report->form));
    if (report->format != NULL)
        arguments_refuse("report", "%s and --format: leave one of them out",
                         form_option(report->form));
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct report *report = state->input;
    struct error e;

    switch (key) {
    case 'f':
        report->format = find_format(text);
        return 0;
    case KEY_FINDING:
        if (options_number("finding", text, 1, INT32_MAX, &report->finding, &e) != 0)
            arguments_refuse("report", "%s", e.text);
        return 0;
    case KEY_MARKDOWN:
    case KEY_JSON:
        set_form(report, key == KEY_JSON ? PAGE_JSON : PAGE_MARKDOWN);
        return 0;
    case 'v':
        report->verbose = true;
        return 0;
    case 'o':
        report->output = strcmp(text, "-") == 0 ? NULL : text;
        return 0;
    case ARGP_KEY_ARG:
        if (report->directory != NULL)
            arguments_refuse("report", "'%s': one DIR only; call it once for each run", text);
        report->directory = text;
        return 0;
    case ARGP_KEY_NO_ARGS:
        arguments_refuse("report", "DIR is missing; name the directory of a run");
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- where it goes ---------------------------------------------------------------------------- */

/*
 * struct sink - a stream, and what is to become of it.
 * @path: the file in the end. @fresh: what is written now, NULL if that is @path itself.
 */
struct sink {
    FILE *out;
    char *path;
    char *fresh;
};

static int sink_failed(struct sink *sink, const char *path, struct error *e)
{
    int code = errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_USAGE;

    return error_set(e, code, "--output: %s: %s; name a file that can be written", path,
                     strerror(errno));
}

/* By mkstemp and the permissions that a file of ours would have had. */
static int open_fresh(struct sink *sink, struct error *e)
{
    mode_t mask = umask(0);
    int fd;

    umask(mask);
    if (asprintf(&sink->fresh, "%s.XXXXXX", sink->path) < 0) {
        sink->fresh = NULL;
        return error_set(e, ERROR_MEMORY, "out of memory");
    }
    fd = mkstemp(sink->fresh);
    if (fd < 0) {
        int code = sink_failed(sink, sink->path, e);

        free(sink->fresh);
        sink->fresh = NULL;
        return code;
    }
    fchmod(fd, 0666 & ~mask);
    sink->out = fdopen(fd, "w");
    return sink->out != NULL ? 0 : error_set(e, ERROR_MEMORY, "out of memory");
}

/* A device or a pipe is written as it is: a rename would put a file in its place. */
static int sink_open(struct sink *sink, const char *path, struct error *e)
{
    struct stat info;

    memset(sink, 0, sizeof *sink);
    if (path == NULL) {
        sink->out = stdout;
        return 0;
    }
    sink->path = realpath(path, NULL); /* a link stays a link */
    if (sink->path == NULL)
        sink->path = strdup(path);
    if (sink->path == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (stat(sink->path, &info) != 0 || S_ISREG(info.st_mode))
        return open_fresh(sink, e);
    sink->out = fopen(sink->path, "we");
    return sink->out != NULL ? 0 : sink_failed(sink, path, e);
}

/* @code: of the writing; the old file stays unless that went well. */
static int sink_close(struct sink *sink, int code, struct error *e)
{
    bool broken = sink->out != NULL && sink->out != stdout && fclose(sink->out) != 0;

    if (code == 0 && broken)
        code = sink_failed(sink, sink->path, e);
    if (code == 0 && sink->fresh != NULL && rename(sink->fresh, sink->path) != 0)
        code = sink_failed(sink, sink->path, e);
    if (code != 0 && sink->fresh != NULL)
        unlink(sink->fresh);
    free(sink->fresh);
    free(sink->path);
    return code;
}

/* --- the command ------------------------------------------------------------------------------ */

static bool wants_colour(void)
{
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && (refused == NULL || *refused == 0) &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static struct report_options shape(const struct report *report)
{
    struct report_options options = {.finding = (long)report->finding, .verbose = report->verbose};

    options.colour = report->output == NULL && wants_colour();
    options.columns = report->output != NULL ? FILE_COLUMNS : arguments_columns();
    if (options.columns == 0)
        options.columns = PIPE_COLUMNS;
    return options;
}

static int write_form(const struct report *report, struct store *store, FILE *out, struct error *e)
{
    struct report_options options = shape(report);
    struct page_options page = {report->form, options.columns, options.colour};

    if (report->form != PAGE_TEXT)
        return page_write(store, options.finding, out, &page, e);
    return report->format->write(store, out, &options, e);
}

static int write_report(const struct report *report, struct error *e)
{
    struct store *store;
    struct sink sink;
    int code = store_open(report->directory, false, &store, e);

    if (code != 0)
        return code;
    code = sink_open(&sink, report->output, e);
    if (code == 0)
        code = store_begin_reading(store, e); /* all of one moment, and the locks taken once */
    if (code == 0) {
        code = write_form(report, store, sink.out, e);
        store_finish(store, false, NULL);
    }
    code = sink_close(&sink, code, e);
    store_close(store);
    return code;
}

static int report_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list,
        parse,
        "DIR",
        "Writes a report of the run whose results lie in DIR.\v"
        "Exit status: 0 written, 2 no such run, or one that cannot be read, 3 not all could be "
        "written.",
        NULL,
        NULL,
        NULL};
    struct report report = {0};
    struct error e;
    int code;

    arguments_parse("report", &parser, argc, argv, 0, &report);
    check_form(&report);
    if (report.format == NULL)
        report.format = reports_find("terminal");
    code = write_report(&report, &e);
    if (code != 0)
        fprintf(stderr, "rundown report: %s\n", e.text);
    return options_status(code);
}

const struct command command_report = {"report", "write a report of a run again", report_main};
