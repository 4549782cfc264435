/*
 * heap-block: a block was freed twice, something was freed that is none, or bytes were written
 * where no block was, or was any more.
 *
 * The agent puts down only what is certain (agent/heap_fault.c). One fault is one finding; that
 * glibc aborts in the same call, or that a guard page stops the program, is the same fault seen
 * twice, and crash.c leaves it to us.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/evidence_blocks.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_SHOWN = 8, SEEN = 8, INDENT = 11 };

/** struct act - who allocated, freed or misused a block; @stack NULL or empty: @caller alone. */
struct act {
    const struct evidence_stack *stack;
    uint64_t caller;
};

/* --- stacks ------------------------------------------------------------------------------- */

static unsigned frames_of(const struct evidence_stack *stack)
{
    if (stack == NULL)
        return 0;
    return stack->frames < EVIDENCE_FRAMES ? stack->frames : EVIDENCE_FRAMES;
}

/* The agent's own frames and libc's say what is known: the call. NULL: there are no others. */
static const struct evidence_frame *own_frame(const struct evidence_stack *stack, unsigned *at)
{
    if (frames_of(stack) == 0)
        return NULL;
    *at = evidence_own_frame(stack->frame, frames_of(stack));
    return *at < frames_of(stack) ? &stack->frame[*at] : NULL;
}

static bool is_bottom(const struct evidence_frame *frame)
{
    return evidence_is_system(frame->module);
}

static void say_stack(struct finding *finding, const struct evidence_stack *stack, unsigned from)
{
    unsigned frames = frames_of(stack);
    char text[EVIDENCE_TEXT_BYTES];

    for (unsigned i = from; i < frames && i < from + FRAMES_SHOWN; i++) {
        if (is_bottom(&stack->frame[i]))
            return; /* libc's, below main or a thread's routine */
        evidence_frame_text(&stack->frame[i], text);
        finding_say(finding, "%*s in %s", INDENT, "", text);
    }
}

static void place_text(const struct evidence *evidence, const struct act *act, char *out)
{
    const struct evidence_frame *frame;
    unsigned at;

    if ((frame = own_frame(act->stack, &at)) != NULL)
        evidence_frame_text(frame, out);
    else if (act->caller != 0)
        evidence_caller_text(evidence, act->caller, out);
    else
        snprintf(out, EVIDENCE_TEXT_BYTES, "a place that is not known any more");
}

/* Callers of the place that place_text() has named. */
static void say_callers(struct finding *finding, const struct act *act)
{
    unsigned at;

    if (own_frame(act->stack, &at) != NULL)
        say_stack(finding, act->stack, at + 1);
}

static void culprit_of(const struct evidence *evidence, const struct act *act, char *out)
{
    struct evidence_frame frame;
    unsigned at;

    *out = 0;
    if (own_frame(act->stack, &at) != NULL)
        evidence_culprit(act->stack->frame, frames_of(act->stack), out);
    else if (evidence_caller(evidence, act->caller, &frame))
        evidence_culprit(&frame, 1, out);
}

static void sign(struct finding *finding, const struct evidence *evidence,
                 const struct act *culprit, const struct act *waiter)
{
    char first[EVIDENCE_CULPRIT_BYTES];
    char second[EVIDENCE_CULPRIT_BYTES];

    culprit_of(evidence, culprit, first);
    culprit_of(evidence, waiter, second);
    finding_sign(finding, first, second);
}

/* --- who and when ------------------------------------------------------------------------- */

static void say_allocated(struct finding *finding, const struct evidence *evidence,
                          const struct act *act, const char *who)
{
    char place[EVIDENCE_TEXT_BYTES];

    place_text(evidence, act, place);
    finding_say(finding, "%*s allocated%s in %s", INDENT - 1, "", who, place);
    say_callers(finding, act);
}

static void ago_text(const struct evidence *evidence, uint64_t from, uint64_t to, char out[32])
{
    double ms = evidence_ms(evidence, from, to);

    *out = 0;
    if (ms > 0 && ms < 1)
        snprintf(out, 32, ", %.3g us before,", ms * 1e3);
    else if (ms >= 1)
        snprintf(out, 32, ", %.3g ms before,", ms);
}

static void who_text(const struct evidence *evidence, uint32_t lane, char *out)
{
    char name[EVIDENCE_NAME_BYTES];

    *out = 0;
    if (evidence_lane(evidence, lane) == NULL)
        return;
    evidence_lane_text(evidence, lane, name);
    snprintf(out, EVIDENCE_NAME_BYTES + 4, " by %s", name);
}

