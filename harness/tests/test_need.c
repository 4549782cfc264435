/*
 * Tests of need: who gets the time of a night, by a night that is played: no process, and a clock
 * that is a sum. What a start, a dry cycle and a cycle cost is made up; which cell comes next
 * is the policy's word.
 */
#include <harness/supervisor/nightly/need.h>

#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

enum { REAL = 45, INJECTORS = 17, FAULTS = 40, TWINS = 30, TARGETS = REAL + FAULTS + TWINS };
enum { CELLS = REAL * INJECTORS + FAULTS + TWINS, JOBS = 2, NEVER = UINT16_MAX };

/* struct played - what things cost in seconds. @found_at: cycle that shows a planted fault. */
struct played {
    double start_s, dry_s, cycle_s;
    unsigned found_at;
    unsigned rare; /* the first so many faults are never found */
};

static struct target target[TARGETS];
static struct target *target_list[TARGETS];
static struct run_planted planted[FAULTS + TWINS];
static struct run run;
static struct need need;

static struct run_cell *add_cell(struct target *of, const struct run_planted *as)
{
    struct run_cell *cell = &run.cell[run.cells++];

    cell->target = of;
    cell->planted = as;
    cell->key = plan_mix(7, 7, run.cells);
    return cell;
}

static enum stop_code code_of(size_t fault)
{
    return (enum stop_code)(STOP_NONE + 1 + fault % (FAULTS / 2));
}

/* Half of the faults have a code of their own, and lead. */
static void open_night(double seconds, uint64_t seed, uint64_t cycles)
{
    memset(&run, 0, sizeof run);
    memset(&need, 0, sizeof need);
    memset(target, 0, sizeof target);
    run.cell = calloc(CELLS, sizeof *run.cell);
    CU_ASSERT_PTR_NOT_NULL_FATAL(run.cell);
    for (unsigned i = 0; i < TARGETS; i++)
        target_list[i] = &target[i];
    for (unsigned i = 0; i < REAL * INJECTORS; i++)
        add_cell(&target[i / INJECTORS], NULL);
    for (unsigned i = 0; i < FAULTS + TWINS; i++) {
        planted[i].bad = i < FAULTS;
        planted[i].codes = "";
        if (i < FAULTS)
            planted[i].codes = stop_code_entry(code_of(i))->slug;
        add_cell(&target[REAL + i], &planted[i]);
    }
    for (size_t i = 0; i < run.cells; i++)
        run.cell[i].wanted = cycles;
    run.options.target = target_list;
    run.options.targets = TARGETS;
    run.options.seconds = seconds;
    run.options.seed = seed;
    run.options.jobs = JOBS;
    run.options.policy_context = &need;
    CU_ASSERT_EQUAL_FATAL(need_policy.begin(&run, NULL), 0);
}

static void close_night(void)
{
    need_close(&need);
    free(run.cell);
}

/* What a cell's next batch takes of a job that serves @at_hand. */
static double cost(const struct played *played, const struct run_cell *cell,
                   const struct target *at_hand, uint64_t *cycles)
{
    double used_s = 0;

    if (cell->target != at_hand) {
        cell->target->start_s = played->start_s;
        used_s += played->start_s + (cell->target->profiled ? 0 : played->dry_s);
        cell->target->profiled = true;
    }
    *cycles = cell->next == 0 ? 1 : (uint64_t)(0.25 / played->cycle_s) + 1;
    if (cell->wanted != 0 && cell->next + *cycles > cell->wanted)
        *cycles = cell->wanted - cell->next;
    return used_s + (double)*cycles * played->cycle_s;
}

static void finish(const struct played *played, struct run_cell *cell, uint64_t cycles, double used)
{
    struct store_finding finding = {.signature = (char *)"made up"};
    struct verdict_list found = {&finding, 0, 1};
    size_t fault = cell->planted != NULL ? (size_t)(cell->planted - planted) : FAULTS;

    cell->next += cycles;
    cell->spent_s += (double)cycles * played->cycle_s;
    if (fault < FAULTS && fault >= played->rare && cell->next >= played->found_at) {
        finding.code = code_of(fault);
        found.count = 1;
    }
    need_policy.learn(&run, cell, &found);
    cell->used_s += used;
    cell->busy = false;
}

/* Two jobs, each with its own clock; whoever is earlier chooses. */
static void play(const struct played *played)
{
    struct target *at_hand[JOBS] = {NULL};
    struct run_cell *cell[JOBS] = {NULL};
    uint64_t cycles[JOBS] = {0};
    double clock[JOBS] = {0}, used[JOBS] = {0};

    for (;;) {
        unsigned job = clock[0] <= clock[1] ? 0 : 1;

        if (cell[job] != NULL)
            finish(played, cell[job], cycles[job], used[job]);
        if (run.options.seconds > 0 && clock[job] >= run.options.seconds)
            return;
        cell[job] = need_policy.next(&run, at_hand[job]);
        if (cell[job] == NULL) { /* the other one's cells are all that is left */
            if (cell[1 - job] == NULL)
                return;
            clock[job] = clock[1 - job] + 1e-6;
            continue;
        }
        used[job] = cost(played, cell[job], at_hand[job], &cycles[job]);
        at_hand[job] = cell[job]->target;
        cell[job]->busy = true;
        clock[job] += used[job];
    }
}

