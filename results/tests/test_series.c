/*
 * test_series: whatever goes in comes out, little goes in small, and damage is refused.
 */
#include "store_fixture.h"

#include <results/store/series.h>

/* The same check sum by another way: a table, high half first made. */
static uint32_t reference_crc(const uint8_t *bytes, size_t length)
{
    uint32_t table[256], sum = 0xffffffff;

    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] & 1 ? 0xedb88320 ^ table[i] >> 1 : table[i] >> 1;
    }
    for (size_t i = 0; i < length; i++)
        sum = table[(sum ^ bytes[i]) & 0xff] ^ sum >> 8;
    return sum ^ 0xffffffff;
}

/* Encodes, decodes, compares; returns the size. */
static size_t round_trip(const int64_t *samples, size_t count)
{
    static int64_t back[SERIES_BLOCK];
    uint8_t *block;
    size_t bytes = 0, got = 0;

    CU_ASSERT_EQUAL_FATAL(series_encode(samples, count, &block, &bytes), 0);
    CU_ASSERT_EQUAL(series_decode(block, bytes, back, &got), 0);
    CU_ASSERT_EQUAL_FATAL(got, count);
    CU_ASSERT_EQUAL(memcmp(samples, back, count * sizeof *samples), 0);
    free(block);
    return bytes;
}

enum shape { CONSTANT, RAMP, NOISE, WILD, EXTREMES, PLATEAUS, SAWTOOTH, SHAPES };

static int64_t shaped(enum shape shape, uint64_t i, uint64_t *state)
{
    switch (shape) {
    case CONSTANT:
        return 123456789;
    case RAMP:
        return -500 + 8 * (int64_t)i;
    case NOISE:
        return 1000000 + (int64_t)(fixture_random(state) % 64);
    case WILD:
        return (int64_t)fixture_random(state);
    case EXTREMES:
        return (int64_t[]){INT64_MIN, INT64_MAX, 0, -1, 1}[fixture_random(state) % 5];
    case PLATEAUS: /* runs of every length around the shortest that is worth a token */
        return (int64_t)(i * i / 50) * 4096 / (1 + (int64_t)(*state % 3));
    default:
        return (int64_t)(i % 17) * 1000;
    }
}

static void test_round_trips(void)
{
    static int64_t samples[SERIES_BLOCK];

    for (uint64_t seed = 1; seed <= 210; seed++) {
        uint64_t state = seed;
        size_t count = seed % 3 == 0 ? 1 + fixture_random(&state) % SERIES_BLOCK : 1 + seed / 3;

        for (size_t i = 0; i < count; i++)
            samples[i] = shaped((enum shape)(seed % SHAPES), i, &state);
        round_trip(samples, count);
    }
}

/* Shapes of the same differences in runs of 1 to 9, next to each other in every order. */
static void test_runs_of_every_length(void)
{
    static int64_t samples[SERIES_BLOCK];

    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t state = seed;
        size_t count = 1;

        samples[0] = 7;
        while (count < 500) {
            int64_t step = (int64_t)(fixture_random(&state) % 5) - 2;

            for (uint64_t k = fixture_random(&state) % 9; k < 9; k++, count++)
                samples[count] = samples[count - 1] + step;
        }
        round_trip(samples, count);
    }
}

static void test_sizes(void)
{
    static int64_t samples[SERIES_BLOCK];
    uint64_t state = 5;

    for (int shape = CONSTANT; shape <= RAMP; shape++) {
        for (size_t i = 0; i < SERIES_BLOCK; i++)
            samples[i] = shaped((enum shape)shape, i, &state);
        CU_ASSERT_TRUE(round_trip(samples, SERIES_BLOCK) <= 20);
    }
    for (size_t i = 0; i < SERIES_BLOCK; i++)
        samples[i] = shaped(NOISE, i, &state);
    CU_ASSERT_TRUE(round_trip(samples, SERIES_BLOCK) <= SERIES_BLOCK * 12 / 10);
    for (size_t i = 0; i < SERIES_BLOCK; i++)
        samples[i] = shaped(WILD, i, &state);
    CU_ASSERT_TRUE(round_trip(samples, SERIES_BLOCK) <= SERIES_BLOCK * 10 + 32);
}

/* The bytes are a file format: they may not change under the same number. */
static void test_format(void)
{
    static const int64_t samples[] = {100, 100, 100, 100, 100, 100, 99, 300};
    static const uint8_t want[] = {1,    8,    0xc8, 0x01,  /* format, 8, 100 */
                                   0x0b, 0x00,              /* 5 times 0 */
                                   0x04, 0x01, 0x92, 0x03}; /* -1, +201 */
    uint8_t *block;
    size_t bytes;
    uint32_t sum = reference_crc(want, sizeof want);

    CU_ASSERT_EQUAL_FATAL(series_encode(samples, 8, &block, &bytes), 0);
    CU_ASSERT_EQUAL_FATAL(bytes, sizeof want + 4);
    CU_ASSERT_EQUAL(memcmp(block, want, sizeof want), 0);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(block[sizeof want + (size_t)i], (uint8_t)(sum >> 8 * i));
    free(block);
}

