/*
 * Bad input and bad places: each is told in one line on stderr, with the exit status that the
 * manual names, and nothing is left behind. `rundown run`, for the most part: what concerns
 * another command alone is in that command's tests.
 *
 * Works as root and as any user. Full disks are small file systems in a mount namespace of their
 * own; where the system refuses that, the case says so and is passed over.
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define QUICK "run --quiet --no-lttng --inject none --cycles 3 "

enum { REFUSED = 98, NOBODY = 65534 }; /* REFUSED: the system does not allow the set-up */

static struct said said;

/* One line on stderr, for the command that was called; stdout may have told the seed. */
static void check_line(const char *what, int status, const char *wanted)
{
    said_status(what, &said, status);
    said_has(what, said.err, wanted);
    CU_ASSERT_TRUE(said_one_line(said.err));
    CU_ASSERT_EQUAL(strncmp(said.err, "rundown", 7), 0);
    CU_ASSERT_PTR_NULL(strstr(said.out, "results: "));
}

struct refusal {
    const char *words;
    const char *wanted;
};

static void check_refusals(const struct refusal *refusal, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        command_run(&said, "%s", refusal[i].words);
        said_refused(refusal[i].words, &said, 2, refusal[i].wanted);
        CU_ASSERT_NOT_EQUAL(access("rundown-results", F_OK), 0);
    }
}

#define CHECK_REFUSALS(list) check_refusals(list, sizeof(list) / sizeof(list)[0])

static bool passed_over(const char *what)
{
    if (said.status != REFUSED)
        return false;
    printf("  (%s: not allowed here, not tried)\n", what);
    return true;
}

/* --- words --------------------------------------------------------------------------------- */

static void unknown_names_are_told_with_the_nearest(void)
{
    static const struct refusal refusals[] = {
        {"rum", "'rum' is no command; did you mean 'run'?"},
        {"zzzzzzz", "'zzzzzzz' is no command; see rundown --help"},
        {"run --cylces 3", "'--cylces' is no option; did you mean '--cycles'?"},
        {"run -x", "'-x' is no option; see rundown run --help"},
        {"run --no", "'--no' is cut too short: write --no-control or --no-lttng"},
        {"run --workload heap-chrn", "did you mean 'heap-churn'?"},
        {"run --workload zzzzzzz", "'zzzzzzz' is unknown (see rundown list workloads)"},
        {"run --workload heap-churn,thread=1", "did you mean 'threads'?"},
        {"run --workload heap-churn,variant=plan", "did you mean 'plain'?"},
        {"run --workload heap-churn,threads", "'threads' is not of the form name=value"},
        {"run --inject thread-kil", "did you mean 'thread-kill'?"},
        {"run --inject zzzzzzz", "'zzzzzzz' is unknown; see rundown list injectors"},
        {"run --inject thread-kill@mallok", "did you mean 'malloc'?"},
        {"run --inject thread-kill@T1.1:mallok#1", "did you mean 'malloc'?"},
        {"run --inject thread-kill@T1:malloc#1", "does not strike T1; main-kill kills the main"},
        {"run --inject none@malloc", "'none' strikes nowhere, so it takes no point"},
        {"run --without heap-loc", "did you mean 'heap-lock'?"},
        {"run --mode fre", "'fre' is neither free nor controlled"},
        {"report results --format junitt", "did you mean 'junit'?"},
        {"explain heap.lockorphaned", "did you mean 'heap.lock-orphaned'?"},
        {"list workload", "did you mean 'workloads'?"},
    };

    CHECK_REFUSALS(refusals);
}

static void bad_numbers_are_told(void)
{
    static const struct refusal refusals[] = {
        {"run --cycles", "--cycles: its value is missing; write --cycles=N"},
        {"run --cycles=", "--cycles: '' is not a number"},
        {"run --cycles 12x", "--cycles: '12x' is not a number"},
        {"run --cycles 1e3", "--cycles: '1e3' is not a number"},
        {"run --cycles -1", "--cycles: '-1' is not a number"},
        {"run --cycles 0", "--cycles: 0 is outside 1 to 1099511627776"},
        {"run --cycles 99999999999999999999", "is not a number"},
        {"run --until-found 0", "--until-found: 0 is outside 1 to"},
        {"run --laps 0", "--laps: 0 is outside 1 to 4294967295"},
        {"run --jobs 65", "--jobs: 65 is outside 1 to 64"},
        {"run --seed 0xg", "--seed: '0xg' is not a number"},
        {"run --for 3x", "--for: '3x' is no duration; write 90s, 30m or 8h"},
        {"run --for 0", "--for: '0' is no duration"},
        {"run --for -1s", "--for: '-1s' is no duration"},
        {"run --for nan", "--for: 'nan' is no duration"},
        {"run --deadline inf", "--deadline: 'inf' is no duration"},
        {"run --workload heap-churn,threads=1x", "threads: '1x' is not a number"},
        {"run --workload heap-churn,threads=65", "threads: 65 is outside 1 to 64"},
        {"run --inject thread-kill@T1.1:malloc#0", "hits are counted from 1"},
        {"run --inject thread-kill@T1.x:malloc#1", "with a thread such as T1, T1.2 or T?1"},
        {"run --inject thread-kill@T1.1:malloc#1+5", "an instruction is written '+'"},
    };

    CHECK_REFUSALS(refusals);
}

