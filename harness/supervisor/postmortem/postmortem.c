/*
 * postmortem: what a live process and a core have in common once they are copied: stacks with
 * names, threads with names, memory by address.
 *
 * Nothing here is stopped any more, so it may take its time; a process may even have ended
 * meanwhile. The copies made under the stop come first in every reading.
 */
#include "postmortem.h"
#include "postmortem_parts.h"

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/process/space.h>

#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* --- names that stay ---------------------------------------------------------------------- */

const char *postmortem_kind_name(enum postmortem_kind kind)
{
    static const char *const names[] = {
#define POSTMORTEM_KIND_NAME(name, text) text,
        POSTMORTEM_KIND_LIST(POSTMORTEM_KIND_NAME)
#undef POSTMORTEM_KIND_NAME
    };

    return kind < POSTMORTEM_KINDS ? names[kind] : "?";
}

const char *postmortem_owner_name(enum postmortem_owner owner)
{
    static const char *const names[] = {
#define POSTMORTEM_OWNER_NAME(name, text) text,
        POSTMORTEM_OWNER_LIST(POSTMORTEM_OWNER_NAME)
#undef POSTMORTEM_OWNER_NAME
    };

    return owner < POSTMORTEM_OWNERS ? names[owner] : "?";
}

/* --- processes and memory ------------------------------------------------------------------ */

struct postmortem_process *postmortem_process_new(struct postmortem *all, pid_t pid)
{
    struct postmortem_process *process;

    if (all->processes == POSTMORTEM_PROCESSES)
        return NULL;
    process = &all->process[all->processes++];
    memset(process, 0, sizeof *process);
    process->all = all;
    process->pid = pid;
    process->own = pid;
    return process;
}

bool postmortem_read(const struct postmortem_process *process, uint64_t address, void *out,
                     size_t bytes)
{
    return process->unwind != NULL && unwind_read(process->unwind, address, out, bytes) == bytes;
}

/* A stack without a map in the list was made since: what can be read of it is taken. */
size_t postmortem_copy_stack(struct postmortem_thread *thread, size_t budget)
{
    const struct postmortem_process *process = thread->process;
    uint64_t sp = thread->regs.r[UNWIND_RSP];
    const struct space_map *map = space_find(unwind_space(process->unwind), sp);
    size_t bytes = POSTMORTEM_STACK_BYTES;

    if (map != NULL && map->end - sp < bytes)
        bytes = (size_t)(map->end - sp);
    if (bytes > budget)
        bytes = budget;
    thread->stack = bytes > 0 ? malloc(bytes) : NULL;
    if (thread->stack == NULL)
        return 0;
    thread->stack_address = sp;
    thread->stack_bytes = unwind_read(process->unwind, sp, thread->stack, bytes);
    return bytes;
}

void postmortem_copy_words(struct postmortem_thread *thread)
{
    struct unwind *unwind = thread->process->unwind;
    uint64_t at = thread->argument[0] & ~UINT64_C(7);
    size_t got;

    if (thread->call != SYS_futex || at < POSTMORTEM_WORDS)
        return;
    thread->words_at = at - POSTMORTEM_WORDS;
    got = unwind_read(unwind, thread->words_at, thread->word, sizeof thread->word);
    thread->words_to = (unsigned)got;
    if (got >= POSTMORTEM_WORDS + 8)
        return;
    /* What is before it may be on a page that is not there. */
    thread->words_from = POSTMORTEM_WORDS;
    got = unwind_read(unwind, at, thread->word + POSTMORTEM_WORDS, POSTMORTEM_WORDS);
    thread->words_to = POSTMORTEM_WORDS + (unsigned)got;
}

bool postmortem_words(const struct postmortem_thread *thread, uint64_t address, void *out,
                      size_t bytes)
{
    uint64_t from = thread->words_at + thread->words_from;
    uint64_t to = thread->words_at + thread->words_to;

    if (thread->words_at == 0 || address < from || address > to || bytes > to - address)
        return false;
    memcpy(out, thread->word + (address - thread->words_at), bytes);
    return true;
}

uint64_t postmortem_stack_has(const struct postmortem_thread *thread, uint64_t value, uint64_t from)
{
    size_t at = from > thread->stack_address ? (size_t)(from - thread->stack_address) : 0;

    for (at = (at + 7) & ~(size_t)7; thread->stack != NULL && at + 8 <= thread->stack_bytes;
         at += 8) {
        uint64_t word;

        memcpy(&word, thread->stack + at, sizeof word);
        if (word == value)
            return thread->stack_address + at;
    }
    return 0;
}

struct postmortem_thread *postmortem_own(const struct postmortem_process *process, pid_t own)
{
    for (size_t i = 0; own > 0 && i < process->threads; i++)
        if (process->thread[i].own == own)
            return &process->thread[i];
    return NULL;
}

/* --- stacks with names ----------------------------------------------------------------------- */

