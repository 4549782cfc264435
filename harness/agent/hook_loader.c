/*
 * hook_loader: dlopen, dlmopen, dlclose, dl_iterate_phdr, and the table of modules that came
 * and went. loader.S says how the first three are entered.
 */
#include "agent.h"
#include "loader_sites.h"
#include "loader_table.h"

#include <string.h>

/* What loader.S keeps on the stack across the call; 32 bytes. */
struct loader_frame {
    struct agent_call call;
    uint64_t argument;
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

enum { GADGETS = 16 };

static struct {
    uint64_t from;
    uint64_t to;
    uint64_t gadget;
} known[GADGETS];
static uint32_t known_count;

/*
 * "xor eax,eax; ret" in a leaf function and "repz ret" are found by unwinders with the stack
 * pointer where it really is; any other ret serves the loader as well.
 */
static uint64_t find_ret(const unsigned char *from, const unsigned char *to)
{
    uint64_t any = 0;

    for (const unsigned char *at = from; at < to; at++) {
        if (*at != 0xc3)
            continue;
        if ((at - from >= 2 && at[-1] == 0xc0 && at[-2] == 0x31) ||
            (at - from >= 1 && at[-1] == 0xf3))
            return (uint64_t)at;
        if (any == 0)
            any = (uint64_t)at;
    }
    return any;
}

static uint64_t search_module(uint64_t caller, uint64_t *from, uint64_t *to)
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
        uint64_t base = header->e_type == ET_DYN ? (uint64_t)header : 0;

        *from = base + segment->p_vaddr;
        *to = *from + segment->p_filesz;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && caller >= *from &&
            caller < *to)
            return find_ret((const void *)*from, (const void *)*to);
    }
    return 0;
}

static uint64_t gadget_for(uint64_t caller)
{
    uint32_t count = __atomic_load_n(&known_count, __ATOMIC_ACQUIRE);
    uint64_t from;
    uint64_t to;
    uint64_t gadget;

    for (uint32_t i = 0; i < count && i < GADGETS; i++)
        if (caller >= known[i].from && caller < known[i].to)
            return known[i].gadget;
    gadget = search_module(caller, &from, &to);
    /* Only the program's own modules stay where they are; others may be unloaded. */
    if (gadget != 0 && !agent_active && count < GADGETS) {
        known[count].from = from;
        known[count].to = to;
        known[count].gadget = gadget;
        __atomic_store_n(&known_count, count + 1, __ATOMIC_RELEASE);
    }
    return gadget;
}

/* --- modules --------------------------------------------------------------------------------- */

enum { INITIAL_MODULES = 256 };

static uint64_t initial[INITIAL_MODULES]; /* bases of what was there before main */
static unsigned initial_count;

static uint64_t module_base(const struct dl_phdr_info *info, uint64_t *end)
{
    uint64_t low = UINT64_MAX;

    *end = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type != PT_LOAD)
            continue;
        if (info->dlpi_addr + segment->p_vaddr < low)
            low = info->dlpi_addr + segment->p_vaddr;
        if (info->dlpi_addr + segment->p_vaddr + segment->p_memsz > *end)
            *end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    }
    return low;
}

static int note_initial(struct dl_phdr_info *info, size_t size, void *context)
{
    uint64_t end;

    if (initial_count < INITIAL_MODULES)
        initial[initial_count++] = module_base(info, &end);
    return 0;
}

void modules_begin(void)
{
    initial_count = 0;
    real.dl_iterate_phdr(note_initial, NULL);
}