static unsigned without_cycle(unsigned from, unsigned to)
{
    unsigned count = 0;

    for (unsigned i = from * INJECTORS; i < to * INJECTORS; i++)
        count += run.cell[i].next == 0;
    return count;
}

static unsigned targets_without(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < REAL; i++)
        count += without_cycle(i, i + 1) == INJECTORS;
    return count;
}

static void every_cell_has_a_cycle(void)
{
    static const struct played quick = {0.2, 0.2, 0.01, 2, 0};

    open_night(85, 1, 0);
    play(&quick);
    CU_ASSERT_EQUAL(without_cycle(0, REAL), 0);
    for (unsigned i = REAL * INJECTORS; i < CELLS; i++)
        CU_ASSERT_TRUE(run.cell[i].next > 0);
    close_night();
}

static double used_of(unsigned number)
{
    double used_s = 0;

    for (unsigned i = number * INJECTORS; i < (number + 1) * INJECTORS; i++)
        used_s += run.cell[i].used_s;
    return used_s;
}

/* Where there is not enough for all, every workload has its part of the time, whatever its name. */
static void a_short_night_is_fair(void)
{
    static const struct played slow = {0.4, 0.4, 0.15, 1, 0};
    double least, most = 0;

    open_night(85, 1, 0);
    play(&slow);
    CU_ASSERT_EQUAL(targets_without(), 0);
    CU_ASSERT_TRUE(without_cycle(0, REAL) > 0);
    least = used_of(0);
    for (unsigned i = 0; i < REAL; i++) {
        least = used_of(i) < least ? used_of(i) : least;
        most = used_of(i) > most ? used_of(i) : most;
        CU_ASSERT_TRUE(without_cycle(i, i + 1) < INJECTORS - 2);
    }
    CU_ASSERT_TRUE(most <= 2 * least);
    close_night();
}

/* Not even all workloads can be started: the seed says which, not the alphabet. */
static void a_hopeless_night_is_drawn(void)
{
    static const struct played hopeless = {2, 2, 0.5, 1, 0};
    unsigned first_half = 0, second_half = 0;

    for (uint64_t seed = 0; seed < 8; seed++) {
        open_night(40, seed, 0);
        play(&hopeless);
        CU_ASSERT_TRUE(targets_without() > 0 && targets_without() < REAL);
        for (unsigned i = 0; i < REAL; i++)
            *(i < REAL / 2 ? &first_half : &second_half) += without_cycle(i, i + 1) < INJECTORS;
        close_night();
    }
    CU_ASSERT_TRUE(first_half * 3 > second_half && second_half * 3 > first_half);
}

/* Starts count: planted faults, each of which needs its own, must not take more than their part. */
static void planted_faults_leave_room(void)
{
    static const struct played rare = {0.5, 1, 0.02, 1, FAULTS};
    double used[2] = {0, 0};

    open_night(85, 3, 0);
    play(&rare);
    for (size_t i = 0; i < run.cells; i++)
        used[run.cell[i].planted != NULL] += run.cell[i].used_s;
    CU_ASSERT_TRUE(used[1] < 0.7 * (used[0] + used[1]));
    CU_ASSERT_EQUAL(targets_without(), 0);
    close_night();
}

/* A fault that is not found holds nobody up: not the other faults, nor clean twins. */
static void a_rare_fault_waits(void)
{
    static const struct played one_rare = {0.1, 0.1, 0.02, 1, 1};

    open_night(85, 4, 0);
    play(&one_rare);
    for (unsigned i = REAL * INJECTORS; i < CELLS; i++)
        CU_ASSERT_TRUE(run.cell[i].next > 0);
    CU_ASSERT_TRUE(run.cell[REAL * INJECTORS].next >= 20);
    close_night();
}

/* By count everything is run, each start once. */
static void by_count_each_starts_once(void)
{
    static const struct played quick = {1, 0, 0.01, 1, 0};
    double used_s = 0, cycles_s = 0;

    open_night(0, 6, 3);
    play(&quick);
    for (size_t i = 0; i < run.cells; i++) {
        CU_ASSERT_EQUAL(run.cell[i].next, 3);
        used_s += run.cell[i].used_s;
        cycles_s += run.cell[i].spent_s;
    }
    CU_ASSERT_TRUE(used_s - cycles_s < TARGETS + 10);
    close_night();
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("need", NULL, NULL);
    CU_ADD_TEST(suite, every_cell_has_a_cycle);
    CU_ADD_TEST(suite, a_short_night_is_fair);
    CU_ADD_TEST(suite, a_hopeless_night_is_drawn);
    CU_ADD_TEST(suite, planted_faults_leave_room);
    CU_ADD_TEST(suite, a_rare_fault_waits);
    CU_ADD_TEST(suite, by_count_each_starts_once);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
