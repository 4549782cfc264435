/*
 * `rundown trend`, from outside: the reference series must get the reference verdicts whichever
 * way they come in, what is no series must be refused in one line that names the place, and
 * nowhere may it say that there is no leak. Works as any user, and needs no rights.
 */
#include <harness/tests/command_run.h>

#include <results/tests/leak_vectors.h>

#include <CUnit/Basic.h>

static struct said said;

/* --- input --------------------------------------------------------------------------------- */

static const char *input;  /* of the next run */
static size_t input_bytes; /* at most what a pipe holds */

static void give_input(void)
{
    int end[2];

    if (pipe(end) != 0 || write(end[1], input, input_bytes) != (ssize_t)input_bytes ||
        dup2(end[0], STDIN_FILENO) < 0)
        _exit(99);
    close(end[0]);
    close(end[1]);
}

static void trend_bytes(const char *words, const char *bytes, size_t count)
{
    char line[256];

    input = bytes;
    input_bytes = count;
    snprintf(line, sizeof line, "trend %s", words);
    command_words(&said, give_input, line);
}

static void trend_of(const char *words, const char *text)
{
    trend_bytes(words, text, strlen(text));
}

/* Lines of a series; the caller frees. @format: of one value, with a lld. */
static char *lines_of(size_t count, long long (*at)(size_t i), const char *head, const char *line)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(head, out);
    for (size_t i = 0; i < count; i++) {
        char number[32];
        const char *hole = strchr(line, '@');

        snprintf(number, sizeof number, "%lld", at(i));
        fprintf(out, "%.*s%s%s", (int)(hole - line), line, number, hole + 1);
    }
    fclose(out);
    return text;
}

static long long leak8(size_t i)
{
    return 4096 + 8 * (long long)i;
}

static long long flat(size_t i)
{
    return 4096 + 0 * (long long)i;
}

static long long plateau(size_t i)
{
    return leak8(i < 110 ? i : 110);
}

static long long wild(size_t i)
{
    return i % 2 == 0 ? 0 : STATS_LEAK_SAMPLE_MAX;
}

static void trend_series(const char *words, size_t count, long long (*at)(size_t i))
{
    char *text = lines_of(count, at, "", "@\n");

    trend_of(words, text);
    free(text);
}

/* --- answers ------------------------------------------------------------------------------- */

