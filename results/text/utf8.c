/*
 * utf8: a strict decoder. Nothing here trusts its input, and nothing allocates.
 */
#include <results/text/utf8.h>

/* Bytes of the sequence that @lead begins, and its share of the value; 0 for no lead. */
static size_t lead_length(uint8_t lead, uint32_t *value)
{
    static const struct {
        uint8_t mask, mark;
    } leads[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};

    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if ((lead & leads[i].mask) == leads[i].mark) {
            *value = lead & (uint8_t)~leads[i].mask;
            return i + 1;
        }
    }
    return 0;
}

static int allowed(uint32_t value, size_t length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    return value >= least[length] && value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);
}

size_t utf8_next(const void *bytes, size_t length, uint32_t *character)
{
    const uint8_t *at = bytes;
    uint32_t value = 0;
    size_t need = lead_length(at[0], &value);

    *character = UTF8_BAD;
    if (need == 0 || need > length)
        return 1;
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (at[i] & 0x3f);
    }
    if (!allowed(value, need))
        return 1;
    *character = value;
    return need;
}

int utf8_valid(const void *bytes, size_t length)
{
    uint32_t character;

    for (size_t i = 0; i < length;) {
        i += utf8_next((const char *)bytes + i, length - i, &character);
        if (character == UTF8_BAD)
            return 0;
    }
    return 1;
}

size_t utf8_columns(const void *bytes, size_t length)
{
    size_t columns = 0;
    uint32_t character;

    for (size_t i = 0; i < length; columns++)
        i += utf8_next((const char *)bytes + i, length - i, &character);
    return columns;
}
