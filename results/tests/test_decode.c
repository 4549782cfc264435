/*
 * Tests of decode on traces that are written here, byte by byte: order over streams, types of
 * fields, clocks, and damage of several kinds. What a real recorder writes is read in
 * harness/tests/test_recorder.c.
 */
#include <results/trace/decode.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/Basic.h>

enum { BYTES = 65536, SEEN = 64, BEAT = 0, MIXED = 1, FOREIGN = 2, UNKNOWN = 9 };

#define MAGIC UINT32_C(0xC1FC1FC1)

static const char metadata_format[] =
    "/* CTF 1.8 */\n"
    "typealias integer { size = 8; align = 8; signed = false; } := u8;\n"
    "typealias integer { size = 16; align = 8; signed = false; } := u16;\n"
    "typealias integer { size = 32; align = 8; signed = false; } := u32;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := u64;\n"
    "typealias integer { size = 64; align = 8; signed = true; } := s64;\n"
    "trace { major = 1; minor = 8; byte_order = le;\n"
    "  packet.header := struct { u32 magic; u32 stream_id; }; };\n"
    "clock { name = monotonic; freq = %llu; };\n"
    "typealias integer { size = 64; align = 8; signed = false;\n"
    "  map = clock.monotonic.value; } := stamp;\n"
    "stream { id = 0;\n"
    "  packet.context := struct { stamp timestamp_begin; stamp timestamp_end;\n"
    "    u64 content_size; u64 packet_size; };\n"
    "  event.header := struct { u16 id; stamp timestamp; }; };\n"
    "event { name = \"rundown:beat\"; id = 0; stream_id = 0; fields := struct {\n"
    "  u64 cycle; u32 inj; u32 pid; u32 tid; u64 seq; u64 cpu; u64 n; }; };\n"
    "event { name = \"rundown:mixed\"; id = 1; stream_id = 0; fields := struct {\n"
    "  u64 cycle; u32 inj; u32 pid; u32 tid; u64 seq; string text; s64 number;\n"
    "  enum : u8 { \"won\" = 1, \"fini\" = 6 } phase; u64 d; u64 e; u64 too_many; }; };\n"
    "event { name = \"other:beat\"; id = 2; stream_id = 0; fields := struct {\n"
    "  u64 cycle; }; };\n";

static char scratch[] = "/tmp/rundown-test-decode-XXXXXX";

/* --- writing --- */

/** One stream file under way. The packet's context is filled in at the end. */
struct writer {
    uint8_t bytes[BYTES];
    size_t n;
    uint64_t first;
    uint64_t last;
};

static void put(struct writer *w, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        w->bytes[w->n++] = (uint8_t)(value >> 8 * i);
}

static void put_text(struct writer *w, const char *text)
{
    memcpy(w->bytes + w->n, text, strlen(text) + 1);
    w->n += strlen(text) + 1;
}

static void begin_stream(struct writer *w)
{
    w->n = 0;
    w->first = UINT64_MAX;
    w->last = 0;
    put(w, MAGIC, 4);
    put(w, 0, 4);
    for (int i = 0; i < 4; i++)
        put(w, 0, 8);
}

static void put_head(struct writer *w, unsigned id, uint64_t time)
{
    put(w, id, 2);
    put(w, time, 8);
    w->first = time < w->first ? time : w->first;
    w->last = time > w->last ? time : w->last;
}

static void put_ids(struct writer *w, uint64_t seq)
{
    put(w, UINT64_C(1) << 40, 8);
    put(w, 5, 4);
    put(w, 1000, 4);
    put(w, 1001, 4);
    put(w, seq, 8);
}

static void put_beat(struct writer *w, uint64_t time, uint64_t seq)
{
    put_head(w, BEAT, time);
    put_ids(w, seq);
    put(w, 3, 8);
    put(w, UINT64_MAX, 8);
}

