/*
 * test_finding_text: a finding reads as the design has it, at any width and with any bytes.
 */
#include "text_fixture.h"

#include <results/text/finding_text.h>
#include <results/text/utf8.h>

static const struct store_cell cell = {
    .id = 1, .target = (char *)"plugin-singleton variant=late-join", .injector = (char *)"none"};

static struct store_finding example(void)
{
    struct store_finding finding = fixture_finding(1, 37, 0, STOP_LOADER_DEADLOCK, "s");

    finding.id = 5;
    finding.slug = "loader.deadlock";
    finding.hang_ms = 3.1;
    finding.text = "T1 (main)   waits for T1.1 to end       pthread_join  in ~Singleton  "
                   "libpolicy.so  policy.c:88\n"
                   "  holds    the loader lock             taken by dlclose, host.c:41\n"
                   "T1.1        waits for the loader lock   held by T1    in dlopen  worker.c:23\n"
                   "the circle: T1 \xe2\x94\x80join\xe2\x94\x80\xe2\x96\xba T1.1 "
                   "\xe2\x94\x80loader lock\xe2\x94\x80\xe2\x96\xba T1";
    finding.replay = "plugin-singleton variant=late-join seed=0x9a1 cycle=37 mode=free";
    finding.repeats = 1234;
    finding.repeat_cells = 1;
    finding.repeat_cycles = 20000;
    finding.first_cell = 1;
    finding.first_cycle = 37;
    return finding;
}

static void expect(const struct store_finding *finding, const struct finding_layout *layout,
                   const char *want)
{
    struct capture c;

    finding_text(capture_open(&c), finding, &cell, layout);
    expect_capture(&c, want);
}

/* The page of the design, and what comes after it. */
static void test_as_designed(void)
{
    struct finding_layout wide = {0};
    struct store_finding finding = example();

    expect(
        &finding, &wide,
        "FAIL  loader.deadlock                     plugin-singleton variant=late-join  cycle 37  "
        "3.1 ms after the last event\n"
        "  T1 (main)   waits for T1.1 to end       pthread_join  in ~Singleton  libpolicy.so  "
        "policy.c:88\n"
        "    holds    the loader lock             taken by dlclose, host.c:41\n"
        "  T1.1        waits for the loader lock   held by T1    in dlopen  worker.c:23\n"
        "  the circle: T1 \xe2\x94\x80join\xe2\x94\x80\xe2\x96\xba T1.1 "
        "\xe2\x94\x80loader lock\xe2\x94\x80\xe2\x96\xba T1\n"
        "  injected:   nothing (this one needs no help)\n"
        "  again:      rundown replay 'plugin-singleton variant=late-join seed=0x9a1 cycle=37 "
        "mode=free'\n"
        "  seen 1,234 times in 20,000 cycles, first at cycle 37 (finding 5)\n");
}

static void test_eighty_columns(void)
{
    struct finding_layout narrow = {.columns = 80};
    struct store_finding finding = example();

    expect(&finding, &narrow,
           "FAIL  loader.deadlock\n"
           "      plugin-singleton variant=late-join  cycle 37  3.1 ms after the last event\n"
           "  T1 (main)   waits for T1.1 to end       pthread_join  in ~Singleton\n"
           "      libpolicy.so  policy.c:88\n"
           "    holds    the loader lock             taken by dlclose, host.c:41\n"
           "  T1.1        waits for the loader lock   held by T1    in dlopen  worker.c:23\n"
           "  the circle: T1 \xe2\x94\x80join\xe2\x94\x80\xe2\x96\xba T1.1 "
           "\xe2\x94\x80loader lock\xe2\x94\x80\xe2\x96\xba T1\n"
           "  injected:   nothing (this one needs no help)\n"
           "  again:      rundown replay 'plugin-singleton variant=late-join seed=0x9a1 cycle=37 "
           "mode=free'\n"
           "  seen 1,234 times in 20,000 cycles, first at cycle 37 (finding 5)\n");
}

