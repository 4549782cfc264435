/*
 * emit: the gate in front of the flight recorder. No injected death may land inside a
 * tracepoint (a hole in the recorder's buffer stops its stream for good), so every lane says
 * when it is inside, and whoever ends the process waits until nobody is.
 */
#include "emit.h"

#include <string.h>

const struct recorder_ops *emit_ops;

static const char provider[] = RECORDER_LIBRARY;

/* The provider lies beside us. */
static bool beside_us(char *path, size_t size)
{
    Dl_info info;
    const char *slash;

    if (dladdr((void *)emit_open, &info) == 0 || (slash = strrchr(info.dli_fname, '/')) == NULL)
        return false;
    if ((size_t)(slash - info.dli_fname) + 2 + sizeof provider > size)
        return false;
    memcpy(path, info.dli_fname, (size_t)(slash - info.dli_fname) + 1);
    strcpy(path + (slash - info.dli_fname) + 1, provider);
    return true;
}

/* --- whose calls are the recorder's own ---------------------------------------------------- */

uint64_t emit_low;
uint64_t emit_span;

enum { MODULES_BEFORE = 256 };

static uint64_t before[MODULES_BEFORE];
static unsigned before_count;

static int note_before(struct dl_phdr_info *info, size_t size, void *context)
{
    if (before_count < MODULES_BEFORE)
        before[before_count++] = info->dlpi_addr;
    return 0;
}

static bool was_there(uint64_t address)
{
    for (unsigned i = 0; i < before_count; i++)
        if (before[i] == address)
            return true;
    return false;
}

/* One load maps its modules side by side, so one range covers them. */
static int note_new(struct dl_phdr_info *info, size_t size, void *context)
{
    uint64_t *range = context;

    for (unsigned i = 0; !was_there(info->dlpi_addr) && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t from = info->dlpi_addr + segment->p_vaddr;

        if (segment->p_type != PT_LOAD)
            continue;
        if (range[0] == 0 || from < range[0])
            range[0] = from;
        if (from + segment->p_memsz > range[1])
            range[1] = from + segment->p_memsz;
    }
    return 0;
}

void emit_open(void)
{
    uint64_t range[2] = {0, 0};
    char path[4096];
    void *handle;

    if (emit_ops != NULL || !beside_us(path, sizeof path))
        return;
    before_count = 0;
    real.dl_iterate_phdr(note_before, NULL);
    handle = real.dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    real.dl_iterate_phdr(note_new, range);
    emit_low = range[0];
    emit_span = range[1] - range[0];
    if (handle != NULL)
        emit_ops = dlsym(handle, "rundown_recorder_ops");
    if (emit_ops != NULL && emit_ops->version != RECORDER_VERSION)
        emit_ops = NULL;
}

pid_t emit_fork(void)
{
    sigset_t set;
    pid_t pid;

    emit_ops->before_fork(&set);
    pid = real.fork();
    emit_ops->after_fork(&set);
    return pid;
}

static bool enter(struct abi_lane *lane)
{
    lane->in_tracepoint++;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!CONTROL->gate)
        return true;
    lane->in_tracepoint--;
    return false;
}

enum { ROUNDS_ASLEEP = 1000 };

static bool is_in_event(const struct abi_lane *lane)
{
    return lane != agent_lane && lane->epoch == CONTROL->epoch && lane->state == LANE_RUNS &&
           __atomic_load_n(&lane->in_tracepoint, __ATOMIC_ACQUIRE) != 0 &&
           RAW3(SYS_tgkill, lane->pid, lane->tid, 0) == 0;
}

/* One that sleeps on and on wants something of somebody who is dead, the heap's lock say: its event
 * will never be whole. */
static void await_event(const struct abi_lane *lane)
{
    for (unsigned asleep = 0; asleep < ROUNDS_ASLEEP && is_in_event(lane);) {
        asleep = agent_task_state(lane->tid) == 'S' ? asleep + 1 : 0;
        RAW1(SYS_sched_yield, 0);
    }
}