static void say_freed(struct finding *finding, const struct evidence *evidence,
                      const struct act *act, uint32_t lane, uint32_t site, const char *ago)
{
    char who[EVIDENCE_NAME_BYTES + 4];
    char place[EVIDENCE_TEXT_BYTES];
    char name[64];
    const char *how = "";

    if (act->caller == 0 && frames_of(act->stack) == 0) {
        finding_say(finding, "%*s freed where the events that are kept do not reach", INDENT - 1,
                    "");
        return;
    }
    if (site != SITE_FREE && site != SITE_ANY && site <= ABI_SITE_LAST_ALLOC)
        how = abi_site_name(evidence_control(evidence), site, name);
    who_text(evidence, lane, who);
    place_text(evidence, act, place);
    finding_say(finding, "%*s freed%s%s%s%s in %s", INDENT - 1, "", how[0] != 0 ? " by " : "", how,
                who, ago, place);
    say_callers(finding, act);
}

/* --- a fault that was put down -------------------------------------------------------------- */

/** struct told - one fault and what there is to tell of it. */
struct told {
    const struct evidence *evidence;
    const struct abi_heap_fault *fault;
    struct act here;
    struct act allocated;
    struct act freed;
    char who[EVIDENCE_NAME_BYTES];
    const char *verb; /* "frees", "reallocates" */
};

static const struct evidence_stack *stack_in(const struct evidence *evidence, unsigned index,
                                             int which)
{
    if (evidence->blocks == NULL)
        return NULL;
    if (which == 0)
        return &evidence->blocks->fault[index];
    return which == 1 ? &evidence->blocks->allocated[index] : &evidence->blocks->freed[index];
}

static struct told told_of(const struct evidence *evidence, unsigned index)
{
    const struct abi_heap_fault *fault = evidence_fault(evidence, index);
    struct told told = {.evidence = evidence, .fault = fault};

    if (fault == NULL)
        return told;
    told.here = (struct act){stack_in(evidence, index, 0), fault->caller};
    told.allocated = (struct act){stack_in(evidence, index, 1), fault->allocated};
    told.freed = (struct act){stack_in(evidence, index, 2), fault->freed};
    told.verb = fault->site == SITE_FREE ? "frees" : "reallocates";
    evidence_lane_text(evidence, fault->lane, told.who);
    return told;
}

static enum stop_code code_of(uint32_t kind)
{
    switch (kind) {
    case HEAP_FAULT_FREED:
        return STOP_HEAP_DOUBLE_FREE;
    case HEAP_FAULT_BEHIND:
    case HEAP_FAULT_BEFORE:
        return STOP_HEAP_CORRUPT_BLOCK;
    case HEAP_FAULT_WRITTEN:
        return STOP_HEAP_CORRUPT_FREE_BLOCK;
    default:
        return STOP_HEAP_BAD_FREE;
    }
}

static void say_double(struct finding *finding, const struct told *told)
{
    const struct abi_heap_fault *fault = told->fault;
    char place[EVIDENCE_TEXT_BYTES];
    char ago[32];

    place_text(told->evidence, &told->here, place);
    ago_text(told->evidence, fault->freed_time, fault->time, ago);
    finding_say(finding, "%-10s %s a block of %" PRIu64 " bytes that is free, in %s", told->who,
                told->verb, fault->bytes, place);
    say_callers(finding, &told->here);
    say_freed(finding, told->evidence, &told->freed, fault->freed_lane, fault->freed_site, ago);
    say_allocated(finding, told->evidence, &told->allocated, "");
    sign(finding, told->evidence, &told->here, &told->allocated);
}

static void say_what_it_is(struct finding *finding, const struct told *told)
{
    const struct abi_heap_fault *fault = told->fault;
    char text[EVIDENCE_TEXT_BYTES];

    switch (fault->kind) {
    case HEAP_FAULT_INSIDE:
        finding_say(finding, "%*s it is %" PRIu64 " bytes into a block of %" PRIu64 " bytes",
                    INDENT - 1, "", fault->address - fault->block, fault->bytes);
        say_allocated(finding, told->evidence, &told->allocated, "");
        break;
    case HEAP_FAULT_STACK:
        finding_say(finding, "%*s it lies on the stack of that thread", INDENT - 1, "");
        break;
    case HEAP_FAULT_STATIC:
        evidence_address_text(told->evidence, fault->address, text);
        finding_say(finding, "%*s it is part of a program or module: %s", INDENT - 1, "", text);
        break;
    default:
        finding_say(finding, "%*s no block begins at such an address", INDENT - 1, "");
        break;
    }
}

