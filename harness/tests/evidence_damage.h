/*
 * evidence_damage.h: a target that has scribbled over all that it shares with us.
 *
 * Damage is drawn from a seed: single words first, then more, whole lanes of noise, and the
 * supervisor's own part bent where a target can bend it. For tests only, all static inline.
 */
#ifndef TESTS_EVIDENCE_DAMAGE_H
#define TESTS_EVIDENCE_DAMAGE_H

#include "evidence_fixture.h"

#include <inttypes.h>
#include <stddef.h>

enum {
    DAMAGE_ROUNDS = 200,
    DAMAGE_DROWNINGS = 20,
    DAMAGE_LANES = 8, /* lanes that are damaged */
    DAMAGE_TIES = 8,
};

/* The same damage from the same seed. */
struct damage {
    uint64_t seed;
    uint64_t counter;
};

static inline uint64_t damage_draw(struct damage *damage)
{
    static const uint64_t nasty[] = {0,          1,         UINT32_MAX,
                                     UINT64_MAX, ABI_LANES, ABI_RING_EVENTS,
                                     ABI_HELD,   INT32_MAX, UINT64_C(1) << 63};
    uint64_t bits = plan_mix(damage->seed, 1, damage->counter++);

    return bits % 3 == 0 ? nasty[(bits >> 8) % (sizeof nasty / sizeof nasty[0])] : bits;
}

static inline void damage_word(struct damage *damage, void *at, size_t bytes)
{
    uint64_t where = plan_mix(damage->seed, 2, damage->counter) % (bytes / 4);
    uint32_t value = (uint32_t)damage_draw(damage);

    memcpy((char *)at + where * 4, &value, sizeof value);
}

/* Everything that says "this is of this cycle" stays, or there would be nothing to misread. */
static inline void damage_keep_epochs(struct abi_memory *memory)
{
    memory->control.epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < DAMAGE_LANES; i++)
        memory->lane[i].epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < ABI_DEATHS; i++)
        memory->death[i].epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < ABI_MODULES; i++)
        memory->module[i].epoch = FIXTURE_EPOCH;
    for (unsigned i = 0; i < DAMAGE_TIES; i++)
        if (memory->tie[i].word != 0)
            memory->tie[i].word = FIXTURE_EPOCH << 8 | (memory->tie[i].word & 0xff);
}

static inline void damage_somewhere(struct damage *damage, struct abi_memory *memory)
{
    unsigned lane = (unsigned)(damage_draw(damage) % DAMAGE_LANES);

    switch (plan_mix(damage->seed, 3, damage->counter++) % 7) {
    case 0:
        damage_word(damage, &memory->control, sizeof memory->control);
        break;
    case 1:
        damage_word(damage, memory->death, sizeof memory->death);
        break;
    case 2:
        damage_word(damage, memory->module, sizeof memory->module);
        break;
    case 3: /* what is before the ring is little, and read most */
        damage_word(damage, &memory->lane[lane], offsetof(struct abi_lane, hits));
        break;
    case 4:
        damage_word(damage, memory->lane[lane].held, sizeof memory->lane[lane].held);
        break;
    case 5:
        damage_word(damage, memory->tie, DAMAGE_TIES * sizeof memory->tie[0]);
        break;
    default:
        damage_word(damage, memory->lane[lane].ring, sizeof memory->lane[lane].ring / 64);
        break;
    }
}