static void copy_frame(struct evidence_frame *out, const struct unwind_frame *in)
{
    memset(out, 0, sizeof *out);
    out->pc = in->pc;
    out->offset = in->offset;
    out->function_offset = in->function_offset;
    out->line = in->line;
    snprintf(out->module, sizeof out->module, "%s", in->module);
    snprintf(out->function, sizeof out->function, "%.*s", (int)sizeof out->function - 1,
             in->function);
    snprintf(out->file, sizeof out->file, "%.*s", (int)sizeof out->file - 1, in->file);
}

static void name_stack(struct postmortem_thread *thread)
{
    static struct unwind_frame frame[EVIDENCE_FRAMES];
    struct unwind_stack stack = {thread->stack_address, thread->stack, thread->stack_bytes};
    size_t count = 0;

    if (!thread->stopped || unwind_regs(thread->process->unwind, &thread->regs, &stack, frame,
                                        EVIDENCE_FRAMES, &count) != 0)
        return;
    thread->frame = calloc(count, sizeof *thread->frame);
    for (size_t i = 0; thread->frame != NULL && i < count; i++)
        copy_frame(&thread->frame[thread->frames++], &frame[i]);
}

/* No stack has a frame of a C library in a file of its own. */
static bool is_fixed(const struct postmortem_process *process)
{
    const struct space *space = unwind_space(process->unwind);

    for (size_t i = 0; i < space->maps; i++) {
        const char *slash = strrchr(space->map[i].path, '/');

        if (slash != NULL && space->map[i].executable && evidence_is_libc(slash + 1))
            return false;
    }
    return true;
}

void postmortem_name_stacks(struct postmortem_process *process)
{
    process->fixed = is_fixed(process);
    for (size_t i = 0; i < process->threads; i++)
        name_stack(&process->thread[i]);
}

enum stack_kind postmortem_frame_kind(const struct postmortem_process *process,
                                      const struct evidence_frame *frame)
{
    struct evidence_frame alone = *frame;

    if (process->fixed && alone.function[0] != 0)
        snprintf(alone.module, sizeof alone.module, "libc.so.6");
    return stack_kind_waiting(&alone, 1);
}

/* --- threads with names ------------------------------------------------------------------------
 */

/* How many numbers after main's: they begin again from below at the end. 0 for main itself. */
static uint32_t number_after(const struct postmortem_thread *thread)
{
    uint32_t main = (uint32_t)thread->process->pid, tid = (uint32_t)thread->tid;

    return tid >= main ? tid - main : tid + (UINT32_C(1) << 30) - main;
}

/* By birth: a clock's tick may have seen many. */
static int compare_threads(const void *a, const void *b)
{
    const struct postmortem_thread *one = a, *other = b;
    uint32_t after = number_after(one), other_after = number_after(other);

    if (after == 0 || other_after == 0)
        return after == 0 ? -(other_after != 0) : 1;
    if (one->born != other->born)
        return one->born < other->born ? -1 : 1;
    return after < other_after ? -1 : after > other_after;
}

/* The agent's control block, if the agent of this very build is inside. */
static uint64_t find_agent(const struct postmortem_process *process, struct abi_control *control)
{
    const struct space *space = unwind_space(process->unwind);

    for (size_t i = 0; i < space->maps; i++) {
        const struct space_map *map = &space->map[i];

        if (map->offset == 0 && strncmp(map->path, "/memfd:rundown", 14) == 0 &&
            postmortem_read(process, map->start, control, sizeof *control) &&
            control->magic == ABI_MAGIC && control->version == ABI_VERSION)
            return map->start;
    }
    return 0;
}

static void take_name(const struct postmortem_process *process, const struct abi_lane *lane)
{
    struct postmortem_thread *thread = postmortem_own(process, (pid_t)lane->tid);
    size_t length = strnlen(lane->name, sizeof lane->name);

    if (thread == NULL || length == 0 || length >= sizeof thread->name)
        return;
    memcpy(thread->name, lane->name, length);
    thread->name[length] = 0;
}

static void take_held(const struct postmortem_process *process, const struct abi_lane *lane)
{
    struct postmortem_thread *thread = postmortem_own(process, (pid_t)lane->tid);

    for (unsigned i = 0; thread != NULL && i < ABI_HELD && i < lane->held_count; i++) {
        const struct abi_held *held = &lane->held[i];
        struct postmortem_held *out = &thread->held[thread->helds];
        struct unwind_frame frame;
        struct evidence_frame named;
        char name[80];

        if (held->object == 0 || held->mode >= ABI_MODES || thread->helds == POSTMORTEM_HELD)
            continue;
        thread->helds++;
        out->object = held->object;
        out->source = "agent";
        postmortem_object(process, held->object, name, sizeof name);
        snprintf(out->text, sizeof out->text, "%.14s %s", abi_mode_name(held->mode), name);
        if (held->caller == 0 || unwind_address(process->unwind, held->caller - 1, &frame) != 0)
            continue;
        copy_frame(&named, &frame);
        named.offset++;
        evidence_frame_text(&named, out->taken);
    }
}