static bool is_initial(uint64_t base)
{
    for (unsigned i = 0; i < initial_count; i++)
        if (initial[i] == base)
            return true;
    return false;
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

/* @opened: what dlopen returned, which glibc documents to be a link map; NULL in dlclose. */
struct change {
    struct abi_lane *lane;
    uint64_t caller;
    uint64_t now;
    const struct link_map *opened;
    bool present[ABI_MODULES];
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

static void add_module(const struct dl_phdr_info *info, const struct change *change, uint64_t base,
                       uint64_t end)
{
    struct abi_module *module = new_module();

    if (module == NULL)
        return;
    memset(module, 0, sizeof *module);
    module->base = base;
    module->end = end;
    module->loaded_at = change->now;
    module->loader_lane = lane_index(change->lane);
    module->load_caller = change->caller;
    strncpy(module->path, info->dlpi_name, sizeof module->path - 1);
    module->state = MODULE_LOADED;
    __atomic_fetch_add(&CONTROL->modules_live, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&module->epoch, CONTROL->epoch, __ATOMIC_RELEASE);
}

static int note_loaded(struct dl_phdr_info *info, size_t size, void *context)
{
    struct change *change = context;
    uint64_t end;
    uint64_t base = module_base(info, &end);
    struct abi_module *module;

    if (is_initial(base))
        return 0;
    if (loaded_at(base) == NULL)
        add_module(info, change, base, end);
    if (info->dlpi_addr == change->opened->l_addr && (module = loaded_at(base)) != NULL) {
        module->handle = (uint64_t)change->opened;
        __atomic_fetch_add(&module->loads, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

static int note_present(struct dl_phdr_info *info, size_t size, void *context)
{
    struct change *change = context;
    uint64_t end;
    const struct abi_module *module = loaded_at(module_base(info, &end));

    if (module != NULL)
        change->present[module - agent_memory->module] = true;
    return 0;
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

static uint32_t mark_gone(struct change *change)
{
    uint32_t gone = 0;

    for (uint32_t i = 0; i < module_count(); i++) {
        struct abi_module *module = &agent_memory->module[i];

        if (module->epoch != CONTROL->epoch || module->state != MODULE_LOADED || change->present[i])
            continue;
        module->unloaded_at = change->now;
        module->unloader_lane = lane_index(change->lane);
        module->unload_caller = change->caller;
        /* Two threads may have seen it go. */
        if (__atomic_exchange_n(&module->state, MODULE_UNLOADED, __ATOMIC_ACQ_REL) != MODULE_LOADED)
            continue;
        __atomic_fetch_sub(&CONTROL->modules_live, 1, __ATOMIC_RELAXED);
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

uint64_t loader_before(struct loader_frame *frame, uint32_t which, uint64_t caller,
                       uint64_t argument)
{
    static const uint32_t sites[] = {0, SITE_DLOPEN, SITE_DLMOPEN, SITE_DL_ITERATE_PHDR};
    uint32_t site = sites[which];

    if (loader_real_dlopen == NULL) {
        real_resolve();
        *(__typeof__(dlmopen) **)&loader_real_dlmopen = real.dlmopen;
        *(__typeof__(dl_iterate_phdr) **)&loader_real_dl_iterate_phdr = real.dl_iterate_phdr;
        *(__typeof__(dlopen) **)&loader_real_dlopen = real.dlopen;
    }
    if (!agent_active)
        return 0;
    frame->call = agent_enter(site, caller);
    frame->argument = argument;
    frame->caller = caller;
    if (frame->call.lane == NULL)
        return 0;
    if (site != SITE_DL_ITERATE_PHDR)
        lane_event(frame->call.lane, EVENT_LOAD_BEGIN, 0, argument, 0);
    uint64_t gadget = gadget_for(caller);

    if (gadget == 0)
        agent_leave(frame->call);
    else {
        frame->call.lane->loading++;
        agent_outside(frame->call);
    }
    return gadget;
}

void loader_after(struct loader_frame *frame, uint64_t result)
{
    struct abi_lane *lane = frame->call.lane;

    agent_inside(frame->call);
    lane->loading--;
    lane->site_caller = frame->caller; /* not what was called meanwhile */
    if (lane->site != SITE_DL_ITERATE_PHDR) {
        struct change change = {lane, frame->caller, agent_ticks(), (const void *)result, {false}};

        if (result != 0)
            real.dl_iterate_phdr(note_loaded, &change);
        lane_event(lane, EVENT_LOAD_END, CONTROL->modules, result, 0);
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

HOOK int dlclose(void *handle)
{
    struct agent_call call = agent_enter(SITE_DLCLOSE, CALLER());
    struct change change = {call.lane, CALLER(), 0, NULL, {false}};
    struct abi_module *module = call.lane != NULL ? opened_as(handle) : NULL;
    uint32_t gone = 0;
    int result;

    if (call.lane != NULL)
        lane_event(call.lane, EVENT_UNLOAD_BEGIN, 0, (uint64_t)handle, 0);
    if (call.lane != NULL)
        call.lane->loading++;
    AGENT_CALL(call, result = real.dlclose(handle));
    if (call.lane != NULL) {
        call.lane->loading--;
        call.lane->site_caller = CALLER();
        count_close(module, result, CALLER());
        change.now = agent_ticks();
        real.dl_iterate_phdr(note_present, &change);
        gone = mark_gone(&change);
        if (module != NULL && result == 0 && module->loads == 0 && module->state == MODULE_LOADED)
            say_stays();
        lane_event(call.lane, EVENT_UNLOAD_END, gone, (uint64_t)handle, (uint64_t)result);
    }
    agent_leave(call);
    return result;
}
