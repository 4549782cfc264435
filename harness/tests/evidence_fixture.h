/*
 * evidence_fixture.h: evidence made up for the tests of detectors.
 *
 * A fixture is one cycle: shared memory as an agent would have left it, and the supervisor's
 * findings beside it. fixture_judge() also holds every detector to its contract: only codes
 * that it lists, words that are text, signatures without addresses.
 *
 * The shared memory lies between two pages that nobody may touch, and the threads in a block of
 * exactly their size, so that a detector that reads too far is caught even without a sanitizer.
 * For tests only, all static inline.
 */
#ifndef TESTS_EVIDENCE_FIXTURE_H
#define TESTS_EVIDENCE_FIXTURE_H

#include <harness/detector.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <CUnit/Basic.h>

enum {
    FIXTURE_EPOCH = 7,
    FIXTURE_PID = 4000,
    FIXTURE_TICK_HZ = 1000000, /* a tick is a microsecond */
    FIXTURE_SYMBOLS = 64,
    FIXTURE_GUARD = 4096, /* bytes before and behind the memory that nobody may touch */
};

/* Places of a made-up program that every fixture can name: return addresses and locks. */
#define AT_MAIN   UINT64_C(0x400010) /* main    prog  prog.c:10 */
#define AT_WORKER UINT64_C(0x401010) /* worker  prog  prog.c:20 */
#define AT_UPDATE UINT64_C(0x402010) /* update  prog  prog.c:30 */
#define AT_PLUGIN UINT64_C(0x403010) /* stop  libplug.so  plug.c:40 */
#define LOCK_A    UINT64_C(0x600000) /* lock_a  prog */
#define LOCK_B    UINT64_C(0x600100) /* lock_b  prog */
#define READY     UINT64_C(0x600200) /* ready  prog */
#define STRUCK_AT UINT64_C(0x900041) /* _int_malloc  libc.so.6: where threads are killed */

struct fixture {
    struct evidence evidence;
    struct abi_memory *memory;
    uint64_t now; /* ticks; one more with every event */
    unsigned symbols;
    struct {
        uint64_t from;
        uint64_t to;
        struct evidence_frame frame;
    } symbol[FIXTURE_SYMBOLS];
    const char *stays;
};

/* --- making ---------------------------------------------------------------------------------- */

static inline void fixture_name_address(void *context, uint64_t address,
                                        struct evidence_frame *frame)
{
    const struct fixture *f = context;

    for (unsigned i = 0; i < f->symbols; i++)
        if (address >= f->symbol[i].from && address < f->symbol[i].to) {
            *frame = f->symbol[i].frame;
            frame->pc = address;
            frame->offset = address & 0xffff;
        }
}

static inline const char *fixture_why_stays(void *context, unsigned module)
{
    const struct fixture *f = context;

    return module < ABI_MODULES ? f->stays : NULL;
}

static inline size_t fixture_memory_bytes(void)
{
    return (sizeof(struct abi_memory) + FIXTURE_GUARD - 1) / FIXTURE_GUARD * FIXTURE_GUARD;
}

