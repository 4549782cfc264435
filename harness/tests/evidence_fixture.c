/*
 * evidence_fixture: makes up cycles, and damages them.
 *
 * The shared memory lies between two pages that nobody may touch, and the threads in a block of
 * exactly their size, so that a detector that reads too far is caught even without a sanitizer.
 */
#include "evidence_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <CUnit/Basic.h>

enum { GUARD = 4096, ROUNDS = 200, LANES_DAMAGED = 8 };

/* --- making ---------------------------------------------------------------------------------- */

static void name_address(void *context, uint64_t address, struct evidence_frame *frame)
{
    const struct fixture *f = context;

    for (unsigned i = 0; i < f->symbols; i++)
        if (address >= f->symbol[i].from && address < f->symbol[i].to) {
            *frame = f->symbol[i].frame;
            frame->pc = address;
            frame->offset = address & 0xffff;
        }
}

static const char *why_stays(void *context, unsigned module)
{
    const struct fixture *f = context;

    return module < ABI_MODULES ? f->stays : NULL;
}

static size_t memory_bytes(void)
{
    return (sizeof(struct abi_memory) + GUARD - 1) / GUARD * GUARD;
}

static struct abi_memory *map_memory(void)
{
    size_t bytes = memory_bytes();
    char *at = mmap(NULL, bytes + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);

    if (at == MAP_FAILED || mprotect(at + GUARD, bytes, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        abort();
    }
    return (struct abi_memory *)(at + GUARD);
}

static void name_program(struct fixture *f)
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

void fixture_open(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->memory = map_memory();
    f->now = 1000;
    f->memory->control.epoch = FIXTURE_EPOCH;
    f->memory->control.pid = FIXTURE_PID;
    f->memory->control.tick_hz = FIXTURE_TICK_HZ;
    f->memory->control.hello = 1;
    f->evidence.memory = f->memory;
    f->evidence.ended = true;
    f->evidence.effect_status = -1;
    f->evidence.name = name_address;
    f->evidence.stays = why_stays;
    f->evidence.name_context = f;
    name_program(f);
}

void fixture_close(struct fixture *f)
{
    munmap((char *)f->memory - GUARD, memory_bytes() + 2 * GUARD);
    free(f->evidence.thread);
}

unsigned fixture_lane(struct fixture *f, const char *name)
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

unsigned fixture_forked(struct fixture *f, const char *name, unsigned parent)
{
    unsigned index = fixture_lane(f, name);

    f->memory->lane[index].pid = FIXTURE_PID + 500;
    f->memory->lane[index].parent = parent;
    return index;
}

unsigned fixture_thread(struct fixture *f, int lane, enum evidence_thread_state state, long syscall)
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

static void fill(struct evidence_frame *frame, const char *module, const char *function,
                 const char *file, int line)
{
    memset(frame, 0, sizeof *frame);
    snprintf(frame->module, sizeof frame->module, "%s", module);
    snprintf(frame->function, sizeof frame->function, "%s", function);
    snprintf(frame->file, sizeof frame->file, "%s", file);
    frame->line = line;
}

void fixture_frame(struct fixture *f, unsigned thread, const char *module, const char *function,
                   const char *file, int line)
{
    struct evidence_thread *t = &f->evidence.thread[thread];

    fill(&t->frame[t->frames], module, function, file, line);
    t->frame[t->frames].pc = 0x400000 + t->frames;
    t->frame[t->frames].offset = 0x1000u + t->frames;
    t->frames++;
}

void fixture_symbol(struct fixture *f, uint64_t address, const char *module, const char *function,
                    const char *file, int line)
{
    if (f->symbols == FIXTURE_SYMBOLS)
        abort();
    f->symbol[f->symbols].from = address;
    f->symbol[f->symbols].to = address + 256;
    fill(&f->symbol[f->symbols++].frame, module, function, file, line);
}

struct abi_event *fixture_event(struct fixture *f, unsigned lane, enum abi_event_kind kind,
                                uint32_t aux, uint64_t object, uint64_t other, uint64_t caller)
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

void fixture_hold(struct fixture *f, unsigned lane, uint64_t object, enum abi_lock_mode mode,
                  uint64_t caller)
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

void fixture_call(struct fixture *f, unsigned lane, enum abi_site site, uint64_t caller)
{
    f->memory->lane[lane].site = site;
    f->memory->lane[lane].site_caller = caller;
}

void fixture_wait(struct fixture *f, unsigned lane, enum abi_site site, uint64_t object,
                  enum abi_lock_mode mode, uint64_t caller)
{
    struct abi_lane *l = &f->memory->lane[lane];

