/*
 * test_utf8: every scalar value is read back, and nothing else is accepted.
 */
#include "text_fixture.h"

#include <results/text/utf8.h>

/* An encoder that is independent of the decoder. Also of values that may not be encoded. */
static size_t encode(uint32_t c, size_t length, char out[4])
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = length; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[length] | c);
    return length;
}

static size_t shortest(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void test_every_scalar_value(void)
{
    unsigned wrong = 0;
    uint32_t got;
    char bytes[4];

    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        size_t length = encode(c, shortest(c), bytes);
        size_t took = utf8_next(bytes, length, &got);
        bool surrogate = c >= 0xd800 && c <= 0xdfff;

        wrong += surrogate ? took != 1 || got != UTF8_BAD : took != length || got != c;
        /* Cut short, it is bad. */
        if (length > 1)
            wrong += utf8_next(bytes, length - 1, &got) != 1 || got != UTF8_BAD;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void test_overlong_and_too_large(void)
{
    unsigned wrong = 0;
    uint32_t got;
    char bytes[4];

    for (uint32_t c = 0; c < 0x10000; c++)
        for (size_t length = shortest(c) + 1; length <= 4; length++) {
            encode(c, length, bytes);
            wrong += utf8_next(bytes, length, &got) != 1 || got != UTF8_BAD;
        }
    for (uint32_t c = 0x110000; c < 0x1fffff; c += 77) {
        encode(c, 4, bytes);
        wrong += utf8_next(bytes, 4, &got) != 1 || got != UTF8_BAD;
    }
    for (int lead = 0xf8; lead <= 0xff; lead++) {
        bytes[0] = (char)lead;
        wrong += utf8_next(bytes, 4, &got) != 1 || got != UTF8_BAD;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void test_whole_strings(void)
{
    CU_ASSERT_TRUE(utf8_valid("", 0));
    CU_ASSERT_TRUE(utf8_valid("T1 \xe2\x94\x80\xe2\x96\xba", 9));
    CU_ASSERT_FALSE(utf8_valid("T1 \xe2\x94", 5));
    CU_ASSERT_FALSE(utf8_valid("\x80", 1));
    CU_ASSERT_TRUE(utf8_valid("a\0b", 3));
    CU_ASSERT_EQUAL(utf8_columns("T1 \xe2\x94\x80\xe2\x96\xba", 9), 5);
    CU_ASSERT_EQUAL(utf8_columns("\xff\xfe!", 3), 3);
    CU_ASSERT_EQUAL(utf8_columns("", 0), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every scalar value", test_every_scalar_value},
        {"overlong and too large", test_overlong_and_too_large},
        {"whole strings", test_whole_strings},
        CU_TEST_INFO_NULL,
    };

    return vector_run("utf8", tests);
}