static void say_bad(struct finding *finding, const struct told *told)
{
    char place[EVIDENCE_TEXT_BYTES];

    place_text(told->evidence, &told->here, place);
    finding_say(finding, "%-10s %s 0x%" PRIx64 ", where no block begins, in %s", told->who,
                told->verb, told->fault->address, place);
    say_callers(finding, &told->here);
    say_what_it_is(finding, told);
    sign(finding, told->evidence, &told->here, &told->allocated);
}

static void seen_text(const struct abi_heap_fault *fault, char out[64])
{
    char letters[SEEN + 1];
    size_t length = 0;

    for (unsigned i = 0; i < SEEN; i++) {
        length += (size_t)snprintf(out + length, 64 - length, " %02x", fault->seen[i]);
        letters[i] = fault->seen[i] > ' ' && fault->seen[i] < 0x7f ? (char)fault->seen[i] : '.';
    }
    letters[SEEN] = 0;
    snprintf(out + length, 64 - length, "  %s", letters);
}

static void where_text(int64_t offset, uint64_t bytes, char out[64])
{
    if (offset < 0)
        snprintf(out, 64, "%" PRIu64 " bytes before its start", -(uint64_t)offset);
    else if ((uint64_t)offset < bytes)
        snprintf(out, 64, "%" PRId64 " bytes from its start", offset);
    else
        snprintf(out, 64, "%" PRIu64 " bytes behind its end", (uint64_t)offset - bytes);
}

/* Who comes across the damage is mostly not who did it. */
static void say_found(struct finding *finding, const struct told *told, const char *what)
{
    const struct abi_heap_fault *fault = told->fault;
    char place[EVIDENCE_TEXT_BYTES];

    finding_say(finding, "a block of %" PRIu64 " bytes was written to %s", fault->bytes, what);
    if (fault->site == SITE_ANY) {
        finding_say(finding, "%*s seen when it was looked through, not when it happened",
                    INDENT - 1, "");
        return;
    }
    place_text(told->evidence, &told->here, place);
    finding_say(finding, "%*s seen when %s %s it in %s", INDENT - 1, "", told->who, told->verb,
                place);
}

static void say_changed(struct finding *finding, const struct abi_heap_fault *fault)
{
    char where[64];
    char seen[64];

    where_text(fault->offset, fault->bytes, where);
    seen_text(fault, seen);
    finding_say(finding, "%*s the first changed byte is %s; from there:%s", INDENT - 1, "", where,
                seen);
}

static void say_damage(struct finding *finding, const struct told *told)
{
    const struct abi_heap_fault *fault = told->fault;

    say_found(finding, told,
              fault->kind == HEAP_FAULT_BEHIND ? "behind its end" : "before its start");
    say_changed(finding, fault);
    say_allocated(finding, told->evidence, &told->allocated, "");
    sign(finding, told->evidence, &told->allocated, &(struct act){NULL, 0});
}

static void say_written(struct finding *finding, const struct told *told)
{
    const struct abi_heap_fault *fault = told->fault;

    say_found(finding, told, "after it had been freed");
    say_changed(finding, fault);
    say_freed(finding, told->evidence, &told->freed, fault->freed_lane, fault->freed_site, "");
    say_allocated(finding, told->evidence, &told->allocated, "");
    sign(finding, told->evidence, &told->freed, &told->allocated);
}

static void say_abort(struct finding *finding, const struct told *told)
{
    static const char *const words[] = {"free(): ",
                                        "realloc(): ",
                                        "munmap_chunk(): ",
                                        "double free or corruption",
                                        "mremap_chunk(): ",
                                        "corrupted size vs. prev_size",
                                        NULL};
    char text[EVIDENCE_TEXT_BYTES];

    if (evidence_fault_crash(told->evidence) != told->fault)
        return;
    evidence_said(told->evidence, words, text);
    finding_say(finding, "%*s at which the allocator aborts%s%s", INDENT - 1, "",
                text[0] != 0 ? ": " : "", text);
}

static void judge_fault(const struct evidence *evidence, unsigned index,
                        struct judgement *judgement)
{
    struct told told = told_of(evidence, index);
    struct finding *finding;

