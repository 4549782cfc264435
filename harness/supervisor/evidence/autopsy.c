/*
 * autopsy: reads a failing target. The memory that it shares with us may be scribbled over:
 * every index is checked. It may even be written to while it is read, by a child of the target
 * that nobody holds: detectors get a copy, taken once the target stands still.
 */
#include "autopsy.h"
#include "evidence.h"
#include "evidence_blocks.h"
#include "evidence_spin.h"
#include "frozen.h"
#include "locks.h"

#include <harness/supervisor/heap/heap_look.h>
#include <harness/supervisor/watch/watch.h>
#include <harness/supervisor/watch/watch_held.h>

#include <harness/common/server.h>
#include <harness/injector.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

double autopsy_clock(uint64_t ns, uint64_t ticks)
{
    struct timespec time;
    uint64_t now;

    clock_gettime(CLOCK_MONOTONIC, &time);
    now = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    return now > ns ? (double)(__builtin_ia32_rdtsc() - ticks) * 1e9 / (double)(now - ns) : 1e9;
}

static void copy_frame(struct evidence_frame *out, const struct unwind_frame *in)
{
    out->pc = in->pc;
    out->offset = in->offset;
    out->function_offset = in->function_offset;
    out->line = in->line;
    snprintf(out->module, sizeof out->module, "%.*s", (int)sizeof out->module - 1, in->module);
    snprintf(out->function, sizeof out->function, "%.*s", (int)sizeof out->function - 1,
             in->function);
    snprintf(out->file, sizeof out->file, "%.*s", (int)sizeof out->file - 1, in->file);
}

/* Exactly; evidence_caller() is for return addresses. */
static void name_address(void *context, uint64_t address, struct evidence_frame *frame)
{
    struct autopsy *autopsy = context;
    struct unwind_frame named;

    memset(&named, 0, sizeof named);
    memset(frame, 0, sizeof *frame);
    if (autopsy->unwind != NULL && unwind_address(autopsy->unwind, address, &named) == 0)
        copy_frame(frame, &named);
    frame->pc = address;
}

static const char *why_it_stays(void *context, unsigned module)
{
    struct autopsy *autopsy = context;

    return staying_reason(autopsy->evidence.memory, module, autopsy->reason);
}

/* --- threads ---------------------------------------------------------------------------- */

static int lane_of(const struct abi_memory *memory, int tid)
{
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;

    for (uint32_t i = lanes; i-- > 0;)
        if (memory->lane[i].epoch == memory->control.epoch && memory->lane[i].tid == (uint32_t)tid)
            return (int)i;
    return -1;
}

static void name_thread(const struct abi_memory *memory, struct evidence_thread *thread)
{
    const struct abi_lane *lane;

    thread->lane = lane_of(memory, thread->tid);
    if (thread->lane < 0) {
        snprintf(thread->name, sizeof thread->name, "thread %d", thread->tid);
        return;
    }
    lane = &memory->lane[thread->lane];
    memcpy(thread->name, lane->name, sizeof thread->name);
    thread->name[sizeof thread->name - 1] = 0;
    if (lane->state == LANE_PARKED)
        thread->state = THREAD_PARKED;
}

static void copy_stack(struct evidence_thread *thread, const struct unwind_frame *frames,
                       size_t count)
{
    thread->frames = 0;
    for (size_t i = 0; i < count && i < EVIDENCE_FRAMES; i++)
        copy_frame(&thread->frame[thread->frames++], &frames[i]);
}

/* The pthread_t that the lock of a stream names; what else lies behind a futex looks otherwise. */
static uint64_t stream_owner(int pid, const struct evidence_thread *thread)
{
    uint8_t bytes[LOCKS_STREAM_BYTES];
    struct iovec here = {bytes, sizeof bytes};
    struct iovec there = {(void *)thread->argument[0], sizeof bytes};
    struct locks_stream lock;

    if (thread->state != THREAD_WAITING || thread->syscall != SYS_futex || !thread->waits ||
        process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof bytes)
        return 0;
    locks_stream(bytes, &lock);
    return lock.plausible ? lock.owner : 0;
}

