/*
 * nights: reads the stores of earlier nights, and nothing else of them.
 */
#include "nights.h"

#include <results/store/store.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** struct nights_build - a cell and what it has run. */
struct nights_build {
    uint64_t key;
    char build[32];
};

static int take_signature(const struct store_finding *finding, void *context)
{
    struct nights *history = context;
    char **longer;

    if (finding->severity != STOP_SEVERITY_FINDING)
        return 0;
    longer = realloc(history->signature, (history->signatures + 1) * sizeof *longer);
    if (longer == NULL)
        return 1;
    history->signature = longer;
    longer[history->signatures] = strdup(finding->signature);
    return longer[history->signatures++] == NULL;
}

static int take_build(uint64_t key, const char *build, void *context)
{
    struct nights *history = context;
    struct nights_build *longer = realloc(history->build, (history->builds + 1) * sizeof *longer);

    if (longer == NULL)
        return 1;
    history->build = longer;
    longer += history->builds++;
    longer->key = key;
    snprintf(longer->build, sizeof longer->build, "%s", build);
    return 0;
}

/* A run that cannot be read, of another version perhaps, tells nothing and hinders nothing. */
static void read_run(struct nights *history, const char *directory, const char *name)
{
    char path[PATH_MAX];
    struct store *store;
    struct stat info;

    snprintf(path, sizeof path, "%s/%s/" STORE_FILE, directory, name);
    if (stat(path, &info) != 0)
        return;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (store_open(path, false, &store, NULL) != 0) {
        history->unread++;
        return;
    }
    if (store_findings(store, true, take_signature, history, NULL) == 0 &&
        store_builds(store, take_build, history, NULL) == 0)
        history->runs++;
    else
        history->unread++;
    store_close(store);
    if (info.st_mtime >= history->last_time)
        snprintf(history->last, sizeof history->last, "%s", name);
    if (info.st_mtime > history->last_time)
        history->last_time = info.st_mtime;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_build(const void *a, const void *b)
{
    const struct nights_build *one = a, *other = b;

    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return strcmp(one->build, other->build);
}

int nights_read(const char *directory, const char *except, struct nights *out, struct error *e)
{
    DIR *list = opendir(directory);
    struct dirent *entry;

    memset(out, 0, sizeof *out);
    if (list == NULL)
        return errno == ENOENT
                   ? 0
                   : error_set(e, ERROR_USAGE, "--history: %s: %s", directory, strerror(errno));
    while ((entry = readdir(list)) != NULL)
        if (entry->d_name[0] != '.' && (except == NULL || strcmp(entry->d_name, except) != 0))
            read_run(out, directory, entry->d_name);
    closedir(list);
    if (out->signatures > 0)
        qsort(out->signature, out->signatures, sizeof *out->signature, by_text);
    if (out->builds > 0)
        qsort(out->build, out->builds, sizeof *out->build, by_build);
    return 0;
}

void nights_free(struct nights *history)
{
    for (size_t i = 0; i < history->signatures; i++)
        free(history->signature[i]);
    free(history->signature);
    free(history->build);
    memset(history, 0, sizeof *history);
}

bool nights_have_signature(const struct nights *history, const char *signature)
{
    return history->signatures > 0 && bsearch(&signature, history->signature, history->signatures,
                                              sizeof *history->signature, by_text) != NULL;
}

bool nights_have_build(const struct nights *history, uint64_t key, const char *build)
{
    struct nights_build wanted = {.key = key};

    snprintf(wanted.build, sizeof wanted.build, "%s", build);
    return history->builds > 0 && bsearch(&wanted, history->build, history->builds,
                                          sizeof *history->build, by_build) != NULL;
}
