/*
 * histogram: packs, unpacks and adds counts. What the buckets mean is latency.h's business.
 */
#include <results/store/histogram.h>

void histogram_pack(const uint32_t counts[ABI_HISTOGRAM], uint8_t out[HISTOGRAM_BYTES])
{
    for (int i = 0; i < HISTOGRAM_BYTES; i++)
        out[i] = (uint8_t)(counts[i / 4] >> 8 * (i % 4));
}

int histogram_read(struct store *store, sqlite3_stmt *statement, int column,
                   uint32_t counts[ABI_HISTOGRAM], struct error *e)
{
    const uint8_t *bytes = sqlite3_column_blob(statement, column);

    if (bytes == NULL || sqlite3_column_bytes(statement, column) != HISTOGRAM_BYTES)
        return error_set(e, ERROR_CORRUPT,
                         "store: %s: a histogram has not its %d bytes: fetch a copy, or begin a "
                         "new run",
                         store->path, HISTOGRAM_BYTES);
    for (int i = 0; i < ABI_HISTOGRAM; i++)
        counts[i] = 0;
    for (int i = 0; i < HISTOGRAM_BYTES; i++)
        counts[i / 4] |= (uint32_t)bytes[i] << 8 * (i % 4);
    return 0;
}

void histogram_add(uint32_t counts[ABI_HISTOGRAM], const uint32_t more[ABI_HISTOGRAM])
{
    for (int i = 0; i < ABI_HISTOGRAM; i++)
        counts[i] = counts[i] > UINT32_MAX - more[i] ? UINT32_MAX : counts[i] + more[i];
}
