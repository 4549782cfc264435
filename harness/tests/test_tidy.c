/*
 * However a run ends, nothing of it stays and nothing that it had finished is lost: Ctrl-C once
 * and twice, other signals, a SIGKILL of the supervisor or of its guardian at several moments;
 * with targets that do all they can to stay behind.
 *
 * Moments are events, never times: the n-th write to the run's log, a byte from the target. What
 * is left is asked three times over: of waitpid() as sub-reaper, of every environment in /proc,
 * and of /dev/shm, which is a private and empty one here.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#include <sched.h>
#include <sys/mount.h>

static struct said said;
static char tag[64];     /* in the environment of everything that is started here */
static bool private_shm; /* else nothing can be said of /dev/shm */

/* --- what is left -------------------------------------------------------------------------- */

static bool has_tag(const char *pid)
{
    char path[300], bytes[1 << 16];
    ssize_t length;
    int fd;

    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (fd >= 0)
        close(fd);
    return length > 0 && memmem(bytes, (size_t)length, tag, strlen(tag)) != NULL;
}

/* Those that have left even our tree. Our own environment was there before the tag. */
static unsigned count_tagged(void)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    unsigned count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(processes);
    while ((entry = readdir(processes)) != NULL)
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_tag(entry->d_name);
    closedir(processes);
    return count;
}

static void nothing_left(const char *what)
{
    char name[256];

    CU_ASSERT_EQUAL(count_tagged(), 0);
    if (directory_find(test_temporary, "", name))
        fprintf(stderr, "\n    '%s' has left %s/%s\n", what, test_temporary, name);
    CU_ASSERT_EQUAL(name[0], 0);
    if (private_shm && directory_find("/dev/shm", "", name)) {
        fprintf(stderr, "\n    '%s' has left /dev/shm/%s\n", what, name);
        CU_FAIL("a name in /dev/shm is left");
    }
}

static void end_and_look(struct going *going)
{
    going_end(going, &said);
    nothing_left(going->what);
}

/* --- moments ------------------------------------------------------------------------------- */

/* Until the process has taken the signal out of its queue; two of one kind would be one. */
static void wait_until_taken(const struct going *going, int signal)
{
    uint64_t end = clock_ms() + COMMAND_SECONDS * 1000;
    unsigned long long pending = 1;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/status", going->pid);
    while (pending != 0 && clock_ms() < end) {
        char *text = file_text(path);
        const char *line = text != NULL ? strstr(text, "ShdPnd:") : NULL;

        pending = line != NULL ? strtoull(line + 7, NULL, 16) & (1ull << (signal - 1)) : 0;
        free(text);
        sched_yield();
    }
    CU_ASSERT_EQUAL(pending, 0);
}

/* The first child of a process: of a supervisor without recorder, its guardian. */
static pid_t child_of(pid_t pid)
{
    char path[64];
    char *text;
    pid_t child;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    text = file_text(path);
    child = text != NULL ? atoi(text) : 0;
    free(text);
    return child;
}

/* --- what was finished --------------------------------------------------------------------- */

static const char total[] = "SELECT sum(cycles) FROM cell";

/* Every cycle crashes, so each has left exactly one verdict; numbers have no gap. */
static void check_whole(const char *what, sqlite3 *db)
{
    asked(what, db, "SELECT count(*) FROM cell WHERE cycles <> failed", 0);
    asked(what, db, "SELECT count(*) FROM finding WHERE place = 0", ask(db, total));
    asked(what, db,
          "SELECT count(*) FROM cell WHERE cycles <> "
          "(SELECT count(DISTINCT cycle) FROM finding WHERE finding.cell = cell.cell)",
          0);
    asked(what, db,
          "SELECT count(*) FROM finding JOIN cell ON finding.cell = cell.cell "
          "WHERE cycle >= cycles",
          0);
}

/* What is stored of a cell's first cycles, in words. */
static char *story(sqlite3 *db, long long findings)
{
    char query[256];

    snprintf(query, sizeof query,
             "SELECT group_concat(finding || ' ' || cell || ' ' || cycle || ' ' || code, char(10)) "
             "FROM (SELECT * FROM finding WHERE finding <= %lld ORDER BY finding)",
             findings);
    return ask_text(db, query);
}

/* By time, so that it is under way whenever we come; what is resumed has a number to reach. */
#define CRASHES "--inject none --no-lttng --quiet %s -- " ACTS " ring-and-crash pipe"
#define ENDLESS "--for 1h"

/* Goes on for ten more; nothing of what @before tells may have changed or come again. */
static void resume_and_compare(const char *directory, sqlite3 *before)
{
    long long finished = ask(before, "SELECT count(*) FROM finding");
    long long wanted = ask(before, total) + 10;
    char *told = story(before, finished), *now;
    char cycles[64];
    sqlite3 *after;

    snprintf(cycles, sizeof cycles, "--cycles %lld", wanted);
    command_run(&said, "run --resume %s " CRASHES, directory, cycles);
    said_status(directory, &said, 1);
    nothing_left(directory);
    after = record_of(directory);
    check_whole(directory, after);
    asked(directory, after, total, wanted);
    now = story(after, finished);
    text_same(directory, now, told);
    free(told);
    free(now);
    sqlite3_close(after);
}

