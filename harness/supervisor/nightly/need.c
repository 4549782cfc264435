/*
 * need: the policy of a night.
 */
#include "need.h"

#include <harness/plan.h>
#include <results/stats/novelty.h>
#include <results/text/calibration.h>

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Shares of the night: dealt out evenly; to planted cells while a code was not found yet, which a
 * short night on a busy machine needs to be worth anything; while some of them are not found; to
 * clean twins below their floor; to all planted cells afterwards. */
static const double FLOOR_SHARE = 0.5, LEAD_SHARE = 2.0 / 3, SOUGHT_SHARE = 0.4, TWIN_SHARE = 0.3,
                    PLANTED_SHARE = 0.1;
/* A target's turn is at least so many times what its start took. */
static const double TURN_STARTS = 3;
/* Of a batch, in seconds: what a start is weighed against. */
static const double BATCH_S = 0.25;
static const uint64_t LOOK_NS = 2000000000;

enum { FLOOR_CYCLES = 20 };

/** struct need_seen - a signature of one cell. */
struct need_seen {
    uint64_t signature;
    long long cycles;
};

/**
 * struct need_cell - beside the run's own. @score: chance of something new per second.
 * @order: drawn from the seed, for what nothing else decides. @target: index into struct need's.
 */
struct need_cell {
    bool fresh;
    bool found; /* of a planted fault: all its codes */
    bool leads; /* the first planted fault with one of its codes: these come before the others */
    char codes[CALIBRATION_CODES];
    struct need_seen *seen;
    size_t seen_count;
    double score;
    double order;
    unsigned target;
};

/** struct need_target - @used_s, @busy: of its real cells, new for each choice. */
struct need_target {
    double order;
    double used_s;
    unsigned busy;
};

static struct need *need_of(const struct run *run)
{
    return run->options.policy_context;
}

static struct need_cell *beside(const struct run *run, const struct run_cell *cell)
{
    return &need_of(run)->cell[cell - run->cell];
}

/* --- what was learnt -------------------------------------------------------------------------- */

static void note_signature(struct need_cell *need, const char *text, uint64_t cycles)
{
    uint64_t signature = plan_hash(text, strlen(text));
    struct need_seen *longer;

    for (size_t i = 0; i < need->seen_count; i++)
        if (need->seen[i].signature == signature) {
            need->seen[i].cycles += (long long)cycles;
            return;
        }
    longer = realloc(need->seen, (need->seen_count + 1) * sizeof *longer);
    if (longer == NULL)
        return; /* the estimate is a little lower */
    need->seen = longer;
    longer[need->seen_count++] = (struct need_seen){signature, (long long)cycles};
}

static void note_code(struct need_cell *need, const char *slug)
{
    size_t used = strlen(need->codes);

    if (strstr(need->codes, slug) == NULL)
        snprintf(need->codes + used, sizeof need->codes - used, "%s%s", used > 0 ? " " : "", slug);
}

static void judge_planted(struct need_cell *need, const struct run_cell *cell)
{
    char missing[CALIBRATION_CODES];

    if (cell->planted != NULL && cell->planted->bad)
        need->found = calibration_missing(cell->planted->codes, need->codes, missing) == 0;
}

/* Every cycle counts once; those without a finding are one more signature. */
static double chance_of_new(const struct need_cell *need, uint64_t cycles)
{
    struct stats_novelty novelty = {0};
    long long *counts = calloc(need->seen_count + 1, sizeof *counts);
    long long clean = (long long)cycles;

    if (counts == NULL)
        return 1;
    for (size_t i = 0; i < need->seen_count; i++) {
        counts[i] = need->seen[i].cycles;
        clean -= counts[i];
    }
    counts[need->seen_count] = clean > 0 ? clean : 0;
    if (stats_novelty(counts, need->seen_count + 1, &novelty) != 0 || !novelty.known)
        novelty.high = 1;
    free(counts);
    return novelty.high;
}