static void put_mixed(struct writer *w, uint64_t time, uint64_t seq, const char *text,
                      uint8_t phase)
{
    put_head(w, MIXED, time);
    put_ids(w, seq);
    put_text(w, text);
    put(w, (uint64_t)-7, 8);
    put(w, phase, 1);
    put(w, 40, 8);
    put(w, 50, 8);
    put(w, 60, 8);
}

static void write_file(const char *dir, const char *name, const void *bytes, size_t n)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static void end_stream(struct writer *w, const char *dir, const char *name)
{
    size_t n = w->n;

    w->n = 8;
    put(w, w->first, 8);
    put(w, w->last, 8);
    put(w, n * 8, 8);
    put(w, n * 8, 8);
    write_file(dir, name, w->bytes, n);
}

/* A folder with metadata and no stream yet. */
static void begin_trace(char *dir, size_t size, const char *name, unsigned long long hz)
{
    char text[4096];
    int n = snprintf(text, sizeof text, metadata_format, hz);

    snprintf(dir, size, "%s/%s", scratch, name);
    CU_ASSERT_EQUAL(mkdir(dir, 0700), 0);
    write_file(dir, "metadata", text, (size_t)n);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- reading --- */

/** What came back, as "name seq time". */
struct seen {
    unsigned count;
    unsigned stop_after;
    char line[SEEN][256];
};

static int keep(const struct decode_event *event, void *context)
{
    struct seen *seen = context;
    char *line = seen->line[seen->count];
    size_t size = sizeof seen->line[0], n;

    n = (size_t)snprintf(line, size, "%s %llu @%llu", event->name, (unsigned long long)event->seq,
                         (unsigned long long)event->time_ns);
    for (unsigned i = 0; i < event->field_count; i++) {
        const struct decode_field *f = &event->field[i];

        n += (size_t)snprintf(line + n, size - n, " %s=%d:%lld:%s", f->name, (int)f->kind,
                              (long long)f->number, f->text != NULL ? f->text : "-");
    }
    if (event->cycle != UINT64_C(1) << 40 || event->inj != 5 || event->pid != 1000 ||
        event->tid != 1001)
        snprintf(line, size, "wrong head");
    seen->count++;
    return seen->count == SEEN || seen->count == seen->stop_after;
}

static int read_trace(const char *dir, struct seen *seen)
{
    struct error e = {.code = 0};
    uint64_t count = 77;
    int rc;

    seen->count = 0;
    rc = decode_directory(dir, keep, seen, &count, &e);
    CU_ASSERT_EQUAL(count, seen->count);
    CU_ASSERT_EQUAL(rc, e.code);
    CU_ASSERT_PTR_NULL(strchr(e.text, '\n'));
    return rc;
}

static void check_line(const struct seen *seen, unsigned i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void check_line(const struct seen *seen, unsigned i, const char *format, ...)
{
    char expected[256];
    va_list args;

    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    CU_ASSERT_TRUE(i < seen->count);
    if (i >= seen->count)
        return;
    CU_ASSERT_STRING_EQUAL(seen->line[i], expected);
    if (strcmp(seen->line[i], expected) != 0)
        fprintf(stderr, "\nline %u: '%s', expected '%s'\n", i, seen->line[i], expected);
}

static void check_beat(const struct seen *seen, unsigned i, unsigned seq, unsigned long long time)
{
    check_line(seen, i, "beat %u @%llu cpu=0:3:- n=0:-1:-", seq, time);
}

/* --- tests --- */

static struct writer writer;

static void test_streams_are_merged_by_time(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "merge", 1000000000);
    for (unsigned stream = 0; stream < 3; stream++) {
        begin_stream(&writer);
        for (unsigned i = 0; i < 5; i++)
            put_beat(&writer, 1000 + i * 3 + stream, i * 3 + stream);
        end_stream(&writer, dir, stream == 0 ? "ch_0" : stream == 1 ? "ch_1" : "ch_2");
    }
    CU_ASSERT_EQUAL(read_trace(dir, &seen), 0);
    CU_ASSERT_EQUAL(seen.count, 15);
    for (unsigned i = 0; i < 15; i++)
        check_beat(&seen, i, i, 1000 + i);
}

static void test_folders_at_any_depth(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "deep", 1000000000);
    begin_stream(&writer);
    put_beat(&writer, 20, 2);
    end_stream(&writer, dir, "ch_0");
    begin_trace(dir, sizeof dir, "deep/er", 1000000000);
    begin_stream(&writer);
    put_beat(&writer, 10, 1);
    end_stream(&writer, dir, "ch_0");
    snprintf(dir, sizeof dir, "%s/deep", scratch);
    CU_ASSERT_EQUAL(read_trace(dir, &seen), 0);
    check_beat(&seen, 0, 1, 10);
    check_beat(&seen, 1, 2, 20);
}