/* --- files --------------------------------------------------------------------------------- */

static void missing_files_are_told(void)
{
    static const struct {
        const char *words;
        int status;
        const char *wanted;
    } table[] = {
        {"run -- ./nothing", 127, "rundown run: ./nothing: No such file or directory"},
        {"run -- nothing-of-that-name", 127, "nothing-of-that-name: not found in PATH"},
        {"run -- ./text", 126, "rundown run: ./text: Permission denied"},
        {"run -- ./tmp", 126, "rundown run: ./tmp: is a directory"},
        {QUICK "--stdin nothing -- /bin/cat", 2, "--stdin: nothing: No such file"},
        {QUICK "--stdin tmp -- /bin/cat", 2, "--stdin: tmp: Is a directory"},
        {QUICK "--out nothing/results -- /bin/true", 2,
         "--out: nothing/results: No such file or directory: choose another directory"},
        {QUICK "--out text -- /bin/true", 2, "Not a directory"},
        {QUICK "--resume nothing -- /bin/true", 2, "name the directory of a run"},
        {"report nothing", 2, "nothing/run.sqlite: No such file or directory"},
        {"report tmp", 2, "tmp/run.sqlite: No such file or directory: name the directory"},
    };

    file_write("text", "no program\n", 0644);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        command_run(&said, "%s", table[i].words);
        check_line(table[i].words, table[i].status, table[i].wanted);
    }
}

/* What no cycle could begin with is no run, and has its reason with the cell. */
static void what_takes_no_agent_is_refused(void)
{
    file_write("not-elf", "\177ELF and no more\n", 0755);
    command_run(&said, QUICK "--out not-elf-results -- ./not-elf");
    said_status("not-elf", &said, 3);
    said_has("not-elf", said.out, "skipped: ");
    CU_ASSERT_STRING_EQUAL(said.err, "");
}

/* Measuring takes longer than that. Whether a cycle is begun all the same is a matter of moments.
 */
static void too_little_time_is_told(void)
{
    int status = 0;

    for (unsigned i = 0; status != 3 && i < 40; i++) {
        command_run(&said, "run --quiet --confirm 0 --no-lttng --for 0.2s --inject sigterm@malloc "
                           "--no-control --out hasty -- "
                           "perl -e select(undef,undef,undef,0.5)");
        status = said.status;
        CU_ASSERT_EQUAL(strstr(said.err, "give it more by --for") != NULL, status == 3);
        CU_ASSERT_EQUAL(tree_remove("hasty"), 0);
    }
    CU_ASSERT_EQUAL(status, 3);
}

/* A run goes on as it was begun, or not at all. */
static void another_command_cannot_resume(void)
{
    static const struct refusal refusals[] = {
        {QUICK "--resume begun -- /bin/false",
         "cell 1 of begun is '-- /bin/true' under none, not "},
        {QUICK "--resume begun --inject sigkill -- /bin/true", "begun holds 1 cells, this command"},
        {QUICK "--resume begun --mode controlled -- /bin/true", "was begun with --mode free, not"},
        {QUICK "--resume begun --seed 8 -- /bin/true",
         "begun with seed 0x7, not 0x8: leave --seed"},
        {QUICK "--resume begun --laps 9 -- /bin/true", "begun with laps=1, not laps=9"},
        {QUICK "--resume begun --fresh -- /bin/true", "begun with laps=1, not laps=1 fresh"},
        {QUICK "--resume begun --stdin text -- /bin/true", "not laps=1 stdin=text"},
        {QUICK "--out begun -- /bin/true", "there is a run already: continue it with --resume"},
    };

    file_write("text", "no program\n", 0644);
    command_run(&said, QUICK "--seed 7 --out begun -- /bin/true");
    said_status("begun", &said, 0);
    CHECK_REFUSALS(refusals);
    command_run(&said, QUICK "--seed 7 --resume begun -- /bin/true");
    said_status("the same", &said, 0);
}