    fixture_call(f, lane, site, caller);
    l->wait_object = object;
    l->wait_mode = mode;
    l->wait_caller = caller;
    l->wait_since = f->now;
}

void fixture_join(struct fixture *f, unsigned lane, unsigned joined, uint64_t caller)
{
    fixture_wait(f, lane, SITE_JOIN, 0x7f0000000000 + joined, MODE_JOIN, caller);
    f->memory->lane[lane].wait_other = joined + 1;
    fixture_event(f, lane, EVENT_JOIN_BEGIN, f->memory->lane[joined].tid, 0x7f0000000000 + joined,
                  joined + 1, caller);
}

static void strike(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit,
                   uint32_t insn)
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

void fixture_kill(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit, uint32_t insn)
{
    strike(f, lane, site, hit, insn);
    f->memory->lane[lane].state = LANE_KILLED;
    f->memory->lane[lane].end = END_KILLED;
}

void fixture_park(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit, uint32_t insn)
{
    strike(f, lane, site, hit, insn);
    f->memory->lane[lane].state = LANE_PARKED;
    fixture_event(f, lane, EVENT_PARKED, 0, 0, 0, 0);
}

void fixture_exit(struct fixture *f, unsigned lane, int status, unsigned alive, uint64_t caller)
{
    struct abi_control *control = &f->memory->control;

    if (control->exit_calls++ == 0) {
        control->phase = PHASE_REQUESTED;
        control->exiting_lane = lane;
        control->exit_status = status;
    }
    fixture_event(f, lane, EVENT_EXIT_PHASE, PHASE_REQUESTED, (uint64_t)status, alive, caller);
}

struct abi_module *fixture_module(struct fixture *f, const char *path, uint64_t base, uint64_t end,
                                  unsigned loaded_by, int unloaded_by)
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

void fixture_hang(struct fixture *f, enum evidence_hang hang)
{
    f->evidence.hang = hang;
    f->evidence.ended = false;
    f->evidence.hang_ms = 3.1;
}

/* --- judging --------------------------------------------------------------------------------- */

static bool is_listed(const struct detector *detector, const char *slug)
{
    size_t length = strlen(slug);

    for (const char *at = detector->codes; (at = strstr(at, slug)) != NULL; at++)
        if ((at == detector->codes || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

static unsigned count_words(const char *text)
{
    unsigned words = 0;

    for (const char *at = text; *at != 0; at++)
        words += *at != ' ' && (at == text || at[-1] == ' ');
    return words;
}

static void check_signature(const struct finding *finding)
{
    const char *slug = stop_code_entry(finding->code)->slug;

    CU_ASSERT_PTR_NOT_NULL(memchr(finding->signature, 0, sizeof finding->signature));
    CU_ASSERT_EQUAL(strncmp(finding->signature, slug, strlen(slug)), 0);
    CU_ASSERT_EQUAL(count_words(finding->signature), 3);
    CU_ASSERT_PTR_NULL(strstr(finding->signature, "0x"));
    CU_ASSERT_PTR_NULL(strstr(finding->signature, "T1"));
}

static void check_line(const char *line)
{
    size_t length = strnlen(line, FINDING_TEXT_BYTES);

    CU_ASSERT(length > 0 && length < FINDING_TEXT_BYTES);
    for (size_t i = 0; i < length && i < FINDING_TEXT_BYTES; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            CU_FAIL("a control character in a finding");
}

static void check_finding(const struct detector *detector, const struct finding *finding)
{
    const struct stop_code_entry *entry = stop_code_entry(finding->code);

    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    if (!is_listed(detector, entry->slug)) {
        fprintf(stderr, "%s raises %s, which it does not list\n", detector->name, entry->slug);
        CU_FAIL("a code that is not listed");
    }
    CU_ASSERT(finding->lines > 0 && finding->lines <= FINDING_LINES);
    for (unsigned i = 0; i < finding->lines && i < FINDING_LINES; i++)
        check_line(finding->line[i]);
}

static void run(const struct fixture *f, const struct detector *detector, struct judgement *out)
{
    memset(out, 0, sizeof *out);
    detector->judge(&f->evidence, out);
    CU_ASSERT(out->findings <= FINDINGS_PER_CYCLE);
    for (unsigned i = 0; i < out->findings && i < FINDINGS_PER_CYCLE; i++)
        check_finding(detector, &out->finding[i]);
}

void fixture_judge(const struct fixture *f, const struct detector *detector, struct judgement *out)
{
    run(f, detector, out);
    for (unsigned i = 0; i < out->findings; i++)
        check_signature(&out->finding[i]);
}

const struct finding *fixture_found(const struct judgement *judgement, enum stop_code code)
{
    for (unsigned i = 0; i < judgement->findings; i++)
        if (judgement->finding[i].code == code)
            return &judgement->finding[i];
    return NULL;
}

static void print_finding(const struct finding *finding)
{
    fprintf(stderr, "\n%s\n", finding->signature);
    for (unsigned i = 0; i < finding->lines; i++)
        fprintf(stderr, "  %s\n", finding->line[i]);
}

bool fixture_says(const struct finding *finding, const char *text)
{
    for (unsigned i = 0; finding != NULL && i < finding->lines; i++)
        if (strstr(finding->line[i], text) != NULL)
            return true;
    fprintf(stderr, "\nnot said: %s\n", text);
    if (finding != NULL)
        print_finding(finding);
    return false;
}

/* --- damage ---------------------------------------------------------------------------------- */

/* SplitMix64 (plan_mix): the same damage from the same seed. */
struct damage {
    uint64_t seed;
    uint64_t counter;
};

static uint64_t draw(struct damage *damage)
{
    static const uint64_t nasty[] = {0,          1,         UINT32_MAX,
                                     UINT64_MAX, ABI_LANES, ABI_RING_EVENTS,
                                     ABI_HELD,   INT32_MAX, UINT64_C(1) << 63};
    uint64_t bits = plan_mix(damage->seed, 1, damage->counter++);

    return bits % 3 == 0 ? nasty[(bits >> 8) % (sizeof nasty / sizeof nasty[0])] : bits;
}

static void scribble(struct damage *damage, void *at, size_t bytes)
{
    uint64_t where = plan_mix(damage->seed, 2, damage->counter) % (bytes / 4);
    uint32_t value = (uint32_t)draw(damage);

    memcpy((char *)at + where * 4, &value, sizeof value);
}

/* Everything that says "this is of this cycle" stays, or there would be nothing to misread. */
static void keep_epochs(struct abi_memory *memory)
{
    memory->control.epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < LANES_DAMAGED; i++)
        memory->lane[i].epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < ABI_DEATHS; i++)
        memory->death[i].epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < ABI_MODULES; i++)
        memory->module[i].epoch = FIXTURE_EPOCH;
}

static void scribble_somewhere(struct damage *damage, struct abi_memory *memory)
{
    unsigned lane = (unsigned)(draw(damage) % LANES_DAMAGED);

    switch (plan_mix(damage->seed, 3, damage->counter++) % 6) {
    case 0:
        scribble(damage, &memory->control, sizeof memory->control);
        break;
    case 1:
        scribble(damage, memory->death, sizeof memory->death);
        break;
    case 2:
        scribble(damage, memory->module, sizeof memory->module);
        break;
    case 3: /* what is before the ring is little, and read most */
        scribble(damage, &memory->lane[lane], offsetof(struct abi_lane, hits));
        break;
    case 4:
        scribble(damage, memory->lane[lane].held, sizeof memory->lane[lane].held);
        break;
    default:
        scribble(damage, memory->lane[lane].ring, sizeof memory->lane[lane].ring / 64);
        break;
    }
}

/* Whole structures of noise: what one gets when the target writes its heap over ours. */
static void drown(struct damage *damage, struct abi_memory *memory)
{
    uint64_t *words = (uint64_t *)memory->lane;

    for (size_t i = 0; i < LANES_DAMAGED * sizeof(struct abi_lane) / 8; i++)
        words[i] = draw(damage);
    for (unsigned i = 0; i < LANES_DAMAGED; i++) { /* sane enough to be looked at */
        struct abi_lane *lane = &memory->lane[i];

        lane->state %= LANE_ENDED + 1;
        lane->end %= END_UNKNOWN + 1;
        lane->site %= ABI_SITES_ALL;
        lane->wait_mode %= ABI_MODES;
        lane->probe %= ABI_PROBES;
        snprintf(lane->name, sizeof lane->name, "T%u", i);
        for (unsigned n = 0; n < ABI_RING_EVENTS; n++)
            lane->ring[n].kind %= ABI_EVENTS;
        for (unsigned n = 0; n < ABI_HELD; n++)
            lane->held[n].mode %= ABI_MODES;
    }
}

static void distort(struct damage *damage, struct evidence *evidence)
{
    evidence->hang = (enum evidence_hang)(draw(damage) % 4);
    evidence->ended = draw(damage) % 2;
    for (unsigned i = 0; i < evidence->threads; i++) {
        evidence->thread[i].lane = (int)draw(damage) % (2 * ABI_LANES);
        evidence->thread[i].frames = (unsigned)draw(damage);
        evidence->thread[i].state = (enum evidence_thread_state)(draw(damage) % 6);
    }
    evidence->crash_frames = (unsigned)draw(damage);
}

/* From one word to as many as leave little in place. */
static void damage_once(struct fixture *f, const struct detector *detector,
                        struct judgement *judgement, uint64_t seed)
{
    struct damage damage = {seed, 0};
    unsigned failures = CU_get_number_of_failures();
    unsigned scribbles = 1u << seed % 10;

    if (seed % 20 == 0)
        drown(&damage, f->memory);
    for (unsigned i = 0; i < scribbles; i++)
        scribble_somewhere(&damage, f->memory);
    keep_epochs(f->memory);
    if (seed % 3 == 0)
        distort(&damage, &f->evidence);
    run(f, detector, judgement);
    judgement_order(judgement);
    if (CU_get_number_of_failures() != failures)
        fprintf(stderr, "damage with seed %" PRIu64 "\n", seed);
}

/* What is damaged, as it was; the rest of the memory is empty. */
struct original {
    struct abi_control control;
    struct abi_death death[ABI_DEATHS];
    struct abi_module module[ABI_MODULES];
    struct abi_lane lane[LANES_DAMAGED];
    struct evidence_thread thread[LANES_DAMAGED];
};

static void keep(struct original *original, const struct fixture *f)
{
    original->control = f->memory->control;
    memcpy(original->death, f->memory->death, sizeof original->death);
    memcpy(original->module, f->memory->module, sizeof original->module);
    memcpy(original->lane, f->memory->lane, sizeof original->lane);
    memcpy(original->thread, f->evidence.thread, f->evidence.threads * sizeof original->thread[0]);
}

static void restore(const struct original *original, struct fixture *f)
{
    f->memory->control = original->control;
    memcpy(f->memory->death, original->death, sizeof original->death);
    memcpy(f->memory->module, original->module, sizeof original->module);
    memcpy(f->memory->lane, original->lane, sizeof original->lane);
    memcpy(f->evidence.thread, original->thread, f->evidence.threads * sizeof original->thread[0]);
}

void fixture_damage(struct fixture *f, const struct detector *detector, uint64_t seed)
{
    static struct original original;
    static struct judgement judgement;
    const struct evidence evidence = f->evidence;
    unsigned raised = 0;

    if (evidence.threads == 0 || evidence.threads > LANES_DAMAGED)
        abort(); /* a test without a thread to damage tests less than it seems to */
    keep(&original, f);
    for (unsigned round = 0; round < ROUNDS; round++) {
        f->evidence = evidence;
        damage_once(f, detector, &judgement, seed + round);
        raised += judgement.findings > 0;
        restore(&original, f);
    }
    /* Neither all nor nothing: damage went where the detector looks. */
    CU_ASSERT(raised > 0 && raised < ROUNDS);
    f->evidence = evidence;
    f->evidence.memory = NULL;
    run(f, detector, &judgement);
    f->evidence.memory = f->memory;
}

/* --- running --------------------------------------------------------------------------------- */

int fixture_main(const char *name, const struct fixture_case *cases)
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
