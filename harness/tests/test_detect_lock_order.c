/*
 * Tests of the detector lock-order: circles that the agent has found, in words. The graph itself
 * is tested in test_order.c.
 */
#include "evidence_damage.h"

#include <CUnit/Basic.h>

extern const struct detector detector_lock_order;

static struct fixture f;
static struct judgement judgement;

static struct abi_order_edge *add_edge(unsigned index, uint64_t held, uint64_t taken,
                                       const char *thread, uint64_t at)
{
    struct abi_order_edge *edge = &f.memory->order.edge[index];

    edge->epoch = FIXTURE_EPOCH;
    edge->held = (struct abi_order_lock){.key = held, .object = held};
    edge->taken = (struct abi_order_lock){.key = taken, .object = taken};
    edge->held_mode = edge->taken_mode = MODE_MUTEX;
    edge->held_at.address = AT_MAIN;
    edge->taken_at.address = at;
    edge->threads = 1;
    snprintf(edge->thread[0].name, sizeof edge->thread[0].name, "%s", thread);
    return edge;
}

static struct abi_order_circle *open_circle(unsigned edges)
{
    struct abi_order_circle *circle;

    fixture_open(&f);
    fixture_lane(&f, "T1");
    circle = &f.memory->order.circle[0];
    add_edge(0, LOCK_A, LOCK_B, "T1.1", AT_WORKER);
    add_edge(1, LOCK_B, edges == 2 ? LOCK_A : READY, "T1.2", AT_UPDATE);
    add_edge(2, READY, LOCK_A, "T1", AT_PLUGIN);
    circle->epoch = FIXTURE_EPOCH;
    circle->edges = edges;
    for (unsigned i = 0; i < edges; i++)
        circle->edge[i] = i;
    f.memory->order.circles = 1;
    return circle;
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_lock_order, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void expect_silence(void)
{
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_two(void)
{
    const struct finding *finding;

    open_circle(2);
    f.memory->order.edge[0].thread[0].cycle = 12; /* it was seen then first, and now again */
    judge(STOP_LOCK_ORDER_INVERSION);
    CU_ASSERT_EQUAL(judgement.finding[0].lines, 6);
    f.memory->order.edge[0].epoch--;
    finding = judge(STOP_LOCK_ORDER_INVERSION);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_NOTE);
    CU_ASSERT(fixture_says(finding, "T1.1       held mutex lock_a, taken in main"));
    CU_ASSERT(fixture_says(finding, "(cycle 12)"));
    CU_ASSERT(fixture_says(finding, "a replay of this one does not show it"));
    CU_ASSERT(fixture_says(finding, "and took mutex lock_b, in worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "T1.2       held mutex lock_b, taken in main"));
    CU_ASSERT(fixture_says(finding, "the circle: mutex lock_a ─► mutex lock_b ─► mutex lock_a"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.order-inversion prog:update prog:worker");
    fixture_close(&f);
}

static void test_three(void)
{
    const struct finding *finding;

    open_circle(3);
    finding = judge(STOP_LOCK_ORDER_INVERSION);
    CU_ASSERT(fixture_says(finding, "and took mutex lock_a, in stop  libplug.so  plug.c:40"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "lock.order-inversion libplug.so:stop prog:update");
    fixture_close(&f);
}

/* The pair that was seen last stands first or second: it is the same circle. */
static void test_signature_of_either_end(void)
{
    struct abi_order_circle *circle = open_circle(2);

    circle->edge[0] = 1;
    circle->edge[1] = 0;
    CU_ASSERT_STRING_EQUAL(judge(STOP_LOCK_ORDER_INVERSION)->signature,
                           "lock.order-inversion prog:update prog:worker");
    fixture_close(&f);
}

static void test_made_by_somebody(void)
{
    open_circle(2);
    f.memory->order.edge[0].held.born = AT_PLUGIN;
    CU_ASSERT(fixture_says(judge(STOP_LOCK_ORDER_INVERSION),
                           "held mutex made in stop  libplug.so  plug.c:40, taken in main"));
    fixture_close(&f);
}

/* A program that is started anew lies elsewhere: its old addresses are not this cycle's. */
static void test_of_another_cycle(void)
{
    struct abi_order_edge *edge;

    open_circle(2);
    f.memory->control.options |= OPTION_FRESH;
    edge = &f.memory->order.edge[0];
    edge->epoch = FIXTURE_EPOCH - 1;
    edge->taken_at.offset = 0x1234;
    strcpy(edge->held_at.module, "libplug.so");
    edge->held_at.offset = 0x77;
    judge(STOP_LOCK_ORDER_INVERSION);
    CU_ASSERT(fixture_says(&judgement.finding[0], "taken in libplug.so+0x77"));
    CU_ASSERT(fixture_says(&judgement.finding[0], "in the program+0x1234"));
    fixture_close(&f);
}

static void test_twin_told_before(void)
{
    open_circle(2)->epoch = FIXTURE_EPOCH - 1;
    expect_silence();
}

static void test_twin_none(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    expect_silence();
}

/* The common damage does not come here: this is read from its own part of the memory. */
static void test_damage(void)
{
    struct damage damage = {.seed = 0x0de5};
    unsigned raised = 0;

    for (unsigned i = 0; i < 2000; i++) {
        open_circle(3);
        for (unsigned k = 0; k < 1u << i % 8; k++) {
            damage_word(&damage, f.memory->order.circle, sizeof f.memory->order.circle[0]);
            damage_word(&damage, f.memory->order.edge, sizeof f.memory->order.edge[0] * 3);
            damage.counter++;
        }
        f.memory->order.circle[0].epoch = FIXTURE_EPOCH;
        fixture_run(&f, &detector_lock_order, &judgement);
        raised += judgement.findings;
        fixture_close(&f);
    }
    CU_ASSERT(raised > 0 && raised < 2000);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"two", test_two},
        {"three", test_three},
        {"either end", test_signature_of_either_end},
        {"made by somebody", test_made_by_somebody},
        {"of another cycle", test_of_another_cycle},
        {"twin: told before", test_twin_told_before},
        {"twin: none", test_twin_none},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector lock-order", cases);
}
