/*
 * evidence_spin: looks for the word of a spin in the code of those who do not spin.
 *
 * Reads the target's memory by process_vm_readv, by the id of a spinner: that one is surely
 * alive. All that is read may be anything; windows are bounded.
 */
#include "evidence_spin.h"

#include "evidence.h"

#include <harness/supervisor/watch/operand.h>

#include <string.h>
#include <sys/uio.h>

enum {
    WINDOW = 4096, /* bytes of a function that are looked through */
    CALLEE = 512,
    FRAMES_DEAD = 4, /* of the program's own, from the innermost */
    FRAMES_LIVE = 8,
};

struct search {
    const struct evidence *evidence;
    pid_t tid; /* by which memory is read */
    uint64_t word;
    bool whole;     /* whatever is in a function, its taking the word's address included; else what
                     * still lies ahead, and writes */
    uint64_t where; /* the store that was found */
};

static size_t read_code(const struct search *search, uint64_t at, unsigned char *out, size_t bytes)
{
    struct iovec to = {out, bytes};
    struct iovec from = {(void *)(uintptr_t)at, bytes};
    ssize_t got = process_vm_readv(search->tid, &to, 1, &from, 1, 0);

    if (got <= 0) { /* up to the end of its page */
        to.iov_len = from.iov_len = WINDOW - at % WINDOW;
        got = from.iov_len < bytes ? process_vm_readv(search->tid, &to, 1, &from, 1, 0) : 0;
    }
    return got > 0 ? (size_t)got : 0;
}

/* An address in the function of @frame. */
static bool is_of(const struct search *search, uint64_t address, const struct evidence_frame *frame)
{
    struct evidence_frame at;

    return evidence_address(search->evidence, address, &at) &&
           strcmp(at.function, frame->function) == 0 && strcmp(at.module, frame->module) == 0;
}

static bool find_in(struct search *search, const unsigned char *code, size_t length, uint64_t at,
                    const struct evidence_frame *frame)
{
    uint64_t where;

    while (operand_store(code, length, at, search->word, search->whole, &where)) {
        size_t done = (size_t)(where + 1 - at);

        if (is_of(search, where, frame)) {
            search->where = where;
            return true;
        }
        code += done;
        at += done;
        length -= done;
    }
    return false;
}

/* A function that is called there: the call must be this function's own, and lead to a start. */
static bool find_in_callee(struct search *search, uint64_t call, uint64_t target,
                           const struct evidence_frame *caller)
{
    unsigned char code[CALLEE];
    struct evidence_frame frame;
    size_t length = read_code(search, target, code, sizeof code);
    uint64_t where;

    if (!operand_store(code, length, target, search->word, search->whole, &where) ||
        !is_of(search, call, caller) || !evidence_address(search->evidence, target, &frame) ||
        frame.function[0] == 0 || frame.function_offset != 0)
        return false;
    return find_in(search, code, length, target, &frame);
}

/* From @from on, to the end of the function of @frame. */
static bool writes_from(struct search *search, uint64_t from, const struct evidence_frame *frame)
{
    unsigned char code[WINDOW];
    size_t length = read_code(search, from, code, sizeof code);
    uint64_t target;

    if (frame->function[0] == 0)
        return false;
    if (find_in(search, code, length, from, frame))
        return true;
    for (size_t i = 0; i < length; i++)
        if (operand_call(code, length, i, from, &target) &&
            find_in_callee(search, from + i, target, frame))
            return true;
    return false;
}

static bool may_write(struct search *search, const struct evidence_thread *thread, bool whole)
{
    unsigned frames = evidence_frames(thread);
    unsigned left = whole ? FRAMES_LIVE : FRAMES_DEAD;

    search->whole = whole;
    for (unsigned i = 0; i < frames && left > 0; i++) {
        const struct evidence_frame *frame = &thread->frame[i];

        if (frame->module[0] == 0 || evidence_is_system(frame->module))
            continue;
        left--;
        if (writes_from(search, whole ? frame->pc - frame->function_offset : frame->pc, frame))
            return true;
    }
    return false;
}

static bool spins(const struct watch *watch, int tid)
{
    for (unsigned i = 0; i < watch->words && i < WATCH_SPIN_WORDS; i++)
        if (watch->word[i].tid == tid)
            return true;
    return false;
}

static bool is_dead(const struct evidence *evidence, const struct evidence_thread *thread)
{
    return thread->state == THREAD_DEAD && thread->lane >= 0 &&
           evidence_lane(evidence, (unsigned)thread->lane) != NULL;
}

static void find_writers(const struct evidence *evidence, const struct watch *watch,
                         struct evidence_spin *spin)
{
    struct search search = {.evidence = evidence, .tid = spin->tid, .word = spin->word};

    for (unsigned i = 0; i < evidence->threads; i++) {
        const struct evidence_thread *thread = &evidence->thread[i];
        bool dead = is_dead(evidence, thread);

        if (!dead && (thread->state == THREAD_DEAD || thread->state == THREAD_GONE))
            continue;
        if (dead && spin->value == (uint32_t)thread->tid && spin->value != 0) {
            spin->writer = thread->lane;
            spin->writes_at = 0;
            spin->live = false;
            return; /* the lock names it */
        }
        if (dead && spin->writer < 0 && may_write(&search, thread, false)) {
            spin->writer = thread->lane;
            spin->writes_at = search.where;
        }
        if (!dead && !spins(watch, thread->tid))
            spin->live |= may_write(&search, thread, true);
    }
}

void evidence_spin_read(struct evidence *evidence, const struct watch *watch)
{
    for (unsigned i = 0; i < watch->words && evidence->spins < EVIDENCE_SPINS; i++) {
        struct evidence_spin *spin = &evidence->spin[evidence->spins++];
        struct iovec to = {&spin->value, sizeof spin->value};
        struct iovec from = {(void *)(uintptr_t)watch->word[i].word, sizeof spin->value};

        *spin = (struct evidence_spin){.tid = watch->word[i].tid,
                                       .word = watch->word[i].word,
                                       .at = watch->word[i].at,
                                       .writer = -1};
        if (process_vm_readv(spin->tid, &to, 1, &from, 1, 0) == (ssize_t)sizeof spin->value)
            find_writers(evidence, watch, spin);
    }
}
