/*
 * The planted programs: each in harness/tests/planted has one fault, and says in its opening
 * comment which stop codes that must raise. Its bad variant must raise them and nothing else, its
 * clean twin nothing at all.
 *
 *     test_planted                  every stop code is planted, or exempt with a reason
 *     test_planted NAME...          runs the two variants of each
 *     test_planted --matrix [DIR]   lays all outcomes side by side; of DIR, or of these runs
 *     test_planted --list           NAME|PLANTED|ALLOWED|OPTIONS, for ci/soak
 *
 * A comment reads
 *     planted: heap.double-free            codes that `NAME bad` must raise
 *     allowed: heap.allocator-abort        optional: codes that may come with them
 *     run: --inject none --cycles 2        options of `rundown run`, for both variants
 */
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>
#include <CUnit/TestRun.h>

#include <harness/stop_code.h>

#define PLANTED_SOURCES RUNDOWN_SOURCE_DIR "/harness/tests/planted"
#define PLANTED_BUILT   RUNDOWN_BUILD_DIR "/tests/planted"
#define SKIPPED_TEXT    "skipped"

enum { PROGRAMS = 256, WORDS_BYTES = 512, SKIPPED = 77 };

/*
 * struct planted - one program. @bad, @clean: codes that its variants raised. @skipped: this
 * machine lacks what it is about.
 */
struct planted {
    char name[64];
    char codes[WORDS_BYTES];
    char allowed[WORDS_BYTES];
    char options[WORDS_BYTES];
    char bad[WORDS_BYTES];
    char clean[WORDS_BYTES];
    bool skipped;
};

static const struct {
    const char *slug;
    const char *reason;
} unplanted[] = {
#define UNPLANTED(slug, reason) {slug, reason},
#include <harness/tests/planted/unplanted.def>
    {NULL, NULL},
};

static struct planted program[PROGRAMS];
static unsigned programs;
static struct said said;

/* --- words --------------------------------------------------------------------------------- */

/* The next word of a list, or NULL. @at moves on; @out has room for 64 bytes. */
static bool next_word(const char **at, char out[64])
{
    size_t length;

    *at += strspn(*at, " \n");
    length = strcspn(*at, " \n");
    snprintf(out, 64, "%.*s", (int)length, *at);
    *at += length;
    return length > 0;
}

static bool has_word(const char *list, const char *word)
{
    char one[64];

    while (next_word(&list, one))
        if (strcmp(one, word) == 0)
            return true;
    return false;
}

/* The rest of the line that begins with @key in the opening comment; "" without one. */
static void header_line(const char *text, const char *key, char out[WORDS_BYTES])
{
    const char *end = strstr(text, "*/");

    out[0] = 0;
    for (; text != NULL && text < end; text = strchr(text, '\n'), text += text != NULL) {
        const char *at = text + strspn(text, " */");
        size_t length = strlen(key);

        if (strncmp(at, key, length) == 0) {
            at += length + strspn(at + length, " ");
            snprintf(out, WORDS_BYTES, "%.*s", (int)strcspn(at, "\n"), at);
            return;
        }
    }
}

/* --- the programs -------------------------------------------------------------------------- */

static bool is_program(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');

    return end != NULL && strcmp(end, ".c") == 0 && strstr(entry->d_name, "_module.c") == NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct planted *)a)->name, ((const struct planted *)b)->name);
}

static void read_program(const char *file)
{
    struct planted *one = &program[programs++];
    char path[512];
    char *text;

    snprintf(one->name, sizeof one->name, "%.*s", (int)(strlen(file) - 2), file);
    snprintf(path, sizeof path, PLANTED_SOURCES "/%s", file);
    text = file_text(path);
    if (text == NULL)
        return; /* it has no codes then, and that fails */
    header_line(text, "planted:", one->codes);
    header_line(text, "allowed:", one->allowed);
    header_line(text, "run:", one->options);
    free(text);
}

static int read_programs(void)
{
    DIR *directory = opendir(PLANTED_SOURCES);
    struct dirent *entry;

    if (directory == NULL)
        return 1;
    while ((entry = readdir(directory)) != NULL && programs < PROGRAMS)
        if (is_program(entry))
            read_program(entry->d_name);
    closedir(directory);
    qsort(program, programs, sizeof program[0], by_name);
    return programs == PROGRAMS;
}

static struct planted *find_program(const char *name)
{
    for (unsigned i = 0; i < programs; i++)
        if (strcmp(program[i].name, name) == 0)
            return &program[i];
    return NULL;
}

