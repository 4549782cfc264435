/*
 * nights: reads the stores of earlier nights, and nothing else of them.
 */
#include "nights.h"

#include <harness/common/array.h>
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

/** struct nights_rate - a cell in one of them. */
struct nights_rate {
    uint64_t key;
    char started[32];
    uint64_t cycles, findings;
};

/* struct reading - the run whose turn it is. */
struct reading {
    struct nights *history;
    const char *started;
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

static int take_rate(uint64_t key, uint64_t cycles, uint64_t findings, void *context)
{
    const struct reading *reading = context;
    struct nights *history = reading->history;
    struct nights_rate *rate;

    if (cycles == 0)
        return 0;
    if (!ARRAY_ROOM(history->rate, history->rates, history->rate_room))
        return 1;
    rate = &history->rate[history->rates++];
    *rate = (struct nights_rate){.key = key, .cycles = cycles, .findings = findings};
    snprintf(rate->started, sizeof rate->started, "%s", reading->started);
    return 0;
}

/* A run without the time of its beginning has no place among the others. */
static void take_run(struct nights *history, struct store *store)
{
    struct reading reading = {.history = history};
    char *started;

    history->runs++;
    if (store_meta_get(store, "started", &started, NULL) != 0)
        return;
    reading.started = started;
    store_rates(store, take_rate, &reading, NULL);
    free(started);
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
        take_run(history, store);
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

static int by_key(const void *a, const void *b)
{
    const struct nights_rate *one = a, *other = b;

    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return strcmp(one->started, other->started);
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
    if (out->rates > 0)
        qsort(out->rate, out->rates, sizeof *out->rate, by_key);
    return 0;
}

void nights_free(struct nights *history)
{
    for (size_t i = 0; i < history->signatures; i++)
        free(history->signature[i]);
    free(history->signature);
    free(history->build);
    free(history->rate);
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

/* --- for the reports of this night ----------------------------------------------------------- */

static int note_cell(const struct nights *history, struct store *store,
                     const struct store_cell *cell, struct error *e)
{
    size_t first = ARRAY_FIRST(history->rates, i, history->rate[i].key < cell->key), end = first;
    int code = 0;

    while (end < history->rates && history->rate[end].key == cell->key)
        end++;
    if (end - first > NIGHTS_TOLD)
        first = end - NIGHTS_TOLD;
    for (; first < end && code == 0; first++) {
        const struct nights_rate *rate = &history->rate[first];
        struct store_past past = {cell->id, rate->started, rate->cycles, rate->findings};

        code = store_past_add(store, &past, e);
    }
    return code;
}

static int note_cells(const struct nights *history, struct store *store, struct error *e)
{
    struct store_cell *cells;
    size_t count;
    int code = store_cells(store, &cells, &count, e);

    if (code != 0)
        return code;
    for (size_t i = 0; i < count && code == 0; i++)
        code = note_cell(history, store, &cells[i], e);
    store_cells_free(cells, count);
    return code;
}

static int note_signatures(const struct nights *history, struct store *store, struct error *e)
{
    int code = 0;

    for (size_t i = 0; i < history->signatures && code == 0; i++)
        code = store_seen_before_add(store, history->signature[i], e);
    return code;
}

int nights_note(const struct nights *history, struct store *store, struct error *e)
{
    char runs[32];
    int code = store_begin(store, e);

    if (code != 0)
        return code;
    snprintf(runs, sizeof runs, "%zu", history->runs);
    code = store_meta_set(store, "history", runs, e);
    if (code == 0)
        code = note_cells(history, store, e);
    if (code == 0)
        code = note_signatures(history, store, e);
    if (code != 0) {
        store_finish(store, false, NULL);
        return code;
    }
    return store_finish(store, true, e);
}