/* Threads of one process of the target's tree; @pid's own first, then its children's. */
static void add_process(struct autopsy *autopsy, const struct job *job, int pid)
{
    struct evidence *evidence = &autopsy->evidence;
    int tids[EVIDENCE_THREADS];
    unsigned count = watch_tids(pid, tids, EVIDENCE_THREADS);

    for (unsigned i = 0; i < count && evidence->threads < EVIDENCE_THREADS; i++) {
        struct evidence_thread *thread = &evidence->thread[evidence->threads];

        memset(thread, 0, sizeof *thread);
        watch_thread(pid, tids[i], thread);
        if (thread->state == THREAD_GONE)
            continue;
        name_thread(job->memory, thread);
        thread->stream_owner = stream_owner(pid, thread);
        evidence->threads++;
    }
}

static void add_children(struct autopsy *autopsy, const struct job *job, int pid)
{
    char path[64];
    char text[1024] = "";
    char *at = text;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(text, sizeof text, file) == NULL)
        text[0] = 0;
    fclose(file);
    for (unsigned i = 0; i < 16 && *at != 0; i++) {
        long child = strtol(at, &at, 10);

        if (child <= 0)
            break;
        add_process(autopsy, job, (int)child);
    }
}

static void add_stacks(struct autopsy *autopsy)
{
    struct unwind_frame frames[EVIDENCE_FRAMES];
    size_t count;

    for (unsigned i = 0; i < autopsy->evidence.threads; i++) {
        struct evidence_thread *thread = &autopsy->evidence.thread[i];

        if (thread->state != THREAD_ZOMBIE &&
            unwind_thread(autopsy->unwind, thread->tid, frames, EVIDENCE_FRAMES, &count, NULL) == 0)
            copy_stack(thread, frames, count);
    }
}

static int live_tid(int pid)
{
    int tids[EVIDENCE_THREADS];
    unsigned count = watch_tids(pid, tids, EVIDENCE_THREADS);
    struct evidence_thread thread;

    for (unsigned i = 0; i < count; i++) {
        watch_thread(pid, tids[i], &thread);
        if (thread.state != THREAD_ZOMBIE && thread.state != THREAD_GONE)
            return tids[i];
    }
    return pid;
}

/* One handle for all cycles: what was read of the modules is kept. */
static bool look_into(struct autopsy *autopsy, int pid)
{
    struct error e;
    int tid = live_tid(pid);

    if (autopsy->unwind != NULL)
        return unwind_retarget(autopsy->unwind, pid, tid, &e) == 0;
    return unwind_open(&autopsy->unwind, pid, tid, &e) == 0;
}

/* --- the dead ------------------------------------------------------------------------------ */

static void add_death(struct autopsy *autopsy, const struct abi_death *death)
{
    struct evidence *evidence = &autopsy->evidence;
    const struct abi_memory *memory = evidence->memory;
    struct evidence_thread *thread;
    struct unwind_frame frames[EVIDENCE_FRAMES];
    struct unwind_regs regs;
    struct unwind_stack stack = {death->stack_address, death->stack, death->stack_bytes};
    size_t count;

    if (death->lane >= ABI_LANES || evidence->threads >= EVIDENCE_THREADS ||
        memory->lane[death->lane].state != LANE_KILLED)
        return;
    thread = &evidence->thread[evidence->threads++];
    memset(thread, 0, sizeof *thread);
    thread->tid = (int)death->tid;
    thread->syscall = -2;
    name_thread(memory, thread);
    thread->lane = (int)death->lane;
    thread->state = THREAD_DEAD;
    memcpy(regs.r, death->regs, sizeof regs.r);
    if (stack.length > ABI_STACK_BYTES)
        stack.length = ABI_STACK_BYTES;
    if (autopsy->unwind != NULL &&
        unwind_regs(autopsy->unwind, &regs, &stack, frames, EVIDENCE_FRAMES, &count) == 0)
        copy_stack(thread, frames, count);
}

static void add_dead(struct autopsy *autopsy)
{
    const struct abi_memory *memory = autopsy->evidence.memory;
    uint32_t deaths = memory->control.deaths < ABI_DEATHS ? memory->control.deaths : ABI_DEATHS;

    for (uint32_t i = 0; i < deaths; i++)
        if (memory->death[i].epoch == memory->control.epoch)
            add_death(autopsy, &memory->death[i]);
}

/* --- a crash --------------------------------------------------------------------------------- */

