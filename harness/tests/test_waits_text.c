/*
 * Tests of waits_text: one wording for everybody, whatever is known and whatever is not.
 */
#include <harness/supervisor/evidence/waits.h>

#include "evidence_fixture.h"

#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

static struct fixture f;
static struct waits waits;
static struct judgement judgement;

static void open_with(unsigned lanes)
{
    static const char *const names[] = {"T1", "T1.1", "T1.2"};

    fixture_open(&f);
    fixture_hang(&f, HANG_PROVED);
    memset(&judgement, 0, sizeof judgement);
    for (unsigned i = 0; i < lanes; i++)
        fixture_lane(&f, names[i]);
}

static void expect_what(unsigned node, const char *expected)
{
    char text[WAITS_TEXT_BYTES];

    waits_read(&waits, &f.evidence);
    waits_what(&waits, node, text);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void expect_sign(unsigned node, const char *expected)
{
    char text[EVIDENCE_CULPRIT_BYTES];

    waits_read(&waits, &f.evidence);
    waits_sign(&waits, node, text);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static struct finding *say(unsigned node)
{
    struct finding *finding = judgement_add(&judgement, STOP_HANG_DEADLOCK);

    waits_read(&waits, &f.evidence);
    waits_say(finding, &waits, node);
    return finding;
}

static struct finding *say_gone(unsigned node, enum waits_how how, uint64_t object)
{
    struct finding *finding = judgement_add(&judgement, STOP_LOCK_ORPHANED);

    waits_read(&waits, &f.evidence);
    waits_say_gone(finding, &waits, node, how, MODE_MUTEX, object);
    return finding;
}

static void test_what_is_waited_for(void)
{
    open_with(2);
    fixture_wait(&f, 0, SITE_BARRIER_WAIT, READY, MODE_BARRIER, AT_MAIN);
    expect_what(0, "waits for barrier ready");
    fixture_join(&f, 0, 1, AT_MAIN);
    expect_what(0, "waits for T1.1 to end");
    f.memory->lane[0].wait_other = 0;
    expect_what(0, "waits for a thread to end");
    f.memory->lane[0].wait_object = 0;
    fixture_call(&f, 0, SITE_MALLOC, AT_MAIN);
    expect_what(0, "waits for the heap lock");
    fixture_call(&f, 0, SITE_DLCLOSE, AT_MAIN);
    expect_what(0, "waits for the loader lock");
    f.memory->lane[1].state = LANE_KILLED;
    expect_what(1, "was killed");
    fixture_close(&f);
}

static void test_what_the_kernel_says(void)
{
    open_with(1);
    fixture_thread(&f, 0, THREAD_WAITING, SYS_epoll_wait);
    expect_what(0, "waits in epoll");
    f.evidence.thread[0].syscall = SYS_wait4;
    expect_what(0, "waits for a child");
    f.evidence.thread[0].syscall = SYS_futex;
    f.evidence.thread[0].waits = false;
    expect_what(0, "waits in a futex that no hook knows, with a time limit");
    f.evidence.thread[0].syscall = 9999;
    expect_what(0, "waits in the kernel");
    f.evidence.thread[0].state = THREAD_RUNNING;
    expect_what(0, "runs");
    fixture_close(&f);
}

/* The stack's first own frame, else who called the hooked function, else nobody. */
static void test_whose_place_it_is(void)
{
    unsigned thread;

    open_with(1);
    expect_sign(0, "");
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    expect_sign(0, "prog:main");
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "pthread_mutex_lock", "", 0);
    expect_sign(0, "prog:main");
    fixture_frame(&f, thread, "libfoo.so", "foo_lock", "foo.c", 4);
    expect_sign(0, "libfoo.so:foo_lock");
    f.memory->lane[0].probe = PROBE_STDIO;
    expect_sign(0, "probe:stdio");
    f.memory->lane[0].probe = PROBE_EXIT;
    expect_sign(0, "libfoo.so:foo_lock");
    fixture_close(&f);
}

/* At its very end a thread has no frame of the program's own. */
/*
 * dlopen was made to return to an instruction in the caller's module: the frame above it is no
 * place of the program's. Inside a constructor the frame is one, though the same call is under way.
 */
static void test_whose_dlopen_it_is(void)
{
    unsigned thread;

    open_with(1);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "__lll_lock_wait", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "dlopen", "", 0);
    fixture_frame(&f, thread, "prog", "_init", "", 0);
    expect_sign(0, "prog:main");
    fixture_close(&f);

    open_with(1);
    fixture_call(&f, 0, SITE_DLOPEN, AT_MAIN);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "pthread_join", "", 0);
    fixture_frame(&f, thread, "libplug.so", "enter", "plug.c", 4);
    fixture_frame(&f, thread, "libc.so.6", "dlopen", "", 0);
    fixture_frame(&f, thread, "prog", "_init", "", 0);
    expect_sign(0, "libplug.so:enter");
    fixture_close(&f);
}

static void test_library_frames_say_more_than_futexes(void)
{
    unsigned thread;

    open_with(1);
    thread = fixture_thread(&f, 0, THREAD_WAITING, SYS_futex);
    fixture_frame(&f, thread, "libc.so.6", "futex_wait", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "__lll_lock_wait_private", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "_int_free", "", 0);
    fixture_frame(&f, thread, "libc.so.6", "start_thread", "", 0);
    expect_sign(0, "libc.so.6:_int_free");
    fixture_close(&f);
}