static void set_score(struct need_cell *need, const struct run_cell *cell)
{
    double each_s = cell->next > 0 ? cell->spent_s / (double)cell->next : 1e-3;

    need->score = chance_of_new(need, cell->next) / (each_s > 1e-6 ? each_s : 1e-6);
}

static void learn(struct run *run, struct run_cell *cell, const struct verdict_list *found)
{
    struct need_cell *need = beside(run, cell);

    for (size_t i = 0; i < found->count; i++) {
        if (found->finding[i].place == 0)
            note_signature(need, found->finding[i].signature, 1);
        if (found->finding[i].code != STOP_NONE)
            note_code(need, stop_code_entry(found->finding[i].code)->slug);
    }
    judge_planted(need, cell);
    set_score(need, cell);
}

/* --- the beginning ------------------------------------------------------------------------------
 */

static int recall_signature(const struct store_finding *finding, void *context)
{
    note_signature(context, finding->signature, finding->repeats);
    return 0;
}

static int recall_code(const struct store_code *code, void *context)
{
    note_code(context, code->slug);
    return 0;
}

/* A night that goes on knows what it had seen. */
static int recall(struct run *run, struct run_cell *cell, struct error *e)
{
    struct need_cell *need = beside(run, cell);
    int code = 0;

    if (cell->next > 0) {
        code = store_cell_findings(run->store, cell->row.id, true, recall_signature, need, e);
        if (code == 0)
            code = store_codes(run->store, cell->row.id, recall_code, need, e);
    }
    judge_planted(need, cell);
    set_score(need, cell);
    return code;
}

/* A code that no planted fault before has. */
static bool is_leading(const struct run *run, size_t number)
{
    const struct run_planted *planted = run->cell[number].planted;
    char all[16 * CALIBRATION_CODES] = "", missing[CALIBRATION_CODES];
    size_t used = 0;

    if (planted == NULL || !planted->bad)
        return false;
    for (size_t i = 0; i < number && used < sizeof all - 1; i++)
        if (run->cell[i].planted != NULL && run->cell[i].planted->bad)
            used +=
                (size_t)snprintf(all + used, sizeof all - used, "%s ", run->cell[i].planted->codes);
    return calibration_missing(planted->codes, all, missing) > 0;
}

static unsigned target_index(const struct run *run, const struct target *target)
{
    unsigned index = 0;

    while (index < run->options.targets && run->options.target[index] != target)
        index++;
    return index;
}

static double drawn(const struct run *run, uint64_t stream, uint64_t key)
{
    return (double)(plan_mix(run->options.seed, stream, key) >> 11);
}

/* Even shares of the part of the night that is dealt out: for each cell, and each target's turn. */
static void set_floors(const struct run *run, struct need *need)
{
    double all_s = FLOOR_SHARE * run->options.seconds * run->options.jobs;

    need->floor_s = run->cells > 0 ? all_s / (double)run->cells : 0;
    need->turn_s = run->options.targets > 0 ? all_s / run->options.targets : 0;
}

