/*
 * Tests of the detector leak-unreachable: by allocation site, the one lost first in front; only
 * where it was asked for, or where the laps do it.
 */
#include "evidence_damage.h"
#include "evidence_fixture.h"

extern const struct detector detector_leak_unreachable;

static struct fixture f;
static struct judgement judgement;

static struct evidence_leak *leak(uint64_t caller, uint64_t blocks, uint64_t heads, uint64_t bytes)
{
    struct evidence_reach *reach = &f.evidence.reach;
    struct evidence_leak *out = &reach->leak[reach->sites++];

    *out = (struct evidence_leak){caller, blocks, heads, bytes, 0x7000};
    reach->blocks += blocks;
    reach->bytes += bytes;
    return out;
}

static void open_scanned(bool asked, uint64_t laps)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    f.evidence.reach.scanned = true;
    f.evidence.reach.asked = asked;
    f.evidence.reach.laps = laps;
    f.evidence.reach.live = 100;
}

static const struct finding *judge(void)
{
    fixture_judge(&f, &detector_leak_unreachable, &judgement);
    return fixture_found(&judgement, STOP_LEAK_UNREACHABLE);
}

static void test_asked(void)
{
    const struct finding *finding;

    open_scanned(true, 1);
    leak(AT_WORKER, 1, 1, 400);
    finding = judge();
    CU_ASSERT_EQUAL(judgement.findings, 1);
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT(fixture_says(finding, "1 block, 400 bytes, allocated by worker  prog  prog.c:20"));
    CU_ASSERT(fixture_says(finding, "no pointer leads to 1 of 100 blocks, 400 bytes in all"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "leak.unreachable prog:worker -");
    fixture_close(&f);
}

/* A large table hung on a small head that was lost: the head is the culprit. */
static void test_lost_first(void)
{
    const struct finding *finding;

    open_scanned(true, 1);
    leak(AT_MAIN, 10, 0, 9000);
    leak(AT_PLUGIN, 2, 2, 64);
    finding = judge();
    CU_ASSERT_STRING_EQUAL(finding->signature, "leak.unreachable libplug.so:stop -");
    CU_ASSERT(fixture_says(finding, "10 blocks, 9000 bytes, allocated by main"));
    CU_ASSERT(fixture_says(finding, "other lost blocks point to them"));
    fixture_close(&f);
}

static void test_unknown_site(void)
{
    open_scanned(true, 1);
    leak(0, 3, 3, 30);
    CU_ASSERT(fixture_says(judge(), "allocated by an unknown place"));
    fixture_close(&f);
}

static void test_laps(void)
{
    open_scanned(false, 100);
    leak(AT_WORKER, 50, 50, 400);
    leak(AT_MAIN, 3, 3, 30);
    CU_ASSERT(fixture_says(judge(), "allocated by worker"));
    CU_ASSERT_EQUAL(judgement.finding[0].lines, 2); /* main's three are no lap's doing */
    fixture_close(&f);
}

static void test_twin_once(void)
{
    open_scanned(false, 100);
    leak(AT_WORKER, 49, 49, 400);
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

/* A cycle that fails in its third lap, or that has no laps at all, and nobody asked. */
static void test_twin_few_laps(void)
{
    open_scanned(false, 3);
    leak(AT_WORKER, 49, 49, 400);
    CU_ASSERT_PTR_NULL(judge());
    f.evidence.reach.laps = 0;
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

static void test_twin_not_scanned(void)
{
    open_scanned(true, 100);
    leak(AT_WORKER, 100, 100, 400);
    f.evidence.reach.scanned = false;
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

static void test_twin_none(void)
{
    open_scanned(true, 100);
    CU_ASSERT_PTR_NULL(judge());
    fixture_close(&f);
}

static void test_damage(void)
{
    open_scanned(true, 100);
    leak(AT_WORKER, 100, 100, 400);
    fixture_thread(&f, 0, THREAD_RUNNING, -1);
    fixture_drown(&f, &detector_leak_unreachable, 0x1ea);
    f.evidence.reach.sites = UINT32_MAX;
    judge();
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"asked for", test_asked},
        {"lost first", test_lost_first},
        {"unknown site", test_unknown_site},
        {"laps", test_laps},
        {"twin: less than a block every other lap", test_twin_once},
        {"twin: few laps", test_twin_few_laps},
        {"twin: not scanned", test_twin_not_scanned},
        {"twin: nothing is lost", test_twin_none},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector leak-unreachable", cases);
}
