/*
 * heap-arena: the allocator's own records contradict each other, or the blocks known to be in use.
 *
 * The walk was done from outside (struct evidence_heap); here it is told whose block it is that
 * was hit, and whose lies before it: who writes too far is mostly the neighbour. A free block's
 * story is in the events, as far as the rings still have them.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <inttypes.h>
#include <stdio.h>

/** struct story - the last birth and the last end of a block that the rings have; NULL if none. */
struct story {
    const struct abi_event *alloc;
    const struct abi_event *free;
    unsigned freed_by; /* lane */
};

static void read_lane(const struct evidence *evidence, unsigned index, uint64_t block,
                      struct story *story)
{
    const struct abi_lane *lane = evidence_lane(evidence, index);
    const struct abi_event *event;
    bool alloc = false, freed = false;

    if (lane == NULL || !evidence_is_target(evidence, lane))
        return;
    for (uint64_t back = 0; !(alloc && freed) && (event = evidence_event(lane, back)) != NULL;
         back++) {
        if (event->object != block)
            continue;
        if (event->kind == EVENT_ALLOC && !alloc) {
            alloc = true;
            story->alloc = event;
        } else if (event->kind == EVENT_FREE && !freed) {
            freed = true;
            story->free = event;
            story->freed_by = index;
        }
    }
}

static struct story read_story(const struct evidence *evidence, uint64_t block)
{
    struct story story = {NULL, NULL, 0};

    for (unsigned i = 0; block != 0 && i < evidence_lanes(evidence); i++)
        read_lane(evidence, i, block, &story);
    return story;
}

static bool is_written_after_free(enum evidence_heap_kind kind)
{
    return kind == HEAP_FREE_LINK || kind == HEAP_FREE_MARK;
}

/* A header lies where the block before it ends. */
static bool is_overrun(enum evidence_heap_kind kind)
{
    return kind == HEAP_HEADER || kind == HEAP_SWALLOWS || kind == HEAP_TOO_SHORT ||
           kind == HEAP_PREVIOUS || kind == HEAP_TOP;
}

static void say_what(struct finding *finding, const struct evidence_heap_fault *fault)
{
    switch (fault->kind) {
    case HEAP_FREE_LINK:
        finding_say(finding,
                    "free block 0x%" PRIx64 ": its link to the next one was overwritten, it "
                    "holds 0x%" PRIx64,
                    fault->block, fault->value);
        return;
    case HEAP_FREE_MARK:
        finding_say(finding,
                    "free block 0x%" PRIx64 ": its second word was overwritten, it holds "
                    "0x%" PRIx64,
                    fault->block, fault->value);
        return;
    case HEAP_FREE_CIRCLE:
        finding_say(finding, "a list of free blocks runs in a circle through 0x%" PRIx64,
                    fault->block);
        return;
    case HEAP_HEADER:
        finding_say(finding,
                    "the header of block 0x%" PRIx64 " was overwritten: 0x%" PRIx64
                    " is no size that it can have",
                    fault->block, fault->value);
        return;
    case HEAP_SWALLOWS:
        finding_say(finding,
                    "the header of block 0x%" PRIx64 " was overwritten: with a size of "
                    "0x%" PRIx64 " it covers the next block",
                    fault->block, fault->value);
        return;
    case HEAP_TOO_SHORT:
        finding_say(finding,
                    "the header of block 0x%" PRIx64 " was overwritten: it says %" PRIu64
                    " bytes, and %" PRIu64 " were asked for",
                    fault->block, fault->value, fault->bytes);
        return;
    case HEAP_PREVIOUS:
        finding_say(finding,
                    "the header of block 0x%" PRIx64 " was overwritten: it contradicts "
                    "the block before it (0x%" PRIx64 ")",
                    fault->block, fault->value);
        return;
    case HEAP_TOP:
        finding_say(finding,
                    "the header of the heap's unused rest, at 0x%" PRIx64
                    ", was overwritten: it says 0x%" PRIx64 " bytes",
                    fault->block, fault->value);
        return;
    case HEAP_COUNT:
        finding_say(finding,
                    "a thread's cache of free blocks counts %" PRIu64 " in a list of %" PRIu64
                    ": the list was cut or a block put in",
                    fault->value, fault->bytes);
        return;
    case HEAP_USED_AND_FREE:
        finding_say(finding, "block 0x%" PRIx64 " is in use, and in a list of free blocks",
                    fault->block);
        return;
    case HEAP_FREE_TWICE:
        finding_say(finding, "block 0x%" PRIx64 " is in the lists of free blocks twice",
                    fault->block);
        return;
    case HEAP_LOST:
        finding_say(finding,
                    "block 0x%" PRIx64 ", %" PRIu64 " bytes, was freed and is in no list "
                    "of free blocks: it is lost",
                    fault->block, fault->bytes);
        return;
    }
}

