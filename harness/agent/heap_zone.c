/*
 * heap_zone: --heap-check zones. Each block is a little longer than was asked for; what lies
 * behind the program's bytes is a pattern, looked at when the block is freed or moved, and for
 * those that live at the cycle's end or at a crash. Before the block lies a word of glibc's own
 * (the chunk's size), which must fit what was asked for: that is the zone before it.
 *
 * A block in the table has its pattern at all times, but other threads may free it while it is
 * looked at: what looks bad is looked at again, and must still be in the table then.
 */
#include "heap_check.h"

#include <string.h>
#include <sys/uio.h>

enum {
    GROUP = 4096,    /* slots of the table that are visited together, if any of them was used */
    LOOKS = 3,       /* at a block that seems changed, while others may free it */
    CHUNK_MORE = 32, /* glibc gives at most so much more than it must (aligned blocks) */
    SIZE_FLAGS = 7,  /* of a chunk's size word */
    MAPPED = 2,
};

/* No NUL and no letter: what strings overrun with shows. Eight bytes at once, @word of ZONE_WORDS.
 */
static uint64_t pattern(uint64_t block, unsigned word)
{
    uint64_t mixed = (block >> 4) * UINT64_C(0x9e3779b97f4a7c15) + word;

    return mixed | UINT64_C(0x8080808080808080);
}

/* Of this process's cycle: a forked child of the server begins with none. */
static uint64_t used_groups[ABI_HEAP_SLOTS / GROUP / 64];

static void mark_group(uint32_t group)
{
    uint64_t bit = UINT64_C(1) << group % 64;

    if (!(used_groups[group / 64] & bit))
        __atomic_fetch_or(&used_groups[group / 64], bit, __ATOMIC_RELAXED);
}

void zone_write(void *block, size_t bytes)
{
    uint8_t *zone = (uint8_t *)block + bytes;

    for (unsigned i = 0; i < ZONE_WORDS; i++) {
        uint64_t word = pattern((uint64_t)block, i);

        memcpy(zone + i * sizeof word, &word, sizeof word);
    }
    mark_group(heap_home((uint64_t)block) / GROUP);
}

/** struct look - what was found at a block. @first: -1 if nothing has changed. */
struct look {
    int first;
    uint32_t changed;
    uint8_t seen[8];
    bool before;
};

static struct look look_behind(uint64_t block, const uint8_t *zone)
{
    struct look look = {.first = -1};
    uint64_t wanted[ZONE_WORDS];

    for (unsigned i = 0; i < ZONE_WORDS; i++)
        wanted[i] = pattern(block, i);
    if (memcmp(zone, wanted, ZONE_BYTES) == 0)
        return look;
    for (int i = 0; i < ZONE_BYTES; i++) {
        if (zone[i] == ((uint8_t *)wanted)[i])
            continue;
        look.changed++;
        if (look.first < 0) {
            look.first = i;
            memcpy(look.seen, zone + i, ZONE_BYTES - i < 8 ? (size_t)(ZONE_BYTES - i) : 8);
        }
    }
    return look;
}

/* Source: glibc 2.36 malloc.c, request2size(), _int_memalign() and the format of a chunk. */
static bool word_fits(uint64_t word, uint64_t bytes)
{
    uint64_t chunk = (bytes + ZONE_BYTES + 8 + 15) & ~UINT64_C(15);
    uint64_t size = word & ~(uint64_t)SIZE_FLAGS;

    return size % 16 == 0 && size >= chunk && (word & MAPPED || size <= chunk + CHUNK_MORE);
}

static struct look look_at(uint64_t block, uint64_t bytes, const uint8_t *zone,
                           const uint64_t *word)
{
    struct look look = look_behind(block, zone);

    if (look.first < 0 && word != NULL && !word_fits(*word, bytes)) {
        look.before = true;
        look.first = 0;
        look.changed = sizeof *word;
        memcpy(look.seen, word, sizeof *word);
    }
    return look;
}

