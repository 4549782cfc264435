/*
 * test_opinion: what is said of a series, word by word. The verdicts themselves are tested with
 * the leak test.
 */
#include "text_fixture.h"

#include <results/text/opinion.h>

enum { LONGEST = 600 };

static void expect_verdict(const struct opinion *opinion, const char *word, const char *want)
{
    struct capture c;

    CU_ASSERT_STRING_EQUAL(opinion_word(opinion), word);
    opinion_verdict(capture_open(&c), opinion, "bytes");
    expect_capture(&c, want);
}

/* @step bytes more in each cycle. */
static struct opinion of_line(size_t count, long long step, enum stats_leak_kind kind)
{
    long long samples[LONGEST];
    struct opinion opinion;

    for (size_t i = 0; i < count; i++)
        samples[i] = 4096 + (long long)i * step;
    opinion_form(&opinion, samples, count, kind, 0);
    return opinion;
}

static void test_verdicts(void)
{
    struct opinion opinion = of_line(5, 8, STATS_LEAK_EXACT);

    expect_verdict(&opinion, "too-short",
                   "too short: 5 cycles, 25 are needed for an opinion and 105 for a verdict");
    opinion = of_line(25, 8, STATS_LEAK_EXACT);
    expect_verdict(&opinion, "suspect", "suspect");
    CU_ASSERT_EQUAL(opinion_needs(&opinion), 105);
    opinion = of_line(105, 8, STATS_LEAK_EXACT);
    expect_verdict(&opinion, "leak", "leak over 105 cycles");
    CU_ASSERT_EQUAL(opinion_needs(&opinion), 0);
    opinion = of_line(425, 8, STATS_LEAK_OTHER);
    expect_verdict(&opinion, "leak", "leak");
    opinion = of_line(25, 0, STATS_LEAK_OTHER);
    expect_verdict(&opinion, "undecided",
                   "undecided: nothing seen, but 25 cycles rule nothing out; 425 are needed");
}

/* Never "no leak": the smallest one that the series would have shown. */
static void test_silence_has_a_bound(void)
{
    struct opinion opinion = of_line(425, 0, STATS_LEAK_EXACT);
    struct capture c;

    CU_ASSERT_TRUE(opinion_is_bounded(&opinion));
    CU_ASSERT_EQUAL(opinion.quantum, 4096);
    CU_ASSERT_DOUBLE_EQUAL(opinion_likely(&opinion), 3 * opinion.smallest.per_lap, 0);
    opinion_verdict(capture_open(&c), &opinion, "bytes");
    CU_ASSERT_EQUAL(strncmp(capture_close(&c), "none above ", 11), 0);
    expect_has(c.text, " bytes/cycle");
    capture_free(&c);
}

/* What was a leak at 105 cycles and is none later is told. */
static void test_withdrawn(void)
{
    long long samples[LONGEST];
    struct opinion opinion;

    for (size_t i = 0; i < LONGEST; i++)
        samples[i] = i < 105 ? 8 * (long long)i : 8 * 104;
    opinion_form(&opinion, samples, LONGEST, STATS_LEAK_EXACT, 8);
    CU_ASSERT_EQUAL(opinion.trail.leak_at, 105);
    CU_ASSERT_EQUAL(opinion.trail.withdrawn_at, 425);
    CU_ASSERT_NOT_EQUAL(opinion.leak.verdict, STATS_LEAK_FOUND);
}

static void test_numbers(void)
{
    char text[AMOUNT_BYTES];

    CU_ASSERT_STRING_EQUAL(opinion_signed(0, text), "0");
    CU_ASSERT_STRING_EQUAL(opinion_signed(8.25, text), "+8.25");
    CU_ASSERT_STRING_EQUAL(opinion_signed(-123456.7, text), "-123457");
    CU_ASSERT_STRING_EQUAL(opinion_bound(1000.2, text), "1001");
    CU_ASSERT_STRING_EQUAL(opinion_bound(0.25, text), "0.25");
    CU_ASSERT_TRUE(strtod(opinion_bound(0.123456, text), NULL) >= 0.123456);
    CU_ASSERT_STRING_EQUAL(opinion_class_meaning(STATS_LEAK_NONE), "");
    CU_ASSERT_STRING_EQUAL(opinion_class_meaning(STATS_LEAK_RISING),
                           "the floor rises and keeps rising");
}

static void test_series_of_a_run(void)
{
    static const int64_t samples[] = {3, 2, -1, 5};

    CU_ASSERT_EQUAL(opinion_kind("heap.bytes"), STATS_LEAK_EXACT);
    CU_ASSERT_EQUAL(opinion_kind("rss.pages"), STATS_LEAK_OTHER);
    CU_ASSERT_EQUAL(opinion_quantum("heap.bytes"), 8);
    CU_ASSERT_EQUAL(opinion_quantum("fds"), 1);
    CU_ASSERT_STRING_EQUAL(opinion_unit("fds"), "descriptors");
    CU_ASSERT_STRING_EQUAL(opinion_unit("rss.pages"), "pages");
    CU_ASSERT_STRING_EQUAL(opinion_unit("?"), "units");
    CU_ASSERT_EQUAL(opinion_usable("fds", samples, 4), 2);
    CU_ASSERT_EQUAL(opinion_usable("heap.bytes", samples, 4), 4);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"verdicts", test_verdicts},
        {"silence has a bound", test_silence_has_a_bound},
        {"withdrawn", test_withdrawn},
        {"numbers", test_numbers},
        {"series of a run", test_series_of_a_run},
        CU_TEST_INFO_NULL,
    };

    return vector_run("opinion", tests);
}