static void test_a_line_about_the_living(void)
{
    const struct finding *finding;

    open_with(1);
    for (unsigned i = 0; i < 6; i++)
        fixture_hold(&f, 0, LOCK_B + 0x1000 + i, MODE_READ, AT_UPDATE);
    fixture_wait(&f, 0, SITE_LOCK, LOCK_A, MODE_MUTEX, AT_MAIN);
    finding = say(0);
    CU_ASSERT_STRING_EQUAL(finding->line[0], "T1 (main)  waits for mutex lock_a          lock  in "
                                             "main  prog  prog.c:10");
    CU_ASSERT_STRING_EQUAL(finding->line[1],
                           "           holds read lock 0x601100, taken in update  prog  prog.c:30");
    CU_ASSERT_EQUAL(finding->lines, 6);
    CU_ASSERT_STRING_EQUAL(finding->line[5], "           holds 2 more");
    fixture_close(&f);
}

static void test_lines_about_the_dead(void)
{
    const struct finding *finding;

    open_with(2);
    fixture_hold(&f, 1, LOCK_A, MODE_MUTEX, AT_UPDATE);
    fixture_call(&f, 1, SITE_MALLOC, AT_WORKER);
    fixture_kill(&f, 1, SITE_MALLOC, 17, 41);
    finding = say_gone(1, WAITS_HOLDS, LOCK_A);
    CU_ASSERT_EQUAL(finding->lines, 4);
    CU_ASSERT_STRING_EQUAL(finding->line[0], "T1.1       was killed at T1.1:malloc#17+41i");
    CU_ASSERT_STRING_EQUAL(finding->line[1], "           at libc.so.6+0x41  _int_malloc");
    CU_ASSERT_STRING_EQUAL(finding->line[2], "           called from worker  prog  prog.c:20");
    CU_ASSERT_STRING_EQUAL(finding->line[3],
                           "           holds mutex lock_a, taken in update  prog  prog.c:30");
    finding = say_gone(1, WAITS_IN_HEAP, 0);
    CU_ASSERT(fixture_says(finding, "has the lock of an arena of the heap"));
    finding = say_gone(1, WAITS_IN_LOADER, 0);
    CU_ASSERT(fixture_says(finding, "has the loader lock"));
    fixture_close(&f);
}

static void test_nothing_is_said_of_nobody(void)
{
    open_with(1);
    CU_ASSERT_EQUAL(say_gone(5, WAITS_HOLDS, LOCK_A)->lines, 0);
    CU_ASSERT_EQUAL(say_gone(ABI_LANES, WAITS_HOLDS, LOCK_A)->lines, 0);
    fixture_close(&f);
}

static void test_names(void)
{
    char text[WAITS_TEXT_BYTES];
    unsigned thread;

    open_with(1);
    thread = fixture_thread(&f, -1, THREAD_WAITING, SYS_futex);
    f.evidence.thread[thread].tid = 4242;
    waits_read(&waits, &f.evidence);
    waits_name(&waits, 0, text);
    CU_ASSERT_STRING_EQUAL(text, "T1 (main)");
    waits_name(&waits, ABI_LANES, text);
    CU_ASSERT_STRING_EQUAL(text, "thread 4242");
    fixture_close(&f);
}

/* A circle longer than the page is cut, and every line still fits. */
static void test_a_long_circle(void)
{
    struct waits_circle circle;
    struct finding *finding;

    open_with(0);
    for (unsigned i = 0; i < 40; i++) {
        fixture_lane(&f, "T1.12345678.12345678");
        fixture_hold(&f, i, 0x1000 + i, MODE_MUTEX, AT_WORKER);
        fixture_wait(&f, i, SITE_LOCK, 0x1000 + (i + 1) % 40, MODE_MUTEX, AT_WORKER);
    }
    waits_read(&waits, &f.evidence);
    CU_ASSERT_TRUE_FATAL(waits_circle(&waits, false, &circle));
    CU_ASSERT_EQUAL(circle.lanes, 40);
    finding = judgement_add(&judgement, STOP_LOCK_DEADLOCK);
    waits_say_circle(finding, &waits, &circle);
    CU_ASSERT(fixture_says(finding, "and 28 more"));
    CU_ASSERT(fixture_says(finding, "the circle: T1.12345678.12345678 ─mutex─►"));
    CU_ASSERT(strlen(finding->line[finding->lines - 1]) < FINDING_TEXT_BYTES);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"what is waited for", test_what_is_waited_for},
        {"what the kernel says", test_what_the_kernel_says},
        {"whose place it is", test_whose_place_it_is},
        {"whose dlopen it is", test_whose_dlopen_it_is},
        {"library frames", test_library_frames_say_more_than_futexes},
        {"a line about the living", test_a_line_about_the_living},
        {"lines about the dead", test_lines_about_the_dead},
        {"nothing of nobody", test_nothing_is_said_of_nobody},
        {"names", test_names},
        {"a long circle", test_a_long_circle},
        {NULL, NULL},
    };

    return fixture_main("waits_text", cases);
}