/* --- SIGKILL ------------------------------------------------------------------------------- */

/* What a reader sees now, while somebody else writes. */
static long long stored_cycles(const char *directory)
{
    char path[64];
    sqlite3 *db;
    long long count;

    snprintf(path, sizeof path, "%s/run.sqlite", directory);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, COMMAND_SECONDS * 1000);
    count = ask(db, "SELECT sum(next) FROM cell");
    sqlite3_close(db);
    return count;
}

/* In the cycle of that number, the dry one counted. */
static void check_kill_at(unsigned cycle)
{
    struct going going;
    int fd = pipe_open();
    long long seen;
    sqlite3 *db;

    tree_remove("killed");
    going_start(&going, NULL, "run --seed 5 --out killed " CRASHES, ENDLESS);
    pipe_wait(fd, cycle);
    seen = stored_cycles("killed");
    kill(going.pid, SIGKILL);
    end_and_look(&going);
    db = record_of("killed");
    CU_ASSERT_TRUE(ask(db, total) >= seen);
    check_whole("killed", db);
    resume_and_compare("killed", db);
    sqlite3_close(db);
    close(fd);
}

static void a_killed_supervisor_loses_no_finished_batch(void)
{
    static const unsigned moments[] = {1, 2, 3, 7, 19, 40, 90};

    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++)
        check_kill_at(moments[i]);
}

/* Three times in one run, the second and third time while it has just gone on. */
static void a_resumed_run_may_be_killed_again(void)
{
    struct going going;
    int fd = pipe_open();
    sqlite3 *db;

    for (unsigned i = 0; i < 3; i++) {
        going_start(&going, NULL, "run --seed 5 %s again " CRASHES, i == 0 ? "--out" : "--resume",
                    ENDLESS);
        pipe_wait(fd, 9);
        kill(going.pid, SIGKILL);
        end_and_look(&going);
        close(fd);
        fd = pipe_open();
    }
    db = record_of("again");
    check_whole("again", db);
    resume_and_compare("again", db);
    sqlite3_close(db);
    close(fd);
}

/* Each in the middle of a cycle; @act has said in the pipe that it is there. */
static void check_killed_amid(const char *act, const char *options)
{
    struct going going;
    int fd = pipe_open();

    tree_remove("amid");
    going_start(&going, NULL, "run --quiet --inject none --cycles 9 --out amid %s -- " ACTS " %s",
                options, act);
    pipe_wait(fd, 1);
    kill(going.pid, SIGKILL);
    end_and_look(&going);
    CU_ASSERT_EQUAL(said.status, -1);
    close(fd);
}

static void no_target_outlives_a_killed_supervisor(void)
{
    static const char *const acts[] = {
        "stay pipe",
        "stay pipe later",
        "stay pipe later daemon",
        "stay pipe later close",
        "stay pipe later signals",
        "stay pipe later daemon close signals",
        "stay pipe later bomb",
    };

    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        check_killed_amid(acts[i], "");
        check_killed_amid(acts[i], "--fresh");
    }
}

/* Without guardian nothing would be safe any more: the run ends, says so, and cleans up itself. */
static void a_killed_guardian_ends_the_run(void)
{
    struct going going;
    int fd = pipe_open();

    going_start(&going, NULL,
                "run --quiet --inject none --cycles 9 --out headless -- " ACTS " stay pipe daemon");
    pipe_wait(fd, 1);
    kill(child_of(going.pid), SIGKILL);
    end_and_look(&going);
    said_status("no guardian", &said, 3);
    said_has("no guardian", said.err, "rundown run: the guardian process was killed");
    CU_ASSERT_TRUE(said_one_line(said.err));
    close(fd);
}

static bool have_recorder(void)
{
    command_run(&said, "run --quiet --workload null --inject none --cycles 1 --out probe");
    if (strstr(said.out, "recorder: lttng\n") != NULL)
        return true;
    puts("  (the recorder does not work here: not tried)");
    return false;
}

/* Killed as soon as there is @name in @directory. */
static void check_killed_recording(const char *directory, const char *name)
{
    struct going going;

    CU_ASSERT_EQUAL(mkdir("recorded", 0777), 0);
    going_start(&going, NULL,
                "run --workload lock-table,variant=mutex --inject thread-kill --for 1h "
                "--out recorded");
    CU_ASSERT_TRUE(directory_wait(directory, name, (char[256]){0}));
    kill(going.pid, SIGKILL);
    end_and_look(&going);
    tree_remove("recorded");
}

/* Its daemon, its rings and its directory go as well: begun, under way, and in use. */
static void a_killed_supervisor_leaves_no_recorder(void)
{
    if (!have_recorder())
        return;
    if (private_shm)
        check_killed_recording("/dev/shm", "rundown-recorder-");
    check_killed_recording("recorded", "run.sqlite-wal");
    check_killed_recording("recorded", "traces");
}