static void test_types_of_fields(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "types", 1000000000);
    begin_stream(&writer);
    put_mixed(&writer, 1, 1, "some text", 6);
    put_mixed(&writer, 2, 2, "", 1);
    put_mixed(&writer, 3, 3, "t", 2);
    end_stream(&writer, dir, "ch_0");
    CU_ASSERT_EQUAL(read_trace(dir, &seen), 0);
    /* The empty text is empty, not that of the event before; a sixth field is left out. */
    check_line(&seen, 0,
               "mixed 1 @1 text=2:0:some text number=1:-7:- phase=2:6:fini d=0:40:- "
               "e=0:50:-");
    check_line(&seen, 1, "mixed 2 @2 text=2:0: number=1:-7:- phase=2:1:won d=0:40:- e=0:50:-");
    check_line(&seen, 2, "mixed 3 @3 text=2:0:t number=1:-7:- phase=0:2:- d=0:40:- e=0:50:-");
}

static void test_other_providers_are_left_out(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "foreign", 1000000000);
    begin_stream(&writer);
    put_head(&writer, FOREIGN, 1);
    put(&writer, 0, 8);
    put_beat(&writer, 2, 1);
    put_head(&writer, FOREIGN, 3);
    put(&writer, 0, 8);
    end_stream(&writer, dir, "ch_0");
    CU_ASSERT_EQUAL(read_trace(dir, &seen), 0);
    CU_ASSERT_EQUAL(seen.count, 1);
    check_beat(&seen, 0, 1, 2);
}

static void test_clock_of_another_rate(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "clock", 1000000);
    begin_stream(&writer);
    put_beat(&writer, UINT64_C(5000000000000), 1);
    end_stream(&writer, dir, "ch_0");
    CU_ASSERT_EQUAL(read_trace(dir, &seen), 0);
    check_beat(&seen, 0, 1, 5000000000000000ULL);
}

static void test_callback_ends_it(void)
{
    struct seen seen = {.stop_after = 2};
    char dir[128];

    snprintf(dir, sizeof dir, "%s/merge", scratch);
    CU_ASSERT_EQUAL(read_trace(dir, &seen), 0);
    CU_ASSERT_EQUAL(seen.count, 2);
}

/* One stream breaks off in the middle; the other has events on both sides of that. */
static void test_damage_in_one_stream(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "damage", 1000000000);
    begin_stream(&writer);
    put_beat(&writer, 10, 1);
    put_head(&writer, UNKNOWN, 20);
    put_beat(&writer, 30, 2);
    end_stream(&writer, dir, "ch_0");
    begin_stream(&writer);
    for (unsigned i = 0; i < 8; i++)
        put_beat(&writer, 5 + i * 10, 100 + i);
    end_stream(&writer, dir, "ch_1");
    CU_ASSERT_EQUAL(read_trace(dir, &seen), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(seen.count, 9);
    check_beat(&seen, 0, 100, 5);
    check_beat(&seen, 1, 1, 10);
    for (unsigned i = 1; i < 8; i++)
        check_beat(&seen, 1 + i, 100 + i, 5 + i * 10);
}

