/*
 * reports: which formats are written when.
 */
#include "reports.h"

#include <harness/common/suggest.h>
#include <harness/detector.h>
#include <results/store/store.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const struct report_format *reports_find(const char *name)
{
    for (unsigned i = 0; report_format_registry[i] != NULL; i++)
        if (strcmp(report_format_registry[i]->name, name) == 0)
            return report_format_registry[i];
    return NULL;
}

/* Source: no-color.org: "when present and not an empty string". */
static bool colour_is_refused(void)
{
    const char *refused = getenv("NO_COLOR");

    return refused != NULL && *refused != 0;
}

static struct report_options terminal_options(void)
{
    struct report_options options = {false, 80, 0, false};
    struct winsize size;

    options.colour = isatty(STDOUT_FILENO) && !colour_is_refused();
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        options.columns = size.ws_col;
    return options;
}

static int write_path(struct store *store, const struct report_format *format, const char *path,
                      struct error *e)
{
    struct report_options options = {false, 100, 0, false};
    char *fresh;
    FILE *out;
    int code;

    if (asprintf(&fresh, "%s.new", path) < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    out = fopen(fresh, "we");
    if (out == NULL)
        return error_set(e, ERROR_SYSTEM, "%s: %s", fresh, strerror(errno));
    code = format->write(store, out, &options, e);
    if ((ferror(out) | fclose(out)) != 0 && code == 0)
        code = error_set(e, ERROR_FULL, "%s: %s", fresh, strerror(errno));
    if (code == 0 && rename(fresh, path) != 0)
        code = error_set(e, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    if (code != 0)
        unlink(fresh);
    free(fresh);
    return code;
}

static int write_into(struct store *store, const struct report_format *format,
                      const char *directory, struct error *e)
{
    char *path;
    int code;

    if (asprintf(&path, "%s/%s", directory, format->file) < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    code = write_path(store, format, path, e);
    free(path);
    return code;
}

static int write_terminal(struct store *store, struct error *e)
{
    struct report_options options = terminal_options();
    int code = reports_find("terminal")->write(store, stdout, &options, e);

    fflush(stdout);
    return code;
}

int reports_write_file(struct store *store, const struct report_format *format, const char *path,
                       struct error *e)
{
    int code = store_begin_reading(store, e);

    if (code == 0) {
        code = write_path(store, format, path, e);
        store_finish(store, false, NULL);
    }
    return code;
}

int reports_write_terminal(struct store *store, struct error *e)
{
    int code = store_begin_reading(store, e);

    if (code == 0) {
        code = write_terminal(store, e);
        store_finish(store, false, NULL);
    }
    return code;
}

static int write_each(struct store *store, const char *directory)
{
    struct error e;
    int worst = 0;

    for (unsigned i = 0; report_format_registry[i] != NULL; i++) {
        const struct report_format *format = report_format_registry[i];
        int code = 0;

        if (strcmp(format->name, "terminal") == 0)
            code = write_terminal(store, &e);
        else if (format->file != NULL)
            code = write_into(store, format, directory, &e);
        if (code != 0) {
            fprintf(stderr, "rundown: %s report: %s\n", format->name, e.text);
            worst = code;
        }
    }
    return worst;
}

int reports_write_all(struct store *store, const char *directory)
{
    struct error e;
    int code = store_begin_reading(store, &e);

    if (code != 0) {
        fprintf(stderr, "rundown: reports: %s\n", e.text);
        return code;
    }
    code = write_each(store, directory);
    store_finish(store, false, NULL);
    return code;
}

int reports_check_detector(const char *name, struct error *e)
{
    const char *names[64] = {NULL};
    const char *near;

    for (unsigned i = 0; i < 63 && detector_registry[i] != NULL; i++) {
        names[i] = detector_registry[i]->name;
        if (strcmp(names[i], name) == 0)
            return 0;
    }
    near = suggest_nearest(name, names);
    return error_set(e, ERROR_USAGE, "--without: '%s' is no detector%s%s%s", name,
                     near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'?" : "; see rundown list detectors");
}
