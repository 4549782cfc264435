/*
 * store: opens, makes and closes the database of a run, and keeps its key-value table.
 *
 * synchronous=NORMAL: what was committed is in the kernel's hands, so no kill of the process
 * loses it, and a commit costs no flush. A power cut may take the last batches (never part of
 * one, and never the file): a resumed run then does them again. FULL would buy those back for
 * one flush per batch; a cycle can always be run again, so it is not worth it.
 *
 * Checkpoints come every 100 pages, so that the log stays below half a megabyte in a run in
 * which nothing but sums change.
 */
#include <results/store/store.h>

#include <results/store/database.h>
#include <results/store/schema.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The writer's lock keeps other rundowns away; this is for somebody's sqlite3 shell. */
enum { BUSY_MS = 5000 };

static int out_of_memory(const char *directory, struct error *e)
{
    return error_set(e, ERROR_MEMORY, "store: %s: out of memory", directory);
}

static int new_store(const char *directory, struct store **out, struct error *e)
{
    struct store *store = calloc(1, sizeof *store);

    *out = NULL;
    if (store == NULL || asprintf(&store->path, "%s/%s", directory, STORE_FILE) < 0) {
        free(store);
        return out_of_memory(directory, e);
    }
    *out = store;
    return 0;
}

static int take_lock(struct store *store, const char *directory, struct error *e)
{
    char *path;
    int code;

    if (asprintf(&path, "%s/%s", directory, STORE_LOCK) < 0)
        return out_of_memory(directory, e);
    code = writer_lock_take(path, &store->lock, e);
    free(path);
    return code;
}

/* SQLite's URI for a path; what has a meaning in URIs is escaped. Caller frees. */
static char *uri_of(const char *path, const char *query)
{
    char *uri = malloc(strlen("file:") + 3 * strlen(path) + strlen(query) + 1);
    char *at = uri;

    if (uri == NULL)
        return NULL;
    at = stpcpy(at, "file:");
    for (; *path != '\0'; path++) {
        if (strchr("%?#", *path) != NULL)
            at += sprintf(at, "%%%02X", (unsigned char)*path);
        else
            *at++ = *path;
    }
    strcpy(at, query);
    return uri;
}

/*
 * A run on a read-only medium: SQLite cannot make its log's index there and would refuse. With
 * no log beside it the file is complete and nobody can change it, so it is read as it lies.
 */
static bool is_archived(const struct store *store, const char *directory)
{
    char *log;
    struct stat st;
    bool has_log;

    if (access(directory, W_OK) == 0 || asprintf(&log, "%s-wal", store->path) < 0)
        return false;
    has_log = stat(log, &st) == 0 && st.st_size > 0;
    free(log);
    return !has_log;
}

static int open_database(struct store *store, bool archived, struct error *e)
{
    char *uri = uri_of(store->path, archived ? "?immutable=1" : "");
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                (archived ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    int result;

    if (uri == NULL)
        return out_of_memory(store->path, e);
    result = sqlite3_open_v2(uri, &store->db, flags, NULL);
    free(uri);
    if (store->db == NULL)
        return out_of_memory(store->path, e);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return result == SQLITE_OK ? 0 : database_error(store, result, e);
}

/* The log needs shared memory between processes, which some network file systems lack. */
static int use_log(struct store *store, struct error *e)
{
    sqlite3_stmt *statement;
    bool row = false;
    int code = database_prepare(store, "PRAGMA journal_mode = WAL", &statement, e);

    if (code == 0)
        code = database_step(store, statement, &row, e);
    if (code == 0 && (!row || strcmp(database_text(statement, 0), "wal") != 0))
        code = error_set(e, ERROR_SYSTEM,
                         "store: %s: this file system cannot share memory: choose a local "
                         "directory with --out",
                         store->path);
    database_release(store, statement);
    return code;
}

static int prepare_writer(struct store *store, struct error *e)
{
    int code = use_log(store, e);

    if (code == 0)
        code = database_run(store,
                            "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 100;"
                            "PRAGMA journal_size_limit = 409600",
                            e);
    return code;
}

static int make_file(const struct store *store, struct error *e)
{
    int fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno == EEXIST)
        return error_set(e, ERROR_BUSY,
                         "store: %s: there is a run already: continue it with --resume, or "
                         "choose another --out",
                         store->path);
    return error_set(e, errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_SYSTEM,
                     "store: %s: cannot make it (%s): choose another directory", store->path,
                     strerror(errno));
}

