/*
 * test_store: opening, closing and the world's ways to fail: a second writer, a kill, a full
 * disk, a read-only place. Rows are tested beside this file, one program per source.
 */
#include "store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

static int copy_finding(const struct store_finding *finding, void *context)
{
    *(uint64_t *)context += 1 + finding->output_bytes;
    return 0;
}

static struct store_cell read_only_cell(struct fixture *f)
{
    struct store_cell *cells, cell;
    size_t count;

    fixture_ok(f, store_cells(f->store, &cells, &count, &f->e));
    CU_ASSERT_EQUAL_FATAL(count, 1);
    cell = cells[0];
    store_cells_free(cells, count);
    return cell;
}

static off_t directory_size(const struct fixture *f)
{
    DIR *directory = opendir(f->directory);
    struct dirent *entry;
    off_t sum = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    while ((entry = readdir(directory)) != NULL) {
        struct stat st;

        if (fstatat(dirfd(directory), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            sum += st.st_size;
    }
    closedir(directory);
    return sum;
}

static void test_create_and_open(void)
{
    struct fixture f;
    struct store *second;
    struct stat st;

    fixture_directory(&f);
    CU_ASSERT_EQUAL(store_open(f.directory, false, &second, &f.e), ERROR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(second);
    fixture_ok(&f, store_create(f.directory, &f.store, &f.e));
    fixture_reopen(&f, false);
    fixture_reopen(&f, true);
    store_close(f.store);
    f.store = NULL;
    CU_ASSERT_EQUAL(store_create(f.directory, &second, &f.e), ERROR_BUSY);
    CU_ASSERT_PTR_NULL(second);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.e.text, "--resume"));
    /* Nothing but the database is left, and the refused creation did not hurt it. */
    CU_ASSERT_EQUAL(stat(f.path, &st), 0);
    CU_ASSERT_EQUAL(directory_size(&f), st.st_size);
    fixture_reopen(&f, true);
    fixture_remove(&f);
    store_close(NULL);
}

static void test_no_directory(void)
{
    struct fixture f;

    fixture_directory(&f);
    fixture_remove(&f);
    CU_ASSERT_EQUAL(store_create(f.directory, &f.store, &f.e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(store_open(f.directory, true, &f.store, NULL), ERROR_NOT_FOUND);
}

/* Characters that mean something in SQLite's URIs. */
static void test_odd_directory_names(void)
{
    struct fixture f;
    char odd[FIXTURE_PATH];

    fixture_directory(&f);
    CU_ASSERT_TRUE(snprintf(odd, sizeof odd, "%.400s/a b?mode=ro#c%%41&'\"", f.directory) > 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(odd, 0777), 0);
    fixture_ok(&f, store_create(odd, &f.store, &f.e));
    fixture_cell(&f, "t", "none");
    store_close(f.store);
    fixture_ok(&f, store_open(odd, false, &f.store, &f.e));
    CU_ASSERT_EQUAL(read_only_cell(&f).id, 1);
    CU_ASSERT_EQUAL(access(f.path, F_OK), -1);
    fixture_remove(&f);
}

static int count_key(const char *key, const char *value, void *context)
{
    char *all = context;

    strcat(strcat(strcat(strcat(all, key), "="), value), ";");
    return strcmp(key, "stop") == 0;
}

static void test_meta(void)
{
    struct fixture f;
    char all[256] = "", *value;

    fixture_create(&f);
    CU_ASSERT_EQUAL(store_meta_get(f.store, "seed", &value, &f.e), ERROR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(value);
    fixture_ok(&f, store_meta_set(f.store, "seed", "0x5eed", &f.e));
    fixture_ok(&f, store_meta_set(f.store, "seed", "0x5eee", &f.e));
    fixture_ok(&f, store_meta_set(f.store, "command", "a 'b' \xff\n", &f.e));
    fixture_ok(&f, store_meta_set(f.store, "zz", "", &f.e));
    fixture_reopen(&f, false);
    fixture_ok(&f, store_meta_get(f.store, "seed", &value, &f.e));
    CU_ASSERT_STRING_EQUAL(value, "0x5eee");
    free(value);
    fixture_ok(&f, store_meta_list(f.store, count_key, all, &f.e));
    CU_ASSERT_STRING_EQUAL(all, "command=a 'b' \xff\n;seed=0x5eee;zz=;");
    fixture_reopen(&f, true);
    fixture_ok(&f, store_meta_set(f.store, "stop", "here", &f.e));
    all[0] = '\0';
    fixture_ok(&f, store_meta_list(f.store, count_key, all, &f.e));
    CU_ASSERT_STRING_EQUAL(all, "command=a 'b' \xff\n;seed=0x5eee;stop=here;");
    fixture_remove(&f);
}

static int other_process_opens(struct fixture *f)
{
    struct store *writer, *reader;

    if (store_open(f->directory, true, &writer, &f->e) != ERROR_BUSY)
        return 1;
    if (strstr(f->e.text, "writes this run") == NULL)
        return 2;
    if (store_open(f->directory, false, &reader, &f->e) != 0)
        return 3;
    store_close(reader);
    return 0;
}

static void test_second_writer(void)
{
    struct fixture f;
    struct store *second;

    fixture_create(&f);
    CU_ASSERT_EQUAL(store_open(f.directory, true, &second, &f.e), ERROR_BUSY);
    CU_ASSERT_EQUAL(fixture_child(other_process_opens, &f), 0);
    /* Neither the refused writer nor the reader took anything from the first one. */
    fixture_cell(&f, "t", "none");
    CU_ASSERT_EQUAL(fixture_child(other_process_opens, &f), 0);
    fixture_ok(&f, fixture_pass(&f, 1, 0, 10));
    fixture_remove(&f);
}

static void test_reader_sees_what_is_committed(void)
{
    struct fixture f;
    struct store *reader, *writer;

    fixture_create(&f);
    fixture_cell(&f, "t", "none");
    fixture_ok(&f, store_open(f.directory, false, &reader, &f.e));
    writer = f.store;
    for (uint64_t i = 0; i < 300; i++) {
        f.store = writer;
        fixture_ok(&f, fixture_pass(&f, 1, i * 10, 10));
        f.store = reader;
        CU_ASSERT_EQUAL(read_only_cell(&f).next, (i + 1) * 10);
    }
    CU_ASSERT_EQUAL(store_meta_set(reader, "a", "b", &f.e), ERROR_PERMISSION);
    CU_ASSERT_EQUAL(fixture_pass(&f, 1, 3000, 1), ERROR_PERMISSION);
    f.store = writer;
    store_close(reader);
    fixture_ok(&f, fixture_pass(&f, 1, 3000, 1));
    fixture_remove(&f);
}

/* 2,000 batches of 100 passing cycles; the largest size is what counts, log included. */
static void test_passing_cycles_cost_nothing(void)
{
    struct fixture f;
    off_t most = 0, size;

    fixture_create(&f);
    fixture_cell(&f, "heap-churn variant=shared-arena threads=4", "thread-kill@malloc");
    for (uint64_t i = 0; i < 2000; i++) {
        fixture_ok(&f, fixture_pass(&f, 1, i * 100, 100));
        size = i % 10 == 0 ? directory_size(&f) : 0;
        most = size > most ? size : most;
    }
    CU_ASSERT_TRUE(most < 1000 * 1000);
    CU_ASSERT_EQUAL(read_only_cell(&f).next, 200000);
    store_close(f.store);
    f.store = NULL;
    CU_ASSERT_TRUE(directory_size(&f) < 100 * 1000);
    printf("\n    most bytes while 200,000 cycles passed: %lld, afterwards: %lld ", (long long)most,
           (long long)directory_size(&f));
    fixture_remove(&f);
}

/* Commits cycles, one finding and one series each, and says each time that it is done. */
static int commit_for_ever(struct fixture *f, int said)
{
    static const int64_t samples[] = {1, 2, 3};

    for (uint64_t cycle = 0;; cycle++) {
        struct store_finding finding =
            fixture_finding(1, cycle, 0, STOP_LOCK_DEADLOCK, "lock.deadlock");
        struct store_series series = {
            .cell = 1, .cycle = cycle, .kind = "fds", .sample = samples, .samples = 3};
        struct store_batch batch = fixture_batch(1, cycle, 1);

        batch.passed = 0;
        batch.failed = 1;
        if (store_commit_batch(f->store, &batch, &finding, 1, &series, 1, &f->e) != 0)
            return 1;
        if (write(said, "x", 1) != 1)
            return 2;
    }
}

static uint64_t kill_after(pid_t child, int heard, uint64_t commits)
{
    uint64_t count = 0;
    char byte;

    while (count < commits && read(heard, &byte, 1) == 1)
        count++;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(heard, &byte, 1) == 1)
        count++;
    close(heard);
    return count;
}

static int count_series(int64_t cell, uint64_t cycle, const char *kind, size_t samples,
                        void *context)
{
    (void)cell, (void)cycle, (void)kind;
    *(uint64_t *)context += samples == 3;
    return 0;
}

static void expect_whole(struct fixture *f, uint64_t said)
{
    struct store_cell cell = read_only_cell(f);
    uint64_t findings = 0, series = 0;

    /* The last one may have been committed without having been said. */
    CU_ASSERT_TRUE(cell.next == said || cell.next == said + 1);
    CU_ASSERT_EQUAL(cell.failed, cell.next);
    fixture_ok(f, store_findings(f->store, false, copy_finding, &findings, &f->e));
    fixture_ok(f, store_series_list(f->store, count_series, &series, &f->e));
    CU_ASSERT_EQUAL(findings, cell.next);
    CU_ASSERT_EQUAL(series, cell.next);
}

static void test_kill_loses_no_batch(void)
{
    for (uint64_t commits = 1; commits < 600; commits += 97) {
        struct fixture f;
        int pipes[2];
        pid_t child;
        uint64_t said;

        fixture_directory(&f);
        CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
        child = fork();
        if (child == 0) {
            fixture_ok(&f, store_create(f.directory, &f.store, &f.e));
            fixture_cell(&f, "t", "none");
            _exit(commit_for_ever(&f, pipes[1]));
        }
        close(pipes[1]);
        said = kill_after(child, pipes[0], commits);
        CU_ASSERT_TRUE(said >= commits);
        fixture_reopen(&f, false);
        expect_whole(&f, said);
        fixture_reopen(&f, true);
        expect_whole(&f, said);
        fixture_ok(&f, fixture_pass(&f, 1, read_only_cell(&f).next, 5));
        fixture_remove(&f);
    }
}

/* Fails with ERROR_FULL at some commit, then gives back what was stored before. */
static int fill_up(struct fixture *f, uint64_t *committed)
{
    static char output[60000];
    int code = 0;

    memset(output, 'o', sizeof output);
    for (*committed = 0; code == 0 && *committed < 1000;) {
        struct store_finding finding =
            fixture_finding(1, *committed, 0, STOP_LOCK_DEADLOCK, "lock.deadlock");

        finding.output = output;
        finding.output_bytes = sizeof output;
        code = fixture_fail(f, 1, *committed, &finding, 1);
        if (code == 0)
            ++*committed;
    }
    return code;
}

/* Runs in a child: 0 if everything was as it should be, else the number of a step. */
static int check_full(struct fixture *f, void (*make_room)(struct fixture *f))
{
    uint64_t committed, findings = 0;
    struct store_cell cell;

    if (store_create(f->directory, &f->store, &f->e) != 0)
        return 1;
    fixture_cell(f, "t", "none");
    if (fill_up(f, &committed) != ERROR_FULL || strstr(f->e.text, "make room") == NULL)
        return 2;
    if (committed < 2)
        return 3;
    make_room(f);
    cell = read_only_cell(f);
    if (cell.next != committed || cell.failed != committed)
        return 4;
    if (store_findings(f->store, false, copy_finding, &findings, &f->e) != 0 ||
        findings != committed * 60001)
        return 5;
    if (fixture_pass(f, 1, committed, 7) != 0)
        return 6;
    store_close(f->store);
    f->store = NULL;
    if (store_open(f->directory, true, &f->store, &f->e) != 0)
        return 7;
    return read_only_cell(f).next == committed + 7 ? 0 : 8;
}

static void lift_limit(struct fixture *f)
{
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

    (void)f;
    setrlimit(RLIMIT_FSIZE, &none);
}

static int full_by_limit(struct fixture *f)
{
    struct rlimit limit = {600 * 1000, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 77;
    return check_full(f, lift_limit);
}

static void test_full_by_limit(void)
{
    struct fixture f;

    fixture_directory(&f);
    CU_ASSERT_EQUAL(fixture_child(full_by_limit, &f), 0);
    fixture_remove(&f);
}

static void grow_disk(struct fixture *f)
{
    mount("none", f->directory, "tmpfs", MS_REMOUNT, "size=64m");
}

/* Also, no half-made run may be left where there was no room for one. */
static int full_by_disk(struct fixture *f)
{
    struct store *store;

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", f->directory, "tmpfs", 0, "size=8k") != 0)
        return 77;
    if (store_create(f->directory, &store, &f->e) != ERROR_FULL)
        return 20;
    if (access(f->path, F_OK) == 0 || directory_size(f) != 0)
        return 21;
    mount("none", f->directory, "tmpfs", MS_REMOUNT, "size=1m");
    return check_full(f, grow_disk);
}

static void test_full_disk(void)
{
    struct fixture f;
    int status;

    fixture_directory(&f);
    status = fixture_child(full_by_disk, &f);
    if (status == 77)
        printf("\n    no small file system could be mounted here; the limit alone was tested ");
    else
        CU_ASSERT_EQUAL(status, 0);
    fixture_remove(&f);
}

/* Root passes every permission, so it becomes somebody else first. */
static int as_nobody(struct fixture *f)
{
    if (chmod(f->directory, 0555) != 0)
        return 30;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 77;
    return 0;
}

static int create_in_read_only(struct fixture *f)
{
    int code = as_nobody(f);

    if (code != 0)
        return code;
    if (store_create(f->directory, &f->store, &f->e) != ERROR_PERMISSION || f->store != NULL)
        return 1;
    return strstr(f->e.text, f->directory) != NULL ? 0 : 2;
}

static int open_in_read_only(struct fixture *f)
{
    int code = as_nobody(f);
    char *value;

    if (code != 0)
        return code;
    if (store_open(f->directory, true, &f->store, &f->e) != ERROR_PERMISSION)
        return 1;
    if (store_open(f->directory, false, &f->store, &f->e) != 0)
        return 2;
    if (store_meta_get(f->store, "seed", &value, &f->e) != 0 || strcmp(value, "0x1") != 0)
        return 3;
    return store_meta_set(f->store, "a", "b", &f->e) == ERROR_PERMISSION ? 0 : 4;
}

static void test_read_only_directory(void)
{
    struct fixture f;

    fixture_directory(&f);
    CU_ASSERT_EQUAL(fixture_child(create_in_read_only, &f), 0);
    chmod(f.directory, 0755);
    fixture_ok(&f, store_create(f.directory, &f.store, &f.e));
    fixture_ok(&f, store_meta_set(f.store, "seed", "0x1", &f.e));
    store_close(f.store);
    f.store = NULL;
    CU_ASSERT_EQUAL(fixture_child(open_in_read_only, &f), 0);
    chmod(f.directory, 0755);
    fixture_remove(&f);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"create and open", test_create_and_open},
        {"no directory", test_no_directory},
        {"odd directory names", test_odd_directory_names},
        {"meta", test_meta},
        {"second writer", test_second_writer},
        {"reader sees what is committed", test_reader_sees_what_is_committed},
        {"passing cycles cost nothing", test_passing_cycles_cost_nothing},
        {"a kill loses no batch", test_kill_loses_no_batch},
        {"full by limit", test_full_by_limit},
        {"full disk", test_full_disk},
        {"read-only directory", test_read_only_directory},
        CU_TEST_INFO_NULL,
    };

    return vector_run("store", tests);
}
