/*
 * Tests of strikes inside a call, and of the scheduler: strike.c, step.c and sched.c, by
 * targets/steps.c. A strike at instruction k must happen exactly there, for every k of a call, and
 * the same seed must give the same schedule.
 */
#include "agent_stage.h"

enum {
    HIT = 4,         /* of the call that is struck */
    BUCKET = 2,      /* where its length is told: 2^2 */
    ALL_UP_TO = 200, /* every instruction of calls as long as this */
    SAMPLES = 16,    /* else this many, spread evenly, and the ends */
    SCHEDULES = 6,
    REPEATS = 8,
};

/* --- lengths
 * -------------------------------------------------------------------------------------- */

static uint32_t lane_number(struct stage *stage, const char *thread)
{
    const struct abi_lane *lane = stage_lane(stage, thread);

    CU_ASSERT_PTR_NOT_NULL_FATAL(lane);
    return (uint32_t)(lane - stage->job.memory->lane);
}

/* Instructions of the call that is hit number 2^@bucket, by a dry cycle. */
static uint32_t measured(struct stage *stage, const char *thread, uint16_t site, unsigned bucket)
{
    uint32_t length;

    stage->spec.none = 1;
    stage->purpose = PURPOSE_STEP;
    memset(stage->job.memory->lengths, 0, 8 * sizeof stage->job.memory->lengths[0]);
    CU_ASSERT_TRUE_FATAL(stage_pass(stage));
    length = stage->job.memory->lengths[lane_number(stage, thread)].length[site][bucket];
    stage->purpose = PURPOSE_CYCLE;
    return length;
}

/* --- where it struck
 * --------------------------------------------------------------------------------- */

/* The agent's code in the server, and so in every target that it forks. */
static void agent_range(struct stage *stage, uint64_t *from, uint64_t *to)
{
    char path[64];
    char line[512];
    FILE *maps;

    *from = UINT64_MAX;
    *to = 0;
    snprintf(path, sizeof path, "/proc/%u/maps", stage_control(stage)->server_pid);
    maps = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long low;
        unsigned long high;

        if (strstr(line, "librundown-agent.so") == NULL ||
            sscanf(line, "%lx-%lx", &low, &high) != 2)
            continue;
        *from = low < *from ? low : *from;
        *to = high > *to ? high : *to;
    }
    fclose(maps);
    CU_ASSERT_TRUE(*from < *to);
}

/* One strike at @insn: 0 where it did what it should, else what is wrong. */
static const char *struck(struct stage *stage, uint16_t site, uint32_t insn, uint64_t *rip)
{
    const struct abi_death *death = &stage->job.memory->death[0];
    struct abi_control *control;

    stage_strike(stage, "thread-kill", "T1", site, HIT, insn, 0);
    if (!stage_pass(stage))
        return "the cycle did not pass";
    control = stage_control(stage);
    if (control->intended != 1 || control->fired != 1)
        return "not fired";
    if (control->deaths != 1 || death->epoch != control->epoch)
        return "no record of the death";
    if (death->site != site || death->hit != HIT || death->insn != insn || death->lane != 0)
        return "the record names another point";
    if (stage_lane(stage, "T1")->state != LANE_KILLED)
        return "the lane is not dead";
    if (stage_said(stage, "before") != HIT - 1 || stage_said(stage, "after") != HIT - 2)
        return "the thread went on, or did not come so far";
    *rip = death->regs[16];
    return NULL;
}

static bool check_struck(struct stage *stage, const char *scene, uint16_t site, uint32_t insn,
                         uint64_t *rip)
{
    const char *wrong = struck(stage, site, insn, rip);

    if (wrong != NULL)
        fprintf(stderr, "\n%s at %u: %s\n", scene, insn, wrong);
    CU_ASSERT_PTR_NULL(wrong);
    return wrong == NULL;
}

/* Past the end of the call there is nothing to strike: the program goes on. */
static void check_not_struck(struct stage *stage, uint16_t site, uint32_t insn)
{
    stage_strike(stage, "thread-kill", "T1", site, HIT, insn, 0);
    CU_ASSERT_TRUE(stage_pass(stage));
    CU_ASSERT_EQUAL(stage_control(stage)->fired, 0);
    CU_ASSERT_EQUAL(stage_control(stage)->deaths, 0);
    CU_ASSERT_EQUAL(stage_said(stage, "after"), HIT - 1);
}

static uint32_t next_of(uint32_t insn, uint32_t length)
{
    uint32_t step = length <= ALL_UP_TO ? 1 : length / SAMPLES;

    return insn + step < length || insn + 1 >= length ? insn + step : length - 1;
}