    if (told.fault == NULL)
        return;
    finding = judgement_add(judgement, code_of(told.fault->kind));
    switch (code_of(told.fault->kind)) {
    case STOP_HEAP_DOUBLE_FREE:
        say_double(finding, &told);
        break;
    case STOP_HEAP_BAD_FREE:
        say_bad(finding, &told);
        break;
    case STOP_HEAP_CORRUPT_BLOCK:
        say_damage(finding, &told);
        break;
    default:
        say_written(finding, &told);
        break;
    }
    say_abort(finding, &told);
}

/* --- stopped by a guard page ----------------------------------------------------------------- */

static void say_access(struct finding *finding, const struct evidence *evidence,
                       const struct abi_guard_slot *slot, int64_t offset)
{
    const struct abi_crash *crash = &evidence->memory->control.crash;
    char who[EVIDENCE_NAME_BYTES] = "a thread";
    char where[64];

    if (evidence_lane(evidence, crash->lane) != NULL)
        evidence_lane_text(evidence, crash->lane, who);
    where_text(offset, slot->bytes, where);
    finding_say(finding, "%-10s %s %s block of %" PRIu64 " bytes, %s", who,
                crash->wrote ? "writes" : "reads",
                slot->state == GUARD_FREED ? "in a freed" : "outside a", slot->bytes, where);
}

static void say_crash_stack(struct finding *finding, const struct evidence *evidence)
{
    unsigned frames =
        evidence->crash_frames < EVIDENCE_FRAMES ? evidence->crash_frames : EVIDENCE_FRAMES;
    char text[EVIDENCE_TEXT_BYTES];

    for (unsigned i = 0; i < frames && i < FRAMES_SHOWN; i++) {
        if (i > 0 && evidence_is_system(evidence->crash_frame[i].module) &&
            evidence_own_frame(evidence->crash_frame, frames) < i)
            break;
        evidence_frame_text(&evidence->crash_frame[i], text);
        finding_say(finding, "%*s %s %s", INDENT - 1, "", i == 0 ? "at" : "in", text);
    }
    if (frames == 0) {
        evidence_address_text(evidence, evidence->memory->control.crash.regs[16], text);
        finding_say(finding, "%*s at %s", INDENT - 1, "", text);
    }
}

static void sign_crash(struct finding *finding, const struct evidence *evidence,
                       const struct act *allocated)
{
    char first[EVIDENCE_CULPRIT_BYTES];
    char second[EVIDENCE_CULPRIT_BYTES];
    struct act here = {NULL, evidence->memory->control.crash.regs[16] + 1};

    evidence_culprit(
        evidence->crash_frame,
        evidence->crash_frames < EVIDENCE_FRAMES ? evidence->crash_frames : EVIDENCE_FRAMES, first);
    if (first[0] == 0)
        culprit_of(evidence, &here, first);
    culprit_of(evidence, allocated, second);
    finding_sign(finding, first, second);
}

static void judge_sample(const struct evidence *evidence, struct judgement *judgement)
{
    int64_t offset;
    unsigned number;
    const struct abi_guard_slot *slot = evidence_sample_crash(evidence, &offset, &number);
    struct finding *finding;
    struct act allocated, freed;
    char who[EVIDENCE_NAME_BYTES + 4];
    char ago[32];

    if (slot == NULL)
        return;
    allocated = (struct act){stack_in(evidence, ABI_HEAP_FAULTS, 1), slot->allocated.caller};
    freed = (struct act){stack_in(evidence, ABI_HEAP_FAULTS, 2), slot->freed.caller};
    finding = judgement_add(judgement, slot->state == GUARD_FREED ? STOP_HEAP_CORRUPT_FREE_BLOCK
                                                                  : STOP_HEAP_CORRUPT_BLOCK);
    say_access(finding, evidence, slot, offset);
    say_crash_stack(finding, evidence);
    ago_text(evidence, slot->freed.time, evidence->memory->control.crash.time, ago);
    if (slot->state == GUARD_FREED)
        say_freed(finding, evidence, &freed, slot->freed.lane, slot->freed.site, ago);
    who_text(evidence, slot->allocated.lane, who);
    say_allocated(finding, evidence, &allocated, who);
    sign_crash(finding, evidence, &allocated);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    for (unsigned i = 0; i < ABI_HEAP_FAULTS; i++)
        judge_fault(evidence, i, judgement);
    judge_sample(evidence, judgement);
}

const struct detector detector_heap_block = {
    .name = "heap-block",
    .summary = "a block freed twice, a free of no block, bytes written where no block is",
    .codes = "heap.double-free heap.bad-free heap.corrupt-block heap.corrupt-free-block",
    .judge = judge,
};
