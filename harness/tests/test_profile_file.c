/*
 * Tests of profile_file.c: what is written is read back the same, and nothing else is taken.
 */
#include <harness/supervisor/run/profile_file.h>

#include <CUnit/Basic.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/rundown-profile-XXXXXX";
static struct target one, two;

static void add(struct target *target, const char *thread, uint16_t site, uint32_t hits)
{
    struct profile_entry *entry = &target->profile.entry[target->profile.count++];

    strcpy(entry->thread, thread);
    entry->site = site;
    entry->hits = hits;
    for (unsigned i = 0; i < PROFILE_LENGTHS; i++)
        entry->length[i] = i % 3 == 0 ? PROFILE_MAX_LENGTH - i : 0;
}

static void fill(void)
{
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    one.baseline_status = 3 << 8;
    strcpy(one.user_site[0], "commit");
    strcpy(one.user_site[1], "rollback");
    add(&one, "T1", SITE_MALLOC, 16);
    add(&one, "T1.2", SITE_LOCK, 1);
    add(&one, "T1.2f1", ABI_SITES + 1, 4);
    plan_profile_sort(&one.profile);
}

static void test_read_back_the_same(void)
{
    struct error e;

    fill();
    CU_ASSERT_EQUAL(profile_file_write(path, &one, &e), 0);
    CU_ASSERT_EQUAL(profile_file_read(path, &two, &e), 0);
    CU_ASSERT_TRUE(two.profiled);
    CU_ASSERT_EQUAL(two.baseline_status, 3 << 8);
    CU_ASSERT_EQUAL(memcmp(&one.profile, &two.profile, sizeof one.profile), 0);
    CU_ASSERT_EQUAL(memcmp(one.user_site, two.user_site, sizeof one.user_site), 0);
}

static void check_refused(const char *text, const char *wanted)
{
    FILE *out = fopen(path, "we");
    struct error e = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
    memset(&two, 0, sizeof two);
    CU_ASSERT_EQUAL(profile_file_read(path, &two, &e), ERROR_USAGE);
    if (strstr(e.text, wanted) == NULL) {
        printf("'%s' is not in: %s\n", wanted, e.text);
        CU_FAIL("the reason is another one");
    }
    CU_ASSERT_FALSE(two.profiled);
    CU_ASSERT_EQUAL(two.profile.count, 0);
}

#define HEAD "rundown-profile 1\n"
#define ZERO " 0 0 0 0 0 0 0 0 0 0 0 0"

static void test_nothing_else_is_taken(void)
{
    check_refused("", ":1: this is no profile");
    check_refused("SQLite format 3", ":1: this is no profile");
    check_refused("rundown-profile 2\nend\n", ":1: this is no profile");
    check_refused(HEAD "status 0\n", ":2: its end is missing");
    check_refused(HEAD "end\nend\n", ":3: there is more behind the end");
    check_refused(HEAD "status x\nend\n", ":2: the status is no number");
    check_refused(HEAD "status 0 1\nend\n", ":2: the status is no number");
    check_refused(HEAD "user \nend\n", ":2: too many user sites");
    check_refused(HEAD "T1 mallok 1" ZERO "\nend\n", ":2: there is no such site");
    check_refused(HEAD "T1 user:x 1" ZERO "\nend\n", ":2: there is no such user site");
    check_refused(HEAD "T1 malloc 0" ZERO "\nend\n", ":2: the hits are no number");
    check_refused(HEAD "T1 malloc -1" ZERO "\nend\n", ":2: the hits are no number");
    check_refused(HEAD "T1 malloc 1 1\nend\n", ":2: a length is no number");
    check_refused(HEAD "T1 malloc 1" ZERO " 0\nend\n", ":2: more numbers");
    check_refused(HEAD "T1 malloc 1 99999999999" ZERO "\nend\n", ":2: a length is no number");
    check_refused(HEAD "malloc\nend\n", ":2: this is no line of a profile");
    check_refused(HEAD "T1\nend\n", ":2: this is no line of a profile");
    check_refused(HEAD "T11111111111111111111111111111111111111111111 malloc 1" ZERO "\nend\n",
                  ":2: this is no line of a profile");
}

static void test_a_file_that_is_not_there(void)
{
    struct error e = {0};

    CU_ASSERT_EQUAL(profile_file_read("/nonexistent/profile", &two, &e), ERROR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/nonexistent/profile: No such file"));
    CU_ASSERT_EQUAL(profile_file_write("/nonexistent/profile", &one, &e), ERROR_SYSTEM);
    CU_ASSERT_EQUAL(profile_file_read("/tmp", &two, &e), ERROR_USAGE);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"read back the same", test_read_back_the_same},
        {"nothing else is taken", test_nothing_else_is_taken},
        {"a file that is not there", test_a_file_that_is_not_there},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"profile file", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    int fd = mkstemp(path);

    if (fd < 0 || CU_initialize_registry() != CUE_SUCCESS ||
        CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    close(fd);
    unlink(path);
    return CU_get_number_of_failures() != 0;
}