/* A member of the last run's JSON as text, "" for null; one answer at a time. */
static const char *member(const char *path)
{
    static char *text;
    char query[128];
    sqlite3 *db;

    free(text);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(":memory:", &db), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(sqlite3_exec(db, "CREATE TABLE line(json)", NULL, NULL, NULL), SQLITE_OK);
    text = sqlite3_mprintf("INSERT INTO line VALUES(%Q)", said.out);
    CU_ASSERT_EQUAL_FATAL(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(text);
    snprintf(query, sizeof query, "SELECT json_extract(json, '$.%s') FROM line", path);
    text = ask_text(db, query);
    sqlite3_close(db);
    return text;
}

static void member_is(const char *path, const char *wanted)
{
    const char *text = member(path);

    if (strcmp(text, wanted) != 0)
        fprintf(stderr, "\n    %s is '%s', wanted '%s' in %.500s\n", path, text, wanted, said.out);
    CU_ASSERT_STRING_EQUAL(text, wanted);
}

/* Nine digits are printed. */
static void member_near(const char *path, const char *wanted)
{
    const char *text = member(path);
    double number = strtod(text, NULL), want = strtod(wanted, NULL);

    if (strcmp(wanted, "none") == 0) {
        member_is(path, "");
        return;
    }
    if (*text == 0 || fabs(number - want) > 1e-8 * fabs(want))
        fprintf(stderr, "\n    %s is '%s', wanted '%s'\n", path, text, wanted);
    CU_ASSERT_TRUE(*text != 0 && fabs(number - want) <= 1e-8 * fabs(want));
}

static void never_says_no_leak(void)
{
    CU_ASSERT_PTR_NULL(strcasestr(said.out, "no leak"));
    CU_ASSERT_PTR_NULL(strcasestr(said.out, "clean"));
    CU_ASSERT_PTR_NULL(strstr(said.out, "nan"));
}

/* --- the reference series ------------------------------------------------------------------ */

static const char *word_of(const struct vector_file *v)
{
    static const char *const words[][2] = {
        {"TOO-SHORT", "too-short"}, {"SUSPECT", "suspect"}, {"LEAK", "leak"}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(v->field[LEAK_VERDICT], words[i][0]) == 0)
            return words[i][1];
    return vector_none(v, LEAK_SMALLEST) || vector_double(v, LEAK_SMALLEST) == 0 ? "undecided"
                                                                                 : "none-above";
}

static void check_numbers(const struct vector_file *v)
{
    member_is("verdict", word_of(v));
    member_is("class", v->field[LEAK_CLASS][0] == '-' ? "" : v->field[LEAK_CLASS]);
    member_is("cycles", v->field[LEAK_CYCLES]);
    member_is("kind", v->field[LEAK_KIND]);
    member_is("quantum", v->field[LEAK_QUANTUM]);
    member_near("slope", v->field[LEAK_SLOPE]);
    member_near("slope_low", v->field[LEAK_LOWER]);
    member_near("slope_high", v->field[LEAK_UPPER]);
    member_near("smallest.even", v->field[LEAK_SMALLEST]);
}

static void check_vector(const struct vector_file *v)
{
    char words[128];

    snprintf(words, sizeof words, "trend --kind %s --quantum %s series", v->field[LEAK_KIND],
             v->field[LEAK_QUANTUM]);
    command_run(&said, "%s", words);
    if (strcmp(v->field[LEAK_VERDICT], "REFUSED") == 0 || vector_count(v, LEAK_CYCLES) == 0) {
        said_refused(v->field[LEAK_NAME], &said, 2, "rundown trend: series:");
        return;
    }
    said_status(v->field[LEAK_NAME], &said, strcmp(v->field[LEAK_VERDICT], "LEAK") == 0);
    never_says_no_leak();
    command_run(&said, "%s --json", words);
    said_status(v->field[LEAK_NAME], &said, strcmp(v->field[LEAK_VERDICT], "LEAK") == 0);
    never_says_no_leak();
    check_numbers(v);
}

static void reference_series_get_reference_verdicts(void)
{
    struct vector_file v;

    vector_open(&v, "leak_series.csv");
    while (vector_next(&v)) {
        for (char *c = v.field[LEAK_VALUES]; c != NULL && *c != 0; c++)
            if (*c == ' ')
                *c = '\n';
        file_write("series", v.field[LEAK_VALUES], 0666);
        check_vector(&v);
    }
    CU_ASSERT_EQUAL(v.row, 61);
}

/* --- what is printed ----------------------------------------------------------------------- */

static void a_leak_is_status_1(void)
{
    trend_series("--kind exact", 105, leak8);
    said_status("105", &said, 1);
    text_fits("105", said.out, "^leak over 105 cycles\n");
    said_has("105", said.out, "slope       +8 bytes/cycle, 95 % interval +8 to +8\n");
    said_has("105", said.out, "rising: the floor rises and keeps rising\n");
    said_has("105", said.out, "growth      +360 bytes over cycles 55 to 104\n");
    said_has("105", said.out, "kind exact, in steps of 8\n");
    text_fits("105", said.out, "last steps  (\\+8 ){19}\\+8\n$");
    trend_series("--kind exact --unit blocks", 425, leak8);
    said_status("425", &said, 1);
    text_fits("425", said.out, "^leak\n");
    said_has("425", said.out, "+8 blocks/cycle");
}

static void a_suspect_is_status_0_and_says_so(void)
{
    trend_series("", 105, leak8); /* RSS and the like are believed later */
    said_good("other", &said);
    text_fits("other", said.out, "^suspect\n");
    said_has("other", said.out, "not proved, so the exit status is 0; 425 cycles would tell\n");
    trend_series("--kind exact", 25, leak8);
    said_good("exact", &said);
    text_fits("exact", said.out, "^suspect\n");
    said_has("exact", said.out, "105 cycles would tell\n");
}

static void without_a_leak_it_tells_what_it_would_have_seen(void)
{
    trend_series("--kind exact --quantum 8", 105, flat);
    said_good("flat", &said);
    text_fits("flat", said.out, "^none above 4\\.5 bytes/cycle\n");
    said_has("flat", said.out, "a leak of 1.5 bytes/cycle at even odds, of 4.5 likely\n");
    trend_series("--kind exact", 104, flat);
    said_good("104", &said);
    text_fits("104", said.out, "^undecided: nothing seen, but 104 cycles rule nothing out; 105 ");
    trend_series("--kind exact", 200, wild);
    said_good("wild", &said);
    text_fits("wild", said.out, "^undecided: nothing seen, but the values move too much ");
    trend_series("", 24, leak8);
    said_good("24", &said);
    text_fits("24", said.out, "^too short: 24 cycles, 25 are needed for an opinion and 425 ");
}

static void a_leak_that_did_not_last_is_withdrawn(void)
{
    trend_series("--kind exact", 425, plateau);
    said_good("plateau", &said);
    said_has("plateau", said.out, "it was a leak at 105 cycles, which 425 did not confirm\n");
    trend_series("--kind exact --json", 425, plateau);
    member_is("withdrawn.leak_at", "105");
    member_is("withdrawn.not_at", "425");
}

static void a_step_is_guessed_with_care(void)
{
    trend_series("--json", 500, flat); /* perhaps pages */
    member_is("quantum", "4096");
    trend_series("--json --quantum 8", 500, flat);
    member_is("quantum", "8");
    trend_of("--json", "7\n7\n7\n");
    member_is("quantum", "1");
    trend_of("--json", "100\n124\n88\n");
    member_is("quantum", "12");
    trend_of("--json", "0\n0\n");
    member_is("quantum", "1");
    trend_of("--json", "0\n1152921504606846976\n");
    member_is("quantum", "274877906944"); /* 2^38 is the most */
}

static void json_has_every_member_always(void)
{
    static const char *const members[] = {
        "format",    "verdict",       "text",         "file",
        "column",    "kind",          "unit",         "quantum",
        "cycles",    "cycles_needed", "class",        "slope",
        "slope_low", "slope_high",    "slope_before", "growth",
        "chance",    "quiet",         "window",       "smallest",
        "withdrawn", "ended_at_line", "behind_a_gap", "last_differences"};
    static const size_t counts[] = {1, 24, 25, 104, 105, 500};
    char *page = file_text(RUNDOWN_SOURCE_DIR "/docs/trend.md"), name[64];

    CU_ASSERT_PTR_NOT_NULL_FATAL(page);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        trend_series("--kind exact --json", counts[i], i % 2 == 0 ? leak8 : flat);
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
            snprintf(name, sizeof name, "\"%s\":", members[k]);
            said_has(members[k], said.out, name);
            snprintf(name, sizeof name, "\n| `%s` | ", members[k]);
            said_has(members[k], page, name);
        }
        member_is("format", "1");
    }
    member_is("last_differences[19]", "0");
    member_is("last_differences[20]", "");
    free(page);
}

