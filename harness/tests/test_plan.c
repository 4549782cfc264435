/*
 * test_plan: plans are pure, even-handed, and mean the same in every version.
 *
 * All seeds here are fixed, so a statistical test that passes once passes always; its bounds
 * are 99.99 % quantiles of chi-square. Golden values change only when seeds are meant to change
 * their meaning: then all replay lines written before are void.
 */
#include <harness/plan.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#include <harness/agent_abi.h>

static const uint64_t seed = 0x5eed;
static const uint64_t cell = 0x1234567890abcdef;

static struct profile profile;
static struct plan plan;

/* --- building blocks ------------------------------------------------------------------- */

static struct profile_entry *add(const char *thread, uint16_t site, uint32_t hits, uint32_t length)
{
    struct profile_entry *entry = &profile.entry[profile.count++];

    memset(entry, 0, sizeof *entry);
    snprintf(entry->thread, sizeof entry->thread, "%s", thread);
    entry->site = site;
    entry->hits = hits;
    for (int b = 0; b < PROFILE_LENGTHS; b++)
        entry->length[b] = length;
    return entry;
}

static void clear_profile(void)
{
    memset(&profile, 0, sizeof profile);
}

/* Main and two workers at six sites; counts and lengths far apart. */
static void usual_profile(void)
{
    clear_profile();
    add("T1", SITE_MALLOC, 1024, 140);
    add("T1", SITE_EXIT, 1, 0);
    add("T1", SITE_DLOPEN, 2, 4096);
    add("T1.1", SITE_MALLOC, 16, 140);
    add("T1.1", SITE_LOCK, 4, 30);
    add("T1.2", SITE_MALLOC, 1, 150);
    add("T1.2", SITE_FREE, 64, 90);
    add("T1.2", SITE_THREAD_START, 1, 0);
    plan_profile_sort(&profile);
}

/* Nearly as many entries as fit: 40 threads at 51 sites. */
static void large_profile(void)
{
    char thread[PLAN_THREAD_BYTES];

    clear_profile();
    for (unsigned i = 0; i < 40; i++)
        for (uint16_t site = 1; site <= 51; site++) {
            snprintf(thread, sizeof thread, i == 0 ? "T1" : "T1.%u", i);
            add(thread, site, 8, 100);
        }
    plan_profile_sort(&profile);
}

static struct plan_spec any_spec(void)
{
    struct plan_spec spec;

    memset(&spec, 0, sizeof spec);
    memset(spec.sites, 0xff, sizeof spec.sites);
    spec.point.injector = 3;
    return spec;
}

static void only_site(struct plan_spec *spec, uint32_t site)
{
    memset(spec->sites, 0, sizeof spec->sites);
    spec->sites[site / 64] = UINT64_C(1) << site % 64;
}

static const struct plan_point *draw(const struct plan_spec *spec, uint64_t cycle)
{
    plan_draw(spec, &profile, seed, cell, cycle, PLAN_FREE, &plan);
    return plan.count > 0 ? &plan.strike[0] : NULL;
}

/* The same where something must be struck. */
static const struct plan_point *must_draw(const struct plan_spec *spec, uint64_t cycle)
{
    const struct plan_point *point = draw(spec, cycle);

    CU_ASSERT_PTR_NOT_NULL_FATAL(point);
    return point;
}

static bool is_entry(const struct plan_point *point, const struct profile_entry *entry)
{
    return point->site == entry->site && strcmp(point->thread, entry->thread) == 0;
}

static unsigned entry_index(const struct plan_point *point)
{
    unsigned i = 0;

    while (i < profile.count && !is_entry(point, &profile.entry[i]))
        i++;
    CU_ASSERT_FATAL(i < profile.count);
    return i;
}

/* @bound: 99.99 % quantile of chi-square at @cells - 1 degrees of freedom. */
static void check_even(const unsigned *count, unsigned cells, double bound)
{
    double total = 0;
    double chi_square = 0;

    for (unsigned i = 0; i < cells; i++)
        total += count[i];
    for (unsigned i = 0; i < cells; i++) {
        double off = count[i] - total / cells;

        chi_square += off * off / (total / cells);
    }
    CU_ASSERT(total >= 5.0 * cells);
    CU_ASSERT(chi_square < bound);
    if (chi_square >= bound)
        fprintf(stderr, "\nchi-square %.1f over %u cells, bound %.1f\n", chi_square, cells, bound);
}

/* --- numbers ------------------------------------------------------------------------------ */

