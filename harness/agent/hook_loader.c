/*
 * hook_loader: dlopen, dlmopen, dlclose, dl_iterate_phdr, and the table of modules that came
 * and went. loader.S says how the first three are entered.
 */
#include "agent.h"
#include "cfi.h"
#include "inits.h"
#include "loader_sites.h"
#include "loader_table.h"
#include "ties.h"

#include <string.h>

/*
 * What loader.S keeps on the stack across the call; 32 bytes. @added: 0 in an outermost call, in
 * one by a constructor or destructor 1 more than the modules that the loader had ever added.
 */
struct loader_frame {
    struct agent_call call;
    uint64_t added;
    uint64_t caller;
};
_Static_assert(sizeof(struct loader_frame) == 32, "loader.S reserves 32 bytes");

uint64_t loader_before(struct loader_frame *frame, uint32_t which, uint64_t caller,
                       uint64_t argument);
void loader_after(struct loader_frame *frame, uint64_t result);

/* Read by loader.S. */
void *loader_real_dlopen;
void *loader_real_dlmopen;
void *loader_real_dl_iterate_phdr;

/* --- a ret in the caller's module -------------------------------------------------------- */

static bool holds_code(const ElfW(Phdr) * segment, uint64_t start, uint64_t address)
{
    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && address >= start &&
           address < start + segment->p_filesz;
}

/*
 * Looked for anew each time: the module that lay here a moment ago may have been another one.
 * 0: the caller is in no module (code made at run time), or its headers are not mapped.
 */
static uint64_t gadget_for(uint64_t caller)
{
    struct dl_find_object object;
    const ElfW(Ehdr) * header;
    const ElfW(Phdr) * segment;

    if (_dl_find_object((void *)caller, &object) != 0)
        return 0;
    header = object.dlfo_map_start;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return 0;
    segment = (const void *)((const char *)header + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++, segment++) {
        uint64_t start = (header->e_type == ET_DYN ? (uint64_t)header : 0) + segment->p_vaddr;

        if (holds_code(segment, start, caller))
            return cfi_ret((const void *)start, (const void *)(start + segment->p_filesz),
                           object.dlfo_eh_frame, NULL);
    }
    return 0;
}

/* --- modules --------------------------------------------------------------------------------- */

enum { INITIAL_MODULES = 256 };

static uint64_t initial[INITIAL_MODULES]; /* bases of what was there before main */
static unsigned initial_count;

/* Where its first page is, as _dl_find_object() says it of what comes later. */
static int note_initial(struct dl_phdr_info *info, size_t size, void *context)
{
    uint64_t low = UINT64_MAX;

    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD &&
            info->dlpi_addr + info->dlpi_phdr[i].p_vaddr < low)
            low = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (initial_count < INITIAL_MODULES)
        initial[initial_count++] = low & ~UINT64_C(4095);
    return 0;
}

/*
 * Where a program at a fixed address holds a function's address, that of its entry in the table of
 * calls is the function's for all: a symbol with a value and no definition. The call ends in us.
 */
static bool stands_for_another(const void *address)
{
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;

    return dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL &&
           symbol->st_shndx == SHN_UNDEF;
}

void modules_begin(void)
{
    const void *address = dlsym(RTLD_DEFAULT, "malloc");

    initial_count = 0;
    real.dl_iterate_phdr(note_initial, NULL);
    if (!agent_owns_address((uint64_t)address) && !stands_for_another(address))
        __atomic_fetch_or(&CONTROL->remarks, REMARK_OWN_HEAP, __ATOMIC_RELAXED);
}

static bool is_initial(uint64_t base)
{
    for (unsigned i = 0; i < initial_count; i++)
        if (initial[i] == base)
            return true;
    return false;
}

bool modules_came(uint64_t address, const struct link_map **map)
{
    struct dl_find_object object;

    if (_dl_find_object((void *)address, &object) != 0 ||
        is_initial((uint64_t)object.dlfo_map_start))
        return false;
    if (map != NULL)
        *map = object.dlfo_link_map;
    return true;
}

static uint32_t module_count(void)
{
    return CONTROL->modules < ABI_MODULES ? CONTROL->modules : ABI_MODULES;
}

static struct abi_module *loaded_at(uint64_t base)
{
    for (uint32_t i = module_count(); i-- > 0;) {
        struct abi_module *module = &agent_memory->module[i];

        if (module->epoch == CONTROL->epoch && module->state == MODULE_LOADED &&
            module->base == base)
            return module;
    }
    return NULL;
}

