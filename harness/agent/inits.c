/*
 * inits: calls into modules that are not ready yet, or not any more, by the thread that sets
 * them up or takes them down.
 *
 * What can be known: a module is seen only where its code calls one of our hooks, by the return
 * address, or through libc before its constructors, when it has no business on the stack. That its
 * constructors were called is a bit in the loader's private structure, found
 * out by comparing (look_after); that its destructors were is seen at __cxa_finalize, which
 * the compiler's own destructor calls at the very end. Modules without constructors or
 * destructors of their own have nothing to be early or late for. What cannot: order among the
 * modules that were there before main (their constructors ran before the agent looks), code that
 * calls no hook, and what other threads do meanwhile.
 */
#include "inits.h"
#include "loader_table.h"
#include "ties.h"

#include <string.h>

/* --- where the loader keeps it -----------------------------------------------------------------
 */

enum { COMPARED_BYTES = 1024 /* of a structure of more than that */, MAPS = 3 };

/* The program, libc and ourselves: the agent's constructors are called first (-z initfirst). */
static struct {
    const unsigned char *map[MAPS];
    unsigned char before[MAPS][COMPARED_BYTES];
} compared;

static size_t bit_at; /* 0: not known */
static unsigned char bit_mask;

static bool is_libc(const struct link_map *map)
{
    const char *slash = strrchr(map->l_name, '/');

    return slash != NULL && strncmp(slash, "/libc.so", 8) == 0;
}

static void remember(unsigned index, const struct link_map *map)
{
    compared.map[index] = (const void *)map;
    memcpy(compared.before[index], map, COMPARED_BYTES);
}

static void look_before(void)
{
    struct dl_find_object object;

    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next) {
        if (map == _r_debug.r_map)
            remember(0, map);
        else if (is_libc(map))
            remember(1, map);
        else if (_dl_find_object((void *)inits_compare_before, &object) == 0 &&
                 object.dlfo_link_map == map)
            remember(2, map);
    }
}

/* Bits that were 0 in the first two then and are 1 now, and were 1 in ours all the time. */
static unsigned char candidates(size_t at)
{
    unsigned char bits = compared.before[2][at] & compared.map[2][at];

    for (unsigned i = 0; i < 2; i++)
        bits &= (unsigned char)(~compared.before[i][at] & compared.map[i][at]);
    return bits;
}

static void look_after(void)
{
    unsigned found = 0;

    for (size_t at = sizeof(struct link_map); at < COMPARED_BYTES; at++) {
        unsigned char bits = candidates(at);

        if (bits == 0)
            continue;
        found += (unsigned)__builtin_popcount(bits);
        bit_at = at;
        bit_mask = bits;
    }
    if (found != 1)
        bit_at = 0; /* another loader than those that this was written for */
}

void inits_compare_before(void)
{
    if (compared.map[0] == NULL)
        look_before();
}

void inits_compare_after(void)
{
    if (compared.map[1] != NULL && compared.map[2] != NULL)
        look_after();
}

/* --- what a module has to be early or late for --------------------------------------------- */

struct arrays {
    const uint64_t *init;
    const uint64_t *fini;
    uint64_t inits;
    uint64_t finis;
    const unsigned char *fini_function;
};

static struct arrays arrays_of(const struct link_map *map)
{
    struct arrays arrays = {0};

    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        uint64_t address = map->l_addr + entry->d_un.d_ptr;

        if (entry->d_tag == DT_INIT_ARRAY)
            arrays.init = (const void *)address;
        else if (entry->d_tag == DT_INIT_ARRAYSZ)
            arrays.inits = entry->d_un.d_val / sizeof(uint64_t);
        else if (entry->d_tag == DT_FINI_ARRAY)
            arrays.fini = (const void *)address;
        else if (entry->d_tag == DT_FINI_ARRAYSZ)
            arrays.finis = entry->d_un.d_val / sizeof(uint64_t);
        else if (entry->d_tag == DT_FINI)
            arrays.fini_function = (const void *)address;
    }
    return arrays;
}

