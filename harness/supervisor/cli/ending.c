/*
 * ending: the last steps of a run.
 */
#include "ending.h"

#include <harness/supervisor/run/again.h>
#include "command.h"
#include "options.h"
#include "reports.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

char *ending_directory(void)
{
    return ending_directory_in("rundown-results");
}

char *ending_directory_in(const char *parent)
{
    static char path[PATH_MAX];
    time_t now = time(NULL);
    struct tm local;
    size_t length = (size_t)snprintf(path, sizeof path - 64, "%s/", parent);

    if (length >= sizeof path - 64 || (mkdir(parent, 0777) != 0 && errno != EEXIST))
        return strncpy(path, parent, sizeof path - 1); /* the run will say why it cannot make it */
    localtime_r(&now, &local);
    strftime(path + length, 64, "%Y-%m-%dT%H-%M-%S", &local);
    length = strlen(path);
    for (unsigned i = 2; access(path, F_OK) == 0 && i < 100; i++)
        snprintf(path + length, sizeof path - length, ".%u", i);
    return path;
}

static void store_command(struct store *store, const char *command, int argc, char *const *argv)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return;
    fprintf(out, "rundown %s", command);
    for (int i = 0; i < argc; i++)
        fprintf(out, " %s", argv[i]);
    fclose(out);
    store_meta_set(store, "command", text, NULL);
    free(text);
}

static void store_machine(struct store *store)
{
    struct utsname machine;
    char *text;

    uname(&machine);
    if (asprintf(&text, "%s %s, %ld processors", machine.sysname, machine.release,
                 sysconf(_SC_NPROCESSORS_ONLN)) < 0)
        return;
    store_meta_set(store, "machine", text, NULL);
    free(text);
}

static void store_end(struct store *store)
{
    time_t now = time(NULL);
    struct tm local;
    char text[64];

    localtime_r(&now, &local);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &local);
    store_meta_set(store, "ended", text, NULL);
}

void ending_store(struct run *run, const char *command, int argc, char *const *argv)
{
    again_findings(run);
    store_command(run->store, command, argc, argv);
    store_end(run->store);
    store_machine(run->store);
}

/* Some cell had nothing against it but the time. */
static bool had_no_time(const struct run *run)
{
    bool waiting = false;

    for (size_t i = 0; i < run->cells; i++)
        waiting |= run->cell[i].row.state[0] == 0;
    return waiting && run->options.seconds > 0 && run->total_cycles == 0 && !run->interrupted;
}

static int tell(struct run *run, const char *command, int argc, char *const *argv)
{
    int status = run_status(run);

    ending_store(run, command, argc, argv);
    if (reports_write_all(run->store, run->options.directory) != 0 && status < 2)
        status = STATUS_UNTRUSTED;
    printf("recorder: %s\nresults: %s\n", run->recorder_line, run->options.directory);
    if (had_no_time(run))
        fprintf(stderr,
                "rundown %s: nothing was tried: the %g s were over while the target was being "
                "measured, which comes first; give it more by --for\n",
                command, run->options.seconds);
    return run->aborted ? 130 : status;
}

int ending_run(struct run *run, int code, const struct error *e, const char *command, int argc,
               char *const *argv)
{
    int status;

    if (code != 0) {
        fprintf(stderr, "rundown %s: %s\n", command, e->text);
        status = options_status(code);
    } else {
        status = tell(run, command, argc, argv);
    }
    run_close(run);
    return status;
}