static void strike_everywhere(const char *scene, uint16_t site)
{
    struct stage stage;
    uint64_t low;
    uint64_t high;
    uint64_t rip = 0;
    uint32_t length;

    CU_ASSERT_TRUE(stage_plain("steps", scene));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", scene));
    agent_range(&stage, &low, &high);
    length = measured(&stage, "T1", site, BUCKET);
    CU_ASSERT_TRUE(length > 5);
    CU_ASSERT_EQUAL(measured(&stage, "T1", site, BUCKET), length);
    if (!check_struck(&stage, scene, site, 0, &rip))
        length = 0;
    for (uint32_t insn = 1; insn < length; insn = next_of(insn, length)) {
        if (!check_struck(&stage, scene, site, insn, &rip))
            break;
        CU_ASSERT_FALSE(rip >= low && rip < high);
    }
    if (length > 0 && length < PROFILE_MAX_LENGTH)
        check_not_struck(&stage, site, length);
    stage_close(&stage);
}

static void test_malloc(void)
{
    strike_everywhere("malloc", SITE_MALLOC);
}

static void test_calloc(void)
{
    strike_everywhere("calloc", SITE_CALLOC);
}

static void test_realloc(void)
{
    strike_everywhere("realloc", SITE_REALLOC);
}

static void test_free(void)
{
    strike_everywhere("free", SITE_FREE);
}

static uint32_t once_length(const char *scene)
{
    struct stage stage;
    uint32_t length;

    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", scene));
    length = measured(&stage, "T1", SITE_ONCE, BUCKET);
    stage_close(&stage);
    return length;
}

/*
 * What the agent looks up below a stepped call is not the call's: a free of an unknown block, for
 * which it walks its table and asks the loader, is as long as any. Such a walk was stepped once,
 * at a signal for each of its instructions: most of a short night's time.
 */
static void test_own_work(void)
{
    uint32_t known = once_length("free-known");

    CU_ASSERT_TRUE(known > 20);
    CU_ASSERT_EQUAL(once_length("free-unknown"), known);
}

static void test_locks(void)
{
    strike_everywhere("lock", SITE_LOCK);
    strike_everywhere("post", SITE_SEM_POST);
}

static void test_loader(void)
{
    strike_everywhere("dlopen", SITE_DLOPEN);
    strike_everywhere("dlclose", SITE_DLCLOSE);
}

static void test_process(void)
{
    strike_everywhere("fork", SITE_FORK);
    strike_everywhere("create", SITE_THREAD_CREATE);
}

/* Twice the same point is twice the same instruction. */
static void test_same_place(void)
{
    uint64_t first[64];
    uint64_t again;
    struct stage stage;

    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "malloc"));
    for (uint32_t insn = 1; insn < 64; insn++)
        check_struck(&stage, "malloc", SITE_MALLOC, insn, &first[insn]);
    for (uint32_t insn = 63; insn > 0; insn--) {
        check_struck(&stage, "malloc", SITE_MALLOC, insn, &again);
        CU_ASSERT_EQUAL(again, first[insn]);
        if (insn < 63)
            CU_ASSERT_NOT_EQUAL(first[insn], first[insn + 1]);
    }
    stage_close(&stage);
}

/* --- programs that don't like it
 * --------------------------------------------------------------------- */

static void test_deaf(void)
{
    uint64_t rip;
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "deaf"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "deaf"));
    CU_ASSERT_TRUE(stage_pass(&stage));
    CU_ASSERT_TRUE(measured(&stage, "T1", SITE_MALLOC, BUCKET) > 5);
    for (uint32_t insn = 0; insn < 60; insn += 7)
        if (!check_struck(&stage, "deaf", SITE_MALLOC, insn, &rip))
            break;
    stage_close(&stage);
}

/* Stepped or not, a SIGTRAP of the program's own goes to the program's own handler. */
static void test_own_trap(void)
{
    uint64_t rip;
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "own-trap"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "own-trap"));
    CU_ASSERT_TRUE(stage_pass(&stage));
    CU_ASSERT_EQUAL(stage_said(&stage, "own_trap"), SIGTRAP);
    CU_ASSERT_TRUE(measured(&stage, "T1", SITE_MALLOC, BUCKET) > 5);
    CU_ASSERT_EQUAL(stage_said(&stage, "own_trap"), SIGTRAP);
    CU_ASSERT_TRUE(check_struck(&stage, "own-trap", SITE_MALLOC, 9, &rip));
    stage_close(&stage);
}