/* Of a lane all but its ring, which is big and not needed. */
static void ask_agent(struct postmortem_process *process)
{
    static struct abi_control control;
    static struct abi_lane lane;
    uint64_t memory = find_agent(process, &control);

    process->agent = memory != 0;
    for (uint32_t i = 0; memory != 0 && i < ABI_LANES && i < control.lanes; i++) {
        uint64_t at = memory + offsetof(struct abi_memory, lane) + i * sizeof lane;

        if (!postmortem_read(process, at, &lane, offsetof(struct abi_lane, ring)) ||
            lane.epoch != control.epoch || lane.pid != (uint32_t)process->own)
            continue;
        take_name(process, &lane);
        take_held(process, &lane);
    }
}

void postmortem_name_threads(struct postmortem_process *process)
{
    unsigned unknown = 0;

    if (process->threads > 0)
        qsort(process->thread, process->threads, sizeof *process->thread, compare_threads);
    for (size_t i = 0; i < process->threads; i++) {
        struct postmortem_thread *thread = &process->thread[i];

        if (thread->tid == process->pid)
            snprintf(thread->name, sizeof thread->name, "T1");
        else
            snprintf(thread->name, sizeof thread->name, "T?%u", ++unknown);
    }
    ask_agent(process);
}

void postmortem_label(const struct postmortem_thread *thread, char out[POSTMORTEM_NAME * 2])
{
    const struct postmortem_process *process = thread->process;

    if (process == &process->all->process[0])
        snprintf(out, POSTMORTEM_NAME * 2, "%s", thread->name);
    else
        snprintf(out, POSTMORTEM_NAME * 2, "%s of %d", thread->name, (int)process->pid);
}

/* --- objects with names ------------------------------------------------------------------------
 */

static const struct postmortem_thread *stack_of(const struct postmortem_process *process,
                                                uint64_t address)
{
    for (size_t i = 0; i < process->threads; i++) {
        const struct postmortem_thread *thread = &process->thread[i];

        if (thread->stack_bytes > 0 && address >= thread->stack_address &&
            address < thread->stack_address + thread->stack_bytes)
            return thread;
    }
    return NULL;
}

void postmortem_object(const struct postmortem_process *process, uint64_t address, char *out,
                       size_t bytes)
{
    const struct postmortem_thread *thread;
    struct unwind_frame frame;

    if (process->unwind != NULL && unwind_address(process->unwind, address, &frame) == 0) {
        if (frame.function[0] != 0 && frame.function_offset != 0)
            snprintf(out, bytes, "%.60s+0x%lx", frame.function,
                     (unsigned long)frame.function_offset);
        else if (frame.function[0] != 0)
            snprintf(out, bytes, "%.60s", frame.function);
        else if (frame.module_path[0] != 0)
            snprintf(out, bytes, "%.40s+0x%lx", frame.module, (unsigned long)frame.offset);
        if (frame.function[0] != 0 || frame.module_path[0] != 0)
            return;
    }
    thread = stack_of(process, address);
    if (thread != NULL)
        snprintf(out, bytes, "0x%lx on the stack of %s", (unsigned long)address, thread->name);
    else
        snprintf(out, bytes, "0x%lx", (unsigned long)address);
}

bool postmortem_in_loader(const struct postmortem_process *process, uint64_t address)
{
    struct unwind_frame frame;

    if (process->unwind == NULL || unwind_address(process->unwind, address, &frame) != 0)
        return false;
    return strncmp(frame.module, "ld-linux", 8) == 0 || strncmp(frame.module, "ld-2.", 5) == 0 ||
           strncmp(frame.function, "_rtld_global", 12) == 0 ||
           strncmp(frame.function, "_dl_load_", 9) == 0;
}

/* --- remarks, and the end -----------------------------------------------------------------------
 */

void postmortem_remark(struct postmortem *all, const char *format, ...)
{
    char text[POSTMORTEM_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (unsigned i = 0; i < all->remarks; i++)
        if (strcmp(all->remark[i], text) == 0)
            return;
    if (all->remarks < POSTMORTEM_REMARKS)
        memcpy(all->remark[all->remarks++], text, sizeof text);
}

bool postmortem_still(const struct postmortem *all)
{
    for (unsigned i = 0; i < all->processes; i++)
        if (!all->process[i].quiet.still)
            return false;
    return all->processes > 0;
}

bool postmortem_hang(const struct postmortem *all)
{
    return all->circles > 0 || all->gone > 0 || postmortem_still(all);
}

void postmortem_close(struct postmortem *all)
{
    for (unsigned i = 0; i < all->processes; i++) {
        struct postmortem_process *process = &all->process[i];

        for (size_t t = 0; t < process->threads; t++) {
            free(process->thread[t].stack);
            free(process->thread[t].frame);
        }
        free(process->thread);
        unwind_close(process->unwind);
    }
    if (all->source != NULL)
        postmortem_core_free(all->source);
    memset(all, 0, sizeof *all);
}
