/*
 * series: the codec of sample blocks. Pure but for one allocation; no I/O, no SQLite.
 *
 * The writer's buffer is sized for the worst case beforehand, so only the reader checks
 * bounds, and it checks every one: a block comes from a file that anybody may have damaged.
 */
#include <results/store/series.h>

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    VARINT_BYTES = 10,
    CRC_BYTES = 4,
    /* A shorter run in the midst of differences is cheaper as differences. */
    RUN_LEAST = 4,
};

struct writer {
    uint8_t *at;
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static uint32_t crc(const uint8_t *bytes, size_t length)
{
    uint32_t sum = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~sum;
}

static uint64_t zigzag(uint64_t number)
{
    return number << 1 ^ (number >> 63 ? UINT64_MAX : 0);
}

static uint64_t unzigzag(uint64_t number)
{
    return number >> 1 ^ (number & 1 ? UINT64_MAX : 0);
}

static void put(struct writer *writer, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *writer->at++ = (uint8_t)(number | 0x80);
    *writer->at++ = (uint8_t)number;
}

static uint64_t get(struct reader *reader)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 7 * VARINT_BYTES; shift += 7) {
        uint8_t byte;

        if (reader->at == reader->end)
            break;
        byte = *reader->at++;
        if (shift == 63 && byte > 1)
            break;
        number |= (uint64_t)(byte & 0x7f) << shift;
        /* A last byte of 0 is a longer spelling of the same number: not one of ours. */
        if (byte < 0x80 && (byte != 0 || shift == 0))
            return number;
        if (byte == 0)
            break;
    }
    reader->bad = true;
    return 0;
}

static uint64_t difference(const int64_t *samples, size_t i)
{
    return (uint64_t)samples[i] - (uint64_t)samples[i - 1];
}

/* How often the difference at @i stands there in a row. */
static size_t run_length(const int64_t *samples, size_t i, size_t count)
{
    size_t n = 1;

    while (i + n < count && difference(samples, i + n) == difference(samples, i))
        n++;
    return n;
}

/* Differences from @i on up to the next run worth its token, or to the end. */
static size_t literal_length(const int64_t *samples, size_t i, size_t count)
{
    size_t n = 0;

    while (i + n < count) {
        size_t run = run_length(samples, i + n, count);

        if (run >= RUN_LEAST)
            break;
        n += run;
    }
    return n;
}

static size_t put_token(struct writer *writer, const int64_t *samples, size_t i, size_t count)
{
    size_t literals = literal_length(samples, i, count);
    size_t run;

    if (literals == 0) {
        run = run_length(samples, i, count);
        put(writer, (uint64_t)run << 1 | 1);
        put(writer, zigzag(difference(samples, i)));
        return run;
    }
    put(writer, (uint64_t)literals << 1);
    for (size_t k = 0; k < literals; k++)
        put(writer, zigzag(difference(samples, i + k)));
    return literals;
}

static void put_crc(struct writer *writer, const uint8_t *start)
{
    uint32_t sum = crc(start, (size_t)(writer->at - start));

    for (int shift = 0; shift < 32; shift += 8)
        *writer->at++ = (uint8_t)(sum >> shift);
}

int series_encode(const int64_t *samples, size_t count, uint8_t **out, size_t *bytes)
{
    /* A token in front of every difference is more than can ever be written. */
    size_t room = 1 + VARINT_BYTES * (2 + 2 * count) + CRC_BYTES;
    struct writer writer;
    uint8_t *start;

    *out = NULL;
    if (count < 1 || count > SERIES_BLOCK)
        return ERROR_RANGE;
    start = malloc(room);
    if (start == NULL)
        return ERROR_MEMORY;
    writer.at = start;
    *writer.at++ = SERIES_FORMAT;
    put(&writer, count);
    put(&writer, zigzag((uint64_t)samples[0]));
    for (size_t i = 1; i < count;)
        i += put_token(&writer, samples, i, count);
    put_crc(&writer, start);
    *bytes = (size_t)(writer.at - start);
    assert(*bytes <= room);
    *out = start;
    return 0;
}

static bool crc_matches(const uint8_t *block, size_t bytes)
{
    uint32_t sum = 0;

    for (int i = 0; i < CRC_BYTES; i++)
        sum |= (uint32_t)block[bytes - CRC_BYTES + (size_t)i] << 8 * i;
    return crc(block, bytes - CRC_BYTES) == sum;
}

/* One token onto samples[i ..]; the number of samples, 0 for a refusal. */
static size_t get_token(struct reader *reader, int64_t *samples, size_t i, size_t count)
{
    uint64_t token = get(reader), n = token >> 1, step = 0;

    if (reader->bad || n == 0 || n > count - i)
        return 0;
    for (size_t k = 0; k < n; k++) {
        if (k == 0 || !(token & 1))
            step = unzigzag(get(reader));
        samples[i + k] = (int64_t)((uint64_t)samples[i + k - 1] + step);
    }
    return reader->bad ? 0 : n;
}

int series_decode(const uint8_t *block, size_t bytes, int64_t *samples, size_t *count)
{
    struct reader reader;
    uint64_t n;

    if (bytes < 1 + CRC_BYTES || block[0] != SERIES_FORMAT || !crc_matches(block, bytes))
        return ERROR_CORRUPT;
    reader = (struct reader){.at = block + 1, .end = block + bytes - CRC_BYTES};
    n = get(&reader);
    if (reader.bad || n < 1 || n > SERIES_BLOCK)
        return ERROR_CORRUPT;
    samples[0] = (int64_t)unzigzag(get(&reader));
    for (size_t i = 1; i < n && !reader.bad;) {
        size_t got = get_token(&reader, samples, i, n);

        if (got == 0)
            return ERROR_CORRUPT;
        i += got;
    }
    if (reader.bad || reader.at != reader.end)
        return ERROR_CORRUPT;
    *count = n;
    return 0;
}