/* --- how it is read ------------------------------------------------------------------------ */

/* The same series in another dress is the same series. */
static void check_dress(const char *words, const char *head, const char *line)
{
    char all[128], *text = lines_of(425, leak8, head, line);

    snprintf(all, sizeof all, "--kind exact --json %s", words);
    trend_of(all, text);
    said_status(line, &said, 1);
    member_is("cycles", "425");
    member_is("slope", "8");
    member_is("ended_at_line", "");
    free(text);
}

static void numbers_come_in_many_dresses(void)
{
    check_dress("", "", "@\n");
    check_dress("-", "", "@\n");
    check_dress("", "\n\n", "@\r\n");
    check_dress("", "\xef\xbb\xbf", " \t@ \n");
    check_dress("", "\r\n\r\n", "@\r\n");
    check_dress("", "", "+@.0\n");
    check_dress("--column rss", "rss\n", "@\n");
    check_dress("--column rss", "\xef\xbb\xbftime,rss,note\r\n", "12:00,@,\"a, b\"\r\n");
    check_dress("--column rss", "\r\ntime,rss\r\n", "1,@\r\n");
    check_dress("--column rss", "\n time , \"rss\" \n", "1,\"@\"\n");
    check_dress("--column 'r,\"s'", "\"r,\"\"s\",b\n", "@,2\n");
    check_dress("--column rss", "note,rss\n", "\"two\nlines\",@\n");
    check_dress("--column rss", "time;rss\n", "1,5;@\n");
    check_dress("--column rss", "time\trss\n", "1,5\t@\n");
}