static void say_place(struct finding *finding, const struct evidence *evidence, const char *what,
                      uint64_t caller)
{
    char text[EVIDENCE_TEXT_BYTES];

    if (caller == 0)
        return;
    evidence_caller_text(evidence, caller, text);
    finding_say(finding, "  %s %s", what, text);
}

static void say_story(struct finding *finding, const struct evidence *evidence,
                      const struct story *story)
{
    char thread[EVIDENCE_NAME_BYTES];
    char what[EVIDENCE_NAME_BYTES + 16];

    if (story->alloc != NULL)
        say_place(finding, evidence, "allocated by", story->alloc->caller);
    if (story->free == NULL)
        return;
    evidence_lane_text(evidence, story->freed_by, thread);
    snprintf(what, sizeof what, "freed by %s in", thread);
    say_place(finding, evidence, what, story->free->caller);
}

static void say_neighbour(struct finding *finding, const struct evidence *evidence,
                          const struct evidence_heap_fault *fault)
{
    char text[EVIDENCE_TEXT_BYTES];

    if (fault->before == 0)
        return;
    if (fault->before_caller == 0) {
        finding_say(finding, "  the block before it, 0x%" PRIx64 ", is none that the program has",
                    fault->before);
        return;
    }
    evidence_caller_text(evidence, fault->before_caller, text);
    finding_say(finding,
                "  the block before it: %" PRIu64 " bytes at 0x%" PRIx64 ", allocated by %s",
                fault->before_bytes, fault->before, text);
}

/* Who is to be looked at first: the user of a free block, else the neighbour, by allocation. */
static void sign(struct finding *finding, const struct evidence *evidence,
                 const struct evidence_heap_fault *fault, const struct story *story)
{
    char culprit[EVIDENCE_CULPRIT_BYTES] = "";
    uint64_t caller = fault->before_caller;

    if (!is_overrun(fault->kind) || caller == 0)
        caller = story->alloc != NULL  ? story->alloc->caller
                 : story->free != NULL ? story->free->caller
                                       : caller;
    if (caller != 0)
        evidence_caller_culprit(evidence, caller, culprit);
    finding_sign(finding, culprit, "");
}

static void raise(const struct evidence *evidence, struct judgement *judgement,
                  const struct evidence_heap_fault *fault)
{
    bool after_free = is_written_after_free(fault->kind);
    struct finding *finding = judgement_add(judgement, after_free ? STOP_HEAP_CORRUPT_FREE_BLOCK
                                                                  : STOP_HEAP_INCONSISTENT);
    struct story story = read_story(evidence, fault->block);

    say_what(finding, fault);
    say_story(finding, evidence, &story);
    if (is_overrun(fault->kind))
        say_neighbour(finding, evidence, fault);
    sign(finding, evidence, fault, &story);
}

/* @one makes it needless to tell of @other. */
static bool explains(const struct evidence_heap_fault *one, const struct evidence_heap_fault *other)
{
    if (is_written_after_free(one->kind))
        return !is_written_after_free(other->kind);
    return one->kind == HEAP_LOST && other->kind == HEAP_COUNT;
}

/*
 * One overwritten word shows in several places: in those behind it, and of one kind or about one
 * block once is enough.
 */
static bool is_explained(const struct evidence_heap *heap, unsigned index)
{
    const struct evidence_heap_fault *fault = &heap->fault[index];

    for (unsigned i = 0; i < EVIDENCE_HEAP_FAULTS && i < heap->faults; i++)
        if (explains(&heap->fault[i], fault) ||
            (i < index &&
             (heap->fault[i].kind == fault->kind || heap->fault[i].block == fault->block)))
            return true;
    return false;
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    const struct evidence_heap *heap = &evidence->heap;

    if (!heap->walked || evidence->memory == NULL)
        return;
    for (unsigned i = 0; i < EVIDENCE_HEAP_FAULTS && i < heap->faults; i++)
        if (!is_explained(heap, i))
            raise(evidence, judgement, &heap->fault[i]);
}

const struct detector detector_heap_arena = {
    .name = "heap-arena",
    .summary = "the allocator's records contradict each other or the program's blocks",
    .codes = "heap.corrupt-free-block heap.inconsistent",
    .judge = judge,
};