static int begin(struct run *run, struct error *e)
{
    struct need *need = need_of(run);
    int code = 0;

    need->cell = calloc(run->cells + 1, sizeof *need->cell);
    need->target = calloc(run->options.targets + 1, sizeof *need->target);
    if (need->cell == NULL || need->target == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    need->cells = run->cells;
    set_floors(run, need);
    for (unsigned i = 0; i < run->options.targets; i++)
        need->target[i].order = drawn(run, 1, i);
    for (size_t i = 0; i < run->cells && code == 0; i++) {
        struct run_cell *cell = &run->cell[i];

        need->cell[i].fresh = need->history != NULL &&
                              !nights_have_build(need->history, cell->key, cell->target->build);
        need->fresh += need->cell[i].fresh && cell->planted == NULL;
        need->cell[i].leads = is_leading(run, i);
        need->cell[i].order = drawn(run, 2, cell->key);
        need->cell[i].target = target_index(run, cell->target);
        code = recall(run, cell, e);
    }
    return code;
}

/* --- the choice ---------------------------------------------------------------------------------
 */

enum rank { RANK_FIRST, RANK_FLOOR, RANK_REST, RANK_NONE };

static bool below_floor(const struct need *need, const struct run_cell *cell)
{
    if (need->floor_s <= 0)
        return true; /* by count: all that is wanted */
    return cell->next == 0 || (cell->next < FLOOR_CYCLES && cell->spent_s < need->floor_s);
}

/* A planted fault that is not found in so many cycles is rare, and waits with the clean twins. */
static enum rank planted_rank(const struct need_cell *own, const struct run_cell *cell, bool floor)
{
    bool sought = cell->planted->bad && !own->found;

    if (sought && cell->next < CALIBRATION_LEAST)
        return RANK_FIRST;
    return sought || floor ? RANK_FLOOR : RANK_REST;
}

static enum rank rank_of(const struct run *run, const struct run_cell *cell)
{
    const struct need_cell *own = beside(run, cell);
    bool floor = below_floor(need_of(run), cell);

    if (!run_wants(run, cell))
        return RANK_NONE;
    if (need_of(run)->floor_s <= 0)
        return RANK_FLOOR; /* by count: the order is only a matter of starts */
    if (cell->planted != NULL)
        return planted_rank(own, cell, floor);
    if (floor)
        return own->fresh ? RANK_FIRST : RANK_FLOOR;
    return RANK_REST;
}

/* struct choice - the best cell of each kind so far. @worth: the first difference counts. */
enum { WORTHS = 6 };
struct choice {
    struct run_cell *cell;
    enum rank rank;
    double worth[WORTHS];
};

/* What the next batch has to pay before it can begin. */
static double with_start(const struct run_cell *cell, const struct target *target)
{
    return cell->target == target ? 1 : BATCH_S / (BATCH_S + cell->target->start_s);
}

/* The time that a target may have used before the others of this round come. */
static double turn_end(const struct need *need, const struct need_target *own,
                       const struct target *target)
{
    double turn_s = need->turn_s;
    double passed;

    if (turn_s <= 0)
        return own->used_s + 1; /* by count: all of it is due anyway */
    if (turn_s < TURN_STARTS * target->start_s)
        turn_s = TURN_STARTS * target->start_s;
    passed = need->least_s / turn_s;
    return ((double)(uint64_t)passed + 1) * turn_s;
}

/*
 * Below the floor targets take turns, so that no name comes before another; a start serves as
 * many cells as the turn has time for, those first that had no cycle yet.
 */
static void worth_of_floor(const struct run *run, const struct run_cell *cell,
                           const struct target *target, double worth[WORTHS])
{
    const struct need *need = need_of(run);
    const struct need_target *own = &need->target[beside(run, cell)->target];
    bool stays = cell->target == target && own->used_s < turn_end(need, own, target);

    worth[0] = stays;
    worth[1] = stays ? 0 : -(double)own->busy; /* another job is there */
    worth[2] = stays ? 0 : -own->used_s;
    worth[3] = own->order;
    worth[4] = cell->next == 0;
    worth[5] = -cell->spent_s + beside(run, cell)->order * 1e-24; /* at most some ns */
}

static void worth_of(const struct run *run, const struct run_cell *cell, enum rank rank,
                     const struct target *target, double worth[WORTHS])
{
    memset(worth, 0, WORTHS * sizeof *worth);
    if (cell->planted != NULL) {
        worth[0] = rank == RANK_FIRST && beside(run, cell)->leads;
        worth[1] = rank != RANK_REST && cell->target == target;
        worth[2] = -cell->used_s;
        worth[3] = beside(run, cell)->order;
    } else if (rank == RANK_REST) {
        worth[0] = beside(run, cell)->score * with_start(cell, target);
    } else {
        worth_of_floor(run, cell, target, worth);
    }
}

static bool is_worth_more(const double worth[WORTHS], const double than[WORTHS])
{
    for (unsigned i = 0; i < WORTHS; i++)
        if (worth[i] != than[i])
            return worth[i] > than[i];
    return false;
}

static void weigh(const struct run *run, struct run_cell *cell, const struct target *target,
                  struct choice *choice)
{
    enum rank rank = rank_of(run, cell);
    struct choice other = {.cell = cell, .rank = rank};

    if (rank == RANK_NONE || rank > choice->rank)
        return;
    worth_of(run, cell, rank, target, other.worth);
    if (rank < choice->rank || choice->cell == NULL || is_worth_more(other.worth, choice->worth))
        *choice = other;
}

/* Adds up what was used: by real cells and planted ones, and by each target's real cells. */
static void add_up(const struct run *run, double used[2])
{
    struct need *need = need_of(run);
    bool any = false;

    for (unsigned i = 0; i < run->options.targets; i++)
        need->target[i].used_s = need->target[i].busy = 0;
    for (size_t i = 0; i < run->cells; i++) {
        const struct run_cell *cell = &run->cell[i];
        struct need_target *target = &need->target[need->cell[i].target];

        used[cell->planted != NULL] += cell->used_s;
        if (cell->planted != NULL)
            continue;
        target->used_s += cell->used_s;
        target->busy += cell->busy;
    }
    need->least_s = 0;
    for (size_t i = 0; i < run->cells; i++) {
        double used_s = need->target[need->cell[i].target].used_s;

        if (run->cell[i].planted != NULL || !run_wants(run, &run->cell[i]) ||
            !below_floor(need, &run->cell[i]))
            continue;
        if (!any || used_s < need->least_s)
            need->least_s = used_s;
        any = true;
    }
}

static double planted_share(const struct run *run, const struct choice *planted)
{
    if (planted->rank == RANK_FIRST)
        return beside(run, planted->cell)->leads ? LEAD_SHARE : SOUGHT_SHARE;
    return planted->rank == RANK_FLOOR ? TWIN_SHARE : PLANTED_SHARE;
}

/* Whoever has its server at hand, and is not done, goes on: leaving costs another start. */
static bool stays(const struct run *run, const struct choice *choice, const struct target *target)
{
    if (choice->cell->target != target)
        return false;
    if (choice->cell->planted != NULL)
        return choice->rank == RANK_FIRST || below_floor(need_of(run), choice->cell);
    return choice->rank <= RANK_FLOOR && choice->worth[0] > 0;
}

static struct run_cell *next(struct run *run, const struct target *target)
{
    struct choice real = {.rank = RANK_NONE}, planted = {.rank = RANK_NONE};
    double used[2] = {0, 0};

    add_up(run, used);
    for (size_t i = 0; i < run->cells; i++)
        weigh(run, &run->cell[i], target, run->cell[i].planted != NULL ? &planted : &real);
    if (real.cell == NULL || planted.cell == NULL)
        return real.cell != NULL ? real.cell : planted.cell;
    if (stays(run, &real, target))
        return real.cell;
    if (stays(run, &planted, target))
        return planted.cell;
    /* Among each other, so that planted ones meet the same conditions. */
    return used[1] < planted_share(run, &planted) * (used[0] + used[1]) ? planted.cell : real.cell;
}

/* --- the disk --------------------------------------------------------------------------------- */

static uint64_t disk_used;

static int add_file(const char *path, const struct stat *info, int type, struct FTW *at)
{
    if (type == FTW_F)
        disk_used += (uint64_t)info->st_blocks * 512;
    return 0;
}

static bool enough(struct run *run)
{
    struct need *need = need_of(run);
    uint64_t now = run_now_ns();

    if (need->disk_bytes == 0 || need->full || now - need->looked_ns < LOOK_NS)
        return need->full;
    need->looked_ns = now;
    disk_used = 0;
    nftw(run->options.directory, add_file, 16, FTW_PHYS);
    need->full = disk_used > need->disk_bytes;
    return need->full;
}

void need_close(struct need *need)
{
    for (size_t i = 0; i < need->cells; i++)
        free(need->cell[i].seen);
    free(need->cell);
    free(need->target);
    need->cell = NULL;
    need->target = NULL;
    need->cells = 0;
}

const struct run_policy need_policy = {begin, next, learn, enough};