static void test_labels_and_missing_parts(void)
{
    struct finding_layout wide = {.also = "hang.deadlock, exit.threads-alive (note)"};
    struct store_finding finding = example();

    finding.severity = STOP_SEVERITY_NOTE;
    finding.hang_ms = -1;
    finding.text = "";
    finding.injected = "";
    finding.replay = "";
    finding.trace = "traces/1-37";
    finding.repeats = 0;
    expect(
        &finding, &wide,
        "NOTE  loader.deadlock                     plugin-singleton variant=late-join  cycle 37\n"
        "  also seen:  hang.deadlock, exit.threads-alive (note)\n"
        "  trace:      traces/1-37\n");
    finding.severity = STOP_SEVERITY_HARNESS;
    finding.slug = "a.code-that-is-longer-than-its-column-is-wide";
    finding.trace = "";
    wide.also = "";
    expect(&finding, &wide,
           "BROKEN  a.code-that-is-longer-than-its-column-is-wide  "
           "plugin-singleton variant=late-join  cycle 37\n");
    CU_ASSERT_STRING_EQUAL(finding_label(STOP_SEVERITY_FINDING), "FAIL");
}

static void test_where_it_was_first(void)
{
    struct finding_layout wide = {0};
    struct store_finding finding = example();
    struct capture c;

    finding.repeats = 1;
    finding.first_cell = 2;
    finding.first_cycle = 9;
    finding.repeat_cells = 2;
    finding_text(capture_open(&c), &finding, &cell, &wide);
    expect_has(capture_close(&c), "  seen 1 time in 20,000 cycles of 2 cells, first at cycle 9 of "
                                  "cell 2 (finding 5)\n");
    capture_free(&c);
}

static void test_output(void)
{
    static const char lines[] = "1\n2\n3\n4\n5\n6\n7\x1b[2J\n";
    struct finding_layout some = {.columns = 80}, all = {.columns = 80, .everything = true};
    struct store_finding finding = example();
    struct capture c;

    finding.output = lines;
    finding.output_bytes = sizeof lines - 1;
    finding.timeline = "before\nafter";
    finding_text(capture_open(&c), &finding, &cell, &some);
    expect_has(capture_close(&c), "(finding 5)\n"
                                  "  it printed at the end:\n    2\n    3\n    4\n    5\n    6\n"
                                  "    7\\x1b[2J\n");
    CU_ASSERT_FALSE(has(c.text, "before"));
    capture_free(&c);
    finding_text(capture_open(&c), &finding, &cell, &all);
    expect_has(capture_close(&c), "  the last events:\n    before\n    after\n"
                                  "  it printed:\n    1\n    2\n");
    capture_free(&c);
    finding.output = "one line without an end";
    finding.output_bytes = 23;
    finding_text(capture_open(&c), &finding, &cell, &some);
    expect_has(capture_close(&c), "  it printed:\n    one line without an end\n");
    capture_free(&c);
}

/* What a packer writes is counted and left out; the message behind it is not. */
static void test_binary_output(void)
{
    static const char packed[] = "\x1f\x8b\xff\xfe"
                                 "ab\xd1\x05:\npigz: it failed\n";
    struct finding_layout some = {.columns = 80}, all = {.columns = 80, .everything = true};
    struct store_finding finding = example();
    struct capture c;

    finding.output = packed;
    finding.output_bytes = sizeof packed - 1;
    finding_text(capture_open(&c), &finding, &cell, &some);
    expect_has(capture_close(&c), "  it printed 8 bytes that are no text, and at the end:\n"
                                  "    :\n    pigz: it failed\n");
    CU_ASSERT_FALSE(has(c.text, "\\xff"));
    capture_free(&c);
    finding.output_bytes = 8;
    finding_text(capture_open(&c), &finding, &cell, &some);
    expect_has(capture_close(&c), "  it printed 8 bytes that are no text\n");
    CU_ASSERT_FALSE(has(c.text, "at the end"));
    capture_free(&c);
    finding_text(capture_open(&c), &finding, &cell, &all);
    expect_has(capture_close(&c), "\\xff");
    capture_free(&c);
}