/* --- the table ------------------------------------------------------------------------------- */

static bool is_planted(const char *slug)
{
    for (unsigned i = 0; i < programs; i++)
        if (has_word(program[i].codes, slug))
            return true;
    return false;
}

static const char *why_unplanted(const char *slug)
{
    for (unsigned i = 0; unplanted[i].slug != NULL; i++)
        if (strcmp(unplanted[i].slug, slug) == 0)
            return unplanted[i].reason;
    return NULL;
}

static void tell(bool holds, const char *what, const char *why)
{
    if (!holds)
        fprintf(stderr, "\n    %s: %s\n", what, why);
    CU_ASSERT_TRUE(holds);
}

static void every_code_is_planted_or_exempt(void)
{
    for (int code = 1; code < STOP_COUNT; code++) {
        const char *slug = stop_code_entry((enum stop_code)code)->slug;
        const char *reason = why_unplanted(slug);

        if (strncmp(slug, "leak.trend.", 11) == 0)
            continue;
        tell(is_planted(slug) || reason != NULL, slug,
             "no planted program raises it: write harness/tests/planted/NAME.c, or give the reason "
             "in unplanted.def");
        tell(!is_planted(slug) || reason == NULL, slug,
             "it is planted: take it out of unplanted.def");
    }
}

static void every_exemption_is_of_a_code_and_has_a_reason(void)
{
    for (unsigned i = 0; unplanted[i].slug != NULL; i++) {
        tell(stop_code_find(unplanted[i].slug) != STOP_NONE, unplanted[i].slug, "is no stop code");
        tell(strlen(unplanted[i].reason) > 10, unplanted[i].slug, "has no reason");
    }
}

static void check_codes(const struct planted *one, const char *list)
{
    char word[64];

    while (next_word(&list, word))
        if (stop_code_find(word) == STOP_NONE) {
            fprintf(stderr, "\n    %s.c: '%s' is no stop code\n", one->name, word);
            CU_FAIL("no stop code");
        }
}

static void every_program_says_what_it_plants(void)
{
    for (unsigned i = 0; i < programs; i++) {
        tell(program[i].codes[0] != 0, program[i].name, "its comment has no line 'planted: CODE'");
        tell(program[i].options[0] != 0, program[i].name, "its comment has no line 'run: OPTIONS'");
        tell(strpbrk(program[i].options, "|'\"\\") == NULL, program[i].name,
             "'run:' has quotes or a bar, at which ci/soak does not cut words");
        check_codes(&program[i], program[i].codes);
        check_codes(&program[i], program[i].allowed);
    }
}

/* --- running --------------------------------------------------------------------------------- */

/* All codes of a run, notes included, each once. */
static void take_codes(const char *directory, char out[WORDS_BYTES])
{
    sqlite3 *db = record_of(directory);
    char *codes =
        ask_text(db, "SELECT group_concat(code, ' ') FROM "
                     "(SELECT DISTINCT code FROM finding WHERE code IS NOT NULL ORDER BY code)");

    snprintf(out, WORDS_BYTES, "%s", codes);
    free(codes);
    sqlite3_close(db);
}

/* The program is about the flight recorder, and this machine has none. */
static bool lacks_recorder(const struct planted *one)
{
    return has_word(one->options, "--lttng") && strstr(said.out, "recorder: lttng\n") == NULL;
}

/* Leaves the directory of the results, which is the name of the variant. */
static void run_variant(struct planted *one, const char *variant, char out[WORDS_BYTES])
{
    char line[2 * WORDS_BYTES + 600];

    snprintf(line, sizeof line,
             "run %s --seed 1 --confirm 0 --quiet --out %s.%s -- " PLANTED_BUILT "/%s %s",
             one->options, one->name, variant, one->name, variant);
    command_words(&said, NULL, line);
    snprintf(line, sizeof line, "%s.%s", one->name, variant);
    if (said.status != 0 && said.status != 1 && said.status != 3) {
        said_status(line, &said, 1);
        return;
    }
    one->skipped |= lacks_recorder(one);
    take_codes(line, out);
}

static void check_bad(const struct planted *one)
{
    const char *list = one->codes;
    char word[64];

    while (next_word(&list, word))
        if (!has_word(one->bad, word)) {
            fprintf(stderr, "\n    %s bad: %s is not raised, but: %s\n", one->name, word, one->bad);
            CU_FAIL("not raised");
        }
    for (list = one->bad; next_word(&list, word);)
        if (!has_word(one->codes, word) && !has_word(one->allowed, word)) {
            fprintf(stderr, "\n    %s bad: %s is raised, and not planted\n", one->name, word);
            CU_FAIL("not planted");
        }
}