static void a_killed_replay_leaves_no_directory(void)
{
    struct going going;
    int fd = pipe_open();

    going_start(&going, NULL,
                "replay --quiet 'seed=1 cycle=0 inject=none mode=free -- " ACTS " stay pipe'");
    pipe_wait(fd, 1);
    kill(going.pid, SIGKILL);
    end_and_look(&going);
    close(fd);
}

/* --- Ctrl-C -------------------------------------------------------------------------------- */

/* As the leader of its group: the terminal sends to all of that. */
static void lead_group(void)
{
    setpgid(0, 0);
}

static void check_interrupted(int signal)
{
    struct going going;
    int fd = pipe_open();
    sqlite3 *db;

    tree_remove("stopped");
    going_start(&going, lead_group, "run --seed 5 --out stopped " CRASHES, ENDLESS);
    pipe_wait(fd, 30);
    kill(-going.pid, signal);
    end_and_look(&going);
    said_status("interrupted", &said, 130);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    said_has("interrupted", said.out, "results: stopped\n");
    said_has("interrupted", said.out, "with findings: ");
    CU_ASSERT_EQUAL(access("stopped/run.jsonl", F_OK) | access("stopped/junit.xml", F_OK), 0);
    db = record_of("stopped");
    CU_ASSERT_TRUE(ask(db, total) >= 30 - 2); /* all but the dry cycle and the one under way */
    check_whole("stopped", db);
    resume_and_compare("stopped", db);
    sqlite3_close(db);
    close(fd);
}

static void one_signal_finishes_the_batch_and_reports(void)
{
    check_interrupted(SIGINT);
    check_interrupted(SIGTERM);
    check_interrupted(SIGHUP);
}

/* A target that never ends is not waited for: its cycle is left for the resumed run. */
static void one_signal_does_not_wait_for_ever(void)
{
    struct going going;
    int fd = pipe_open();
    sqlite3 *db;

    going_start(&going, NULL,
                "run --quiet --inject none --cycles 9 --out held -- " ACTS " stay pipe later");
    pipe_wait(fd, 1);
    kill(going.pid, SIGINT);
    end_and_look(&going);
    said_status("held", &said, 130);
    db = record_of("held");
    asked("held", db, total, 0);
    asked("held", db, "SELECT count(*) FROM finding", 0);
    sqlite3_close(db);
    close(fd);
}

static void two_signals_stop_at_once(void)
{
    struct going going;
    int fd = pipe_open();

    going_start(&going, NULL,
                "run --quiet --inject none --cycles 9 --out twice -- " ACTS " stay pipe daemon");
    pipe_wait(fd, 1);
    kill(going.pid, SIGINT);
    wait_until_taken(&going, SIGINT);
    kill(going.pid, SIGINT);
    end_and_look(&going);
    said_status("twice", &said, 130);
    said_has("twice", said.out, "results: twice\n");
    close(fd);
}

/* --- targets that misbehave ---------------------------------------------------------------- */

/* Orphans of cycles that have ended are not left to pile up until the run's end either. */
static void daemons_go_with_their_run(void)
{
    command_run(&said, "run --quiet --inject none --cycles 20 --out daemons -- " ACTS " daemon");
    said_status("daemon", &said, 0);
    nothing_left("daemon");
    command_run(&said,
                "run --quiet --inject none --cycles 20 --fresh --out daemons2 -- " ACTS " daemon");
    said_status("daemon --fresh", &said, 0);
    nothing_left("daemon --fresh");
}

/* --- the set-up ---------------------------------------------------------------------------- */

/* A /dev/shm of our own, so that other programs' names are none of our business. */
static bool own_shm(void)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("shm", "/dev/shm", "tmpfs", 0, "mode=1777") == 0;
}

static int set_up(void)
{
    snprintf(tag, sizeof tag, "RUNDOWN_TIDY=%d", getpid());
    private_shm = own_shm();
    if (!private_shm)
        puts("  (no /dev/shm of our own here: names in it are not looked at)");
    return putenv(tag) != 0 || place_open() != 0;
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("tidy", set_up, place_close);
    CU_ADD_TEST(suite, a_killed_supervisor_loses_no_finished_batch);
    CU_ADD_TEST(suite, a_resumed_run_may_be_killed_again);
    CU_ADD_TEST(suite, no_target_outlives_a_killed_supervisor);
    CU_ADD_TEST(suite, a_killed_guardian_ends_the_run);
    CU_ADD_TEST(suite, a_killed_supervisor_leaves_no_recorder);
    CU_ADD_TEST(suite, a_killed_replay_leaves_no_directory);
    CU_ADD_TEST(suite, one_signal_finishes_the_batch_and_reports);
    CU_ADD_TEST(suite, one_signal_does_not_wait_for_ever);
    CU_ADD_TEST(suite, two_signals_stop_at_once);
    CU_ADD_TEST(suite, daemons_go_with_their_run);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
