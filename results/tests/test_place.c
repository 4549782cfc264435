/*
 * test_place: which words of a finding name a line of a source file.
 */
#include "text_fixture.h"

#include "vector_file.h"

#include <results/text/place.h>

static void expect(const char *text, const char *const *wanted)
{
    char place[PLACE_BYTES];

    for (; *wanted != NULL; wanted++) {
        CU_ASSERT_TRUE_FATAL(place_next(&text, place));
        expect_text(place, *wanted);
    }
    CU_ASSERT_FALSE(place_next(&text, place));
}

static void test_places(void)
{
    static const char *const three[] = {"policy.c:88", "a.b.cc:1", "host.c:41", NULL};
    static const char *const none[] = {NULL};

    expect("T1 (main) waits  in f  lib.so  policy.c:88\n(a.b.cc:1) taken by dlclose, host.c:41, x",
           three);
    expect("", none);
    expect("T1.2:malloc#17+41i libc.so.6+0x10 a.c: a.c:x a.c:0 a.c:012 :7 main:7 a.c:7:9 a.c:7x",
           none);
    expect("a.c:1234567890", none);
}

static void test_a_word_too_long_is_passed_over(void)
{
    static const char *const one[] = {"b.c:2", NULL};
    char text[300];

    memset(text, 'a', sizeof text);
    strcpy(text + 200, ".c:1 b.c:2");
    expect(text, one);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"places", test_places},
        {"a word too long is passed over", test_a_word_too_long_is_passed_over},
        CU_TEST_INFO_NULL,
    };

    return vector_run("places in texts", tests);
}