static void check_clean(const struct planted *one)
{
    if (one->clean[0] != 0)
        fprintf(stderr, "\n    %s clean: raises %s\n", one->name, one->clean);
    CU_ASSERT_STRING_EQUAL(one->clean, "");
}

/* Something must have been run, or silence says nothing. */
static void check_twin_ran(const struct planted *one)
{
    char directory[80];
    sqlite3 *db;

    snprintf(directory, sizeof directory, "%s.clean", one->name);
    said_status(directory, &said, 0);
    db = record_of(directory);
    asked(directory, db, "SELECT count(*) FROM cell WHERE state <> '' OR passed = 0", 0);
    sqlite3_close(db);
}

/* --- outcomes kept for the matrix ------------------------------------------------------------ */

static void row_path(const struct planted *one, const char *directory, char out[512])
{
    snprintf(out, 512, "%s/%s.codes", directory, one->name);
}

static void write_row(const struct planted *one)
{
    char path[512], fresh[520];
    FILE *file;

    row_path(one, PLANTED_BUILT, path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    file = fopen(fresh, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "bad: %s\nclean: %s\n", one->skipped ? SKIPPED_TEXT : one->bad, one->clean);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(rename(fresh, path), 0);
}

static bool read_row(struct planted *one, const char *directory)
{
    char path[512];
    char *text, *end;

    row_path(one, directory, path);
    text = file_text(path);
    if (text == NULL || strncmp(text, "bad: ", 5) != 0 || (end = strstr(text, "\nclean: ")) == NULL)
        return false;
    snprintf(one->bad, sizeof one->bad, "%.*s", (int)(end - text - 5), text + 5);
    snprintf(one->clean, sizeof one->clean, "%.*s", (int)strcspn(end + 8, "\n"), end + 8);
    free(text);
    return true;
}

static bool is_newer(const struct stat *row, const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && (row->st_mtim.tv_sec > info.st_mtim.tv_sec ||
                                      (row->st_mtim.tv_sec == info.st_mtim.tv_sec &&
                                       row->st_mtim.tv_nsec > info.st_mtim.tv_nsec));
}

/* The outcome is of this rundown, this agent and this program. */
static bool is_fresh(const struct planted *one)
{
    char path[512], source[512], built[512];
    struct stat row;

    row_path(one, PLANTED_BUILT, path);
    snprintf(source, sizeof source, PLANTED_SOURCES "/%s.c", one->name);
    snprintf(built, sizeof built, PLANTED_BUILT "/%s", one->name);
    return stat(path, &row) == 0 && is_newer(&row, COMMAND_PROGRAM) &&
           is_newer(&row, RUNDOWN_BUILD_DIR "/lib/rundown/librundown-agent.so") &&
           is_newer(&row, source) && is_newer(&row, built);
}

/* --- one program ----------------------------------------------------------------------------- */

static struct planted *current;

static void bad_raises_what_is_planted(void)
{
    run_variant(current, "bad", current->bad);
    if (!current->skipped)
        check_bad(current);
}

static void the_clean_twin_raises_nothing(void)
{
    run_variant(current, "clean", current->clean);
    check_clean(current);
    check_twin_ran(current);
    write_row(current);
}

/* --- the matrix ------------------------------------------------------------------------------ */

static unsigned char cell[STOP_COUNT][STOP_COUNT];
static unsigned char twin[STOP_COUNT];
static unsigned missing[STOP_COUNT];

static void count(unsigned char *number)
{
    *number += *number < UINT8_MAX;
}

/* What is planted together is on the diagonal; what is only allowed counts nowhere. */
static void count_reported(const struct planted *one)
{
    const char *list = one->bad, *first = one->codes;
    char word[64], owner[64];

    if (!next_word(&first, owner))
        return;
    if (one->skipped || strcmp(one->bad, SKIPPED_TEXT) == 0)
        return;
    while (next_word(&list, word)) {
        int code = stop_code_find(word);

        if (has_word(one->codes, word))
            count(&cell[code][code]);
        else if (!has_word(one->allowed, word))
            count(&cell[stop_code_find(owner)][code]);
    }
    for (list = one->codes; next_word(&list, word);)
        missing[stop_code_find(word)] += !has_word(one->bad, word);
    for (list = one->clean; next_word(&list, word);)
        count(&twin[stop_code_find(word)]);
}

static void print_row(const char *title, const unsigned char *row, int number)
{
    if (number > 0)
        printf("%2d ", number);
    else
        printf("   ");
    printf("%-30s", title);
    for (int code = 1; code < STOP_COUNT; code++) {
        if (row[code] == 0)
            putchar(code == number ? '-' : '.');
        else
            putchar(row[code] > 9 ? '+' : '0' + row[code]);
    }
    putchar('\n');
}

static void print_matrix(void)
{
    printf("\n%-33s", "");
    for (int code = 1; code < STOP_COUNT; code++)
        putchar(code % 10 == 0 ? '0' + code / 10 % 10 : ' ');
    printf("\n%-33s", "   planted \\ reported");
    for (int code = 1; code < STOP_COUNT; code++)
        putchar('0' + code % 10);
    putchar('\n');
    for (int code = 1; code < STOP_COUNT; code++)
        print_row(stop_code_entry((enum stop_code)code)->slug, cell[code], code);
    print_row("clean twins", twin, 0);
    fflush(stdout);
}

static void check_diagonal(void)
{
    for (int planted = 1; planted < STOP_COUNT; planted++) {
        const char *slug = stop_code_entry((enum stop_code)planted)->slug;

        for (int code = 1; code < STOP_COUNT; code++)
            tell(code == planted || cell[planted][code] == 0, slug, "another code is reported");
        tell(missing[planted] == 0, slug, "planted, and not reported");
        tell(twin[planted] == 0, slug, "a clean twin raises it");
    }
}

/* Set by --matrix DIR: outcomes that somebody else has brought together. */
static const char *outcomes;

static void take_outcome(struct planted *one)
{
    if (outcomes != NULL) {
        tell(read_row(one, outcomes), one->name, "has no outcome in the directory");
        return;
    }
    if (is_fresh(one) && read_row(one, PLANTED_BUILT))
        return;
    run_variant(one, "bad", one->bad);
    run_variant(one, "clean", one->clean);
    write_row(one);
}

static void what_is_reported_is_what_was_planted(void)
{
    for (unsigned i = 0; i < programs; i++) {
        take_outcome(&program[i]);
        count_reported(&program[i]);
    }
    print_matrix();
    check_diagonal();
}

/* --- the command ------------------------------------------------------------------------------ */

static int list_programs(void)
{
    for (unsigned i = 0; i < programs; i++)
        printf("%s|%s|%s|%s\n", program[i].name, program[i].codes, program[i].allowed,
               program[i].options);
    return 0;
}

static void add_table(void)
{
    CU_pSuite suite = CU_add_suite("the table of planted programs", NULL, NULL);

    CU_ADD_TEST(suite, every_code_is_planted_or_exempt);
    CU_ADD_TEST(suite, every_exemption_is_of_a_code_and_has_a_reason);
    CU_ADD_TEST(suite, every_program_says_what_it_plants);
}

static int run_tests(void)
{
    int failed;

    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() != 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return failed;
}

/* A registry of its own for each, so that a suite may be named after it. */
static int test_program(const char *name)
{
    CU_pSuite suite;
    int failed;

    current = find_program(name);
    if (current == NULL) {
        fprintf(stderr, "test_planted: there is no %s/%s.c\n", PLANTED_SOURCES, name);
        return 1;
    }
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite(current->name, place_open, place_close);
    CU_ADD_TEST(suite, bad_raises_what_is_planted);
    CU_ADD_TEST(suite, the_clean_twin_raises_nothing);
    failed = run_tests();
    return failed == 0 && current->skipped ? SKIPPED : failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (read_programs() != 0) {
        fprintf(stderr, "test_planted: %s cannot be read, or holds too many\n", PLANTED_SOURCES);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "--list") == 0)
        return list_programs();
    if (argc > 1 && argv[1][0] != '-') {
        for (int i = 1; i < argc; i++)
            failed |= test_program(argv[i]);
        return failed;
    }
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    if (argc > 1 && strcmp(argv[1], "--matrix") == 0) {
        outcomes = argc > 2 ? realpath(argv[2], NULL) : NULL;
        CU_ADD_TEST(CU_add_suite("confusion matrix", place_open, place_close),
                    what_is_reported_is_what_was_planted);
    } else {
        add_table();
    }
    return run_tests();
}
