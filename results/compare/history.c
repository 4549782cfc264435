/*
 * history: a directory of runs, in the order in which they began. Names of directories mean
 * nothing but where two runs began in the same second.
 */
#include <results/compare/side.h>

#include <harness/common/array.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int leave_out(struct history *history, const char *name, const char *why, struct error *e)
{
    char *longer;

    if (asprintf(&longer, "%s%s%s: %s", history->left_out != NULL ? history->left_out : "",
                 history->left_out != NULL ? "\n" : "", name, why) < 0)
        return side_no_memory(e);
    free(history->left_out);
    history->left_out = longer;
    return 0;
}

static bool is_one_file(const char *one, const char *other)
{
    struct stat a, b;

    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool has_same(const struct side *one, const struct side *other, const char *key)
{
    const char *a = side_note(one, key), *b = side_note(other, key);

    return a == NULL || b == NULL || strcmp(a, b) == 0;
}

/* NULL if the run may be compared, else why not. */
static const char *unfit(const struct side *side, const struct side *new)
{
    if (side->cycles == 0)
        return "no finished cycle";
    if (new->started != 0 && side->started > new->started)
        return "it began later";
    if (!has_same(side, new, "options"))
        return "it was run with other options";
    return NULL;
}

static int add_run(struct history *history, const char *path, const struct side *new,
                   struct error *e)
{
    struct side side;
    struct error why;
    int code = side_read(&side, path, false, &why);
    const char *reason = code != 0 ? why.text : unfit(&side, new);

    if (code == ERROR_MEMORY || reason != NULL) {
        code = code == ERROR_MEMORY ? side_no_memory(e) : leave_out(history, path, reason, e);
        side_free(&side);
        return code;
    }
    if (!ARRAY_ROOM(history->side, history->sides, history->room)) {
        side_free(&side);
        return side_no_memory(e);
    }
    history->side[history->sides++] = side;
    return 0;
}

static int add_entry(struct history *history, const char *directory, const char *name,
                     const struct side *new, struct error *e)
{
    char *path, *file;
    int code = 0;

    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return side_no_memory(e);
    if (asprintf(&file, "%s/%s", path, STORE_FILE) < 0) {
        free(path);
        return side_no_memory(e);
    }
    if (access(file, F_OK) == 0 && !is_one_file(path, new->path))
        code = add_run(history, path, new, e);
    free(file);
    free(path);
    return code;
}

static int by_time(const void *a, const void *b)
{
    const struct side *one = a, *other = b;

    if (one->started != other->started)
        return one->started < other->started ? -1 : 1;
    return strcmp(one->path, other->path);
}

int history_read(struct history *history, const char *directory, const struct side *new,
                 struct error *e)
{
    struct dirent **entry;
    int count = scandir(directory, &entry, NULL, alphasort), code = 0;

    *history = (struct history){0};
    if (count < 0)
        return error_set(e, ERROR_USAGE, "compare: --history: %s: %s: name a directory of runs",
                         directory, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (code == 0 && entry[i]->d_name[0] != '.')
            code = add_entry(history, directory, entry[i]->d_name, new, e);
        free(entry[i]);
    }
    free(entry);
    if (history->sides > 1)
        qsort(history->side, history->sides, sizeof *history->side, by_time);
    return code;
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->sides; i++)
        side_free(&history->side[i]);
    free(history->side);
    free(history->left_out);
    *history = (struct history){0};
}