static void find_module(struct autopsy *autopsy, uint64_t address, uint32_t state)
{
    const struct abi_memory *memory = autopsy->evidence.memory;
    uint32_t modules =
        memory->control.modules < ABI_MODULES ? memory->control.modules : ABI_MODULES;

    for (uint32_t i = 0; i < modules; i++) {
        const struct abi_module *module = &memory->module[i];

        if (module->epoch == memory->control.epoch && module->state == state &&
            address >= module->base && address < module->end)
            autopsy->evidence.unloaded = *module;
    }
    autopsy->evidence.unloaded.path[ABI_PATH_BYTES - 1] = 0;
}

/* The dlclose that a lane is inside of, NULL if none. What it calls changes the lane's site. */
static const struct abi_event *unload_under_way(const struct abi_lane *lane)
{
    const struct abi_event *event;

    for (uint64_t back = 0; lane->loading > 0 && (event = evidence_event(lane, back)) != NULL;
         back++)
        if (event->kind == EVENT_UNLOAD_BEGIN)
            return event;
        else if (event->kind == EVENT_UNLOAD_END)
            break;
    return NULL;
}

/*
 * The loader unmaps a module before dlclose returns and it is put down as unloaded. In between
 * its addresses are known by this: nothing is mapped there, and somebody is inside dlclose.
 */
static void find_unloading(struct autopsy *autopsy, const struct abi_crash *crash)
{
    struct abi_module *gone = &autopsy->evidence.unloaded;
    const struct abi_lane *lane;
    const struct abi_event *event;

    if (crash->signal != SIGSEGV || crash->code != SEGV_MAPERR)
        return;
    for (unsigned i = 0; i < ABI_LANES && gone->epoch == 0; i++) {
        lane = evidence_lane(&autopsy->evidence, i);
        event = lane != NULL ? unload_under_way(lane) : NULL;
        if (event == NULL)
            continue;
        find_module(autopsy, crash->address, MODULE_LOADED);
        gone->unloaded_at = crash->time;
        gone->unloader_lane = i;
        gone->unload_caller = event->caller;
    }
}