static inline struct abi_memory *fixture_map_memory(void)
{
    size_t bytes = fixture_memory_bytes();
    char *at = mmap(NULL, bytes + 2 * FIXTURE_GUARD, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED || mprotect(at + FIXTURE_GUARD, bytes, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        abort();
    }
    return (struct abi_memory *)(at + FIXTURE_GUARD);
}

static inline void fixture_fill(struct evidence_frame *frame, const char *module,
                                const char *function, const char *file, int line)
{
    memset(frame, 0, sizeof *frame);
    snprintf(frame->module, sizeof frame->module, "%s", module);
    snprintf(frame->function, sizeof frame->function, "%s", function);
    snprintf(frame->file, sizeof frame->file, "%s", file);
    frame->line = line;
}

/** 256 bytes at @address that have a name; code or data. */
static inline void fixture_symbol(struct fixture *f, uint64_t address, const char *module,
                                  const char *function, const char *file, int line)
{
    if (f->symbols == FIXTURE_SYMBOLS)
        abort();
    f->symbol[f->symbols].from = address;
    f->symbol[f->symbols].to = address + 256;
    fixture_fill(&f->symbol[f->symbols++].frame, module, function, file, line);
}

static inline void fixture_name_program(struct fixture *f)
{
    fixture_symbol(f, AT_MAIN & ~UINT64_C(0xff), "prog", "main", "prog.c", 10);
    fixture_symbol(f, AT_WORKER & ~UINT64_C(0xff), "prog", "worker", "prog.c", 20);
    fixture_symbol(f, AT_UPDATE & ~UINT64_C(0xff), "prog", "update", "prog.c", 30);
    fixture_symbol(f, AT_PLUGIN & ~UINT64_C(0xff), "libplug.so", "stop", "plug.c", 40);
    fixture_symbol(f, LOCK_A, "prog", "lock_a", "", 0);
    fixture_symbol(f, LOCK_B, "prog", "lock_b", "", 0);
    fixture_symbol(f, READY, "prog", "ready", "", 0);
    fixture_symbol(f, STRUCK_AT & ~UINT64_C(0xff), "libc.so.6", "_int_malloc", "", 0);
}

/** A cycle that ended well: no threads, no strike, status 0 as expected. */
static inline void fixture_open(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->memory = fixture_map_memory();
    f->now = 1000;
    f->memory->control.epoch = FIXTURE_EPOCH;
    f->memory->control.pid = FIXTURE_PID;
    f->memory->control.tick_hz = FIXTURE_TICK_HZ;
    f->memory->control.hello = 1;
    f->evidence.memory = f->memory;
    f->evidence.ended = true;
    f->evidence.effect_status = -1;
    f->evidence.name = fixture_name_address;
    f->evidence.stays = fixture_why_stays;
    f->evidence.name_context = f;
    fixture_name_program(f);
}

static inline void fixture_close(struct fixture *f)
{
    munmap((char *)f->memory - FIXTURE_GUARD, fixture_memory_bytes() + 2 * FIXTURE_GUARD);
    free(f->evidence.thread);
}

/** One event of the lane, now. */
static inline struct abi_event *fixture_event(struct fixture *f, unsigned lane,
                                              enum abi_event_kind kind, uint32_t aux,
                                              uint64_t object, uint64_t other, uint64_t caller)
{
    struct abi_lane *l = &f->memory->lane[lane];
    struct abi_event *event = &l->ring[l->seq++ % ABI_RING_EVENTS];

    event->time = ++f->now;
    event->kind = (uint16_t)kind;
    event->site = (uint16_t)l->site;
    event->aux = aux;
    event->object = object;
    event->other = other;
    event->caller = caller;
    return event;
}

/** A lane named @name whose thread runs; returns its index. */
static inline unsigned fixture_lane(struct fixture *f, const char *name)
{
    unsigned index = f->memory->control.lanes++;
    struct abi_lane *lane = &f->memory->lane[index];

    lane->epoch = FIXTURE_EPOCH;
    lane->state = LANE_RUNS;
    lane->pid = FIXTURE_PID;
    lane->tid = FIXTURE_PID + index;
    snprintf(lane->name, sizeof lane->name, "%s", name);
    fixture_event(f, index, index == 0 ? EVENT_CYCLE_BEGIN : EVENT_THREAD_BORN, 0, 0, 0, 0);
    return index;
}

/** The lane's thread in a process forked off from that of lane @parent. */
static inline unsigned fixture_forked(struct fixture *f, const char *name, unsigned parent)
{
    unsigned index = fixture_lane(f, name);

    f->memory->lane[index].pid = FIXTURE_PID + 500;
    f->memory->lane[index].parent = parent;
    return index;
}

/**
 * What was seen of the thread of @lane (-1: none). @syscall -2: unknown.
 * Returns its index; the pointers to other threads change.
 */
static inline unsigned fixture_thread(struct fixture *f, int lane, enum evidence_thread_state state,
                                      long syscall)
{
    unsigned index = f->evidence.threads++;
    struct evidence_thread *thread;

    f->evidence.thread = realloc(f->evidence.thread, (index + 1) * sizeof *thread);
    if (f->evidence.thread == NULL)
        abort();
    thread = &f->evidence.thread[index];
    memset(thread, 0, sizeof *thread);
    thread->lane = lane;
    thread->tid = lane >= 0 ? (int)f->memory->lane[lane].tid : FIXTURE_PID + 900 + (int)index;
    thread->state = state;
    thread->waits = state == THREAD_WAITING;
    thread->syscall = syscall;
    return index;
}

/** Adds an outer frame to a thread. */
static inline void fixture_frame(struct fixture *f, unsigned thread, const char *module,
                                 const char *function, const char *file, int line)
{
    struct evidence_thread *t = &f->evidence.thread[thread];

    fixture_fill(&t->frame[t->frames], module, function, file, line);
    t->frame[t->frames].pc = 0x400000 + t->frames;
    t->frame[t->frames].offset = 0x1000u + t->frames;
    t->frames++;
}

/** The lane holds a lock, taken at @caller; ACQUIRED is in its ring. */
static inline void fixture_hold(struct fixture *f, unsigned lane, uint64_t object,
                                enum abi_lock_mode mode, uint64_t caller)
{
    struct abi_lane *l = &f->memory->lane[lane];
    struct abi_held *held = &l->held[l->held_count++];

    fixture_event(f, lane, EVENT_ACQUIRED, mode, object, 0, caller);
    held->object = object;
    held->caller = caller;
    held->time = f->now;
    held->mode = mode;
    held->depth = 1;
}

/** The lane is in a call of @site, past the agent's hook. */
static inline void fixture_call(struct fixture *f, unsigned lane, enum abi_site site,
                                uint64_t caller)
{
    f->memory->lane[lane].site = site;
    f->memory->lane[lane].site_caller = caller;
}

/** The lane waits for a lock or event, in a call of @site. */
static inline void fixture_wait(struct fixture *f, unsigned lane, enum abi_site site,
                                uint64_t object, enum abi_lock_mode mode, uint64_t caller)
{
    struct abi_lane *l = &f->memory->lane[lane];

    fixture_call(f, lane, site, caller);
    l->wait_object = object;
    l->wait_mode = mode;
    l->wait_caller = caller;
    l->wait_since = f->now;
}

/** The lane waits for the end of lane @joined. */
static inline void fixture_join(struct fixture *f, unsigned lane, unsigned joined, uint64_t caller)
{
    fixture_wait(f, lane, SITE_JOIN, 0x7f0000000000 + joined, MODE_JOIN, caller);
    f->memory->lane[lane].wait_other = joined + 1;
    fixture_event(f, lane, EVENT_JOIN_BEGIN, f->memory->lane[joined].tid, 0x7f0000000000 + joined,
                  joined + 1, caller);
}

static inline void fixture_strike(struct fixture *f, unsigned lane, enum abi_site site,
                                  uint32_t hit, uint32_t insn)
{
    struct abi_control *control = &f->memory->control;
    struct abi_lane *l = &f->memory->lane[lane];
    uint32_t index = control->plan.count++;
    struct plan_point *point = &control->plan.strike[index];
    struct abi_death *death = &f->memory->death[control->deaths++];

    memcpy(point->thread, l->name, sizeof point->thread);
    point->site = (uint16_t)site;
    point->hit = hit;
    point->insn = insn;
    control->fired |= UINT64_C(1) << index;
    if (l->site == 0)
        l->site = site;
    l->depth = insn == 0;
    *death = (struct abi_death){.lane = lane, .strike = index, .tid = l->tid, .site = site};
    death->hit = hit;
    death->insn = insn;
    death->inner = l->site;
    death->caller = l->site_caller;
    death->time = ++f->now;
    death->regs[16] = STRUCK_AT;
    death->epoch = FIXTURE_EPOCH;
    fixture_event(f, lane, EVENT_INJECT_INTENT, index, death->regs[16], 0, l->site_caller);
    f->evidence.struck = f->evidence.effect_thread = true;
}

/** The plan killed the lane @insn instructions into its call of @site; 0: at the hook. */
static inline void fixture_kill(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit,
                                uint32_t insn)
{
    fixture_strike(f, lane, site, hit, insn);
    f->memory->lane[lane].state = LANE_KILLED;
    f->memory->lane[lane].end = END_KILLED;
}

/** The same, parked for ever. */
static inline void fixture_park(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit,
                                uint32_t insn)
{
    fixture_strike(f, lane, site, hit, insn);
    f->memory->lane[lane].state = LANE_PARKED;
    fixture_event(f, lane, EVENT_PARKED, 0, 0, 0, 0);
}

/** The exit was asked for by @lane, with @alive threads alive. */
static inline void fixture_exit(struct fixture *f, unsigned lane, int status, unsigned alive,
                                uint64_t caller)
{
    struct abi_control *control = &f->memory->control;

    if (control->exit_calls++ == 0) {
        control->phase = PHASE_REQUESTED;
        control->exiting_lane = lane;
        control->exit_status = status;
    }
    fixture_event(f, lane, EVENT_EXIT_PHASE, PHASE_REQUESTED, (uint64_t)status, alive, caller);
}

/** A table entry; @unloaded_by below 0: it is still there. */
static inline struct abi_module *fixture_module(struct fixture *f, const char *path, uint64_t base,
                                                uint64_t end, unsigned loaded_by, int unloaded_by)
{
    struct abi_module *module = &f->memory->module[f->memory->control.modules++];

    snprintf(module->path, sizeof module->path, "%s", path);
    module->base = base;
    module->end = end;
    module->loader_lane = loaded_by;
    module->loaded_at = ++f->now;
    module->loads = 1;
    module->state = MODULE_LOADED;
    module->epoch = FIXTURE_EPOCH;
    if (unloaded_by >= 0) {
        module->state = MODULE_UNLOADED;
        module->unloader_lane = (uint32_t)unloaded_by;
        module->unloaded_at = ++f->now;
    }
    return module;
}

/** A tie of @lane to @address; TIE_LIVE while its module is there. */
static inline struct abi_tie *fixture_tie(struct fixture *f, enum abi_tie_kind kind,
                                          enum abi_tie_state state, unsigned lane, uint64_t address,
                                          uint64_t caller)
{
    struct abi_tie *tie = &f->memory->tie[f->memory->control.ties++];

    *tie = (struct abi_tie){.kind = kind, .lane = lane, .address = address, .caller = caller};
    tie->time = ++f->now;
    tie->word = FIXTURE_EPOCH << 8 | state;
    return tie;
}

/** Everybody waits, which is proved. */
static inline void fixture_hang(struct fixture *f, enum evidence_hang hang)
{
    f->evidence.hang = hang;
    f->evidence.ended = false;
    f->evidence.hang_ms = 3.1;
}

/* --- judging --------------------------------------------------------------------------------- */

static inline bool fixture_is_listed(const struct detector *detector, const char *slug)
{
    size_t length = strlen(slug);

    for (const char *at = detector->codes; (at = strstr(at, slug)) != NULL; at++)
        if ((at == detector->codes || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

static inline unsigned fixture_count_words(const char *text)
{
    unsigned words = 0;

    for (const char *at = text; *at != 0; at++)
        words += *at != ' ' && (at == text || at[-1] == ' ');
    return words;
}

static inline void fixture_check_signature(const struct finding *finding)
{
    const char *slug = stop_code_entry(finding->code)->slug;

    CU_ASSERT_PTR_NOT_NULL(memchr(finding->signature, 0, sizeof finding->signature));
    CU_ASSERT_EQUAL(strncmp(finding->signature, slug, strlen(slug)), 0);
    CU_ASSERT_EQUAL(fixture_count_words(finding->signature), 3);
    CU_ASSERT_PTR_NULL(strstr(finding->signature, "0x"));
    CU_ASSERT_PTR_NULL(strstr(finding->signature, "T1"));
}

static inline void fixture_check_line(const char *line)
{
    size_t length = strnlen(line, FINDING_TEXT_BYTES);

    CU_ASSERT(length > 0 && length < FINDING_TEXT_BYTES);
    for (size_t i = 0; i < length && i < FINDING_TEXT_BYTES; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            CU_FAIL("a control character in a finding");
}

static inline void fixture_check_finding(const struct detector *detector,
                                         const struct finding *finding)
{
    const struct stop_code_entry *entry = stop_code_entry(finding->code);

    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    if (!fixture_is_listed(detector, entry->slug)) {
        fprintf(stderr, "%s raises %s, which it does not list\n", detector->name, entry->slug);
        CU_FAIL("a code that is not listed");
    }
    CU_ASSERT(finding->lines > 0 && finding->lines <= FINDING_LINES);
    for (unsigned i = 0; i < finding->lines && i < FINDING_LINES; i++)
        fixture_check_line(finding->line[i]);
}

static inline void fixture_run(const struct fixture *f, const struct detector *detector,
                               struct judgement *out)
{
    memset(out, 0, sizeof *out);
    detector->judge(&f->evidence, out);
    CU_ASSERT(out->findings <= FINDINGS_PER_CYCLE);
    for (unsigned i = 0; i < out->findings && i < FINDINGS_PER_CYCLE; i++)
        fixture_check_finding(detector, &out->finding[i]);
}

/** Runs a detector and checks its contract. @out is filled from empty. */
static inline void fixture_judge(const struct fixture *f, const struct detector *detector,
                                 struct judgement *out)
{
    fixture_run(f, detector, out);
    for (unsigned i = 0; i < out->findings; i++)
        fixture_check_signature(&out->finding[i]);
}

/** The finding of @code, or NULL. */
static inline const struct finding *fixture_found(const struct judgement *judgement,
                                                  enum stop_code code)
{
    for (unsigned i = 0; i < judgement->findings; i++)
        if (judgement->finding[i].code == code)
            return &judgement->finding[i];
    return NULL;
}

static inline void fixture_print_finding(const struct finding *finding)
{
    fprintf(stderr, "\n%s\n", finding->signature);
    for (unsigned i = 0; i < finding->lines; i++)
        fprintf(stderr, "  %s\n", finding->line[i]);
}

/** Some line of the finding contains @text. Prints the finding if not. */
static inline bool fixture_says(const struct finding *finding, const char *text)
{
    for (unsigned i = 0; finding != NULL && i < finding->lines; i++)
        if (strstr(finding->line[i], text) != NULL)
            return true;
    fprintf(stderr, "\nnot said: %s\n", text);
    if (finding != NULL)
        fixture_print_finding(finding);
    return false;
}

/* --- running --------------------------------------------------------------------------------- */

/* Suites are short: one CUnit suite a program. */
struct fixture_case {
    const char *name;
    void (*run)(void);
};

/** Runs the cases (NULL at the end); returns the program's exit status. */
static inline int fixture_main(const char *name, const struct fixture_case *cases)
{
    CU_pSuite suite;
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite(name, NULL, NULL);
    for (; suite != NULL && cases->name != NULL; cases++)
        if (CU_add_test(suite, cases->name, cases->run) == NULL)
            suite = NULL;
    if (suite == NULL)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

#endif