IN_EVERY_CYCLE void emit_close_gate(void)
{
    uint32_t lanes = CONTROL->lanes < ABI_LANES ? CONTROL->lanes : ABI_LANES;

    if (emit_ops == NULL || !agent_active)
        return;
    CONTROL->gate = 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < lanes; i++)
        await_event(&agent_memory->lane[i]);
}

/* The agent's events and the recorder's are not one to one: most of ours are too frequent. */
static const char *site_text(const struct abi_lane *lane, char out[64])
{
    return abi_site_name(CONTROL, lane->site, out);
}

static int recorder_kind(uint16_t kind)
{
    switch (kind) {
    case EVENT_CYCLE_BEGIN:
        return RECORDER_CYCLE_BEGIN;
    case EVENT_INJECT_INTENT:
        return RECORDER_INJECT_FIRED; /* before the strike: it may be the last event */
    case EVENT_WAIT_BEGIN:
        return RECORDER_LOCK_WAIT;
    case EVENT_ACQUIRED:
        return RECORDER_LOCK_ACQUIRE;
    case EVENT_RELEASED:
        return RECORDER_LOCK_RELEASE;
    case EVENT_LOAD_BEGIN:
        return RECORDER_MODULE_LOAD_BEGIN;
    case EVENT_LOAD_END:
        return RECORDER_MODULE_LOAD_END;
    case EVENT_UNLOAD_BEGIN:
        return RECORDER_MODULE_UNLOAD_BEGIN;
    case EVENT_UNLOAD_END:
        return RECORDER_MODULE_UNLOAD_END;
    case EVENT_THREAD_BORN:
        return RECORDER_THREAD_START;
    case EVENT_THREAD_ENDS:
        return RECORDER_THREAD_EXIT;
    case EVENT_EXIT_PHASE:
        return RECORDER_EXIT_GATE;
    default:
        return -1;
    }
}

static uint32_t phase_of(uint32_t phase)
{
    switch (phase) {
    case PHASE_REQUESTED:
        return RECORDER_PHASE_REQUESTED;
    case PHASE_HANDLERS:
        return RECORDER_PHASE_HANDLERS;
    case PHASE_FINI:
        return RECORDER_PHASE_FINI;
    default:
        return RECORDER_PHASE_LEAVE;
    }
}

static void fill(struct recorder_event *event, const struct abi_lane *lane, uint16_t kind,
                 uint32_t aux, uint64_t object, uint64_t other, char site[64])
{
    event->a = object;
    event->b = other;
    event->text = site_text(lane, site);
    event->text2 = abi_mode_name(aux);
    switch (kind) {
    case EVENT_CYCLE_BEGIN:
        event->a = CONTROL->plan.seed;
        event->text = event->text2 = "";
        break;
    case EVENT_INJECT_INTENT:
        event->inj = aux + 1;
        event->text2 = other < injector_count() ? injector_registry[other]->name : "?";
        event->a = lane->tid;
        event->b = 0;
        break;
    case EVENT_THREAD_BORN:
        event->b = aux;
        break;
    case EVENT_THREAD_ENDS:
        event->text = aux == END_RETURN ? "return" : aux == END_EXIT ? "exit" : "cancel";
        break;
    case EVENT_EXIT_PHASE:
        event->a = phase_of(aux);
        event->b = lane->tid;
        break;
    default:
        break;
    }
}

void emit_event(struct abi_lane *lane, uint16_t kind, uint32_t aux, uint64_t object, uint64_t other)
{
    int recorded = recorder_kind(kind);
    struct recorder_event event;
    char site[64];
    bool paused;

    if (emit_ops == NULL || recorded < 0)
        return;
    memset(&event, 0, sizeof event);
    event.kind = (enum recorder_kind)recorded;
    event.cycle = CONTROL->cycle;
    event.pid = lane->pid;
    event.tid = lane->tid;
    event.seq = lane->seq;
    fill(&event, lane, kind, aux, object, other, site);
    if (!enter(lane))
        return;
    paused = step_pause(lane); /* no strike in there */
    emit_ops->event(&event);
    if (paused)
        step_resume();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    lane->in_tracepoint--;
}