static void remove_file(const struct store *store, const char *suffix)
{
    char *path;

    if (asprintf(&path, "%s%s", store->path, suffix) < 0)
        return;
    unlink(path);
    free(path);
}

static void close_database(struct store *store)
{
    int result;

    database_forget(store);
    result = sqlite3_close(store->db);
    assert(result == SQLITE_OK); /* else a statement was forgotten */
    store->db = NULL;
}

/* What did not become a run must not be in the way of the next attempt. */
static int fill_file(struct store *store, struct error *e)
{
    int code = open_database(store, false, e);

    if (code == 0)
        code = prepare_writer(store, e);
    if (code == 0)
        code = schema_create(store, e);
    if (code != 0) {
        close_database(store);
        remove_file(store, "");
        remove_file(store, "-wal");
        remove_file(store, "-shm");
    }
    return code;
}

static int finish_open(int code, struct store *store, struct store **out)
{
    if (code != 0) {
        store_close(store);
        store = NULL;
    }
    *out = store;
    return code;
}

int store_create(const char *directory, struct store **out, struct error *e)
{
    struct store *store;
    int code = new_store(directory, &store, e);

    *out = NULL;
    if (code != 0)
        return code;
    code = take_lock(store, directory, e);
    if (code == 0)
        code = make_file(store, e);
    if (code == 0)
        code = fill_file(store, e);
    return finish_open(code, store, out);
}

static int open_reader(struct store *store, const char *directory, struct error *e)
{
    int code = open_database(store, is_archived(store, directory), e);

    if (code == 0)
        code = database_run(store, "PRAGMA query_only = ON", e);
    return code == 0 ? schema_check(store, e) : code;
}

/* The check comes first: a file that is not ours is left as it is. */
static int open_writer(struct store *store, const char *directory, struct error *e)
{
    int code = take_lock(store, directory, e);

    if (code == 0)
        code = open_database(store, false, e);
    if (code == 0)
        code = schema_check(store, e);
    return code == 0 ? prepare_writer(store, e) : code;
}

int store_open(const char *directory, bool write, struct store **out, struct error *e)
{
    struct store *store;
    int code = new_store(directory, &store, e);

    *out = NULL;
    if (code != 0)
        return code;
    if (access(store->path, F_OK) != 0)
        code =
            error_set(e, errno == EACCES ? ERROR_PERMISSION : ERROR_NOT_FOUND,
                      "store: %s: %s: name the directory of a run", store->path, strerror(errno));
    else
        code = write ? open_writer(store, directory, e) : open_reader(store, directory, e);
    return finish_open(code, store, out);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    close_database(store);
    writer_lock_drop(store->lock);
    free(store->path);
    free(store);
}

int store_meta_set(struct store *store, const char *key, const char *value, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
                                &statement, e);

    if (code != 0)
        return code;
    database_bind_text(statement, 1, key);
    database_bind_text(statement, 2, value);
    code = database_execute(store, statement, e);
    database_release(store, statement);
    return code;
}

static int copy_value(struct store *store, sqlite3_stmt *statement, const char *key, char **out,
                      struct error *e)
{
    bool row;
    int code = database_step(store, statement, &row, e);

    if (code != 0)
        return code;
    if (!row)
        return error_set(e, ERROR_NOT_FOUND, "store: %s: the run has no '%s'", store->path, key);
    *out = strdup(database_text(statement, 0));
    return *out != NULL ? 0 : out_of_memory(store->path, e);
}

int store_meta_get(struct store *store, const char *key, char **out, struct error *e)
{
    sqlite3_stmt *statement;
    int code = database_prepare(store, "SELECT value FROM meta WHERE key = ?1", &statement, e);

    *out = NULL;
    if (code != 0)
        return code;
    database_bind_text(statement, 1, key);
    code = copy_value(store, statement, key, out, e);
    database_release(store, statement);
    return code;
}

int store_meta_list(struct store *store,
                    int (*each)(const char *key, const char *value, void *context), void *context,
                    struct error *e)
{
    sqlite3_stmt *statement;
    bool row;
    int code = database_prepare(store, "SELECT key, value FROM meta ORDER BY key", &statement, e);

    if (code == 0)
        code = database_step(store, statement, &row, e);
    while (code == 0 && row) {
        if (each(database_text(statement, 0), database_text(statement, 1), context) != 0)
            break;
        code = database_step(store, statement, &row, e);
    }
    database_release(store, statement);
    return code;
}