/* Stepped or not, it is the program's mask that counts, and what is made of it stays. */
static void test_mask(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "mask"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "mask"));
    CU_ASSERT_TRUE(stage_pass(&stage));
    for (unsigned bucket = 0; bucket < 4; bucket++)
        CU_ASSERT_TRUE(measured(&stage, "T1", SITE_DLOPEN, bucket) > 5);
    stage_close(&stage);
}

static void test_child(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "child"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "child"));
    CU_ASSERT_TRUE(stage_pass(&stage));
    for (unsigned bucket = 0; bucket < 4; bucket++)
        CU_ASSERT_TRUE(measured(&stage, "T1", SITE_FORK, bucket) > 5);
    stage_close(&stage);
    CU_ASSERT_TRUE(stage_plain("steps", "spawn"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "spawn"));
    for (unsigned bucket = 0; bucket < 3; bucket++)
        CU_ASSERT_TRUE(measured(&stage, "T1", SITE_SPAWN, bucket) > 5);
    stage_close(&stage);
}

static void test_small(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "small"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "small"));
    CU_ASSERT_TRUE(measured(&stage, "T1.1", SITE_MALLOC, BUCKET) > 5);
    CU_ASSERT_EQUAL(stage_said(&stage, "small"), 0);
    for (uint32_t insn = 0; insn < 60; insn += 7) {
        stage_strike(&stage, "thread-kill", "T1.1", SITE_MALLOC, HIT, insn, 0);
        CU_ASSERT_TRUE_FATAL(stage_pass(&stage));
        CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
        CU_ASSERT_EQUAL(stage_said(&stage, "small"), 1);
        CU_ASSERT_EQUAL(stage_said(&stage, "after"), HIT - 2);
    }
    stage_close(&stage);
}

/* --- what a dead or parked thread leaves
 * ------------------------------------------------------------- */

static void test_held(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "held"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "held"));
    for (uint32_t insn = 0; insn < 60; insn += 13) {
        const struct abi_death *death = &stage.job.memory->death[0];

        stage_strike(&stage, "thread-kill", "T1.1", SITE_MALLOC, 1, insn, 0);
        CU_ASSERT_TRUE_FATAL(stage_pass(&stage));
        CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
        CU_ASSERT_EQUAL(stage_said(&stage, "after"), -1);
        CU_ASSERT_EQUAL(stage_said(&stage, "orphaned"), 1);
        CU_ASSERT_EQUAL(death->insn, insn);
        CU_ASSERT_EQUAL(death->held_count, 1);
        CU_ASSERT_EQUAL(death->held[0].object, (uint64_t)stage_said(&stage, "mutex"));
        CU_ASSERT_EQUAL(death->held[0].mode, MODE_MUTEX);
        CU_ASSERT_TRUE(death->stack_bytes > 0 && death->stack_address == death->regs[7]);
    }
    stage_close(&stage);
}

static void test_resumed(void)
{
    struct stage stage;

    CU_ASSERT_TRUE(stage_plain("steps", "resumed"));
    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "resumed"));
    for (uint32_t insn = 0; insn < 60; insn += 13) {
        stage_strike(&stage, "thread-suspend", "T1.1", SITE_MALLOC, 1, insn, 50);
        CU_ASSERT_TRUE_FATAL(stage_pass(&stage));
        CU_ASSERT_EQUAL(stage_control(&stage)->fired, 1);
        CU_ASSERT_EQUAL(stage.job.memory->death[0].insn, insn);
        CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1.1"), EVENT_PARKED), 1);
        CU_ASSERT_EQUAL(stage_count(stage_lane(&stage, "T1.1"), EVENT_RESUMED), 1);
        CU_ASSERT_EQUAL(stage_said(&stage, "after"), 0);
        CU_ASSERT_EQUAL(stage_control(&stage)->parked, 0);
    }
    stage_close(&stage);
}

static bool is_parked(struct stage *stage)
{
    const struct abi_lane *lane = stage_lane(stage, "T1.1");

    return lane != NULL && __atomic_load_n(&lane->state, __ATOMIC_ACQUIRE) == LANE_PARKED &&
           stage_control(stage)->parked == 1;
}

/* It stands where it was struck, for good: the one that waits for it does not end either. */
static void test_parked(void)
{
    struct stage stage;

    CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "parked"));
    for (uint32_t insn = 0; insn < 60; insn += 13) {
        stage_strike(&stage, "thread-suspend", "T1.1", SITE_MALLOC, 1, insn, -1);
        stage_start(&stage);
        CU_ASSERT_TRUE(stage_until(&stage, is_parked));
        CU_ASSERT_EQUAL(stage.job.memory->death[0].insn, insn);
        CU_ASSERT_EQUAL(stage_lane(&stage, "T1.1")->site, SITE_MALLOC);
        CU_ASSERT_EQUAL(stage_give_up(&stage), STAGE_DONE);
    }
    stage_close(&stage);
}

