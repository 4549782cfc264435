/*
 * cfi: reads just enough of .eh_frame to know what unwinders will see at a return address.
 * What it does not understand it calls bad; then another place is looked for.
 */
#include "cfi.h"

#include <stddef.h>
#include <string.h>

enum { CANDIDATES = 4096, REMEMBERED = 4 };
enum { REGISTER_RSP = 7, REGISTER_RETURN = 16 };

/* The header: version, three encodings, then a table of (start, description), sorted. */
struct header {
    uint8_t version;
    uint8_t frame_encoding;
    uint8_t count_encoding;
    uint8_t table_encoding;
    int32_t frame;
    uint32_t count;
    struct {
        int32_t start;
        int32_t description;
    } entry[];
};

enum { ENCODED_UDATA4 = 0x03, ENCODED_PCREL_SDATA4 = 0x1b, ENCODED_DATAREL_SDATA4 = 0x3b };

/* What is known about one place: where the canonical frame address is, what is saved. */
struct row {
    uint64_t offset;
    uint32_t base;
    uint32_t saved; /* bit per register other than the return address */
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static uint64_t get(struct reader *reader, size_t bytes)
{
    uint64_t value = 0;

    if ((size_t)(reader->end - reader->at) < bytes) {
        reader->bad = true;
        reader->at = reader->end;
        return 0;
    }
    memcpy(&value, reader->at, bytes);
    reader->at += bytes;
    return value;
}

static uint64_t get_leb(struct reader *reader)
{
    uint64_t value = 0;
    uint8_t byte;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        byte = (uint8_t)get(reader, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    reader->bad = true;
    return 0;
}

/* One record, its length taken off; 64-bit lengths are not used in practice. */
static struct reader open_record(const uint8_t *at)
{
    struct reader reader = {at + 4, at + 4, false};
    uint32_t length;

    memcpy(&length, at, sizeof length);
    if (length == 0 || length == UINT32_MAX)
        reader.bad = true;
    else
        reader.end += length;
    return reader;
}

/* --- the instructions ------------------------------------------------------------------------ */

struct machine {
    struct row row;
    struct row initial;
    struct row remembered[REMEMBERED];
    unsigned depth;
    uint64_t location; /* code that @row is about begins here */
    uint64_t align;
};

static void save(struct machine *machine, uint64_t number)
{
    if (number < REGISTER_RETURN)
        machine->row.saved |= 1u << number;
}

static void restore(struct machine *machine, uint64_t number)
{
    uint32_t bit = number < REGISTER_RETURN ? 1u << number : 0;

    machine->row.saved = (machine->row.saved & ~bit) | (machine->initial.saved & bit);
}

static void push(struct machine *machine, struct reader *reader)
{
    if (machine->depth == REMEMBERED)
        reader->bad = true;
    else
        machine->remembered[machine->depth++] = machine->row;
}

static void pop(struct machine *machine, struct reader *reader)
{
    if (machine->depth == 0)
        reader->bad = true;
    else
        machine->row = machine->remembered[--machine->depth];
}

/* DW_CFA_* with their operands in the following bytes. */
static void extended(struct machine *machine, struct reader *reader, unsigned code)
{
    switch (code) {
    case 0x00: /* nop */
        break;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
        machine->location += get(reader, (size_t)1 << (code - 2)) * machine->align;
        break;
    case 0x05: /* offset_extended */
        save(machine, get_leb(reader));
        get_leb(reader);
        break;
    case 0x06: /* restore_extended */
        restore(machine, get_leb(reader));
        break;
    case 0x0a:
        push(machine, reader);
        break;
    case 0x0b:
        pop(machine, reader);
        break;
    case 0x0c: /* def_cfa */
        machine->row.base = (uint32_t)get_leb(reader);
        machine->row.offset = get_leb(reader);
        break;
    case 0x0d: /* def_cfa_register */
        machine->row.base = (uint32_t)get_leb(reader);
        break;
    case 0x0e: /* def_cfa_offset */
        machine->row.offset = get_leb(reader);
        break;
    case 0x2e: /* GNU_args_size */
        get_leb(reader);
        break;
    default:
        reader->bad = true;
    }
}

/* Runs up to the row that holds @pc. */
static void run(struct machine *machine, struct reader *reader, uint64_t pc)
{
    while (!reader->bad && reader->at < reader->end) {
        struct machine before = *machine;
        uint8_t byte = (uint8_t)get(reader, 1);

        switch (byte >> 6) {
        case 1: /* advance_loc */
            machine->location += (byte & 0x3f) * machine->align;
            break;
        case 2: /* offset */
            save(machine, byte & 0x3f);
            get_leb(reader);
            break;
        case 3: /* restore */
            restore(machine, byte & 0x3f);
            break;
        default:
            extended(machine, reader, byte);
        }
        if (machine->location > pc) {
            *machine = before;
            return;
        }
    }
}

/* --- the records -------------------------------------------------------------------------------
 */

/* The common part: "zR", "zRS" ... A personality ('P') may run code of its own: bad. */
static bool open_common(const uint8_t *at, struct reader *reader, struct machine *machine)
{
    const char *augmentation;
    uint64_t bytes;
    uint8_t version;

    *reader = open_record(at);
    if (get(reader, 4) != 0)
        return false;
    version = (uint8_t)get(reader, 1);
    augmentation = (const char *)reader->at;
    while (get(reader, 1) != 0)
        ;
    machine->align = get_leb(reader);
    get_leb(reader); /* data alignment, signed: of no interest */
    if (version != 1 || reader->bad || get(reader, 1) != REGISTER_RETURN ||
        strcmp(augmentation, "zR") != 0)
        return false;
    bytes = get_leb(reader);
    if (bytes != 1 || get(reader, 1) != ENCODED_PCREL_SDATA4)
        return false;
    return !reader->bad;
}

/* True if @at describes @pc; then @good tells whether it lets an unwinder cross. */
static bool describes(const uint8_t *at, uint64_t pc, bool *good)
{
    struct machine machine = {{0, 0, 0}, {0, 0, 0}, {{0, 0, 0}}, 0, 0, 1};
    struct reader own = open_record(at);
    struct reader common;
    const uint8_t *pointer = own.at;
    uint64_t start;
    uint64_t bytes;

    pointer -= (uint32_t)get(&own, 4);
    start = (uint64_t)own.at; /* told relative to the place where it stands */
    start += (uint64_t)(int64_t)(int32_t)get(&own, 4);
    bytes = get(&own, 4);
    if (own.bad || pc < start || pc >= start + bytes)
        return false;
    *good = false;
    if (!open_common(pointer, &common, &machine))
        return true;
    machine.location = start;
    run(&machine, &common, UINT64_MAX);
    machine.initial = machine.row;
    bytes = get_leb(&own);
    if (bytes > (size_t)(own.end - own.at))
        return true;
    own.at += bytes;
    run(&machine, &own, pc);
    *good = !common.bad && !own.bad && machine.row.base == REGISTER_RSP &&
            machine.row.offset == 8 && machine.row.saved == 0;
    return true;
}

static const uint8_t *find_description(const struct header *header, uint64_t pc)
{
    int64_t place = (int64_t)(pc - (uint64_t)header);
    uint32_t low = 0;
    uint32_t high = header->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (header->entry[middle].start <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? (const uint8_t *)header + header->entry[low - 1].description : NULL;
}

static bool readable(const struct header *header)
{
    return header != NULL && header->version == 1 && header->count_encoding == ENCODED_UDATA4 &&
           header->table_encoding == ENCODED_DATAREL_SDATA4 && header->frame_encoding == 0x1b;
}

enum quality { ANY, STOPS, CROSSES };

/* Unwinders look one byte before a return address. */
static enum quality quality_of(const struct header *header, uint64_t ret)
{
    const uint8_t *at = find_description(header, ret - 1);
    bool good;

    if (at == NULL || !describes(at, ret - 1, &good))
        return STOPS;
    return good ? CROSSES : ANY;
}

uint64_t cfi_ret(const unsigned char *from, const unsigned char *to, const void *frames,
                 bool *crosses)
{
    uint64_t best[3] = {0, 0, 0};
    unsigned candidates = 0;

    for (const unsigned char *at = from; at < to && candidates < CANDIDATES; at++, candidates++) {
        enum quality quality;

        at = memchr(at, 0xc3, (size_t)(to - at));
        if (at == NULL)
            break;
        quality = readable(frames) ? quality_of(frames, (uint64_t)at) : ANY;
        if (best[quality] == 0)
            best[quality] = (uint64_t)at;
        if (quality == CROSSES)
            break;
    }
    if (crosses != NULL)
        *crosses = best[CROSSES] != 0;
    if (best[CROSSES] != 0)
        return best[CROSSES];
    return best[STOPS] != 0 ? best[STOPS] : best[ANY];
}