/* Here babeltrace2's muxer gives up; we hand on every event, and say so. */
static void test_time_that_runs_backwards(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "backwards", 1000000000);
    begin_stream(&writer);
    put_beat(&writer, 10, 1);
    put_beat(&writer, 30, 2);
    put_beat(&writer, 20, 3);
    put_beat(&writer, 40, 4);
    end_stream(&writer, dir, "ch_0");
    begin_stream(&writer);
    put_beat(&writer, 25, 100);
    put_beat(&writer, 50, 101);
    end_stream(&writer, dir, "ch_1");
    CU_ASSERT_EQUAL(read_trace(dir, &seen), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(seen.count, 6);
    check_beat(&seen, 0, 1, 10);
    check_beat(&seen, 5, 101, 50);
}

static void test_no_trace(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    CU_ASSERT_EQUAL(read_trace("/nowhere", &seen), ERROR_NOT_FOUND);
    snprintf(dir, sizeof dir, "%s/empty", scratch);
    CU_ASSERT_EQUAL(mkdir(dir, 0700), 0);
    CU_ASSERT_EQUAL(read_trace(dir, &seen), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(seen.count, 0);
}

static void test_senseless_metadata(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    snprintf(dir, sizeof dir, "%s/senseless", scratch);
    CU_ASSERT_EQUAL(mkdir(dir, 0700), 0);
    write_file(dir, "metadata", "hello\n", 6);
    CU_ASSERT_EQUAL(read_trace(dir, &seen), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(seen.count, 0);
}

/* A file cut short spoils its own folder, not the one beside it. */
static void test_file_cut_short(void)
{
    struct seen seen = {.count = 0};
    char dir[128];

    begin_trace(dir, sizeof dir, "cut", 1000000000);
    begin_trace(dir, sizeof dir, "cut/whole", 1000000000);
    begin_stream(&writer);
    put_beat(&writer, 10, 1);
    end_stream(&writer, dir, "ch_0");
    snprintf(dir, sizeof dir, "%s/cut", scratch);
    write_file(dir, "ch_0", writer.bytes, writer.n + 4);
    CU_ASSERT_EQUAL(read_trace(dir, &seen), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(seen.count, 1);
    check_beat(&seen, 0, 1, 10);
}

static void test_field_by_name(void)
{
    const struct decode_event event = {.field_count = 2,
                                       .field = {{.name = "a"}, {.name = "b"}, {.name = "c"}}};

    CU_ASSERT_PTR_EQUAL(decode_field(&event, "b"), &event.field[1]);
    CU_ASSERT_PTR_NULL(decode_field(&event, "c"));
}

static void add_tests(CU_pSuite suite)
{
    CU_add_test(suite, "streams are merged by time", test_streams_are_merged_by_time);
    CU_add_test(suite, "folders at any depth", test_folders_at_any_depth);
    CU_add_test(suite, "types of fields", test_types_of_fields);
    CU_add_test(suite, "other providers are left out", test_other_providers_are_left_out);
    CU_add_test(suite, "clock of another rate", test_clock_of_another_rate);
    CU_add_test(suite, "callback ends it", test_callback_ends_it);
    CU_add_test(suite, "damage in one stream", test_damage_in_one_stream);
    CU_add_test(suite, "time that runs backwards", test_time_that_runs_backwards);
    CU_add_test(suite, "no trace", test_no_trace);
    CU_add_test(suite, "senseless metadata", test_senseless_metadata);
    CU_add_test(suite, "file cut short", test_file_cut_short);
    CU_add_test(suite, "field by name", test_field_by_name);
}

int main(void)
{
    struct error e = {.code = 0};
    unsigned failures;

    if (decode_directory("/nowhere", keep, NULL, NULL, &e) == ERROR_RECORDER) {
        printf("skipped: %s\n", e.text);
        return 77;
    }
    if (mkdtemp(scratch) == NULL || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    add_tests(CU_add_suite("decode", NULL, NULL));
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    remove_tree(scratch);
    return failures != 0;
}