static void add_crash(struct autopsy *autopsy)
{
    const struct abi_memory *memory = autopsy->evidence.memory;
    const struct abi_crash *crash = &memory->control.crash;
    struct unwind_frame frames[EVIDENCE_FRAMES];
    struct unwind_regs regs;
    size_t count = 0;

    if (crash->epoch != memory->control.epoch)
        return;
    find_module(autopsy, crash->regs[16], MODULE_UNLOADED);
    if (autopsy->evidence.unloaded.epoch == 0)
        find_module(autopsy, crash->address, MODULE_UNLOADED);
    if (autopsy->evidence.unloaded.epoch == 0)
        find_unloading(autopsy, crash);
    if (autopsy->evidence.unloaded.epoch != 0 && autopsy->unwind != NULL)
        unwind_add_unloaded(autopsy->unwind, autopsy->evidence.unloaded.path,
                            autopsy->evidence.unloaded.base, autopsy->evidence.unloaded.end, NULL);
    memcpy(regs.r, crash->regs, sizeof regs.r);
    if (autopsy->unwind == NULL ||
        unwind_regs(autopsy->unwind, &regs, NULL, frames, EVIDENCE_FRAMES, &count) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        copy_frame(&autopsy->evidence.crash_frame[autopsy->evidence.crash_frames++], &frames[i]);
}

/* --- modules of the cycle ----------------------------------------------------------------------
 */

/* Whether a later record says the same: modules that come and go mostly come to the same place. */
static bool is_repeated(const struct abi_memory *memory, const struct abi_module *module,
                        uint32_t modules)
{
    for (uint32_t i = 0; i < modules; i++)
        if (memory->module[i].epoch == memory->control.epoch &&
            memory->module[i].base == module->base &&
            memory->module[i].loaded_at > module->loaded_at)
            return true;
    return false;
}

/*
 * What is gone with its dlclose, or with the process, can still be named: by its file. Of two
 * in one place the later one counts; what is mapped there now refuses both.
 */
static void add_modules(struct autopsy *autopsy)
{
    const struct abi_memory *memory = autopsy->evidence.memory;
    uint32_t modules =
        memory->control.modules < ABI_MODULES ? memory->control.modules : ABI_MODULES;
    char path[ABI_PATH_BYTES];

    for (uint32_t i = 0; autopsy->unwind != NULL && i < modules; i++) {
        const struct abi_module *module = &memory->module[i];

        if (module->epoch != memory->control.epoch || is_repeated(memory, module, modules))
            continue;
        snprintf(path, sizeof path, "%.*s", (int)sizeof path - 1, module->path);
        unwind_add_unloaded(autopsy->unwind, path, module->base, module->end, NULL);
    }
}

/* --- misused blocks ------------------------------------------------------------------------- */

static void add_stack(struct autopsy *autopsy, const struct abi_stack *taken,
                      struct evidence_stack *out)
{
    struct unwind_frame frames[EVIDENCE_FRAMES];
    struct unwind_stack stack = {taken->address, taken->copy, taken->bytes};
    struct unwind_regs regs;
    size_t count;

    memcpy(regs.r, taken->regs, sizeof regs.r);
    if (autopsy->unwind == NULL || taken->bytes == 0 || taken->bytes > ABI_STACK_BYTES ||
        unwind_regs(autopsy->unwind, &regs, &stack, frames, EVIDENCE_FRAMES, &count) != 0)
        return;
    for (size_t i = 0; i < count && i < EVIDENCE_FRAMES; i++)
        copy_frame(&out->frame[out->frames++], &frames[i]);
}

static void add_sample(struct autopsy *autopsy, const struct abi_guard_slot *slot, unsigned index)
{
    add_stack(autopsy, &slot->allocated.stack, &autopsy->blocks.allocated[index]);
    if (slot->state == GUARD_FREED)
        add_stack(autopsy, &slot->freed.stack, &autopsy->blocks.freed[index]);
}

static void add_blocks(struct autopsy *autopsy)
{
    struct evidence *evidence = &autopsy->evidence;
    const struct abi_guard_slot *slot;
    unsigned number;
    int64_t offset;

    if (evidence->memory->control.heap_faults == 0 && evidence->memory->guard.base == 0)
        return;
    memset(&autopsy->blocks, 0, sizeof autopsy->blocks);
    evidence->blocks = &autopsy->blocks;
    for (unsigned i = 0; i < ABI_HEAP_FAULTS; i++) {
        const struct abi_heap_fault *fault = evidence_fault(evidence, i);

        if (fault == NULL)
            continue;
        add_stack(autopsy, &fault->stack, &autopsy->blocks.fault[i]);
        slot =
            fault->sample != 0 ? evidence_sample(evidence, fault->block, &offset, &number) : NULL;
        if (slot != NULL)
            add_sample(autopsy, slot, i);
    }
    if ((slot = evidence_sample_crash(evidence, &offset, &number)) != NULL)
        add_sample(autopsy, slot, ABI_HEAP_FAULTS);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static uint64_t last_event(const struct abi_memory *memory)
{
    uint32_t lanes = memory->control.lanes < ABI_LANES ? memory->control.lanes : ABI_LANES;
    uint64_t last = memory->control.start_ticks;

    for (uint32_t i = 0; i < lanes; i++)
        if (memory->lane[i].epoch == memory->control.epoch && memory->lane[i].now > last)
            last = memory->lane[i].now;
    return last;
}

static void say_effect(struct evidence *evidence, const struct plan_point *point)
{
    const struct injector *injector = injector_registry[point->injector];

    /* A forked child was struck: its parent sees that, and may say so by its own status. */
    if (memchr(point->thread, 'f', sizeof point->thread) != NULL) {
        evidence->effect_failure = true;
        return;
    }
    evidence->effect_thread |= injector->others_die;
    switch (injector->effect) {
    case EFFECT_STATUS:
        evidence->effect_status = (int)(point->argument & 0xff);
        break;
    case EFFECT_THREAD_DIES:
    case EFFECT_THREAD_PARKED:
    case EFFECT_THREAD_ENDS:
        evidence->effect_thread = true;
        break;
    case EFFECT_CALL_FAILS:
        evidence->effect_failure = true;
        break;
    default:
        break;
    }
}

static void say_effects(struct evidence *evidence, const struct abi_control *control)
{
    int status;

    server_expected(control, &evidence->effect_signal, &status);
    evidence->struck = control->fired != 0;
    evidence->effect_status = -1;
    evidence->effect_thread = control->deaths != 0;
    evidence->expected_status = control->baseline_status;
    for (unsigned i = 0; i < control->plan.count && i < PLAN_STRIKES; i++)
        if ((control->fired & UINT64_C(1) << i) &&
            control->plan.strike[i].injector < injector_count())
            say_effect(evidence, &control->plan.strike[i]);
}

static void seize(struct autopsy *autopsy, int pid)
{
    struct error e;

    autopsy_release(autopsy); /* what of the last target could not be let go before it was dead */
    autopsy->refused[0] = 0;
    if (unwind_seize_all(pid, autopsy->tid, EVIDENCE_THREADS, &autopsy->tids, &e) == 0 ||
        autopsy->tids > 0)
        autopsy->seized = pid;
    else
        snprintf(autopsy->refused, sizeof autopsy->refused, "%s", e.text);
}

enum { REACH_LAPS = 8 }; /* from so many on, one block a lap is told from one made once */

static void look_at_heap(struct autopsy *autopsy, const struct job *job, pid_t pid)
{
    const struct abi_control *control = &autopsy->evidence.memory->control;
    bool asked = (control->options & OPTION_REACH) != 0;
    struct heap_look_request request = {
        .pid = pid,
        .tid = autopsy->tid,
        .tids = autopsy->seized != 0 ? autopsy->tids : 0,
        .memory_fd = job->memory_fd,
        .reach = asked || control->lap >= REACH_LAPS,
        .asked = asked,
        .memory = job->memory,
    };

    heap_look(&autopsy->evidence, &request);
}

/* From here on the target's memory is what it was now. @ticks: when the look at it began. */
static void freeze(struct autopsy *autopsy, const struct abi_memory *memory, uint64_t ticks)
{
    const struct abi_memory *copy = frozen_take(&autopsy->frozen, memory);
    struct evidence *evidence = &autopsy->evidence;

    evidence->memory = copy != NULL ? copy : memory;
    evidence->status = evidence->memory->control.status;
    evidence->hang_ms = (double)(ticks - last_event(evidence->memory)) * 1000 / autopsy->hz;
    evidence->left_processes = (evidence->memory->control.anomaly & ANOMALY_LEFT) != 0;
    say_effects(evidence, &evidence->memory->control);
}

void autopsy_collect(struct autopsy *autopsy, const struct job *job, enum evidence_hang hang,
                     const char *why, const struct abi_lap *laps, unsigned lap_count)
{
    struct abi_memory *memory = job->memory;
    struct abi_control *control = &memory->control;
    struct evidence *evidence = &autopsy->evidence;
    pid_t pid = trust_pid(control, job->server);
    bool alive =
        pid != 0 && (hang != HANG_NONE || (control->anomaly & (ANOMALY_SIGNAL | ANOMALY_STOPPED)) ||
                     server_looks(control));
    uint64_t ticks = __builtin_ia32_rdtsc();
    size_t length;

    control->tick_hz = (uint64_t)autopsy->hz;
    memset(evidence, 0, sizeof *evidence);
    evidence->thread = autopsy->thread;
    evidence->hang = hang;
    evidence->ended = !alive;
    evidence->lap = laps;
    evidence->laps = lap_count;
    snprintf(evidence->why, sizeof evidence->why, "%s", why != NULL ? why : "");
    evidence->name = name_address;
    evidence->stays = why_it_stays;
    evidence->name_context = autopsy;
    free(autopsy->output);
    autopsy->output = job_tail(job, &length);
    evidence->output = autopsy->output;
    if (alive) {
        add_process(autopsy, job, pid); /* before ptrace changes their states */
        seize(autopsy, pid);
        add_children(autopsy, job, pid);
    }
    freeze(autopsy, memory, ticks);
    if (look_into(autopsy, alive ? pid : job->server) && alive)
        add_stacks(autopsy);
    add_dead(autopsy);
    add_crash(autopsy);
    add_modules(autopsy);
    if (alive && hang == HANG_SPINNING && autopsy->watch != NULL)
        evidence_spin_read(evidence, autopsy->watch);
    if (autopsy->held != NULL)
        watch_held_tell(autopsy->held, evidence);
    if (alive)
        look_at_heap(autopsy, job, pid);
    add_blocks(autopsy);
}

void autopsy_release(struct autopsy *autopsy)
{
    if (autopsy->seized != 0 && unwind_detach_all(autopsy->seized, autopsy->tid, autopsy->tids) > 0)
        return; /* its parent could not reap it, so these threads are not forgotten */
    autopsy->seized = 0;
    autopsy->tids = 0;
}

void autopsy_close(struct autopsy *autopsy)
{
    autopsy_release(autopsy);
    unwind_close(autopsy->unwind);
    frozen_free(&autopsy->frozen);
    free(autopsy->output);
    memset(autopsy, 0, sizeof *autopsy);
}