static void test_every_flip_and_cut_is_refused(void)
{
    static int64_t samples[100], back[SERIES_BLOCK];
    uint64_t state = 11;
    uint8_t *block, *longer;
    size_t bytes, count;

    for (size_t i = 0; i < 100; i++)
        samples[i] = shaped(i < 50 ? NOISE : RAMP, i, &state);
    CU_ASSERT_EQUAL_FATAL(series_encode(samples, 100, &block, &bytes), 0);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CU_ASSERT_EQUAL(series_decode(block, bytes, back, &count), ERROR_CORRUPT);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t length = 0; length < bytes; length++)
        CU_ASSERT_EQUAL(series_decode(block, length, back, &count), ERROR_CORRUPT);
    longer = calloc(1, bytes + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(longer);
    memcpy(longer, block, bytes);
    CU_ASSERT_EQUAL(series_decode(longer, bytes + 1, back, &count), ERROR_CORRUPT);
    CU_ASSERT_EQUAL(series_decode(block, bytes, back, &count), 0);
    free(longer);
    free(block);
}

/* A right check sum over wrong contents: the decoder has to look for itself. */
static int decode_with_sum(const uint8_t *bytes, size_t length)
{
    static int64_t back[SERIES_BLOCK];
    uint8_t *block = malloc(length + 4);
    uint32_t sum = reference_crc(bytes, length);
    size_t count;
    int code;

    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    memcpy(block, bytes, length);
    for (int i = 0; i < 4; i++)
        block[length + (size_t)i] = (uint8_t)(sum >> 8 * i);
    code = series_decode(block, length + 4, back, &count);
    free(block);
    return code;
}

static void test_lies_with_a_right_sum(void)
{
    static const struct {
        const char *what;
        uint8_t length;
        uint8_t bytes[20];
    } lies[] = {
        {"no samples", 3, {1, 0, 0}},
        {"more samples than a block", 4, {1, 0x81, 0x20, 0}},
        {"another format", 3, {2, 1, 0}},
        {"no first sample", 2, {1, 1}},
        {"differences missing", 3, {1, 3, 0}},
        {"an empty token", 5, {1, 2, 0, 0x00, 0x00}},
        {"a run longer than the block says", 5, {1, 2, 0, 0x05, 0x02}},
        {"more differences than the block says", 6, {1, 2, 0, 0x04, 0x02, 0x02}},
        {"bytes behind the end", 6, {1, 2, 0, 0x03, 0x02, 0x00}},
        {"a number without its end", 4, {1, 1, 0x80, 0x80}},
        {"a number in a longer spelling", 4, {1, 1, 0x80, 0x00}},
        {"a number of more than 64 bits",
         12,
         {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}},
        {"a number of eleven bytes",
         13,
         {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x01}},
        {"a huge token", 13, {1, 2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
    };
    static const uint8_t good[] = {1, 2, 0, 0x03, 0x02};

    CU_ASSERT_EQUAL(decode_with_sum(good, sizeof good), 0);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        int code = decode_with_sum(lies[i].bytes, lies[i].length);

        if (code != ERROR_CORRUPT)
            printf("\n    accepted: %s", lies[i].what);
        CU_ASSERT_EQUAL(code, ERROR_CORRUPT);
    }
}

/* Any bytes at all, with a right sum: refused or a block that says the same again. */
static void test_noise_never_misleads(void)
{
    uint64_t state = 99;
    uint8_t bytes[40];

    for (int n = 0; n < 20000; n++) {
        size_t length = 3 + fixture_random(&state) % 30;
        int code;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(fixture_random(&state) % (i % 2 ? 256 : 8));
        bytes[0] = SERIES_FORMAT;
        code = decode_with_sum(bytes, length);
        CU_ASSERT_TRUE(code == 0 || code == ERROR_CORRUPT);
    }
}

static void test_refuses_counts(void)
{
    static int64_t samples[SERIES_BLOCK + 1];
    uint8_t *block = (uint8_t *)samples;
    size_t bytes;

    CU_ASSERT_EQUAL(series_encode(samples, 0, &block, &bytes), ERROR_RANGE);
    CU_ASSERT_PTR_NULL(block);
    CU_ASSERT_EQUAL(series_encode(samples, SERIES_BLOCK + 1, &block, &bytes), ERROR_RANGE);
    CU_ASSERT_EQUAL(series_encode(samples, SIZE_MAX, &block, &bytes), ERROR_RANGE);
    CU_ASSERT_PTR_NULL(block);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"round trips of every shape", test_round_trips},
        {"runs of every length", test_runs_of_every_length},
        {"sizes", test_sizes},
        {"the bytes", test_format},
        {"every flip and cut is refused", test_every_flip_and_cut_is_refused},
        {"lies with a right sum", test_lies_with_a_right_sum},
        {"noise never misleads", test_noise_never_misleads},
        {"refuses counts", test_refuses_counts},
        CU_TEST_INFO_NULL,
    };

    return vector_run("series", tests);
}