/* SplitMix64 of seed 1234567, as published with the generator's reference code. */
static void mix_is_splitmix64(void)
{
    static const uint64_t published[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t purpose = UINT64_C(0xe220a8397b1dcdaf) ^ 1234567; /* undoes the seed's own step */

    for (uint64_t i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(plan_mix(0, purpose, i), published[i]);
}

static void mix_keeps_its_values(void)
{
    CU_ASSERT_EQUAL(plan_mix(0, 0, 0), UINT64_C(0xa706dd2f4d197e6f));
    CU_ASSERT_EQUAL(plan_mix(1, 0, 0), UINT64_C(0x5e41ab087439611e));
    CU_ASSERT_EQUAL(plan_mix(0, 1, 0), UINT64_C(0x08b4fda8c892b50e));
    CU_ASSERT_EQUAL(plan_mix(0, 0, 1), UINT64_C(0xb382a305f4414f5e));
    CU_ASSERT_EQUAL(plan_mix(0x5eed, plan_hash("schedule", 8), 812), UINT64_C(0x168dcff5c5ab2ad9));
    CU_ASSERT_EQUAL(plan_mix(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_C(0x4650bc0eb3312e23));
}

/* Test vectors published with the hash. */
static void hash_is_fnv_1a(void)
{
    CU_ASSERT_EQUAL(plan_hash("", 0), UINT64_C(0xcbf29ce484222325));
    CU_ASSERT_EQUAL(plan_hash("a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(plan_hash("foobar", 6), UINT64_C(0x85944171f73967e8));
}

static void below_stays_below_and_spreads(void)
{
    CU_ASSERT_EQUAL(plan_below(UINT64_MAX, 1), 0);
    CU_ASSERT_EQUAL(plan_below(0, 10), 0);
    CU_ASSERT_EQUAL(plan_below(UINT64_MAX, 10), 9);
    CU_ASSERT_EQUAL(plan_below(UINT64_C(1) << 63, 10), 5);
    CU_ASSERT_EQUAL(plan_below((UINT64_C(1) << 63) - 1, 10), 4);
    CU_ASSERT_EQUAL(plan_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
}

/* --- purity -------------------------------------------------------------------------------- */

static void check_plan(const struct plan_spec *spec, uint64_t cycle, const char *text,
                       int64_t argument, uint64_t schedule, uint64_t workload)
{
    char site[64];
    char point[PLAN_POINT_BYTES];
    const struct plan_point *strike = must_draw(spec, cycle);

    plan_point_format(strike, abi_site_name(NULL, strike->site, site), point);
    CU_ASSERT_STRING_EQUAL(point, text);
    CU_ASSERT_EQUAL(strike->argument, argument);
    CU_ASSERT_EQUAL(plan.schedule, schedule);
    CU_ASSERT_EQUAL(plan.workload_seed, workload);
}

/* What seed 0x5eed means, for ever. Worked out apart from this code, by the formulas alone. */
static void plans_keep_their_values(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    spec.inside = 1;
    spec.draw_argument = 1;
    spec.argument_low = -1;
    spec.argument_high = 30;
    check_plan(&spec, 0, "T1.2:malloc#1+101i", 20, UINT64_C(0xc489da9e7435bb9f),
               UINT64_C(0xdda793144627a47e));
    check_plan(&spec, 1, "T1.2:free#32+7i", 24, UINT64_C(0x87b8ff426ce10eb1),
               UINT64_C(0xe6f470da24283ad5));
    check_plan(&spec, 2, "T1:dlopen#2+1627i", 12, UINT64_C(0xc447f6f756a03d76),
               UINT64_C(0xedc5cc578021b97c));
    check_plan(&spec, 812, "T1:dlopen#2+2619i", 10, UINT64_C(0xd373a10b7f0986fa),
               UINT64_C(0x8e3813912b147642));
    check_plan(&spec, 123456789, "T1.2:free#12+18i", 0, UINT64_C(0xbdc30bead9799b),
               UINT64_C(0xdafe0b05c725b6a6));
}

static void check_points(const struct plan_spec *spec, const char *const text[4])
{
    char site[64];
    char point[PLAN_POINT_BYTES];

    for (uint64_t cycle = 0; cycle < 4; cycle++) {
        const struct plan_point *strike = must_draw(spec, cycle);

        plan_point_format(strike, abi_site_name(NULL, strike->site, site), point);
        CU_ASSERT_STRING_EQUAL(point, text[cycle]);
    }
}

/* The same where the thread is fixed, or few of many pairs qualify. */
static void limited_plans_keep_their_values(void)
{
    static const char *const of_one_thread[] = {"T1.2:thread_start#1", "T1.2:thread_start#1",
                                                "T1.2:malloc#1", "T1.2:free#36"};
    static const char *const of_main[] = {"T1:exit#1", "T1:exit#1", "T1:malloc#1021",
                                          "T1:dlopen#2"};
    static const char *const of_others[] = {"T1.2:malloc#1", "T1.2:free#32", "T1.1:lock#4",
                                            "T1.1:lock#3"};
    static const char *const rare[] = {"T1.4:tryrdlock#2", "T1.23:tryrdlock#4", "T1.34:tryrdlock#8",
                                       "T1.23:tryrdlock#5"};
    struct plan_spec spec = any_spec();

    usual_profile();
    strcpy(spec.point.thread, "T1.2");
    check_points(&spec, of_one_thread);
    spec = any_spec();
    spec.main_only = 1;
    check_points(&spec, of_main);
    spec = any_spec();
    spec.not_main = 1;
    check_points(&spec, of_others);
    large_profile();
    only_site(&spec, SITE_TRYRDLOCK);
    spec.not_main = 0;
    check_points(&spec, rare);
}

static void same_inputs_give_the_same_bytes(void)
{
    struct plan_spec spec = any_spec();
    struct plan one;
    struct plan other;

    usual_profile();
    spec.inside = 1;
    for (uint64_t cycle = 0; cycle < 1000; cycle++) {
        memset(&one, 0xa5, sizeof one);
        memset(&other, 0x5a, sizeof other);
        plan_draw(&spec, &profile, seed, cell, cycle, PLAN_CONTROLLED, &one);
        plan_draw(&spec, &profile, seed, cell, cycle, PLAN_CONTROLLED, &other);
        CU_ASSERT_EQUAL(memcmp(&one, &other, sizeof one), 0);
    }
}

static void a_plan_says_what_it_was_made_from(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    plan_draw(&spec, &profile, seed, cell, 812, PLAN_CONTROLLED, &plan);
    CU_ASSERT_EQUAL(plan.seed, seed);
    CU_ASSERT_EQUAL(plan.cell, cell);
    CU_ASSERT_EQUAL(plan.cycle, 812);
    CU_ASSERT_EQUAL(plan.mode, PLAN_CONTROLLED);
    CU_ASSERT_EQUAL(plan.count, 1);
    CU_ASSERT_EQUAL(plan.strike[0].injector, 3);
    CU_ASSERT_EQUAL(plan.strike[0].insn_fixed, 1);
}

/* Drawn alone in order, or backwards with other cells in between: the same plans. */
static void other_cells_do_not_matter(void)
{
    static struct plan alone[200];
    struct plan_spec spec = any_spec();
    struct plan_spec other = any_spec();
    struct plan again;

    usual_profile();
    other.main_only = 1;
    for (uint64_t cycle = 0; cycle < 200; cycle++)
        plan_draw(&spec, &profile, seed, cell, cycle, PLAN_FREE, &alone[cycle]);
    for (uint64_t cycle = 200; cycle-- > 0;) {
        for (uint64_t i = 1; i < 4; i++)
            plan_draw(&other, &profile, seed, cell + i, cycle, PLAN_FREE, &again);
        plan_draw(&spec, &profile, seed, cell, cycle, PLAN_FREE, &again);
        CU_ASSERT_EQUAL(memcmp(&again, &alone[cycle], sizeof again), 0);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *one = a;
    const uint64_t *other = b;

    return (*one > *other) - (*one < *other);
}

/* No two of 40,000 numbers are alike: over seeds, cells and cycles, schedule and workload. */
static void streams_do_not_meet(void)
{
    static uint64_t number[40000];
    struct plan_spec spec = any_spec();
    unsigned count = 0;

    spec.none = 1;
    for (uint64_t s = 0; s < 20; s++)
        for (uint64_t c = 0; c < 20; c++)
            for (uint64_t cycle = 0; cycle < 50; cycle++) {
                plan_draw(&spec, NULL, s, c, cycle, PLAN_FREE, &plan);
                number[count++] = plan.schedule;
                number[count++] = plan.workload_seed;
            }
    qsort(number, count, sizeof number[0], compare_numbers);
    for (unsigned i = 1; i < count; i++)
        CU_ASSERT_NOT_EQUAL(number[i - 1], number[i]);
}

/* --- even chances ---------------------------------------------------------------------------- */

static void every_pair_is_equally_likely(void)
{
    struct plan_spec spec = any_spec();
    unsigned count[8] = {0};

    usual_profile();
    for (uint64_t cycle = 0; cycle < 40000; cycle++)
        count[entry_index(must_draw(&spec, cycle))]++;
    check_even(count, 8, 29.88);
}

/* Rare among many, so that the profile is read as a whole. */
static void rare_pairs_are_equally_likely(void)
{
    static unsigned count[PROFILE_ENTRIES];
    struct plan_spec spec = any_spec();
    unsigned chosen[40];
    unsigned found = 0;

    large_profile();
    memset(count, 0, sizeof count);
    spec.point.site = 17;
    for (uint64_t cycle = 0; cycle < 20000; cycle++)
        count[entry_index(must_draw(&spec, cycle))]++;
    for (unsigned i = 0; i < profile.count; i++)
        if (profile.entry[i].site == 17 && found < 40)
            chosen[found++] = count[i];
    CU_ASSERT_EQUAL_FATAL(found, 40);
    check_even(chosen, 40, 80.65);
}

/* Half of 16 pairs qualify: some are found at once, some late. */
static void half_of_the_pairs_are_equally_likely(void)
{
    struct plan_spec spec = any_spec();
    unsigned count[16] = {0};
    unsigned even[8];

    clear_profile();
    for (uint16_t site = 1; site <= 16; site++)
        add("T1.1", site, site % 2 ? 4 : 1, 0);
    plan_profile_sort(&profile);
    spec.point.hit = 3;
    for (uint64_t cycle = 0; cycle < 40000; cycle++)
        count[entry_index(must_draw(&spec, cycle))]++;
    for (unsigned i = 0; i < 16; i += 2) {
        even[i / 2] = count[i];
        CU_ASSERT_EQUAL(count[i + 1], 0);
    }
    check_even(even, 8, 29.88);
}

static void every_hit_is_equally_likely(void)
{
    struct plan_spec spec = any_spec();
    unsigned count[64] = {0};
    const struct plan_point *point;

    usual_profile();
    only_site(&spec, SITE_FREE);
    for (uint64_t cycle = 0; cycle < 20000; cycle++) {
        point = must_draw(&spec, cycle);
        CU_ASSERT_FATAL(point->hit >= 1 && point->hit <= 64);
        count[point->hit - 1]++;
    }
    check_even(count, 64, 113.5);
}

static void every_instruction_is_equally_likely(void)
{
    struct plan_spec spec = any_spec();
    unsigned count[100] = {0};
    const struct plan_point *point;

    clear_profile();
    add("T1", SITE_MALLOC, 16, 100);
    plan_profile_sort(&profile);
    spec.inside = 1;
    for (uint64_t cycle = 0; cycle < 40000; cycle++) {
        point = must_draw(&spec, cycle);
        CU_ASSERT_FATAL(point->insn < 100);
        count[point->insn]++;
    }
    check_even(count, 100, 160.06);
}

static void every_argument_is_equally_likely(void)
{
    struct plan_spec spec = any_spec();
    unsigned count[32] = {0};
    const struct plan_point *point;

    usual_profile();
    spec.draw_argument = 1;
    spec.argument_low = -1;
    spec.argument_high = 30;
    for (uint64_t cycle = 0; cycle < 20000; cycle++) {
        point = must_draw(&spec, cycle);
        CU_ASSERT_FATAL(point->argument >= -1 && point->argument <= 30);
        count[point->argument + 1]++;
    }
    check_even(count, 32, 69.11);
}

/* A pair does not bring its favourite hits with it, nor a cycle those of the next one. */
static void parts_are_independent(void)
{
    struct plan_spec spec = any_spec();
    unsigned pair_and_hit[32] = {0};
    unsigned hit_and_next[64] = {0};
    unsigned last = 0;

    clear_profile();
    for (uint16_t site = 1; site <= 4; site++)
        add("T1", site, 8, 0);
    plan_profile_sort(&profile);
    for (uint64_t cycle = 0; cycle < 40000; cycle++) {
        const struct plan_point *point = must_draw(&spec, cycle);

        pair_and_hit[(point->site - 1) * 8 + point->hit - 1]++;
        hit_and_next[last * 8 + point->hit - 1]++;
        last = point->hit - 1;
    }
    check_even(pair_and_hit, 32, 69.11);
    check_even(hit_and_next, 64, 113.5);
}

/* Each of 4 pairs, 4 hits and 5 instructions, together: 80 points, none out of reach. */
static void every_point_has_its_chance(void)
{
    struct plan_spec spec = any_spec();
    unsigned seen[80] = {0};

    clear_profile();
    for (uint16_t site = 1; site <= 4; site++)
        add("T1", site, 4, 5);
    plan_profile_sort(&profile);
    spec.inside = 1;
    for (uint64_t cycle = 0; cycle < 4000; cycle++) {
        const struct plan_point *point = must_draw(&spec, cycle);

        seen[((point->site - 1) * 4 + point->hit - 1) * 5 + point->insn]++;
    }
    for (unsigned i = 0; i < 80; i++)
        CU_ASSERT(seen[i] > 0);
}

static void every_entry_of_a_large_profile_has_its_chance(void)
{
    static unsigned seen[PROFILE_ENTRIES];
    struct plan_spec spec = any_spec();

    large_profile();
    memset(seen, 0, sizeof seen);
    for (uint64_t cycle = 0; cycle < 40000; cycle++)
        seen[entry_index(must_draw(&spec, cycle))]++;
    for (unsigned i = 0; i < profile.count; i++)
        CU_ASSERT(seen[i] > 0);
}

/* --- who qualifies --------------------------------------------------------------------------- */

/* Draws many plans; returns which entries (as bits) were struck, 0 when nothing could be. */
static unsigned struck(const struct plan_spec *spec)
{
    unsigned bits = 0;

    for (uint64_t cycle = 0; cycle < 400; cycle++) {
        const struct plan_point *point = draw(spec, cycle);

        if (point != NULL)
            bits |= 1u << entry_index(point);
    }
    return bits;
}

/* The bits of the entries for which @thread and @site (NULL, 0: any) fit. */
static unsigned entries(const char *thread, unsigned site)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < profile.count; i++)
        if ((thread == NULL || strcmp(profile.entry[i].thread, thread) == 0) &&
            (site == 0 || profile.entry[i].site == site))
            bits |= 1u << i;
    return bits;
}

static void sites_limit(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    CU_ASSERT_EQUAL(struck(&spec), 0xff);
    only_site(&spec, SITE_MALLOC);
    CU_ASSERT_EQUAL(struck(&spec), entries(NULL, SITE_MALLOC));
    spec.point.site = SITE_LOCK;
    CU_ASSERT_EQUAL(struck(&spec), 0);
    memset(spec.sites, 0xff, sizeof spec.sites);
    CU_ASSERT_EQUAL(struck(&spec), entries("T1.1", SITE_LOCK));
    memset(spec.sites, 0, sizeof spec.sites);
    CU_ASSERT_EQUAL(struck(&spec), 0);
}

static void threads_limit(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    strcpy(spec.point.thread, "T1.2");
    CU_ASSERT_EQUAL(struck(&spec), entries("T1.2", 0));
    strcpy(spec.point.thread, "T1");
    CU_ASSERT_EQUAL(struck(&spec), entries("T1", 0));
    strcpy(spec.point.thread, "T1.");
    CU_ASSERT_EQUAL(struck(&spec), 0);
    strcpy(spec.point.thread, "T1.3");
    CU_ASSERT_EQUAL(struck(&spec), 0);
}

static void main_limits(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    spec.main_only = 1;
    CU_ASSERT_EQUAL(struck(&spec), entries("T1", 0));
    strcpy(spec.point.thread, "T1.1");
    CU_ASSERT_EQUAL(struck(&spec), 0);
    spec = any_spec();
    spec.not_main = 1;
    CU_ASSERT_EQUAL(struck(&spec), 0xffu & ~entries("T1", 0));
    strcpy(spec.point.thread, "T1");
    CU_ASSERT_EQUAL(struck(&spec), 0);
}

/* A forked child's first thread is its main one. */
static void main_of_a_child(void)
{
    static const char *const threads[] = {"T1", "T1.1", "T1.2f1", "T1f1", "T1f1.1", "T1f12"};
    struct plan_spec spec = any_spec();
    unsigned hit = 0;

    memset(&profile, 0, sizeof profile);
    for (unsigned i = 0; i < 6; i++) {
        strcpy(profile.entry[i].thread, threads[i]);
        profile.entry[i].site = SITE_MALLOC;
        profile.entry[i].hits = 5;
    }
    profile.count = 6;
    spec.not_main = 1;
    for (uint64_t cycle = 0; cycle < 200; cycle++) {
        const struct plan_point *strike = must_draw(&spec, cycle);

        CU_ASSERT(strcmp(strike->thread, "T1.1") == 0 || strcmp(strike->thread, "T1f1.1") == 0);
        hit |= strcmp(strike->thread, "T1.1") == 0 ? 1 : 2;
    }
    CU_ASSERT_EQUAL(hit, 3);
    strcpy(spec.point.thread, "T1f1");
    CU_ASSERT_EQUAL(struck(&spec), 0);
}

static void a_given_hit_limits(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    spec.point.hit = 16;
    CU_ASSERT_EQUAL(struck(&spec), entries("T1", SITE_MALLOC) | entries("T1.1", SITE_MALLOC) |
                                       entries("T1.2", SITE_FREE));
    CU_ASSERT_EQUAL(must_draw(&spec, 5)->hit, 16);
    spec.point.hit = 1025;
    CU_ASSERT_EQUAL(struck(&spec), 0);
}

static void no_hits_no_strike(void)
{
    struct plan_spec spec = any_spec();

    clear_profile();
    add("T1", SITE_MALLOC, 0, 10);
    plan_profile_sort(&profile);
    CU_ASSERT_EQUAL(struck(&spec), 0);
}

static void the_control_cell_strikes_nothing(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    spec.none = 1;
    CU_ASSERT_PTR_NULL(draw(&spec, 3));
    CU_ASSERT_NOT_EQUAL(plan.schedule, 0);
    CU_ASSERT_NOT_EQUAL(plan.workload_seed, 0);
}

/* --- without a profile ------------------------------------------------------------------------ */

static struct plan_spec complete_spec(void)
{
    struct plan_spec spec = any_spec();

    strcpy(spec.point.thread, "T1.9");
    spec.point.site = SITE_MALLOC;
    spec.point.hit = 17;
    spec.point.insn = 41;
    spec.point.insn_fixed = 1;
    spec.inside = 1;
    return spec;
}

static void check_complete(const struct profile *with)
{
    struct plan_spec spec = complete_spec();
    const struct plan_point *point = &plan.strike[0];

    plan_draw(&spec, with, seed, cell, 7, PLAN_FREE, &plan);
    CU_ASSERT_EQUAL_FATAL(plan.count, 1);
    CU_ASSERT_STRING_EQUAL(point->thread, "T1.9");
    CU_ASSERT_EQUAL(point->site, SITE_MALLOC);
    CU_ASSERT_EQUAL(point->hit, 17);
    CU_ASSERT_EQUAL(point->insn, 41);
}

static void a_complete_point_needs_no_profile(void)
{
    usual_profile();
    check_complete(&profile);
    clear_profile();
    check_complete(&profile);
    check_complete(NULL);
}

static void an_open_point_needs_one(void)
{
    for (int part = 0; part < 3; part++) {
        struct plan_spec spec = complete_spec();

        if (part == 0)
            spec.point.thread[0] = 0;
        else if (part == 1)
            spec.point.site = 0;
        else
            spec.point.hit = 0;
        plan_draw(&spec, NULL, seed, cell, 7, PLAN_FREE, &plan);
        CU_ASSERT_EQUAL(plan.count, 0);
    }
}

static void a_complete_point_must_suit_the_injector(void)
{
    struct plan_spec spec = complete_spec();

    spec.main_only = 1;
    plan_draw(&spec, NULL, seed, cell, 7, PLAN_FREE, &plan);
    CU_ASSERT_EQUAL(plan.count, 0);
    spec = complete_spec();
    only_site(&spec, SITE_FREE);
    plan_draw(&spec, NULL, seed, cell, 7, PLAN_FREE, &plan);
    CU_ASSERT_EQUAL(plan.count, 0);
    spec = complete_spec();
    spec.not_main = 1;
    plan_draw(&spec, NULL, seed, cell, 7, PLAN_FREE, &plan);
    CU_ASSERT_EQUAL(plan.count, 1);
}

/* --- instructions and arguments ------------------------------------------------------------- */

static void only_inside_injectors_get_an_instruction(void)
{
    struct plan_spec spec = any_spec();
    uint32_t most = 0;

    usual_profile();
    for (uint64_t cycle = 0; cycle < 500; cycle++)
        CU_ASSERT_EQUAL(must_draw(&spec, cycle)->insn, 0);
    spec.inside = 1;
    for (uint64_t cycle = 0; cycle < 500; cycle++)
        if (must_draw(&spec, cycle)->insn > most)
            most = plan.strike[0].insn;
    CU_ASSERT(most > 2000 && most < 4096);
}

static void a_fixed_instruction_stays(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    spec.inside = 1;
    spec.point.insn_fixed = 1;
    for (spec.point.insn = 0; spec.point.insn < 5000; spec.point.insn += 500)
        CU_ASSERT_EQUAL(must_draw(&spec, spec.point.insn)->insn, spec.point.insn);
}

/* A length that was noted by mistake where nothing can be counted must not matter. */
static void no_instruction_where_none_can_be_counted(void)
{
    struct plan_spec spec = any_spec();

    clear_profile();
    add("T1.1", SITE_THREAD_START, 4, 300);
    add("T1.1", ABI_SITES + 1, 4, 300);
    add("T1.1", SITE_MALLOC, 4, 0);
    plan_profile_sort(&profile);
    spec.inside = 1;
    for (uint64_t cycle = 0; cycle < 200; cycle++)
        CU_ASSERT_EQUAL(must_draw(&spec, cycle)->insn, 0);
}

static void lengths_are_those_of_the_hits_around(void)
{
    struct profile_entry entry = {.length = {[0] = 10, [1] = 20, [2] = 0, [3] = 80, [11] = 9999}};

    CU_ASSERT_EQUAL(plan_length(&entry, 0), 10);
    CU_ASSERT_EQUAL(plan_length(&entry, 1), 10);
    CU_ASSERT_EQUAL(plan_length(&entry, 2), 20);
    CU_ASSERT_EQUAL(plan_length(&entry, 4), 20);
    CU_ASSERT_EQUAL(plan_length(&entry, 7), 20);
    CU_ASSERT_EQUAL(plan_length(&entry, 8), 80);
    CU_ASSERT_EQUAL(plan_length(&entry, 1028), 80);
    CU_ASSERT_EQUAL(plan_length(&entry, 2047), 80);
    CU_ASSERT_EQUAL(plan_length(&entry, 2048), PROFILE_MAX_LENGTH);
    CU_ASSERT_EQUAL(plan_length(&entry, UINT32_MAX), PROFILE_MAX_LENGTH);
    entry.length[1] = 200; /* its own length, however short those around it are */
    CU_ASSERT_EQUAL(plan_length(&entry, 2), 200);
    CU_ASSERT_EQUAL(plan_length(&entry, 3), 80);
    entry.length[0] = 0;
    CU_ASSERT_EQUAL(plan_length(&entry, 1), 200);
    memset(entry.length, 0, sizeof entry.length);
    CU_ASSERT_EQUAL(plan_length(&entry, 4), 0);
}

static void the_hit_picks_the_length(void)
{
    struct plan_spec spec = any_spec();
    struct profile_entry *entry;
    unsigned more = 0;

    clear_profile();
    entry = add("T1", SITE_MALLOC, 8, 0);
    entry->length[0] = 1000;
    entry->length[3] = 3;
    plan_profile_sort(&profile);
    spec.inside = 1;
    spec.point.hit = 8;
    for (uint64_t cycle = 0; cycle < 200; cycle++)
        CU_ASSERT(must_draw(&spec, cycle)->insn < 3);
    spec.point.hit = 1;
    for (uint64_t cycle = 0; cycle < 200; cycle++)
        more += must_draw(&spec, cycle)->insn >= 3;
    CU_ASSERT(more > 180);
}

static void an_argument_that_is_not_drawn_stays(void)
{
    struct plan_spec spec = any_spec();

    usual_profile();
    spec.point.argument = -77;
    spec.argument_high = 1000;
    CU_ASSERT_EQUAL(must_draw(&spec, 1)->argument, -77);
}

static void arguments_may_have_any_range(void)
{
    struct plan_spec spec = any_spec();
    bool negative = false;
    bool positive = false;

    usual_profile();
    spec.draw_argument = 1;
    spec.argument_low = INT64_MIN;
    spec.argument_high = INT64_MAX;
    for (uint64_t cycle = 0; cycle < 64; cycle++) {
        negative |= must_draw(&spec, cycle)->argument < INT64_MIN / 2;
        positive |= plan.strike[0].argument > INT64_MAX / 2;
    }
    CU_ASSERT(negative && positive);
    spec.argument_low = spec.argument_high = INT64_MIN;
    CU_ASSERT_EQUAL(must_draw(&spec, 1)->argument, INT64_MIN);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void a_damaged_profile_is_survived(void)
{
    struct plan_spec spec = any_spec();

    clear_profile();
    profile.count = UINT32_MAX;
    for (unsigned i = 0; i < PROFILE_ENTRIES; i++) {
        memset(profile.entry[i].thread, 'T', PLAN_THREAD_BYTES);
        profile.entry[i].site = (uint16_t)(i % 2 ? 256 + i : 40000);
        profile.entry[i].hits = UINT32_MAX;
    }
    CU_ASSERT_PTR_NULL(draw(&spec, 1));
    profile.entry[1000].site = SITE_MALLOC;
    CU_ASSERT_EQUAL(must_draw(&spec, 2)->site, SITE_MALLOC);
    CU_ASSERT_EQUAL(strlen(plan.strike[0].thread), PLAN_THREAD_BYTES - 1);
    plan_profile_sort(&profile);
    CU_ASSERT_EQUAL(profile.count, PROFILE_ENTRIES);
}

/* --- replay ------------------------------------------------------------------------------------
 */

static uint16_t find_site(const char *name, void *context)
{
    unsigned user;

    if (context != NULL)
        snprintf(context, PLAN_POINT_BYTES, "%s", name);
    if (sscanf(name, "user:own-%u", &user) == 1)
        return (uint16_t)(ABI_SITES + user);
    return abi_site_find(name);
}

static const char *site_name(uint32_t site, char out[64])
{
    if (site < ABI_SITES)
        return abi_site_name(NULL, site, out);
    snprintf(out, 64, "user:own-%u", site - ABI_SITES);
    return out;
}

/* From a plan to its line and back, with no profile at hand: the same plan to the last byte. */
static void a_printed_point_gives_the_plan_again(void)
{
    struct plan_spec spec = any_spec();
    struct plan_spec line;
    struct plan again;
    char text[PLAN_POINT_BYTES];
    char site[64];

    usual_profile();
    spec.inside = 1;
    spec.draw_argument = 1;
    spec.argument_high = 125;
    for (uint64_t cycle = 0; cycle < 2000; cycle++) {
        const struct plan_point *point = must_draw(&spec, cycle);

        plan_point_format(point, site_name(point->site, site), text);
        line = spec;
        CU_ASSERT_EQUAL_FATAL(plan_point_parse(text, find_site, NULL, &line.point, NULL), 0);
        line.point.injector = point->injector;
        plan_draw(&line, NULL, seed, cell, cycle, PLAN_FREE, &again);
        CU_ASSERT_EQUAL(memcmp(&again, &plan, sizeof plan), 0);
        plan_draw(&line, &profile, seed, cell, cycle, PLAN_FREE, &again);
        CU_ASSERT_EQUAL(memcmp(&again, &plan, sizeof plan), 0);
    }
}

/* --- the profile's order
 * -------------------------------------------------------------------------- */

static void check_entry(unsigned index, const char *thread, unsigned site, unsigned hits)
{
    CU_ASSERT_STRING_EQUAL(profile.entry[index].thread, thread);
    CU_ASSERT_EQUAL(profile.entry[index].site, site);
    CU_ASSERT_EQUAL(profile.entry[index].hits, hits);
}

static void sorting_orders_rounds_and_hashes(void)
{
    clear_profile();
    add("T1.2", SITE_FREE, 1023, 5);
    add("T1", SITE_LOCK, 1024, 5);
    add("T1.2", SITE_MALLOC, 3, 5);
    add("T1", SITE_MALLOC, UINT32_MAX, 5);
    add("T1.10", SITE_MALLOC, 1, 5);
    plan_profile_sort(&profile);
    check_entry(0, "T1", SITE_MALLOC, UINT32_C(1) << 31);
    check_entry(1, "T1", SITE_LOCK, 1024);
    check_entry(2, "T1.10", SITE_MALLOC, 1);
    check_entry(3, "T1.2", SITE_MALLOC, 2);
    check_entry(4, "T1.2", SITE_FREE, 512);
    CU_ASSERT_EQUAL(profile.hash, plan_hash(profile.entry, 5 * sizeof profile.entry[0]));
}

static void shuffle(uint64_t number)
{
    for (uint32_t i = profile.count; i-- > 1;) {
        uint32_t other = (uint32_t)plan_below(plan_mix(number, 1, i), i + 1);
        struct profile_entry kept = profile.entry[i];

        profile.entry[i] = profile.entry[other];
        profile.entry[other] = kept;
    }
}

static void sorting_does_not_depend_on_the_order_before(void)
{
    static struct profile sorted;

    large_profile();
    add("T1", 1, 8, 7); /* one place twice: still one order */
    plan_profile_sort(&profile);
    sorted = profile;
    for (uint64_t i = 0; i < 20; i++) {
        shuffle(i);
        CU_ASSERT_NOT_EQUAL(memcmp(&profile, &sorted, sizeof sorted), 0);
        plan_profile_sort(&profile);
        CU_ASSERT_EQUAL(memcmp(&profile, &sorted, sizeof sorted), 0);
    }
    for (uint32_t i = 1; i < profile.count; i++)
        CU_ASSERT(strcmp(profile.entry[i - 1].thread, profile.entry[i].thread) <= 0);
}

static void what_follows_a_name_does_not_count(void)
{
    uint64_t hash;

    usual_profile();
    hash = profile.hash;
    memset(profile.entry[0].thread + 3, 'x', PLAN_THREAD_BYTES - 3);
    profile.entry[0].reserved = 99;
    plan_profile_sort(&profile);
    CU_ASSERT_EQUAL(profile.hash, hash);
}

static void what_was_measured_does_count(void)
{
    uint64_t hash;

    usual_profile();
    hash = profile.hash;
    profile.entry[2].length[4]++;
    plan_profile_sort(&profile);
    CU_ASSERT_NOT_EQUAL(profile.hash, hash);
    profile.entry[2].length[4]--;
    profile.entry[2].hits *= 2;
    plan_profile_sort(&profile);
    CU_ASSERT_NOT_EQUAL(profile.hash, hash);
}

static void an_empty_profile_has_no_hash(void)
{
    clear_profile();
    profile.hash = 5;
    plan_profile_sort(&profile);
    CU_ASSERT_EQUAL(profile.hash, 0);
}

/* --- points as text
 * -------------------------------------------------------------------------------- */

/**
 * struct reading - a text and what it says.
 * @fixed: the instruction is given.
 */
struct reading {
    const char *text;
    const char *thread;
    uint32_t site;
    uint32_t hit;
    uint32_t insn;
    uint32_t fixed;
};

/* Written and read like this. */
static const struct reading both_ways[] = {
    {"T1.2:malloc#17+41i", "T1.2", SITE_MALLOC, 17, 41, 1},
    {"T1.2:malloc#17", "T1.2", SITE_MALLOC, 17, 0, 1},
    {"T?1:user:own-9#4294967295", "T?1", ABI_SITES + 9, 4294967295, 0, 1},
    {"malloc", "", SITE_MALLOC, 0, 0, 0},
    {"T1:malloc", "T1", SITE_MALLOC, 0, 0, 0},
    {"malloc#3", "", SITE_MALLOC, 3, 0, 0},
    {"malloc#3+0i", "", SITE_MALLOC, 3, 0, 1},
    {"malloc+0i", "", SITE_MALLOC, 0, 0, 1},
    {"malloc#3+7i", "", SITE_MALLOC, 3, 7, 1},
    {"T1.2.1:_exit", "T1.2.1", SITE_EXIT_NOW, 0, 0, 0},
    {"T?1:free#1", "T?1", SITE_FREE, 1, 0, 1},
    {"T?12.3:free", "T?12.3", SITE_FREE, 0, 0, 0},
    {"T1f1.2:lock", "T1f1.2", SITE_LOCK, 0, 0, 0},
    {"T1.2f1f3:lock", "T1.2f1f3", SITE_LOCK, 0, 0, 0},
    {"T1.2", "T1.2", 0, 0, 0, 0},
    {"T1#4", "T1", 0, 4, 0, 0},
    {"#4", "", 0, 4, 0, 0},
    {"user:own-3", "", ABI_SITES + 3, 0, 0, 0},
    {"T1.1:user:own-0#2", "T1.1", ABI_SITES, 2, 0, 1},
    {"malloc#4294967295+4294967295i", "", SITE_MALLOC, 4294967295, 4294967295, 1},
    {"T1.1.1.1.1.1.1.1.1.1.1.1.1.1.11:exit", "T1.1.1.1.1.1.1.1.1.1.1.1.1.1.11", SITE_EXIT, 0, 0, 0},
};

static void check_reading(const struct reading *want)
{
    struct plan_point point;
    struct error e = {0, ""};

    memset(&point, 0xa5, sizeof point);
    CU_ASSERT_EQUAL_FATAL(plan_point_parse(want->text, find_site, NULL, &point, &e), 0);
    CU_ASSERT_STRING_EQUAL(point.thread, want->thread);
    CU_ASSERT_EQUAL(point.site, want->site);
    CU_ASSERT_EQUAL(point.hit, want->hit);
    CU_ASSERT_EQUAL(point.insn, want->insn);
    CU_ASSERT_EQUAL(point.insn_fixed, want->fixed);
    CU_ASSERT_EQUAL(point.argument, 0);
    CU_ASSERT_EQUAL(e.code, 0);
}

static void points_are_read_like_this(void)
{
    static const struct reading other_spellings[] = {
        {"T1:malloc#017+041i", "T1", SITE_MALLOC, 17, 41, 1},
        {"T1:malloc#17+0i", "T1", SITE_MALLOC, 17, 0, 1},
        {"thread_start+0i", "", SITE_THREAD_START, 0, 0, 1},
    };

    for (size_t i = 0; i < sizeof both_ways / sizeof both_ways[0]; i++)
        check_reading(&both_ways[i]);
    for (size_t i = 0; i < sizeof other_spellings / sizeof other_spellings[0]; i++)
        check_reading(&other_spellings[i]);
}

static void points_are_written_like_this(void)
{
    char out[PLAN_POINT_BYTES];
    char site[64];

    for (size_t i = 0; i < sizeof both_ways / sizeof both_ways[0]; i++) {
        const struct reading *point = &both_ways[i];
        struct plan_point written = {.site = (uint16_t)point->site,
                                     .hit = point->hit,
                                     .insn = point->insn,
                                     .insn_fixed = point->fixed};

        strcpy(written.thread, point->thread);
        plan_point_format(&written, site_name(point->site, site), out);
        CU_ASSERT_STRING_EQUAL(out, point->text);
    }
}

static void long_names_are_cut_and_not_overrun(void)
{
    char out[PLAN_POINT_BYTES + 1];
    char site[256];
    struct plan_point point = {.site = SITE_MALLOC, .hit = 4294967295, .insn = 4294967295};

    memset(point.thread, 'T', sizeof point.thread);
    memset(site, 's', sizeof site - 1);
    site[sizeof site - 1] = 0;
    out[PLAN_POINT_BYTES] = 'x';
    plan_point_format(&point, site, out);
    CU_ASSERT_EQUAL(strlen(out), PLAN_POINT_BYTES - 1);
    CU_ASSERT_EQUAL(out[PLAN_POINT_BYTES], 'x');
}

/* Text that is no point, and what the message must name. */
static const char *const refused[][2] = {
    {"", "nothing is named"},
    {"mallok", "'mallok'"},
    {"T1:mallok#3", "'mallok'"},
    {"malloc#0", "'malloc#0'"},
    {"malloc#", "a hit is written"},
    {"malloc#x", "a hit is written"},
    {"malloc#-1", "a hit is written"},
    {"malloc# 1", "a hit is written"},
    {"malloc#4294967296", "a hit is written"},
    {"malloc#99999999999999999999999999", "a hit is written"},
    {"malloc#18446744073709551617", "a hit is written"},
    {"malloc#3#4", "a hit is written"},
    {"malloc#3+41", "an instruction is written"},
    {"malloc#3+i", "an instruction is written"},
    {"malloc+xi", "an instruction is written"},
    {"malloc+4294967296i", "an instruction is written"},
    {"malloc+41i#3", "an instruction is written"},
    {"T1:", "THREAD:SITE"},
    {"T:malloc", "THREAD:SITE"},
    {"T0:malloc", "THREAD:SITE"},
    {"T01:malloc", "THREAD:SITE"},
    {"T1.:malloc", "THREAD:SITE"},
    {"T1.0:malloc", "THREAD:SITE"},
    {"T1..2:malloc", "THREAD:SITE"},
    {"T1.2f:malloc", "THREAD:SITE"},
    {"T?:malloc", "THREAD:SITE"},
    {"t1:malloc", "THREAD:SITE"},
    {"T1 :malloc", "THREAD:SITE"},
    {":malloc", "THREAD:SITE"},
    {"T1:T2:malloc", "THREAD:SITE"},
    {"T1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1:exit", "THREAD:SITE"},
    {"T1malloc", "a thread is written"},
    {"T", "a thread is written"},
    {"user:nothing", "of its own"},
    {"T1:user:nothing#1", "of its own"},
    {"thread_start+5i", "'thread_start': no instructions"},
    {"T1:user:own-1#1+5i", "'user:own-1': no instructions"},
    {"malloc ", "'malloc '"},
    {" malloc", "' malloc'"},
    {"mal\nloc", "'mal?loc'"},
};

static void bad_text_is_refused_with_a_reason(void)
{
    struct plan_point untouched;

    memset(&untouched, 0xa5, sizeof untouched);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct plan_point point = untouched;
        struct error e = {0, ""};
        bool named;

        CU_ASSERT_EQUAL(plan_point_parse(refused[i][0], find_site, NULL, &point, &e), ERROR_USAGE);
        CU_ASSERT_EQUAL(e.code, ERROR_USAGE);
        CU_ASSERT_EQUAL(memcmp(&point, &untouched, sizeof point), 0);
        CU_ASSERT_EQUAL(strncmp(e.text, "injection point '", 17), 0);
        CU_ASSERT_PTR_NULL(strchr(e.text, '\n'));
        named = strstr(e.text, refused[i][1]) != NULL;
        CU_ASSERT(named);
        if (!named)
            fprintf(stderr, "\n'%s' is refused with: %s\n", refused[i][0], e.text);
    }
}

static void long_text_is_refused(void)
{
    char text[300];
    struct plan_point point;
    struct error e = {0, ""};

    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = 0;
    CU_ASSERT_EQUAL(plan_point_parse(text, find_site, NULL, &point, &e), ERROR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "longer than 127 bytes"));
    text[PLAN_POINT_BYTES - 1] = 0;
    CU_ASSERT_EQUAL(plan_point_parse(text, find_site, NULL, &point, &e), ERROR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no site"));
    CU_ASSERT_EQUAL(plan_point_parse(text, find_site, NULL, &point, NULL), ERROR_USAGE);
}

static void the_finder_gets_the_bare_name_and_its_context(void)
{
    char seen[PLAN_POINT_BYTES] = "";
    struct plan_point point;

    CU_ASSERT_EQUAL(plan_point_parse("T1.2:user:own-7#3", find_site, seen, &point, NULL), 0);
    CU_ASSERT_STRING_EQUAL(seen, "user:own-7");
}

static uint64_t below(uint64_t *counter, uint64_t bound)
{
    return plan_below(plan_mix(4711, 1, (*counter)++), bound);
}

static void random_thread(uint64_t *counter, char out[PLAN_THREAD_BYTES])
{
    char more[24];

    strcpy(out, "T1");
    if (below(counter, 4) == 0)
        snprintf(out, PLAN_THREAD_BYTES, "T?%u", (unsigned)below(counter, 300) + 1);
    for (uint64_t depth = below(counter, 8); depth > 0; depth--) {
        char separator = below(counter, 4) ? '.' : 'f';

        snprintf(more, sizeof more, "%c%u", separator, (unsigned)below(counter, 100000) + 1);
        if (strlen(out) + strlen(more) < PLAN_THREAD_BYTES)
            strcat(out, more);
    }
}

static uint32_t random_number(uint64_t *counter)
{
    uint64_t shift = below(counter, 32);

    return (uint32_t)(below(counter, UINT64_C(1) << 32) >> shift);
}

/* Any combination of parts, given or open, as parsing can make it. */
static struct plan_point random_point(uint64_t *counter)
{
    struct plan_point point;

    memset(&point, 0, sizeof point);
    if (below(counter, 4) > 0)
        random_thread(counter, point.thread);
    if (below(counter, 4) > 0)
        point.site = (uint16_t)(1 + below(counter, ABI_SITES_ALL - 1));
    if (below(counter, 4) > 0)
        point.hit = random_number(counter);
    if (below(counter, 2) > 0) {
        point.insn_fixed = 1;
        point.insn = point.site == 0 || abi_site_inside(point.site) ? random_number(counter) : 0;
    }
    if (point.thread[0] != 0 && point.site != 0 && point.hit != 0)
        point.insn_fixed = 1;
    return point;
}

static void any_point_survives_the_round_trip(void)
{
    uint64_t counter = 0;

    for (unsigned i = 0; i < 50000; i++) {
        struct plan_point point = random_point(&counter);
        struct plan_point again;
        char text[PLAN_POINT_BYTES];
        char site[64];
        bool same;

        plan_point_format(&point, site_name(point.site, site), text);
        if (text[0] == 0)
            continue; /* nothing is given */
        same = plan_point_parse(text, find_site, NULL, &again, NULL) == 0 &&
               memcmp(&point, &again, sizeof point) == 0;
        CU_ASSERT(same);
        if (!same)
            fprintf(stderr, "\npoint %u: %s\n", i, text);
    }
}

static void add_draw_tests(CU_pSuite suite)
{
    CU_ADD_TEST(suite, mix_is_splitmix64);
    CU_ADD_TEST(suite, mix_keeps_its_values);
    CU_ADD_TEST(suite, hash_is_fnv_1a);
    CU_ADD_TEST(suite, below_stays_below_and_spreads);
    CU_ADD_TEST(suite, plans_keep_their_values);
    CU_ADD_TEST(suite, limited_plans_keep_their_values);
    CU_ADD_TEST(suite, same_inputs_give_the_same_bytes);
    CU_ADD_TEST(suite, a_plan_says_what_it_was_made_from);
    CU_ADD_TEST(suite, other_cells_do_not_matter);
    CU_ADD_TEST(suite, streams_do_not_meet);
    CU_ADD_TEST(suite, every_pair_is_equally_likely);
    CU_ADD_TEST(suite, rare_pairs_are_equally_likely);
    CU_ADD_TEST(suite, half_of_the_pairs_are_equally_likely);
    CU_ADD_TEST(suite, every_hit_is_equally_likely);
    CU_ADD_TEST(suite, every_instruction_is_equally_likely);
    CU_ADD_TEST(suite, every_argument_is_equally_likely);
    CU_ADD_TEST(suite, parts_are_independent);
    CU_ADD_TEST(suite, every_point_has_its_chance);
    CU_ADD_TEST(suite, every_entry_of_a_large_profile_has_its_chance);
}

static void add_spec_tests(CU_pSuite suite)
{
    CU_ADD_TEST(suite, sites_limit);
    CU_ADD_TEST(suite, threads_limit);
    CU_ADD_TEST(suite, main_limits);
    CU_ADD_TEST(suite, main_of_a_child);
    CU_ADD_TEST(suite, a_given_hit_limits);
    CU_ADD_TEST(suite, no_hits_no_strike);
    CU_ADD_TEST(suite, the_control_cell_strikes_nothing);
    CU_ADD_TEST(suite, a_complete_point_needs_no_profile);
    CU_ADD_TEST(suite, an_open_point_needs_one);
    CU_ADD_TEST(suite, a_complete_point_must_suit_the_injector);
    CU_ADD_TEST(suite, only_inside_injectors_get_an_instruction);
    CU_ADD_TEST(suite, a_fixed_instruction_stays);
    CU_ADD_TEST(suite, no_instruction_where_none_can_be_counted);
    CU_ADD_TEST(suite, lengths_are_those_of_the_hits_around);
    CU_ADD_TEST(suite, the_hit_picks_the_length);
    CU_ADD_TEST(suite, an_argument_that_is_not_drawn_stays);
    CU_ADD_TEST(suite, arguments_may_have_any_range);
    CU_ADD_TEST(suite, a_damaged_profile_is_survived);
}

static void add_text_tests(CU_pSuite suite)
{
    CU_ADD_TEST(suite, a_printed_point_gives_the_plan_again);
    CU_ADD_TEST(suite, sorting_orders_rounds_and_hashes);
    CU_ADD_TEST(suite, sorting_does_not_depend_on_the_order_before);
    CU_ADD_TEST(suite, what_follows_a_name_does_not_count);
    CU_ADD_TEST(suite, what_was_measured_does_count);
    CU_ADD_TEST(suite, an_empty_profile_has_no_hash);
    CU_ADD_TEST(suite, points_are_read_like_this);
    CU_ADD_TEST(suite, points_are_written_like_this);
    CU_ADD_TEST(suite, long_names_are_cut_and_not_overrun);
    CU_ADD_TEST(suite, bad_text_is_refused_with_a_reason);
    CU_ADD_TEST(suite, long_text_is_refused);
    CU_ADD_TEST(suite, the_finder_gets_the_bare_name_and_its_context);
    CU_ADD_TEST(suite, any_point_survives_the_round_trip);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("plan", NULL, NULL);
    add_draw_tests(suite);
    add_spec_tests(suite);
    add_text_tests(suite);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