/* --- the scheduler
 * --------------------------------------------------------------------------------------- */

static void turns_of(struct stage *stage, uint64_t cycle, uint64_t *hash, int64_t *order)
{
    stage->mode = PLAN_CONTROLLED;
    stage->cycle = cycle;
    CU_ASSERT_TRUE(stage_pass(stage));
    *hash = stage_control(stage)->schedule_hash;
    *order = stage_said(stage, "order");
    CU_ASSERT_NOT_EQUAL(*hash, 0);
    CU_ASSERT_TRUE(*order >= 0);
}

/* The same in any order, in another server, and whatever else the machine does. */
static void test_schedule(void)
{
    uint64_t hash[SCHEDULES];
    int64_t order[SCHEDULES];
    unsigned orders = 0;

    CU_ASSERT_TRUE(stage_plain("steps", "turns"));
    for (int server = 0; server < 2; server++) {
        struct stage stage;

        CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", "turns"));
        for (unsigned i = 0; i < SCHEDULES * REPEATS; i++) {
            uint64_t cycle = server == 0 ? i % SCHEDULES : SCHEDULES - 1 - i % SCHEDULES;
            bool first = server == 0 && i < SCHEDULES;
            uint64_t now;
            int64_t turns;

            turns_of(&stage, cycle, &now, &turns);
            if (first) {
                hash[cycle] = now;
                order[cycle] = turns;
            }
            if (now != hash[cycle])
                fprintf(stderr, "\ncycle %llu, repeat %u: %u turns stolen, %llu steps\n",
                        (unsigned long long)cycle, i, stage_control(&stage)->schedule_stolen,
                        (unsigned long long)stage_control(&stage)->schedule_steps);
            CU_ASSERT_EQUAL(now, hash[cycle]);
            CU_ASSERT_EQUAL(turns, order[cycle]);
        }
        stage_close(&stage);
    }
    for (unsigned i = 1; i < SCHEDULES; i++)
        orders += order[i] != order[0] && hash[i] != hash[0];
    CU_ASSERT_TRUE(orders > 0);
}

/* Who waits by looking lets the others come all the same; by locks, in the same order each time. */
static void test_who_looks(void)
{
    static const struct {
        const char *scene;
        bool same;
    } waits[] = {{"look", false},       {"look-late", false},
                 {"look-locked", true}, {"look-locked-late", true},
                 {"read-late", false},  {"join-late", false}};
    static const uint32_t purposes[] = {PURPOSE_COUNT, PURPOSE_CYCLE};

    for (unsigned i = 0; i < 2 * sizeof waits / sizeof waits[0]; i++) {
        const char *scene = waits[i / 2].scene;
        struct stage stage;
        uint64_t hash;

        CU_ASSERT_TRUE(stage_plain("steps", scene));
        CU_ASSERT_TRUE_FATAL(stage_open(&stage, "steps", scene));
        stage.purpose = purposes[i % 2];
        stage.mode = PLAN_CONTROLLED;
        CU_ASSERT_TRUE(stage_pass(&stage));
        hash = stage_control(&stage)->schedule_hash;
        CU_ASSERT_TRUE(stage_pass(&stage));
        CU_ASSERT_TRUE(!waits[i / 2].same || stage_control(&stage)->schedule_hash == hash);
        CU_ASSERT_TRUE(!waits[i / 2].same || stage_control(&stage)->schedule_stolen == 0);
        stage_close(&stage);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every instruction of malloc", test_malloc},
        {"every instruction of calloc", test_calloc},
        {"realloc", test_realloc},
        {"free", test_free},
        {"work of the agent's own", test_own_work},
        {"lock and sem_post", test_locks},
        {"dlopen and dlclose", test_loader},
        {"fork and pthread_create, up to the clone", test_process},
        {"the same place again", test_same_place},
        {"signals blocked and ignored", test_deaf},
        {"a SIGTRAP handler of the program's own", test_own_trap},
        {"a mask that a stepped constructor changes", test_mask},
        {"SIGTRAP in what a stepped call starts", test_child},
        {"the smallest stack", test_small},
        {"killed with a lock held", test_held},
        {"parked and resumed", test_resumed},
        {"parked for good", test_parked},
        {"controlled schedules", test_schedule},
        {"those who look", test_who_looks},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"agent: steps", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return stage_main(suites);
}
