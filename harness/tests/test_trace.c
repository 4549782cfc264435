/*
 * The flight recorder, end to end: the last event before a SIGKILL is in the decoded trace.
 *
 * The target says on its output who it is and which lock it will have when it kills itself, and
 * that is what the trace of its cycle must end with. Without LTTng: skipped.
 */
#include <harness/tests/command_run.h>

#include <results/trace/decode.h>

#include <CUnit/Basic.h>

enum { CYCLES = 5, SKIPPED = 77 };

static struct said said;

/* struct end - of a trace: its last event of process @pid. */
struct end {
    uint32_t pid;
    uint64_t count;
    uint64_t seq;
    uint64_t time_ns;
    uint64_t lock;
    char name[32];
    bool in_order;
};

static int take_event(const struct decode_event *event, void *context)
{
    struct end *end = context;

    if (event->pid != end->pid || strcmp(event->name, "beat") == 0)
        return 0;
    end->in_order &= event->time_ns >= end->time_ns && event->seq > end->seq;
    end->count++;
    end->seq = event->seq;
    end->time_ns = event->time_ns;
    snprintf(end->name, sizeof end->name, "%s", event->name);
    end->lock = event->field_count > 0 ? event->field[0].number : 0;
    return 0;
}

/* @output: "PID ADDRESS", by the target itself. */
static void check_trace(const char *trace, const char *output)
{
    struct end end = {.in_order = true};
    unsigned long long lock = 0;
    char path[512];
    struct error e = {0};

    snprintf(path, sizeof path, "results/%s", trace);
    CU_ASSERT_EQUAL(sscanf(output, "%u %llx", &end.pid, &lock), 2);
    CU_ASSERT_EQUAL(decode_directory(path, take_event, &end, NULL, &e), 0);
    if (strcmp(end.name, "lock_acquire") != 0 || end.lock != lock)
        fprintf(stderr,
                "\n    %s: %llu events, the last: %s 0x%llx, wanted lock_acquire 0x%llx; %s\n",
                path, (unsigned long long)end.count, end.name, (unsigned long long)end.lock, lock,
                e.text);
    CU_ASSERT_STRING_EQUAL(end.name, "lock_acquire");
    CU_ASSERT_EQUAL(end.lock, lock);
    CU_ASSERT_TRUE(end.in_order);
    CU_ASSERT_TRUE(end.count > 400); /* 200 locks were taken and given before */
}

/* Of every cycle, each of which is a finding. */
static void check_traces(const char *what)
{
    sqlite3 *db = record_of("results");
    char query[128];

    asked(what, db, "SELECT failed FROM cell", CYCLES);
    asked(what, db,
          "SELECT count(DISTINCT json_extract(json, '$.trace')) FROM line "
          "WHERE type = 'finding' AND json_extract(json, '$.trace') <> ''",
          CYCLES);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        char *trace, *output;

        snprintf(query, sizeof query,
                 "SELECT json_extract(json, '$.trace') FROM line WHERE type = 'finding' AND "
                 "json_extract(json, '$.cycle') = %d",
                 cycle);
        trace = ask_text(db, query);
        snprintf(query, sizeof query, "SELECT output FROM finding WHERE cycle = %d", cycle);
        output = ask_text(db, query);
        check_trace(trace, output);
        free(trace);
        free(output);
    }
    sqlite3_close(db);
}

static void check_run(const char *options)
{
    tree_remove("results");
    command_run(&said,
                "run --lttng --inject none --cycles %d --jobs 1 --out results %s -- " ACTS
                " last-lock",
                CYCLES, options);
    said_status(options, &said, 1);
    CU_ASSERT_STRING_EQUAL(said.err, "");
    said_has(options, said.out, "died of SIGKILL");
    said_has(options, said.out, "recorder: lttng\n");
    check_traces(options);
}

static void the_last_event_before_a_kill_is_there(void)
{
    check_run("--quiet");
}

static void it_is_there_in_fresh_programs_too(void)
{
    check_run("--quiet --fresh");
}

/* The recorder's destructor frees blocks, which are all in the one arena, and needs its lock. */
static void a_held_heap_keeps_no_exit(void)
{
    tree_remove("results");
    setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0", 1);
    command_run(
        &said,
        "run --lttng --inject none --cycles 3 --deadline 2s --confirm 0 --out results -- " ACTS
        " heap-held");
    unsetenv("GLIBC_TUNABLES");
    said_status("heap-held", &said, 0);
    said_has("heap-held", said.out, "recorder: lttng\n");
}

/* Why nothing can be recorded here, in @reason; false if it can. Before any suite, so no asserts.
 */
static bool no_recorder(char reason[512])
{
    FILE *out =
        popen(COMMAND_PROGRAM " run --workload null --inject none --cycles 1 --quiet --out probe "
                              "2>/dev/null </dev/null",
              "r");
    bool works = false;

    reason[0] = 0;
    while (out != NULL && !works && fgets(reason, 512, out) != NULL)
        works = strncmp(reason, "recorder: ", 10) == 0;
    works = strcmp(reason, "recorder: lttng\n") == 0;
    if (out != NULL)
        pclose(out);
    return !works;
}

int main(void)
{
    CU_pSuite suite;
    char reason[512];

    if (CU_initialize_registry() != CUE_SUCCESS || place_open() != 0)
        return 2;
    if (no_recorder(reason)) {
        printf("skipped: %s", reason);
        return place_close() != 0 ? 2 : SKIPPED;
    }
    suite = CU_add_suite("trace", NULL, place_close);
    CU_ADD_TEST(suite, the_last_event_before_a_kill_is_there);
    CU_ADD_TEST(suite, it_is_there_in_fresh_programs_too);
    CU_ADD_TEST(suite, a_held_heap_keeps_no_exit);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
