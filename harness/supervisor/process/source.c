/*
 * source: remembers where lines are, and copies a few from a file that may be anything: what is no
 * regular file is not opened, what is too long is cut.
 */
#include "source.h"

#include <harness/plan.h>
#include <results/store/store.h>
#include <results/text/place.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    KNOWN = 1024,      /* a power of two; three quarters are used */
    COLUMNS_MAX = 160, /* bytes of a line */
    LINES_MAX = 1000000,
};

/* struct known - one line. @place: "policy.c:88". @kept: it is in the store. */
struct known {
    char *place;
    char *path;
    char *module;
    int line;
    bool kept;
};

static struct known known[KNOWN];
static unsigned known_count;

void source_forget(void)
{
    for (unsigned i = 0; i < KNOWN; i++) {
        free(known[i].place);
        free(known[i].path);
        free(known[i].module);
        memset(&known[i], 0, sizeof known[i]);
    }
    known_count = 0;
}

/* Where it is, or where it belongs. Two files of one name may have the same line. */
static struct known *slot_of(const char *place, const char *path)
{
    unsigned i = (unsigned)plan_hash(place, strlen(place)) % KNOWN;

    while (known[i].place != NULL && (strcmp(known[i].place, place) != 0 ||
                                      (path != NULL && strcmp(known[i].path, path) != 0)))
        i = (i + 1) % KNOWN;
    return &known[i];
}

static void add(const char *place, const char *path, int line, const char *module)
{
    struct known *slot;

    if (known_count >= KNOWN / 4 * 3)
        source_forget();
    slot = slot_of(place, path);
    if (slot->place != NULL)
        return;
    slot->place = strdup(place);
    slot->path = strdup(path);
    slot->module = module != NULL ? strdup(module) : NULL;
    slot->line = line;
    if (slot->place != NULL && slot->path != NULL) {
        known_count++;
        return;
    }
    free(slot->place);
    free(slot->path);
    free(slot->module);
    memset(slot, 0, sizeof *slot);
}

void source_note(const char *directory, const char *path, int line, const char *module)
{
    const char *slash = strrchr(path, '/');
    char place[PLACE_BYTES], whole[4096];

    if (path[0] == 0 || line <= 0 || (path[0] != '/' && directory == NULL))
        return;
    snprintf(place, sizeof place, "%.80s:%d", slash != NULL ? slash + 1 : path, line);
    if (path[0] != '/') {
        if ((size_t)snprintf(whole, sizeof whole, "%s/%s", directory, path) >= sizeof whole)
            return;
        path = whole;
    }
    add(place, path, line, module);
}

/* --- excerpts ------------------------------------------------------------------------------ */

static bool is_newer(const struct stat *file, const char *module)
{
    struct stat made;

    return module != NULL && stat(module, &made) == 0 && file->st_mtime > made.st_mtime;
}

static void copy_line(FILE *out, char *text, ssize_t length)
{
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        length--;
    fprintf(out, "%.*s\n", (int)(length < COLUMNS_MAX ? length : COLUMNS_MAX), text);
}

/* The lines around @line, or NULL if the file does not have it. Caller frees. */
static char *copy_lines(FILE *in, int line, int *first)
{
    char *text = NULL, *row = NULL;
    size_t size = 0, room = 0;
    FILE *out = open_memstream(&text, &size);
    ssize_t length;
    int number = 0;

    *first = line > SOURCE_BEFORE ? line - SOURCE_BEFORE : 1;
    while (out != NULL && number < line + SOURCE_AFTER && number < LINES_MAX &&
           (length = getline(&row, &room, in)) >= 0)
        if (++number >= *first)
            copy_line(out, row, length);
    free(row);
    if (out != NULL)
        fclose(out);
    if (number >= line)
        return text;
    free(text);
    return NULL;
}

static int keep(struct store *store, struct known *entry, struct error *e)
{
    struct store_source source = {.place = entry->place, .path = entry->path, .line = entry->line};
    struct stat info;
    FILE *in;
    char *text;
    int code = 0;

    entry->kept = true;
    if (stat(entry->path, &info) != 0 || !S_ISREG(info.st_mode) ||
        (in = fopen(entry->path, "re")) == NULL)
        return 0;
    text = copy_lines(in, entry->line, &source.first);
    fclose(in);
    if (text == NULL)
        return 0;
    source.newer = is_newer(&info, entry->module);
    source.text = text;
    code = store_source_add(store, &source, e);
    free(text);
    return code;
}

/* All files of that place: which of them is meant the text does not say. */
static int keep_place(struct store *store, const char *place, struct error *e)
{
    unsigned i = (unsigned)plan_hash(place, strlen(place)) % KNOWN;
    int code = 0;

    for (; known[i].place != NULL && code == 0; i = (i + 1) % KNOWN)
        if (!known[i].kept && strcmp(known[i].place, place) == 0)
            code = keep(store, &known[i], e);
    return code;
}

int source_keep(struct store *store, const char *text, struct error *e)
{
    char place[PLACE_BYTES];
    int code = 0;

    while (code == 0 && place_next(&text, place))
        code = keep_place(store, place, e);
    return code;
}
