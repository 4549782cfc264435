/*
 * lock-orphan: somebody waits for a lock whose owner is dead, has ended, is suspended, or does
 * not exist in this child of a fork.
 *
 * The owner is who has the lock on its list of held locks or, if nobody has, who was stopped
 * half-way through taking or releasing it. A home-grown spin lock has no list: its owner is a dead
 * thread whose code was about to write the word that others spin on (evidence_spin.h), unless a
 * live one may write it, too. Rows A2, A4, A5, B3 and F4.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>
#include <harness/supervisor/evidence/waits.h>

#include <inttypes.h>
#include <stdio.h>

#define SET_IN "           "

static unsigned node_of(const struct waits *waits, int tid)
{
    for (unsigned n = 0; n < waits->nodes; n++)
        if (waits->node[n].thread != NULL && waits->node[n].thread->tid == tid)
            return n;
    return WAITS_NODES;
}

static void word_text(const struct evidence *evidence, uint64_t word, char out[EVIDENCE_TEXT_BYTES])
{
    struct evidence_frame frame;

    if (!evidence_address(evidence, word, &frame))
        snprintf(out, EVIDENCE_TEXT_BYTES, "the word at 0x%" PRIx64, word);
    else if (frame.function[0] == 0)
        snprintf(out, EVIDENCE_TEXT_BYTES, "the word %.*s+0x%" PRIx64, (int)sizeof frame.module,
                 frame.module, frame.offset);
    else
        snprintf(out, EVIDENCE_TEXT_BYTES, "the word %.*s+0x%" PRIx64, (int)sizeof frame.function,
                 frame.function, frame.function_offset);
}

static void say_owner(struct finding *finding, const struct waits *waits,
                      const struct evidence_spin *spin)
{
    char word[EVIDENCE_TEXT_BYTES], place[EVIDENCE_TEXT_BYTES];

    waits_say_gone(finding, waits, (unsigned)spin->writer, WAITS_NOT, 0, 0);
    word_text(waits->evidence, spin->word, word);
    if (spin->writes_at == 0) {
        finding_say(finding, SET_IN "its thread id stands in %.100s", word);
        return;
    }
    evidence_address_text(waits->evidence, spin->writes_at, place);
    finding_say(finding, SET_IN "was still to write %.80s, in %.90s", word, place);
}

static void say_spinner(struct finding *finding, const struct waits *waits,
                        const struct evidence_spin *spin, unsigned node)
{
    char word[EVIDENCE_TEXT_BYTES], place[EVIDENCE_TEXT_BYTES];

    waits_say(finding, waits, node);
    word_text(waits->evidence, spin->word, word);
    evidence_address_text(waits->evidence, spin->at, place);
    finding_say(finding, SET_IN "reads %.70s, which stays %" PRIu32 ", in %.80s", word, spin->value,
                place);
}

/* No lane lists such a lock, and the kernel knows nothing of it. */
static void judge_home_grown(const struct waits *waits, struct judgement *judgement)
{
    const struct evidence *evidence = waits->evidence;
    char culprit[EVIDENCE_CULPRIT_BYTES] = "", waiter[EVIDENCE_CULPRIT_BYTES] = "";
    struct finding *finding = NULL;

    for (unsigned i = 0; i < evidence->spins && i < EVIDENCE_SPINS; i++) {
        const struct evidence_spin *spin = &evidence->spin[i];
        unsigned node = node_of(waits, spin->tid);
        char text[EVIDENCE_CULPRIT_BYTES] = "";

        if (spin->writer < 0 || spin->writer >= ABI_LANES || spin->live || node == WAITS_NODES ||
            waits->node[spin->writer].lane == NULL)
            continue;
        if (finding == NULL) {
            finding = judgement_add(judgement, STOP_LOCK_SPIN_ORPHANED);
            say_owner(finding, waits, spin);
        }
        say_spinner(finding, waits, spin, node);
        waits_sign(waits, (unsigned)spin->writer, text);
        evidence_lower(culprit, text);
        waits_sign(waits, node, text);
        evidence_lower(waiter, text);
    }
    if (finding != NULL)
        finding_sign(finding, culprit, waiter);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    unsigned kinds = 1u << WAITS_LOCK | 1u << WAITS_STDIO;
    struct waits waits;

    if (evidence->hang == HANG_NONE)
        return;
    waits_read(&waits, evidence);
    waits_raise(judgement, &waits, STOP_LOCK_ORPHANED, kinds, false, false);
    waits_raise(judgement, &waits, STOP_LOCK_SPIN_ORPHANED, 1u << WAITS_LOCK, true, false);
    if (evidence->hang == HANG_SPINNING)
        judge_home_grown(&waits, judgement);
    waits_raise(judgement, &waits, STOP_LOCK_OWNER_SUSPENDED, kinds, false, true);
    waits_raise(judgement, &waits, STOP_LOCK_OWNER_SUSPENDED, 1u << WAITS_LOCK, true, true);
}

const struct detector detector_lock_orphan = {
    .name = "lock-orphan",
    .summary = "a thread waits for a lock whose owner is gone or suspended",
    .codes = "lock.orphaned lock.spin-orphaned lock.owner-suspended",
    .judge = judge,
};