static void put_down(struct abi_lane *lane, uint64_t block, struct heap_block was,
                     const struct look *look, bool by_a_call)
{
    struct abi_heap_fault *fault =
        fault_begin(lane, look->before ? HEAP_FAULT_BEFORE : HEAP_FAULT_BEHIND, block);

    if (fault == NULL)
        return;
    fault_block(fault, block, was);
    if (!by_a_call) {
        fault->site = SITE_ANY;
        fault->caller = 0;
        fault->stack.bytes = 0;
    }
    fault->offset = look->before ? -8 : was.bytes + look->first;
    fault->changed = look->changed;
    memcpy(fault->seen, look->seen, sizeof fault->seen);
    fault_end(fault);
}

void zone_check(struct abi_lane *lane, const void *block, struct heap_block was)
{
    const uint64_t *word = heap_is_glibc() ? (const uint64_t *)block - 1 : NULL;
    struct look look;

    if (!zone_fits((size_t)was.bytes))
        return;
    look = look_at((uint64_t)block, (uint64_t)was.bytes, (const uint8_t *)block + was.bytes, word);
    if (look.first >= 0)
        put_down(lane, (uint64_t)block, was, &look, true);
}

/* --- at the end ----------------------------------------------------------------------------- */

/* What is not there any more can't be read, and is no fault of this kind. */
static bool read_both(uint64_t block, uint64_t bytes, uint8_t *zone, uint64_t *word)
{
    struct iovec local[2] = {{word, sizeof *word}, {zone, ZONE_BYTES}};
    struct iovec remote[2] = {{(void *)(block - 8), sizeof *word},
                              {(void *)(block + bytes), ZONE_BYTES}};

    return raw_syscall(SYS_process_vm_readv, RAW1(SYS_getpid, 0), (long)local, 2, (long)remote, 2,
                       0) == (long)(sizeof *word + ZONE_BYTES);
}

static bool is_live(const struct abi_heap_slot *slot, uint64_t key)
{
    return __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE) == key;
}

static void check_slot(struct abi_lane *lane, const struct abi_heap_slot *slot, uint64_t key)
{
    uint64_t block = key >> HEAP_EPOCH_BITS << 4;
    struct heap_block was = {slot->bytes, slot->caller};
    uint8_t zone[ZONE_BYTES];
    uint64_t word;
    struct look look = {.first = -1};

    if (!zone_fits(slot->bytes) || guard_holds((void *)block))
        return;
    for (unsigned i = 0; i < LOOKS; i++) {
        if (!read_both(block, (uint64_t)was.bytes, zone, &word))
            return;
        look = look_at(block, (uint64_t)was.bytes, zone, heap_is_glibc() ? &word : NULL);
        if (look.first < 0 || !is_live(slot, key) || (int64_t)slot->bytes != was.bytes)
            return;
    }
    put_down(lane, block, was, &look, false);
}

static void check_group(struct abi_lane *lane, uint32_t group)
{
    uint64_t epoch = CONTROL->epoch & HEAP_EPOCH_MASK;

    for (uint32_t i = 0; i < GROUP; i++) {
        const struct abi_heap_slot *slot =
            &agent_memory->heap[(group * GROUP + i) & (ABI_HEAP_SLOTS - 1)];
        uint64_t key = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);

        if ((key & HEAP_EPOCH_MASK) == epoch)
            check_slot(lane, slot, key);
    }
}

/* A slot may lie a few behind its home, in the next group: that one is visited as well. */
static void check_zones(struct abi_lane *lane)
{
    bool before = false;

    for (uint32_t group = 0; group < ABI_HEAP_SLOTS / GROUP; group++) {
        bool used = used_groups[group / 64] >> group % 64 & 1;

        if (used || before)
            check_group(lane, group);
        before = used;
    }
}

void heap_check_end(struct abi_lane *lane)
{
    if (lane->elsewhere || CONTROL->heap_faults >= ABI_HEAP_FAULTS)
        return;
    if (heap_checks(OPTION_HEAP_ZONES))
        check_zones(lane);
    if (heap_checks(OPTION_HEAP_FILL))
        fill_check_end(lane);
}