/* One is the compiler's own, which sets nothing up. */
static bool has_constructors(const struct link_map *map)
{
    return arrays_of(map).inits > 1;
}

/* _fini as every linker makes it: sub $8, %rsp; add $8, %rsp; ret. */
static bool does_nothing(const unsigned char *function)
{
    static const unsigned char code[] = {0x48, 0x83, 0xec, 0x08, 0x48, 0x83, 0xc4, 0x08, 0xc3};
    static const unsigned char landing[] = {0xf3, 0x0f, 0x1e, 0xfa};

    if (function == NULL)
        return true;
    if (memcmp(function, landing, sizeof landing) == 0)
        function += sizeof landing;
    return memcmp(function, code, sizeof code) == 0;
}

/*
 * Destructors run from the last to the first, and the compiler's, in which @caller lies, is the
 * first where no priorities are given. Only then has the module nothing left to run.
 */
static bool was_the_last(const struct arrays *arrays, uint64_t caller)
{
    uint64_t nearest = 0;

    for (uint64_t i = 0; i < arrays->finis; i++)
        if (arrays->fini[i] <= caller && arrays->fini[i] > nearest)
            nearest = arrays->fini[i];
    return arrays->finis > 1 && nearest == arrays->fini[0] && does_nothing(arrays->fini_function);
}

/* --- modules whose destructors have run --------------------------------------------------------
 */

enum { FINISHED = 12 };

/* One thread's at a time: destructors run under the loader's lock, or at exit. */
static PER_CYCLE struct {
    const struct abi_lane *lane;
    uint64_t count;
    struct {
        uint64_t base;
        uint64_t end;
    } module[FINISHED];
} finished;

static uint64_t finished_base(const struct abi_lane *lane, uint64_t address)
{
    for (uint64_t i = 0; lane == finished.lane && i < finished.count; i++)
        if (address >= finished.module[i].base && address < finished.module[i].end)
            return finished.module[i].base;
    return 0;
}

static void add_finished(struct abi_lane *lane, const struct dl_find_object *object)
{
    if ((finished.lane != NULL && finished.lane != lane) || finished.count == FINISHED)
        return;
    finished.module[finished.count].base = (uint64_t)object->dlfo_map_start;
    finished.module[finished.count++].end = (uint64_t)object->dlfo_map_end;
    finished.lane = lane;
    lane->attention |= ATTEND_INITS;
}

void inits_finished(struct abi_lane *lane, uint64_t dso, uint64_t caller)
{
    struct dl_find_object object;
    struct arrays arrays;

    if (lane->elsewhere || dso == 0 || _dl_find_object((void *)dso, &object) != 0)
        return;
    arrays = arrays_of(object.dlfo_link_map);
    if (was_the_last(&arrays, caller))
        add_finished(lane, &object);
}

/* --- calls --------------------------------------------------------------------------------- */

void inits_begin(struct abi_lane *lane, bool opens)
{
    lane->attention |= ATTEND_INITS;
    if (opens)
        lane->attention |= ATTEND_OPENS;
}

/* What was finished is gone now, or what stayed was not finished. */
void inits_end(struct abi_lane *lane)
{
    if (finished.lane == lane) {
        finished.lane = NULL;
        finished.count = 0;
    }
    lane->attention &= ~(uint32_t)(ATTEND_INITS | ATTEND_OPENS);
}

/* The loader takes its mark away before it calls a module's destructors. */
bool inits_pause(struct abi_lane *lane)
{
    bool opens = (lane->attention & ATTEND_OPENS) != 0;

    lane->attention &= ~(uint32_t)ATTEND_OPENS;
    return opens;
}

static void note(struct abi_lane *lane, enum abi_tie_kind kind, uint64_t caller, uint64_t base)
{
    struct abi_tie tie = {
        .kind = kind,
        .lane = lane_index(lane),
        .address = caller,
        .object = base,
        .mode = lane->site,
    };

    tie.time = agent_ticks();
    ties_note(&tie);
}