/* --- rights -------------------------------------------------------------------------------- */

/* As somebody who owns nothing here. */
static void be_nobody(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(REFUSED);
    if (access(COMMAND_PROGRAM, X_OK) != 0 || access(".", X_OK) != 0)
        _exit(REFUSED);
}

static void directories_without_rights_are_told(void)
{
    static const struct refusal refusals[] = {
        {QUICK "-- /bin/true", "--out: rundown-results: Permission denied: choose another"},
        {QUICK "--out new -- /bin/true", "--out: new: Permission denied: choose another directory"},
        {QUICK "--out . -- /bin/true", "run.lock: cannot open the lock file (Permission denied)"},
        {QUICK "--resume ours --cycles 9 -- /bin/true", "cannot open the lock file (Permission"},
        {"report secret", "secret/run.sqlite: Permission denied"},
    };

    CU_ASSERT_EQUAL_FATAL(chmod(test_place, 0755), 0);
    CU_ASSERT_EQUAL(mkdir("narrow", 0755), 0);
    command_run(&said, QUICK "--out narrow/ours -- /bin/true");
    said_status("ours", &said, 0);
    CU_ASSERT_EQUAL(mkdir("narrow/secret", 0), 0);
    CU_ASSERT_EQUAL(chmod("narrow/ours", 0555) | chmod("narrow", 0555), 0);
    CU_ASSERT_EQUAL_FATAL(chdir("narrow"), 0);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        command_words(&said, be_nobody, refusals[i].words);
        if (passed_over("being nobody"))
            break;
        check_line(refusals[i].words, 2, refusals[i].wanted);
    }
    CU_ASSERT_EQUAL_FATAL(chdir(test_place), 0);
    CU_ASSERT_EQUAL(
        chmod("narrow", 0755) | chmod("narrow/ours", 0755) | chmod("narrow/secret", 0755), 0);
}

/* Reading needs no right to write: neither a report nor a replay. */
static void reading_needs_no_more_than_reading(void)
{
    command_words(&said, be_nobody, "report narrow/ours");
    if (passed_over("being nobody"))
        return;
    said_good("report", &said);
    CU_ASSERT_EQUAL(chmod(test_temporary, 01777), 0);
    command_words(&said, be_nobody, QUICK "--out tmp/theirs -- " ACTS " crash");
    said_status("a run of theirs", &said, 1);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    command_words(&said, be_nobody, "replay tmp/theirs:1:0 --times 2 --quiet");
    said_status("their replay", &said, 1);
}

static void refuse_call(unsigned call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(REFUSED);
}

/* As a container's filter does. A leak checker would need ptrace as well. */
static void refuse_tracing(void)
{
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    refuse_call(SYS_ptrace);
}

/* The verdict is reached without stacks; what is missing is said once, in one line. */
static void no_right_to_trace_is_told_once(void)
{
    command_words(&said, refuse_tracing,
                  "run --no-lttng --inject none --cycles 3 --out blind -- " ACTS " hang");
    if (passed_over("a filter of system calls"))
        return;
    said_status("no ptrace", &said, 1);
    said_has("no ptrace", said.out, "FAIL  lock.deadlock");
    said_has("no ptrace", said.out, "with findings: 3 of 3");
    said_has("no ptrace", said.err, "rundown: stacks are missing: ");
    said_has("no ptrace", said.err, "CAP_SYS_PTRACE");
    said_has("no ptrace", said.err, " (see rundown doctor)\n");
    CU_ASSERT_TRUE(said_one_line(said.err));
}

static void take_away_path(void)
{
    setenv("PATH", "/nonexistent", 1);
}

/* Without its daemon the recorder is told to be missing, and the run is none the worse. */
static void no_recorder_is_told_once(void)
{
    command_words(&said, take_away_path,
                  "run --workload null --inject none --cycles 3 --out unrecorded");
    said_status("no daemon", &said, 0);
    said_has("no daemon", said.err, "recorder: memfd only (lttng: ");
    said_has("no daemon", said.err, "install lttng-tools");
    CU_ASSERT_TRUE(said_one_line(said.err));
}

/* --- a full disk --------------------------------------------------------------------------- */

static const char *room; /* of the file system at "full" */

