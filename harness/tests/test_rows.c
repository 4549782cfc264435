/*
 * The rows of the hazard catalogue, end to end: every bad variant of every shipped workload is
 * found by a code that its own entry declares, under the injectors that it declares, and every
 * clean twin stays silent, under `none` and under the injectors of its bad siblings.
 *
 * All of it comes from the registry; no workload is named here. Few cycles: the long rounds are
 * the soak's. Runs of many cells at once, since a run's start costs more than a cell's.
 */
#include <harness/tests/command_run.h>

#include <harness/injector.h>
#include <harness/stop_code.h>
#include <harness/workload.h>

#include <CUnit/Basic.h>

enum { BAD_CYCLES = 150, BROKEN_CYCLES = 3, CLEAN_CYCLES = 6, LINE_BYTES = 16384 };

static struct said said;

/* --- lists of words ------------------------------------------------------------------------- */

/* The word @wanted stands in @list, whose words are cut at blanks; "" is the word `none`. */
static bool has_word(const char *list, const char *wanted)
{
    size_t length = strlen(wanted);

    if (list == NULL)
        return false;
    if (list[strspn(list, " ")] == 0)
        return strcmp(wanted, "none") == 0;
    for (const char *at = list; (at = strstr(at, wanted)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

/* What the catalogue means by "hang" and "leak.trend" besides codes as they are. */
static bool is_meant(const char *wanted, const char *code)
{
    if (strcmp(wanted, "hang") == 0)
        return strncmp(code, "hang.", 5) == 0 || strstr(code, "orphaned") != NULL ||
               strstr(code, "deadlock") != NULL || strcmp(code, "lock.owner-suspended") == 0;
    if (strcmp(wanted, "leak.trend") == 0)
        return strncmp(code, "leak.trend.", 11) == 0;
    return strcmp(wanted, code) == 0;
}

/* --- which cells ------------------------------------------------------------------------------ */

/* What it declares says that rundown itself has failed: such a run can't be trusted. */
static bool is_broken(const struct workload_variant *variant)
{
    const char *codes = variant->codes != NULL ? variant->codes : "";
    enum stop_code code = stop_code_find(codes);

    return code != STOP_NONE && stop_code_entry(code)->severity == STOP_SEVERITY_HARNESS;
}

/* A clean twin has to bear what its bad siblings are struck with, unless it says otherwise. */
static bool is_due(const struct workload *workload, const struct workload_variant *variant,
                   bool bad, const char *injector)
{
    if (variant->bad != bad)
        return false;
    if (bad)
        return has_word(variant->injectors, injector);
    if (strcmp(injector, "none") == 0)
        return true;
    if (has_word(variant->tolerates, injector))
        return false;
    for (const struct workload_variant *other = workload->variants; other->name != NULL; other++)
        if (other->bad && has_word(other->injectors, injector))
            return true;
    return false;
}

/* Adds the cells of one injector to @line; returns how many. */
static unsigned add_cells(char *line, bool bad, const char *injector)
{
    unsigned count = 0;

    for (int i = 0; workload_registry[i] != NULL; i++) {
        const struct workload *workload = workload_registry[i];

        if (workload->unavailable != NULL && workload->unavailable() != NULL)
            continue;
        for (int v = 0; workload->variants != NULL && workload->variants[v].name != NULL; v++) {
            size_t used = strlen(line);

            if (!is_due(workload, &workload->variants[v], bad, injector) ||
                is_broken(&workload->variants[v]))
                continue;
            snprintf(line + used, LINE_BYTES - used, " --workload %s,variant=%s", workload->name,
                     workload->variants[v].name);
            count++;
        }
    }
    return count;
}

/* The run of all cells of one injector; NULL if there are none. */
static sqlite3 *run_cells(bool bad, const char *injector)
{
    static char line[LINE_BYTES];
    char out[64];

    snprintf(out, sizeof out, "%s-%s", bad ? "bad" : "clean", injector);
    snprintf(line, sizeof line,
             "run -q --no-lttng --seed 1 --confirm 0 --no-control --inject %s --cycles %d %s%s",
             injector, bad ? BAD_CYCLES : CLEAN_CYCLES, bad ? "--until-found 3 --out " : "--out ",
             out);
    if (add_cells(line, bad, injector) == 0)
        return NULL;
    command_words(&said, NULL, line);
    if (said.status != 0 && said.status != 1)
        fprintf(stderr, "\n    %s: status %d: %.2000s\n", line, said.status, said.err);
    CU_ASSERT_TRUE(said.status == 0 || said.status == 1);
    return record_of(out);
}

static void for_each_injector(void (*judge)(sqlite3 *db, const char *injector), bool bad)
{
    for (int i = 0; injector_registry[i] != NULL; i++) {
        sqlite3 *db = run_cells(bad, injector_registry[i]->name);

        if (db == NULL)
            continue;
        judge(db, injector_registry[i]->name);
        sqlite3_close(db);
    }
}

/* --- bad variants ------------------------------------------------------------------------------
 */

/* One of @choice's words, cut at "|", is among the cell's codes. */
static bool is_found(const char *codes, const char *choice)
{
    char *codes_copy = strdup(codes);
    bool found = false;
    char *rest = NULL;

    for (char *code = strtok_r(codes_copy, ",", &rest); code != NULL;
         code = strtok_r(NULL, ",", &rest)) {
        char *choice_copy = strdup(choice);
        char *more = NULL;

        for (char *word = strtok_r(choice_copy, "|", &more); word != NULL;
             word = strtok_r(NULL, "|", &more))
            found |= is_meant(word, code);
        free(choice_copy);
    }
    free(codes_copy);
    return found;
}

static bool are_found(const char *codes, const char *wanted)
{
    char *copy = strdup(wanted);
    char *rest = NULL;
    bool all = true;

    for (char *choice = strtok_r(copy, " ", &rest); choice != NULL;
         choice = strtok_r(NULL, " ", &rest))
        all &= codes != NULL && is_found(codes, choice);
    free(copy);
    return all;
}

/*
 * Where a cell has several codes, the first findings may all lack one: killed-at-work has the lock
 * of the heap in three of four cycles. Then many more of this one cell tell.
 */
static char *codes_of_many(const struct workload *workload, const struct workload_variant *variant,
                           const char *injector)
{
    sqlite3 *db;
    char *codes;

    tree_remove("many");
    command_run(&said,
                "run -q --no-lttng --seed 2 --confirm 0 --no-control --inject %s --cycles %d "
                "--until-found 60 --out many --workload %s,variant=%s",
                injector, BAD_CYCLES, workload->name, variant->name);
    db = record_of("many");
    codes = ask_text(db, "SELECT coalesce(group_concat(DISTINCT code), '') FROM finding");
    sqlite3_close(db);
    return codes;
}

static void judge_bad_variant(sqlite3 *db, const struct workload *workload,
                              const struct workload_variant *variant, const char *injector)
{
    char query[512];
    char *codes;
    char *wanted = strdup(variant->codes);
    char *rest = NULL;

    snprintf(query, sizeof query,
             "SELECT coalesce(group_concat(DISTINCT f.code), '') FROM finding f JOIN cell c ON "
             "f.cell = c.cell WHERE c.target = '%s variant=%s'",
             workload->name, variant->name);
    codes = ask_text(db, query);
    if (!are_found(codes, variant->codes)) {
        free(codes);
        codes = codes_of_many(workload, variant, injector);
    }
    for (char *choice = strtok_r(wanted, " ", &rest); choice != NULL;
         choice = strtok_r(NULL, " ", &rest)) {
        bool found = codes != NULL && is_found(codes, choice);

        if (!found)
            fprintf(stderr, "\n    %s variant=%s under %s: wanted %s, found '%s'\n", workload->name,
                    variant->name, injector, choice, codes != NULL ? codes : "");
        CU_ASSERT_TRUE(found);
    }
    free(wanted);
    free(codes);
}

static void judge_bad(sqlite3 *db, const char *injector)
{
    for (int i = 0; workload_registry[i] != NULL; i++)
        for (int v = 0; workload_registry[i]->variants != NULL &&
                        workload_registry[i]->variants[v].name != NULL;
             v++)
            if (is_due(workload_registry[i], &workload_registry[i]->variants[v], true, injector) &&
                !is_broken(&workload_registry[i]->variants[v]))
                judge_bad_variant(db, workload_registry[i], &workload_registry[i]->variants[v],
                                  injector);
}

static void every_bad_variant_is_found(void)
{
    for_each_injector(judge_bad, true);
}

/* One run for each variant: what it declares breaks each of its cycles, and is all that does. */
static void break_cycles(const struct workload *workload, const struct workload_variant *variant)
{
    char wanted[128];
    sqlite3 *db;

    tree_remove("broken");
    command_run(&said,
                "run -q --no-lttng --seed 1 --confirm 0 --inject none --cycles %d --out broken "
                "--workload %s,variant=%s",
                BROKEN_CYCLES, workload->name, variant->name);
    said_status(workload->name, &said, 3);
    db = record_of("broken");
    snprintf(wanted, sizeof wanted, "SELECT count(*) FROM finding WHERE code = '%s'",
             variant->codes);
    asked(workload->name, db, wanted, BROKEN_CYCLES);
    asked(workload->name, db, "SELECT count(*) FROM finding", BROKEN_CYCLES);
    asked(workload->name, db, "SELECT broken FROM cell", BROKEN_CYCLES);
    sqlite3_close(db);
}

static void what_breaks_cycles_is_no_finding(void)
{
    for (int i = 0; workload_registry[i] != NULL; i++)
        for (const struct workload_variant *v = workload_registry[i]->variants;
             v != NULL && v->name != NULL; v++)
            if (v->bad && is_broken(v))
                break_cycles(workload_registry[i], v);
}

/* --- clean twins ---------------------------------------------------------------------------------
 */

static void judge_clean(sqlite3 *db, const char *injector)
{
    char *seen = ask_text(db, "SELECT coalesce(group_concat(DISTINCT c.target || ': ' || f.code), "
                              "'') FROM finding f JOIN cell c ON f.cell = c.cell");

    if (seen == NULL || seen[0] != 0)
        fprintf(stderr, "\n    clean twins under %s: %s\n", injector, seen != NULL ? seen : "?");
    CU_ASSERT_STRING_EQUAL(seen != NULL ? seen : "?", "");
    free(seen);
}

static void every_clean_twin_is_silent(void)
{
    for_each_injector(judge_clean, false);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("rows", place_open, place_close);
    CU_ADD_TEST(suite, every_bad_variant_is_found);
    CU_ADD_TEST(suite, what_breaks_cycles_is_no_finding);
    CU_ADD_TEST(suite, every_clean_twin_is_silent);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