static bool has_begun(const struct link_map *map)
{
    return (((const unsigned char *)map)[bit_at] & bit_mask) != 0;
}

/*
 * At exit the loader takes all marks away, the program's own first, and main is long begun. Looked
 * at last, since another thread may come to exit meanwhile.
 */
static void note_early(struct abi_lane *lane, uint64_t caller, const struct link_map *map)
{
    if (has_begun(_r_debug.r_map))
        note(lane, TIE_BEFORE_INIT, caller, map->l_addr);
}

/* --- through libc: what has not begun can have left nothing on the stack --------------------- */

enum { EARLY = 8, STACK_WORDS = 256 /* dlopen's own frames are more than that */ };

struct early {
    unsigned count;
    struct dl_find_object module[EARLY];
};

/* The loader's lists stand still: this thread is in dlopen, and has their lock. */
static void find_early(struct early *early)
{
    early->count = 0;
    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next)
        if (early->count < EARLY && !has_begun(map) && has_constructors(map) &&
            _dl_find_object(map->l_ld, &early->module[early->count]) == 0)
            early->count++;
}

static bool holds_code_at(const struct link_map *map, const ElfW(Ehdr) * header, uint64_t address)
{
    const ElfW(Phdr) *segment = (const void *)((const char *)header + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++, segment++) {
        uint64_t start = map->l_addr + segment->p_vaddr;

        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && address >= start + 8 &&
            address < start + segment->p_filesz)
            return true;
    }
    return false;
}

/* call rel32, or call through a register or memory. */
static bool follows_call(const unsigned char *at)
{
    return at[-5] == 0xe8 || (at[-2] == 0xff && (at[-1] & 0x38) == 0x10) ||
           (at[-6] == 0xff && (at[-5] & 0x38) == 0x10);
}

static const struct dl_find_object *returns_to(const struct early *early, uint64_t word)
{
    for (unsigned i = 0; i < early->count; i++) {
        const struct dl_find_object *module = &early->module[i];

        if (word >= (uint64_t)module->dlfo_map_start && word < (uint64_t)module->dlfo_map_end &&
            memcmp(module->dlfo_map_start, ELFMAG, SELFMAG) == 0 &&
            holds_code_at(module->dlfo_link_map, module->dlfo_map_start, word) &&
            follows_call((const unsigned char *)word))
            return module;
    }
    return NULL;
}

static void look_up_the_stack(struct abi_lane *lane)
{
    const uint64_t *word = __builtin_frame_address(0);
    struct early early;

    find_early(&early);
    for (unsigned i = 0; early.count > 0 && i < STACK_WORDS; i++) {
        const struct dl_find_object *module = returns_to(&early, word[i]);

        if (module == NULL)
            continue;
        note_early(lane, word[i], module->dlfo_link_map);
        return;
    }
}

static bool is_loader(uint64_t address)
{
    struct dl_find_object object;

    return _dl_find_object((void *)address, &object) != 0 ||
           (uint64_t)object.dlfo_map_start == _r_debug.r_ldbase;
}

static void look_early(struct abi_lane *lane)
{
    const struct link_map *map;

    if (!modules_came(lane->site_caller, &map)) {
        if (!is_loader(lane->site_caller))
            look_up_the_stack(lane);
    } else if (!has_begun(map) && has_constructors(map)) {
        note_early(lane, lane->site_caller, map);
    }
}

void inits_look(struct abi_lane *lane)
{
    uint64_t base;

    if (lane->elsewhere || abi_site_family(lane->site) == FAMILY_LOADER)
        return;
    if ((base = finished_base(lane, lane->site_caller)) != 0)
        note(lane, TIE_AFTER_FINI, lane->site_caller, base);
    else if ((lane->attention & ATTEND_OPENS) && bit_at != 0)
        look_early(lane);
}