static void rows_can_be_chosen(void)
{
    static const char head[] = "cell,cycle,kind,lap,value\n";
    char *text = lines_of(425, leak8, head, "1,0,fds,0,3\n1,0,heap.bytes,0,@\n\n");

    trend_of("--json --kind exact --column value --where kind=heap.bytes --where cell=1", text);
    said_status("where", &said, 1);
    member_is("cycles", "425");
    trend_of("--json --kind exact --column value --where kind=fds", text);
    said_status("where", &said, 0);
    member_is("slope", "0");
    trend_of("--column value --where kind=rss", text);
    said_refused("where", &said, 2, "stdin: no row fits --where");
    free(text);
}

static void a_missing_value_ends_the_series(void)
{
    trend_of("--json", "1\n2\n\n3\n4\n");
    said_status("gap", &said, 0);
    member_is("cycles", "2");
    member_is("ended_at_line", "3");
    member_is("behind_a_gap", "2");
    trend_of("", "1\n2\n\n3\n4\n");
    said_has("gap", said.out, "line 3 has no value; the series ends there, and 2 behind it were ");
    trend_of("--json --column b", "a,b\n1,1\n2,NA\n3,3\n4\n");
    member_is("cycles", "1");
    member_is("ended_at_line", "3");
    member_is("behind_a_gap", "1");
    trend_of("--json", "1\n2\n\n \n"); /* nothing comes behind: nothing is missing */
    member_is("cycles", "2");
    member_is("ended_at_line", "");
}

static void huge_values_are_exact(void)
{
    trend_of("--json", "-1152921504606846976\n1152921504606846976\n");
    said_good("limits", &said);
    member_is("last_differences[0]", "2305843009213693952");
    trend_of("--json", "1152921504606846975\n1152921504606846976\n");
    member_is("last_differences[0]", "1");
    trend_of("--json", "1e3\n2.5e3\n");
    member_is("last_differences[0]", "1500");
}

/* --- what is refused ----------------------------------------------------------------------- */

static void bad_text_is_refused_with_its_line(void)
{
    static const struct {
        const char *words, *text, *wanted;
    } list[] = {
        {"", "", "stdin: no value in it; give one for each cycle"},
        {"", "\n\n", "stdin: no value in it"},
        {"", "1\n2\nabc\n", "stdin:3: 'abc' is not a number"},
        {"", "1\nnan\n", "stdin:2: 'nan' is not a finite number"},
        {"", "1\n-inf\n", "stdin:2: '-inf' is not a finite number"},
        {"", "1\nINFINITY\n", "stdin:2: 'INFINITY' is not a finite number"},
        {"", "1e400\n", "stdin:1: '1e400' is beyond 2^60"},
        {"", "1152921504606846977\n", "stdin:1: '1152921504606846977' is beyond 2^60"},
        {"", "-1152921504606846977\n", "stdin:1: '-1152921504606846977' is beyond 2^60"},
        {"", "-99999999999999999999\n", "is beyond 2^60; count in larger units"},
        {"", "1.5\n", "stdin:1: '1.5' is not a whole number; count in smaller units"},
        {"", "12kB\n", "stdin:1: '12kB' is not a number"},
        {"", "1 2\n", "stdin:1: '1 2' is not a number"},
        {"", "rss\n1\n", "'rss' is not a number; if this names a column, say --column"},
        {"", "1,2\n", "'1,2' is not a number; if this is a table, name its column: --column NAME"},
        {"", "\x1b[31m\n", "stdin:1: '\\x1b[31m' is not a number"},
        {"--column rss", "", "stdin: it is empty"},
        {"--column rss", "time,rss\n", "stdin: no value in it"},
        {"--column rss", "time,rss\n1,2\n2,abc\n", "stdin:3: 'abc' is not a number"},
        {"--column rss", "note,rss\n\"a\nb\",1\n\"c\",x\n", "stdin:4: 'x' is not a number"},
        {"--column rrs", "time,rss\n", "'rrs' is no column of stdin; did you mean 'rss'?"},
        {"--column qqqqq", "time,rss\n", "is no column of stdin; its first line is 'time,rss'"},
        {"--column rss", "rss,rss\n1,2\n", "stdin:1: two columns are called 'rss'; rename one"},
        {"--column rss", "time,rss\n1,\"2\n", "stdin:2: a quote is never closed"},
        {"--column rss", "time,rss\n1,\n2,2\n", "stdin:2: the first value is missing"},
        {"--column rss --where tme=1", "time,rss\n1,2\n", "--where: 'tme' is no column of stdin"},
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        trend_of(list[i].words, list[i].text);
        said_refused(list[i].text, &said, 2, list[i].wanted);
    }
}

