/*
 * series.h: whole numbers that change little, packed into a block of bytes and back.
 *
 * One block, byte by byte:
 *     1           format, SERIES_FORMAT
 *     varint      number of samples, 1 .. SERIES_BLOCK
 *     zigzag      first sample
 *     tokens      varint n << 1 | 0: n differences follow, a zigzag each
 *                 varint n << 1 | 1: one difference follows, which stands n times
 *     4           CRC-32 (IEEE 802.3) of all before it, little endian
 * A varint is base 128, low part first, top bit set but in its last byte. Zig-zag puts the sign
 * in the lowest bit. Differences are taken modulo 2^64, so every int64 has its place.
 *
 * A constant series costs about 12 bytes whatever its length, noise of a few units about one
 * byte per sample. No I/O here; what is no such block is refused.
 */
#ifndef RESULTS_STORE_SERIES_H
#define RESULTS_STORE_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include <harness/error.h>

enum {
    SERIES_FORMAT = 1,
    SERIES_BLOCK = 4096, /* samples in a block, at most */
};

/**
 * series_encode() - packs one block.
 * @count: 1 .. SERIES_BLOCK.
 * @out, @bytes: the block; the caller frees @out.
 *
 * Returns 0, ERROR_RANGE (@count) or ERROR_MEMORY; then @out is NULL.
 */
int series_encode(const int64_t *samples, size_t count, uint8_t **out, size_t *bytes);

/**
 * series_decode() - unpacks one block.
 * @samples: room for SERIES_BLOCK; what it holds after a refusal is undefined.
 * @count: samples in the block.
 *
 * Returns 0, or ERROR_CORRUPT for anything that is no whole, undamaged block.
 */
int series_decode(const uint8_t *block, size_t bytes, int64_t *samples, size_t *count);

#endif
