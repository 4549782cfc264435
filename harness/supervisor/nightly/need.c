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
static const double FLOOR_SHARE = 0.5, LEAD_SHARE = 0.8, SOUGHT_SHARE = 0.4, TWIN_SHARE = 0.3,
                    PLANTED_SHARE = 0.1;
static const uint64_t LOOK_NS = 2000000000;

enum { FLOOR_CYCLES = 20 };

/** struct need_seen - a signature of one cell. */
struct need_seen {
    uint64_t signature;
    long long cycles;
};

/** struct need_cell - beside the run's own. @score: chance of something new per second. */
struct need_cell {
    bool fresh;
    bool found; /* of a planted fault: all its codes */
    bool leads; /* the first planted fault with one of its codes: these come before the others */
    char codes[CALIBRATION_CODES];
    struct need_seen *seen;
    size_t seen_count;
    double score;
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

static int begin(struct run *run, struct error *e)
{
    struct need *need = need_of(run);
    int code = 0;

    need->cell = calloc(run->cells + 1, sizeof *need->cell);
    if (need->cell == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    need->cells = run->cells;
    need->floor_s =
        run->cells > 0 ? FLOOR_SHARE * run->options.seconds * run->options.jobs / (double)run->cells
                       : 0;
    for (size_t i = 0; i < run->cells && code == 0; i++) {
        struct run_cell *cell = &run->cell[i];

        need->cell[i].fresh = need->history != NULL &&
                              !nights_have_build(need->history, cell->key, cell->target->build);
        need->fresh += need->cell[i].fresh && cell->planted == NULL;
        need->cell[i].leads = is_leading(run, i);
        code = recall(run, cell, e);
    }
    return code;
}

/* --- the choice ---------------------------------------------------------------------------------
 */

enum rank { RANK_FIRST, RANK_FLOOR, RANK_REST, RANK_NONE };

static bool below_floor(const struct need *need, const struct run_cell *cell)
{
    return cell->next == 0 || (cell->next < FLOOR_CYCLES && cell->spent_s < need->floor_s);
}

static enum rank rank_of(const struct run *run, const struct run_cell *cell)
{
    const struct need *need = need_of(run);
    const struct need_cell *own = beside(run, cell);

    if (!run_wants(run, cell))
        return RANK_NONE;
    if (cell->planted != NULL && cell->planted->bad && !own->found)
        return RANK_FIRST;
    if (below_floor(need, cell))
        return own->fresh && cell->planted == NULL ? RANK_FIRST : RANK_FLOOR;
    return RANK_REST;
}

/* struct choice - the best cell of each kind so far. */
struct choice {
    struct run_cell *cell;
    enum rank rank;
    double worth;
};

/* In a batch's time a server is not started for nothing: the target at hand comes first among
 * those that wait for their floor, and counts twice among the rest. */
static double worth(const struct run *run, const struct run_cell *cell, enum rank rank,
                    const struct target *target)
{
    bool at_hand = cell->target == target;

    if (rank == RANK_REST && cell->planted == NULL)
        return beside(run, cell)->score * (at_hand ? 2 : 1);
    return -cell->spent_s + (at_hand && rank != RANK_REST ? 1e9 : 0) +
           (beside(run, cell)->leads ? 2e9 : 0);
}

static void weigh(const struct run *run, struct run_cell *cell, const struct target *target,
                  struct choice *choice)
{
    enum rank rank = rank_of(run, cell);
    double value;

    if (rank == RANK_NONE || rank > choice->rank)
        return;
    value = worth(run, cell, rank, target);
    if (rank == choice->rank && choice->cell != NULL && value <= choice->worth)
        return;
    *choice = (struct choice){cell, rank, value};
}

static struct run_cell *next(struct run *run, const struct target *target)
{
    struct choice real = {NULL, RANK_NONE, 0}, planted = {NULL, RANK_NONE, 0};
    double spent[2] = {0, 0};
    double share;

    for (size_t i = 0; i < run->cells; i++) {
        struct run_cell *cell = &run->cell[i];

        spent[cell->planted != NULL] += cell->spent_s;
        weigh(run, cell, target, cell->planted != NULL ? &planted : &real);
    }
    if (real.cell == NULL || planted.cell == NULL)
        return real.cell != NULL ? real.cell : planted.cell;
    /* Among each other, so that planted ones meet the same conditions. */
    share = planted.rank == RANK_FIRST
                ? (beside(run, planted.cell)->leads ? LEAD_SHARE : SOUGHT_SHARE)
            : planted.rank == RANK_FLOOR ? TWIN_SHARE
                                         : PLANTED_SHARE;
    return spent[1] < share * (spent[0] + spent[1]) ? planted.cell : real.cell;
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
    need->cell = NULL;
    need->cells = 0;
}

const struct run_policy need_policy = {begin, next, learn, enough};