static void what_is_no_text_is_refused(void)
{
    static const char utf16[] = "\xff\xfe\x31\0\n\0\x32\0\n";
    static const char bytes[] = "0123456789,;\"\n\r-+.enaif \t\xff";
    static char dust[5000];
    uint32_t state = 7;

    trend_bytes("", utf16, sizeof utf16);
    said_refused("UTF-16", &said, 2, "stdin:1: a zero byte; write it as plain text");
    command_run(&said, "trend /dev/zero");
    said_refused("/dev/zero", &said, 2, "/dev/zero:1: the line has more than 65535 bytes");
    for (int i = 0; i < 64; i++) {
        for (size_t k = 0; k < sizeof dust; k++) {
            state = state * 1664525 + 1013904223;
            dust[k] = bytes[(state >> 16) % (sizeof bytes - 1)];
        }
        trend_bytes(i % 2 == 0 ? "" : "--column 1", dust, (size_t)(i + 1) * 70);
        CU_ASSERT(said.status == 2 || said.status == 0 || said.status == 1);
        CU_ASSERT(said.status != 2 || said_one_line(said.err));
    }
}

static void places_that_hold_no_numbers_are_refused(void)
{
    CU_ASSERT_EQUAL(mkdir("folder", 0777), 0);
    command_run(&said, "trend folder");
    said_refused("folder", &said, 2, "folder: it is a directory; name a file of numbers");
    rmdir("folder");
    command_run(&said, "trend nowhere");
    said_refused("nowhere", &said, 2, "nowhere: No such file or directory; name a file");
    command_run(&said, "trend"); /* /dev/null is its input */
    said_refused("nothing", &said, 2, "stdin: no value in it");
}

static void bad_words_are_refused(void)
{
    static const struct {
        const char *words, *wanted;
    } list[] = {
        {"--kind exat", "--kind: 'exat' is no kind; did you mean 'exact'?"},
        {"--kind qqqqqqq", "--kind: 'qqqqqqq' is no kind; write exact, site or other"},
        {"--quantum 0", "--quantum: 0 is outside 1 to"},
        {"--quantum 274877906945", "is outside 1 to 274877906944"},
        {"--quantum 8x", "--quantum: '8x' is not a number"},
        {"--where a", "--where: 'a' is no condition; write NAME=TEXT"},
        {"--where a=b", "--where: it needs a table; name the column by --column"},
        {"a b", "'b': one FILE only"},
        {"- b", "'b': one FILE only"},
        {"--colum x", "stdin: it is empty"}, /* cut short as it is, it is an option */
        {"--colmn x", "'--colmn' is no option; did you mean '--column'?"},
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        command_run(&said, "trend %s", list[i].words);
        said_refused(list[i].words, &said, 2, list[i].wanted);
    }
}

static void output_to_full(void)
{
    give_input();
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

static void a_full_disk_is_status_3(void)
{
    input = "1\n";
    input_bytes = 2;
    command_words(&said, output_to_full, "trend");
    said_refused("full", &said, 3, "stdout: No space left on device");
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("rundown trend", place_open, place_close);
    CU_ADD_TEST(suite, reference_series_get_reference_verdicts);
    CU_ADD_TEST(suite, a_leak_is_status_1);
    CU_ADD_TEST(suite, a_suspect_is_status_0_and_says_so);
    CU_ADD_TEST(suite, without_a_leak_it_tells_what_it_would_have_seen);
    CU_ADD_TEST(suite, a_leak_that_did_not_last_is_withdrawn);
    CU_ADD_TEST(suite, a_step_is_guessed_with_care);
    CU_ADD_TEST(suite, json_has_every_member_always);
    CU_ADD_TEST(suite, numbers_come_in_many_dresses);
    CU_ADD_TEST(suite, rows_can_be_chosen);
    CU_ADD_TEST(suite, a_missing_value_ends_the_series);
    CU_ADD_TEST(suite, huge_values_are_exact);
    CU_ADD_TEST(suite, bad_text_is_refused_with_its_line);
    CU_ADD_TEST(suite, what_is_no_text_is_refused);
    CU_ADD_TEST(suite, places_that_hold_no_numbers_are_refused);
    CU_ADD_TEST(suite, bad_words_are_refused);
    CU_ADD_TEST(suite, a_full_disk_is_status_3);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