static bool write_map(const char *path, unsigned id)
{
    char text[64];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(text, sizeof text, "0 %u 1\n", id);
    bool well = fd >= 0 && write(fd, text, (size_t)length) == length;

    if (fd >= 0)
        close(fd);
    return well;
}

/* A small file system of our own, seen by nobody else; it is gone with the last process. */
static void mount_full(void)
{
    unsigned user = geteuid(), group = getegid();
    char options[64];

    if (user != 0) {
        if (unshare(CLONE_NEWUSER) != 0 || !write_map("/proc/self/uid_map", user))
            _exit(REFUSED);
        file_write("/proc/self/setgroups", "deny", 0);
        write_map("/proc/self/gid_map", group);
    }
    snprintf(options, sizeof options, "size=%s,mode=0755", room);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("full", "full", "tmpfs", 0, options) != 0)
        _exit(REFUSED);
}

/* Of every size at which something else does not fit any more: the tables, a cell, a batch. */
static void a_full_disk_is_told(void)
{
    static const char *const rooms[] = {"4k", "8k", "32k", "64k", "96k", "128k", "192k"};

    mkdir("full", 0755);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        room = rooms[i];
        command_words(&said, mount_full,
                      "run --quiet --inject none --seed 3 --cycles 90 --out full/results -- " ACTS
                      " say-and-crash hello");
        if (passed_over("a small file system"))
            return;
        check_line(room, 3, "store: full/results/run.sqlite: ");
        said_has(room, said.err, ": make room, then resume the run");
    }
}

/* What the line says helps: with room made, the run goes on, and no cycle is lost or doubled. */
static void with_room_made_it_goes_on(void)
{
    static const char script[] =
        "head -c 917504 /dev/zero >full/file || exit 10\n" COMMAND_PROGRAM
        " run --quiet --inject none --seed 3 --cycles 40 --out full/results -- " ACTS
        " say-and-crash hello\n"
        "test $? = 3 || exit 11\n"
        "rm full/file || exit 12\n" COMMAND_PROGRAM
        " run --quiet --inject none --cycles 40 --resume full/results -- " ACTS
        " say-and-crash hello\n"
        "test $? = 1 || exit 13\n"
        "exec " COMMAND_PROGRAM " report full/results --format jsonl --verbose\n";
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)(uintptr_t)script, NULL};
    sqlite3 *db;

    room = "1m";
    command_exec(&said, mount_full, argv);
    if (passed_over("a small file system"))
        return;
    said_status("resumed", &said, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(said.out, "{\"type\":\"run\""));
    db = record_read(strstr(said.out, "{\"type\":\"run\""));
    asked("resumed", db, "SELECT failed FROM cell", 40);
    asked("resumed", db, "SELECT count(DISTINCT cycle) FROM finding WHERE place = 0", 40);
    sqlite3_close(db);
}

/* A target may fill the disk: that is its own affair, unless the results lie there as well. */
static void a_target_that_fills_the_disk(void)
{
    room = "1m";
    command_words(&said, mount_full, QUICK "--out beside -- " ACTS " fill-disk full/file");
    if (passed_over("a small file system"))
        return;
    said_status("beside", &said, 0);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    command_words(&said, mount_full, QUICK "--out full/results -- " ACTS " fill-disk full/file");
    check_line("on the same disk", 3, "store: full/results/run.sqlite: ");
    said_has("on the same disk", said.err, ": make room, then resume the run");
}

/* A report that cannot be written is told, and no half of it stays; the store has it all. */
static void a_report_that_does_not_fit_is_told(void)
{
    CU_ASSERT_EQUAL(mkdir("taken", 0755), 0);
    CU_ASSERT_EQUAL(mkdir("taken/run.jsonl", 0755), 0);
    command_run(&said, QUICK "--out taken -- /bin/true");
    said_status("taken", &said, 3);
    said_has("taken", said.err, "rundown: jsonl report: taken/run.jsonl: Is a directory");
    CU_ASSERT_TRUE(said_one_line(said.err));
    CU_ASSERT_NOT_EQUAL(access("taken/run.jsonl.new", F_OK), 0);
    command_run(&said, "report taken");
    said_good("report taken", &said);
}

/* --- a damaged or newer database ------------------------------------------------------------ */