static void test_colour(void)
{
    struct finding_layout layout = {.columns = 80, .colour = true};
    struct store_finding finding = example();
    struct capture c;

    finding_text(capture_open(&c), &finding, &cell, &layout);
    CU_ASSERT_EQUAL(strncmp(capture_close(&c), "\033[1;31mFAIL  loader.deadlock\033[0m\n", 33), 0);
    CU_ASSERT_PTR_NULL(strchr(c.text + 33, '\033'));
    capture_free(&c);
}

/* The quoted line survives a shell, also with quotes of the program's own. */
static void test_replay_is_quoted(void)
{
    struct finding_layout layout = {.columns = 80};
    struct store_finding finding = example();
    struct capture c;

    finding.replay = "seed=0x1 cycle=2 mode=free -- ./prog 'two words' $HOME";
    finding_text(capture_open(&c), &finding, &cell, &layout);
    expect_has(capture_close(&c), "  again:      rundown replay 'seed=0x1 cycle=2 mode=free -- "
                                  "./prog '\\''two words'\\'' $HOME'\n");
    capture_free(&c);
}

static void test_came_back(void)
{
    struct finding_layout layout = {.columns = 0};
    struct store_finding finding = example();
    struct capture c;

    finding.replayed = 10;
    finding.reproduced = 9;
    finding_text(capture_open(&c), &finding, &cell, &layout);
    expect_has(capture_close(&c),
               "mode=free'\n  that line brought it back in 9 of 10: 90.0 % (95 % "
               "interval 59.5 to 98.3 %)\n  seen");
    capture_free(&c);
    finding.reproduced = 0;
    finding_text(capture_open(&c), &finding, &cell, &layout);
    expect_has(capture_close(&c),
               "\n  that line brought it back in 0 of 10: below 25.9 % with 95 % "
               "confidence: it hangs on the moment\n");
    capture_free(&c);
}

/* Any bytes anywhere: no control character but the newlines, and valid text. */
static void test_any_bytes(void)
{
    char noise[300], target[100];
    struct store_finding finding = example();
    struct store_cell odd = cell;
    struct finding_layout layout = {.columns = 60, .everything = true, .also = "x"};

    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t state = seed;
        struct capture c;
        uint32_t character;
        unsigned bad = 0;

        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (char)(fixture_random(&state) >> 5);
        noise[sizeof noise - 1] = '\0';
        memcpy(target, noise, sizeof target);
        target[sizeof target - 1] = '\0';
        odd.target = target;
        finding.text = finding.injected = finding.replay = finding.trace = finding.timeline = noise;
        finding.output = noise;
        finding.output_bytes = sizeof noise;
        finding_text(capture_open(&c), &finding, &odd, &layout);
        capture_close(&c);
        for (size_t i = 0; i < c.size;) {
            i += utf8_next(c.text + i, c.size - i, &character);
            bad += character == UTF8_BAD || (character < 0x20 && character != '\n') ||
                   (character >= 0x7f && character < 0xa0);
        }
        CU_ASSERT_EQUAL(bad, 0);
        capture_free(&c);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"as designed", test_as_designed},
        {"eighty columns", test_eighty_columns},
        {"labels and missing parts", test_labels_and_missing_parts},
        {"where it was first", test_where_it_was_first},
        {"output", test_output},
        {"binary output", test_binary_output},
        {"colour", test_colour},
        {"replay is quoted", test_replay_is_quoted},
        {"came back", test_came_back},
        {"any bytes", test_any_bytes},
        CU_TEST_INFO_NULL,
    };

    return vector_run("finding text", tests);
}
