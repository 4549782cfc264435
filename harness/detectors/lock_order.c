/*
 * lock-order: two locks, or three, were taken in orders that can meet, though nothing hung.
 *
 * The agent keeps the pairs over all cycles of a program and finds the circles (agent/order.c);
 * here one that was found in this cycle is put into words, once, as a note. Its pairs may be of
 * different cycles. What waited while holding can't be told from what would have waited: each
 * pair did get both its locks. Row F1.
 */
#include <harness/detector.h>

#include <harness/supervisor/evidence/evidence.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One pair of a circle, bounded; @thread: who took it. */
struct pair {
    const struct abi_order_edge *edge;
    const struct abi_order_thread *thread;
};

/* --- the memory, guarded ---------------------------------------------------------------------- */

static bool read_pair(const struct evidence *evidence, const struct abi_order_circle *circle,
                      unsigned index, struct pair *out)
{
    const struct abi_order *order = &evidence->memory->order;
    uint32_t edge = circle->edge[index];
    uint32_t thread = circle->thread[index];

    if (edge >= ABI_ORDER_EDGES || thread >= ABI_ORDER_THREADS ||
        thread >= order->edge[edge].threads || order->edge[edge].held_mode >= ABI_MODES ||
        order->edge[edge].taken_mode >= ABI_MODES)
        return false;
    out->edge = &order->edge[edge];
    out->thread = &out->edge->thread[thread];
    return memchr(out->thread->name, 0, sizeof out->thread->name) != NULL &&
           memchr(out->edge->held_at.module, 0, sizeof out->edge->held_at.module) != NULL &&
           memchr(out->edge->taken_at.module, 0, sizeof out->edge->taken_at.module) != NULL;
}

/* How many pairs, 0 if it is none of this cycle, or damaged. */
static unsigned read_circle(const struct evidence *evidence, unsigned index,
                            struct pair pair[ABI_ORDER_CIRCLE])
{
    const struct abi_order_circle *circle = &evidence->memory->order.circle[index];

    if (circle->epoch != evidence->memory->control.epoch || circle->edges < 2 ||
        circle->edges > ABI_ORDER_CIRCLE)
        return 0;
    for (unsigned i = 0; i < circle->edges; i++)
        if (!read_pair(evidence, circle, i, &pair[i]))
            return 0;
    return circle->edges;
}

/* --- words ------------------------------------------------------------------------------------ */

static bool is_of_now(const struct evidence *evidence, const struct pair *pair)
{
    return pair->edge->epoch == evidence->memory->control.epoch;
}

/* Programs that are started anew lie elsewhere in each cycle; the others where they always did. */
static bool is_here(const struct evidence *evidence, const struct abi_order_edge *edge)
{
    return edge->epoch == evidence->memory->control.epoch ||
           !(evidence->memory->control.options & OPTION_FRESH);
}

static bool find_frame(const struct evidence *evidence, const struct abi_order_edge *edge,
                       const struct abi_order_place *place, struct evidence_frame *frame)
{
    if (!is_here(evidence, edge) || !evidence_caller(evidence, place->address, frame))
        return false;
    return place->module[0] == 0 ||
           strncmp(frame->module, place->module, sizeof frame->module - 1) == 0;
}

static void place_text(const struct evidence *evidence, const struct abi_order_edge *edge,
                       const struct abi_order_place *place, char out[EVIDENCE_TEXT_BYTES])
{
    struct evidence_frame frame;

    if (find_frame(evidence, edge, place, &frame))
        evidence_frame_text(&frame, out);
    else
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s+0x%" PRIx64,
                 place->module[0] != 0 ? place->module : "the program", place->offset);
}

static void lock_text(const struct evidence *evidence, const struct abi_order_edge *edge,
                      const struct abi_order_lock *lock, uint32_t mode,
                      char out[EVIDENCE_TEXT_BYTES])
{
    char place[EVIDENCE_TEXT_BYTES];

    if (!is_here(evidence, edge)) {
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s %04x", abi_mode_name(mode),
                 (unsigned)(lock->key & 0xffff));
    } else if (lock->born == 0) {
        evidence_object_text(evidence, mode, lock->object, out);
    } else {
        evidence_caller_text(evidence, lock->born, place);
        snprintf(out, EVIDENCE_TEXT_BYTES, "%s made in %.120s", abi_mode_name(mode), place);
    }
}