static void sql(const char *path, const char *text)
{
    sqlite3 *db;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Refused by all that read it, and left as it is. */
static void check_refused_store(const char *wanted)
{
    static const char *const words[] = {
        "report store",
        QUICK "--resume store -- " ACTS " crash",
        "replay store:1:0",
    };
    struct stat before, after;

    CU_ASSERT_EQUAL(stat("store/run.sqlite", &before), 0);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        command_run(&said, "%s", words[i]);
        check_line(words[i], 2, wanted);
        said_has(words[i], said.err, "store/run.sqlite: ");
    }
    CU_ASSERT_EQUAL(stat("store/run.sqlite", &after), 0);
    CU_ASSERT_EQUAL(after.st_size, before.st_size);
    CU_ASSERT_EQUAL(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

static void new_store(void)
{
    tree_remove("store");
    command_run(&said, QUICK "--out store -- " ACTS " crash");
    said_status("store", &said, 1);
}

static void overwrite(off_t at, size_t length, int byte)
{
    char junk[4096];
    int fd = open("store/run.sqlite", O_WRONLY | O_CLOEXEC);

    memset(junk, byte, sizeof junk);
    CU_ASSERT_FATAL(fd >= 0 && length <= sizeof junk);
    CU_ASSERT_EQUAL(pwrite(fd, junk, length, at), (ssize_t)length);
    close(fd);
}

static void a_newer_database_is_told(void)
{
    new_store();
    sql("store/run.sqlite", "PRAGMA user_version = 999");
    check_refused_store("its schema is 999, this rundown knows ");
    sql("store/run.sqlite", "PRAGMA user_version = 1");
    check_refused_store("or begin a new run");
}

static void a_damaged_database_is_told(void)
{
    new_store();
    overwrite(0, 4096, 0x5a); /* the header */
    check_refused_store("fetch a copy, or begin a new run");
    new_store();
    overwrite(4096, 4096, 0xff); /* a page of a table */
    check_refused_store("fetch a copy, or begin a new run");
    new_store();
    CU_ASSERT_EQUAL(truncate("store/run.sqlite", 5000), 0);
    check_refused_store("fetch a copy, or begin a new run");
    new_store();
    CU_ASSERT_EQUAL(truncate("store/run.sqlite", 0), 0);
    check_refused_store("this is no run of rundown's");
    new_store();
    sql("store/run.sqlite", "DROP TABLE finding");
    check_refused_store("fetch a copy, or begin a new run");
}

/* Somebody else's database is left alone. */
static void a_foreign_database_is_told(void)
{
    tree_remove("store");
    CU_ASSERT_EQUAL(mkdir("store", 0755), 0);
    sql("store/run.sqlite", "CREATE TABLE song(title TEXT)");
    check_refused_store("this is no run of rundown's");
}

/* Two writers of one run: the second is told who the first is. */
static void a_second_writer_is_told(void)
{
    struct going first, second;
    struct said ended = {0};
    int fd = pipe_open();
    char wanted[64];

    going_start(&first, NULL, QUICK "--out shared -- " ACTS " stay pipe");
    pipe_wait(fd, 1);
    going_start(&second, NULL, QUICK "--resume shared -- " ACTS " stay pipe");
    going_take(&second, &said);
    snprintf(wanted, sizeof wanted, "process %d writes this run: wait for it, or stop it",
             first.pid);
    check_line("second writer", 2, wanted);
    kill(first.pid, SIGKILL);
    going_end(&first, &ended);
    said_free(&ended);
    close(fd);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("bad input", place_open, place_close);
    CU_ADD_TEST(suite, unknown_names_are_told_with_the_nearest);
    CU_ADD_TEST(suite, bad_numbers_are_told);
    CU_ADD_TEST(suite, missing_files_are_told);
    CU_ADD_TEST(suite, what_takes_no_agent_is_refused);
    CU_ADD_TEST(suite, too_little_time_is_told);
    CU_ADD_TEST(suite, another_command_cannot_resume);
    CU_ADD_TEST(suite, directories_without_rights_are_told);
    CU_ADD_TEST(suite, reading_needs_no_more_than_reading);
    CU_ADD_TEST(suite, no_right_to_trace_is_told_once);
    CU_ADD_TEST(suite, no_recorder_is_told_once);
    CU_ADD_TEST(suite, a_full_disk_is_told);
    CU_ADD_TEST(suite, with_room_made_it_goes_on);
    CU_ADD_TEST(suite, a_target_that_fills_the_disk);
    CU_ADD_TEST(suite, a_report_that_does_not_fit_is_told);
    CU_ADD_TEST(suite, a_newer_database_is_told);
    CU_ADD_TEST(suite, a_damaged_database_is_told);
    CU_ADD_TEST(suite, a_foreign_database_is_told);
    CU_ADD_TEST(suite, a_second_writer_is_told);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