/*
 * @opened: what dlopen returned, which glibc documents to be a link map; NULL in dlclose.
 * @ordered: the plan closes.
 */
struct change {
    struct abi_lane *lane;
    uint64_t caller;
    uint64_t now;
    const struct link_map *opened;
    bool ordered;
};

/*
 * A long cycle loads more often than the table is long: the oldest of those that are gone make
 * room. One that is still there never does, or it would be taken for new and counted twice.
 */
static struct abi_module *new_module(void)
{
    for (unsigned i = 0; i < ABI_MODULES; i++) {
        uint32_t index = __atomic_fetch_add(&CONTROL->modules, 1, __ATOMIC_RELAXED);
        struct abi_module *module = &agent_memory->module[index % ABI_MODULES];

        if (module->epoch != CONTROL->epoch || module->state != MODULE_LOADED)
            return module;
    }
    return NULL;
}

static void add_module(const char *name, const struct change *change,
                       const struct dl_find_object *object)
{
    struct abi_module *module = new_module();

    if (module == NULL)
        return;
    memset(module, 0, sizeof *module);
    module->base = (uint64_t)object->dlfo_map_start;
    module->end = (uint64_t)object->dlfo_map_end;
    module->loaded_at = change->now;
    module->loader_lane = lane_index(change->lane);
    module->load_caller = change->caller;
    strncpy(module->path, name, sizeof module->path - 1);
    module->state = MODULE_LOADED;
    __atomic_fetch_add(&CONTROL->modules_live, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&module->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
}

static void note_module(const struct link_map *map, const struct change *change)
{
    struct dl_find_object object;
    struct abi_module *module;
    uint64_t base;

    if (_dl_find_object(map->l_ld, &object) != 0)
        return;
    base = (uint64_t)object.dlfo_map_start;
    if (is_initial(base))
        return;
    if (loaded_at(base) == NULL)
        add_module(map->l_name, change, &object);
    if (map == change->opened && (module = loaded_at(base)) != NULL) {
        module->handle = (uint64_t)map;
        __atomic_fetch_add(&module->loads, 1, __ATOMIC_RELAXED);
    }
}

/*
 * dl_iterate_phdr tells of our own namespace alone; what was opened leads to all modules of its
 * own, whichever that is. Called back all the same: the loader's lists stand still meanwhile.
 */
static int note_loaded(struct dl_phdr_info *info, size_t size, void *context)
{
    const struct change *change = context;
    const struct link_map *map = change->opened;

    while (map->l_prev != NULL)
        map = map->l_prev;
    for (; map != NULL; map = map->l_next)
        note_module(map, change);
    return 1;
}

/* In any namespace, and without the loader's lock. */
static bool is_there(const struct abi_module *module)
{
    struct dl_find_object object;

    return _dl_find_object((void *)module->base, &object) == 0 &&
           (uint64_t)object.dlfo_map_start == module->base;
}

static bool came_along(const struct abi_module *module, const struct abi_module *opened)
{
    return module->epoch == CONTROL->epoch && module->state == MODULE_LOADED &&
           module->handle == 0 && module->loaded_at == opened->loaded_at &&
           module->loader_lane == opened->loader_lane;
}

/* A note, of which a few are enough, unless the user asked for modules to be gone. */
static void say_stays(void)
{
    uint32_t bit = CONTROL->options & OPTION_MUST_UNLOAD ? ANOMALY_LOOK : ANOMALY_NOTE;

    __atomic_fetch_or(&CONTROL->anomaly, bit, __ATOMIC_RELAXED);
}

void modules_at_exit(void)
{
    for (uint32_t i = 0; i < module_count(); i++) {
        const struct abi_module *module = &agent_memory->module[i];

        if (module->epoch == CONTROL->epoch && module->state == MODULE_LOADED &&
            module->loads > 0 && module->unload_caller != 0)
            say_stays();
    }
}

/* What was loaded for a module that is gone, and is not: it keeps who closed that. */
static void note_stays(const struct abi_module *opened)
{
    for (uint32_t i = 0; opened->handle != 0 && i < module_count(); i++) {
        struct abi_module *module = &agent_memory->module[i];

        if (!came_along(module, opened))
            continue;
        module->unloaded_at = opened->unloaded_at;
        module->unloader_lane = opened->unloader_lane;
        module->unload_caller = opened->unload_caller;
        say_stays();
    }
}

static void note_all_stays(const struct change *change)
{
    for (uint32_t i = 0; i < module_count(); i++) {
        const struct abi_module *module = &agent_memory->module[i];

        if (module->epoch == CONTROL->epoch && module->state == MODULE_UNLOADED &&
            module->unloaded_at == change->now)
            note_stays(module);
    }
}

static uint32_t mark_gone(const struct change *change)
{
    uint32_t gone = 0;

    for (uint32_t i = 0; i < module_count(); i++) {
        struct abi_module *module = &agent_memory->module[i];

        if (module->epoch != CONTROL->epoch || module->state != MODULE_LOADED || is_there(module))
            continue;
        module->unloaded_at = change->now;
        module->unloader_lane = lane_index(change->lane);
        module->unload_caller = change->caller;
        /* Two threads may have seen it go. */
        if (__atomic_exchange_n(&module->state, MODULE_UNLOADED, __ATOMIC_ACQ_REL) != MODULE_LOADED)
            continue;
        __atomic_fetch_sub(&CONTROL->modules_live, 1, __ATOMIC_RELAXED);
        ties_gone(module, change->lane, change->ordered);
        gone++;
    }
    if (gone > 0)
        note_all_stays(change);
    return gone;
}

struct abi_module *modules_pick(int64_t index)
{
    struct abi_module *found = NULL;
    uint32_t live = 0;

    for (unsigned round = 0; round < 2; round++) {
        uint32_t wanted = live > 0 ? (uint32_t)((uint64_t)index % live) : 0;
        uint32_t seen = 0;

        for (uint32_t i = 0; i < module_count(); i++) {
            struct abi_module *module = &agent_memory->module[i];

            if (module->epoch != CONTROL->epoch || module->state != MODULE_LOADED)
                continue;
            if (round == 1 && seen == wanted)
                found = module;
            seen++;
        }
        live = seen;
    }
    return found;
}

void modules_drop(struct abi_module *module)
{
    void *handle = real.dlopen(module->path, RTLD_NOW | RTLD_NOLOAD);

    if (handle == NULL)
        return;
    real.dlclose(handle); /* what NOLOAD has counted up */
    dlclose(handle);
}

/* --- the hooks ---------------------------------------------------------------------------------
 */

static void resolve(void)
{
    real_resolve();
    *(__typeof__(dlmopen) **)&loader_real_dlmopen = real.dlmopen;
    *(__typeof__(dl_iterate_phdr) **)&loader_real_dl_iterate_phdr = real.dl_iterate_phdr;
    *(__typeof__(dlopen) **)&loader_real_dlopen = real.dlopen;
}

static int count_added(struct dl_phdr_info *info, size_t size, void *context)
{
    *(uint64_t *)context = info->dlpi_adds;
    return 1;
}

static uint64_t modules_added(void)
{
    uint64_t added = 0;

    real.dl_iterate_phdr(count_added, &added);
    return added;
}

static void begin_load(struct loader_frame *frame)
{
    if (inits_under_way(frame->call.lane))
        frame->added = modules_added() + 1;
    else
        inits_begin(frame->call.lane, true);
}

static void note_inside(struct abi_lane *lane, enum abi_tie_kind kind, uint64_t handle,
                        uint64_t caller)
{
    struct abi_tie tie = {
        .kind = kind,
        .lane = lane_index(lane),
        .address = caller,
        .object = handle,
        .caller = caller,
    };

    tie.time = agent_ticks();
    ties_note(&tie);
}

/* Another reference to what is there is no load. */
static void end_load(const struct loader_frame *frame, uint64_t handle)
{
    struct abi_lane *lane = frame->call.lane;

    if (frame->added == 0)
        inits_end(lane);
    else if (handle != 0 && !lane->elsewhere && modules_added() + 1 > frame->added)
        note_inside(lane, TIE_LOAD_INSIDE, handle, frame->caller);
}

uint64_t loader_before(struct loader_frame *frame, uint32_t which, uint64_t caller,
                       uint64_t argument)
{
    static const uint32_t sites[] = {0, SITE_DLOPEN, SITE_DLMOPEN, SITE_DL_ITERATE_PHDR};
    uint32_t site = sites[which];
    uint64_t gadget;

    if (loader_real_dlopen == NULL)
        resolve();
    if (!agent_active)
        return 0;
    frame->call = agent_enter(site, caller);
    frame->added = 0;
    frame->caller = caller;
    if (frame->call.lane == NULL)
        return 0;
    if (site != SITE_DL_ITERATE_PHDR)
        lane_event(frame->call.lane, EVENT_LOAD_BEGIN, 0, argument, 0);
    gadget = gadget_for(caller);
    if (gadget == 0) {
        agent_leave(frame->call);
        return 0;
    }
    if (site != SITE_DL_ITERATE_PHDR)
        begin_load(frame);
    frame->call.lane->loading++;
    agent_outside(frame->call);
    return gadget;
}

/* The records are the target's: a forked child loads and closes for itself. */
static void note_load(const struct loader_frame *frame, uint64_t handle)
{
    struct abi_lane *lane = frame->call.lane;
    struct change change = {lane, frame->caller, agent_ticks(), (const void *)handle, false};

    if (handle != 0 && !lane->elsewhere)
        real.dl_iterate_phdr(note_loaded, &change);
    if (UNLIKELY(CONTROL->lap_mode == LAPS_AT) && handle != 0)
        lap_at_install();
    lane_event(lane, EVENT_LOAD_END, CONTROL->modules, handle, 0);
}

void loader_after(struct loader_frame *frame, uint64_t result)
{
    struct abi_lane *lane = frame->call.lane;

    agent_inside(frame->call);
    lane->loading--;
    lane->site_caller = frame->caller; /* not what was called meanwhile */
    if (lane->site != SITE_DL_ITERATE_PHDR) {
        note_load(frame, result);
        end_load(frame, result);
    }
    agent_leave(frame->call);
}

static struct abi_module *opened_as(const void *handle)
{
    for (uint32_t i = module_count(); i-- > 0;) {
        struct abi_module *module = &agent_memory->module[i];

        if (module->epoch == CONTROL->epoch && module->state == MODULE_LOADED &&
            module->handle == (uint64_t)handle)
            return module;
    }
    return NULL;
}

/* What is left of loads once the process ends was never closed. */
static void count_close(struct abi_module *module, int result, uint64_t caller)
{
    if (module == NULL || result != 0)
        return;
    if (module->loads > 0)
        __atomic_fetch_sub(&module->loads, 1, __ATOMIC_RELAXED);
    module->unload_caller = caller;
}

static bool is_ordered(const struct abi_lane *lane)
{
    return lane->seq > 0 &&
           lane->ring[(lane->seq - 1) % ABI_RING_EVENTS].kind == EVENT_INJECT_INTENT;
}

/* What a close is inside of: nothing, or a constructor or destructor. */
struct closing {
    bool inside;
    bool opens;
};

static struct closing begin_close(struct abi_lane *lane)
{
    struct closing closing = {inits_under_way(lane), false};

    if (closing.inside)
        closing.opens = inits_pause(lane);
    else
        inits_begin(lane, false);
    return closing;
}

/* The outer call takes it away, if this was the last reference. */
static void end_close(const struct abi_module *module, int result, const struct change *change,
                      const struct closing *closing)
{
    if (!closing->inside)
        inits_end(change->lane);
    else if (result == 0 && module != NULL && module->loads == 0 && !change->lane->elsewhere)
        note_inside(change->lane, TIE_UNLOAD_INSIDE, module->handle, change->caller);
    if (closing->opens)
        inits_begin(change->lane, true);
}

static uint32_t note_close(struct abi_module *module, int result, const struct change *change)
{
    uint32_t gone;

    if (change->lane->elsewhere)
        return 0;
    count_close(module, result, change->caller);
    gone = mark_gone(change);
    if (module != NULL && result == 0 && module->loads == 0 && module->state == MODULE_LOADED)
        say_stays();
    return gone;
}

HOOK int dlclose(void *handle)
{
    struct agent_call call = agent_enter(SITE_DLCLOSE, CALLER());
    struct change change = {call.lane, CALLER(), 0, NULL, false};
    struct abi_module *module;
    struct closing closing;
    uint32_t gone;
    int result;

    if (call.lane == NULL)
        return real.dlclose(handle);
    change.ordered = is_ordered(call.lane);
    module = opened_as(handle);
    lane_event(call.lane, EVENT_UNLOAD_BEGIN, 0, (uint64_t)handle, 0);
    closing = begin_close(call.lane);
    call.lane->loading++;
    AGENT_CALL(call, result = real.dlclose(handle));
    call.lane->loading--;
    call.lane->site_caller = CALLER();
    change.now = agent_ticks();
    gone = note_close(module, result, &change);
    end_close(module, result, &change, &closing);
    lane_event(call.lane, EVENT_UNLOAD_END, gone, (uint64_t)handle, (uint64_t)result);
    agent_leave(call);
    return result;
}