static void say_pair(struct finding *finding, const struct evidence *evidence,
                     const struct pair *pair)
{
    const struct abi_order_edge *edge = pair->edge;
    char lock[EVIDENCE_TEXT_BYTES];
    char place[EVIDENCE_TEXT_BYTES];
    char cycle[40] = "";

    if (!is_of_now(evidence, pair))
        snprintf(cycle, sizeof cycle, "  (cycle %" PRIu64 ")", pair->thread->cycle);
    lock_text(evidence, edge, &edge->held, edge->held_mode, lock);
    place_text(evidence, edge, &edge->held_at, place);
    finding_say(finding, "%-10s held %.90s, taken in %.80s%s", pair->thread->name, lock, place,
                cycle);
    lock_text(evidence, edge, &edge->taken, edge->taken_mode, lock);
    place_text(evidence, edge, &edge->taken_at, place);
    finding_say(finding, "           and took %.90s, in %.80s", lock, place);
}

/* Adds what still fits. */
static void add(char out[EVIDENCE_TEXT_BYTES], const char *before, const char *text)
{
    size_t length = strlen(out);

    snprintf(out + length, EVIDENCE_TEXT_BYTES - length, "%s%.60s", before, text);
}

static void say_round(struct finding *finding, const struct evidence *evidence,
                      const struct pair *pair, unsigned pairs)
{
    char text[EVIDENCE_TEXT_BYTES] = "";
    char lock[EVIDENCE_TEXT_BYTES];

    for (unsigned i = 0; i <= pairs; i++) {
        const struct abi_order_edge *edge = pair[i % pairs].edge;

        lock_text(evidence, edge, &edge->held, edge->held_mode, lock);
        add(text, i == 0 ? "the circle: " : " ─► ", lock);
    }
    finding_say(finding, "%s", text);
    finding_say(finding, "nothing hung: they did not meet in there");
    for (unsigned i = 0; i < pairs; i++)
        if (!is_of_now(evidence, &pair[i])) {
            finding_say(finding, "of more than one cycle: a replay of this one does not show it");
            return;
        }
}

/* --- signature -------------------------------------------------------------------------------- */

static void culprit_of(const struct evidence *evidence, const struct pair *pair,
                       char out[EVIDENCE_CULPRIT_BYTES])
{
    struct evidence_frame frame;

    *out = 0;
    if (find_frame(evidence, pair->edge, &pair->edge->taken_at, &frame))
        evidence_culprit(&frame, 1, out);
}

/* The two lowest: the same circle has one signature, whichever of its pairs came last. */
static void sign(struct finding *finding, const struct evidence *evidence, const struct pair *pair,
                 unsigned pairs)
{
    char name[ABI_ORDER_CIRCLE][EVIDENCE_CULPRIT_BYTES];
    unsigned low = 0;
    unsigned next;

    for (unsigned i = 0; i < pairs; i++)
        culprit_of(evidence, &pair[i], name[i]);
    for (unsigned i = 1; i < pairs; i++)
        if (strcmp(name[i], name[low]) < 0)
            low = i;
    next = low == 0 ? 1 : 0;
    for (unsigned i = 0; i < pairs; i++)
        if (i != low && strcmp(name[i], name[next]) < 0)
            next = i;
    finding_sign(finding, name[low], name[next]);
}

static void judge(const struct evidence *evidence, struct judgement *judgement)
{
    struct pair pair[ABI_ORDER_CIRCLE];
    struct finding *finding;

    for (unsigned i = 0; evidence->memory != NULL && i < ABI_ORDER_CIRCLES; i++) {
        unsigned pairs = read_circle(evidence, i, pair);

        if (pairs == 0)
            continue;
        finding = judgement_add(judgement, STOP_LOCK_ORDER_INVERSION);
        for (unsigned k = 0; k < pairs; k++)
            say_pair(finding, evidence, &pair[k]);
        say_round(finding, evidence, pair, pairs);
        sign(finding, evidence, pair, pairs);
    }
}

const struct detector detector_lock_order = {
    .name = "lock-order",
    .summary = "locks were taken in orders that can meet in a deadlock",
    .codes = "lock.order-inversion",
    .judge = judge,
};