/* Whole structures of noise: what one gets when the target writes its heap over ours. */
static inline void damage_drown(struct damage *damage, struct abi_memory *memory)
{
    uint64_t *words = (uint64_t *)memory->lane;

    for (size_t i = 0; i < DAMAGE_LANES * sizeof(struct abi_lane) / 8; i++)
        words[i] = damage_draw(damage);
    for (unsigned i = 0; i < DAMAGE_LANES; i++) { /* sane enough to be looked at */
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

static inline void damage_evidence(struct damage *damage, struct evidence *evidence)
{
    evidence->hang = (enum evidence_hang)(damage_draw(damage) % 4);
    evidence->ended = damage_draw(damage) % 2;
    for (unsigned i = 0; i < evidence->threads; i++) {
        evidence->thread[i].lane = (int)damage_draw(damage) % (2 * ABI_LANES);
        evidence->thread[i].frames = (unsigned)damage_draw(damage);
        evidence->thread[i].state = (enum evidence_thread_state)(damage_draw(damage) % 6);
    }
    evidence->crash_frames = (unsigned)damage_draw(damage);
}

/* From one word to as many as leave little in place. */
static inline void damage_once(struct fixture *f, const struct detector *detector,
                               struct judgement *judgement, uint64_t seed)
{
    struct damage damage = {seed, 0};
    unsigned failures = CU_get_number_of_failures();
    unsigned scribbles = 1u << seed % 10;

    if (seed % 20 == 0)
        damage_drown(&damage, f->memory);
    for (unsigned i = 0; i < scribbles; i++)
        damage_somewhere(&damage, f->memory);
    damage_keep_epochs(f->memory);
    if (seed % 3 == 0)
        damage_evidence(&damage, &f->evidence);
    fixture_run(f, detector, judgement);
    judgement_order(judgement);
    if (CU_get_number_of_failures() != failures)
        fprintf(stderr, "damage with seed %" PRIu64 "\n", seed);
}

/* What is damaged, as it was; the rest of the memory is empty. */
struct damage_original {
    struct abi_control control;
    struct abi_death death[ABI_DEATHS];
    struct abi_module module[ABI_MODULES];
    struct abi_tie tie[DAMAGE_TIES];
    struct abi_lane lane[DAMAGE_LANES];
    struct evidence_thread thread[DAMAGE_LANES];
};

static inline void damage_keep(struct damage_original *original, const struct fixture *f)
{
    original->control = f->memory->control;
    memcpy(original->death, f->memory->death, sizeof original->death);
    memcpy(original->module, f->memory->module, sizeof original->module);
    memcpy(original->tie, f->memory->tie, sizeof original->tie);
    memcpy(original->lane, f->memory->lane, sizeof original->lane);
    memcpy(original->thread, f->evidence.thread, f->evidence.threads * sizeof original->thread[0]);
}

static inline void damage_restore(const struct damage_original *original, struct fixture *f)
{
    f->memory->control = original->control;
    memcpy(f->memory->death, original->death, sizeof original->death);
    memcpy(f->memory->module, original->module, sizeof original->module);
    memcpy(f->memory->tie, original->tie, sizeof original->tie);
    memcpy(f->memory->lane, original->lane, sizeof original->lane);
    memcpy(f->evidence.thread, original->thread, f->evidence.threads * sizeof original->thread[0]);
}

/**
 * Runs the detector on many damaged copies of this cycle; whatever it says is fine, as long as
 * it keeps its contract and comes back. @seed: printed where something fails.
 */
static inline void fixture_damage(struct fixture *f, const struct detector *detector, uint64_t seed)
{
    static struct damage_original original;
    static struct judgement judgement;
    const struct evidence evidence = f->evidence;
    unsigned raised = 0;

    if (evidence.threads == 0 || evidence.threads > DAMAGE_LANES)
        abort(); /* a test without a thread to damage tests less than it seems to */
    damage_keep(&original, f);
    for (unsigned round = 0; round < DAMAGE_ROUNDS; round++) {
        f->evidence = evidence;
        damage_once(f, detector, &judgement, seed + round);
        raised += judgement.findings > 0;
        damage_restore(&original, f);
    }
    /* Neither all nor nothing: damage went where the detector looks. */
    CU_ASSERT(raised > 0 && raised < DAMAGE_ROUNDS);
    f->evidence = evidence;
    f->evidence.memory = NULL;
    fixture_run(f, detector, &judgement);
    f->evidence.memory = f->memory;
}

/** The same on rings and lanes full of noise that looks sane: the worst to be read through. */
static inline void fixture_drown(struct fixture *f, const struct detector *detector, uint64_t seed)
{
    static struct damage_original original;
    static struct judgement judgement;

    damage_keep(&original, f);
    for (uint64_t round = 0; round < DAMAGE_DROWNINGS; round++) {
        struct damage damage = {seed + round, 0};

        damage_drown(&damage, f->memory);
        damage_keep_epochs(f->memory);
        f->memory->control.lanes = DAMAGE_LANES;
        fixture_run(f, detector, &judgement);
        damage_restore(&original, f);
    }
}

#endif
