/*
 * Tests of crew.h: everybody runs once and is joined, and one who cannot be created is left
 * out. Linked with --wrap for pthread_create, which fails as often as it is told, and for
 * pthread_join, to count.
 */
#include <workloads/tests/drive.h>
#include <workloads/crew.h>

#include <errno.h>
#include <stdatomic.h>

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __real_pthread_join(pthread_t, void **);
int __wrap_pthread_join(pthread_t, void **);

static struct crew crew;
static unsigned joined;
static unsigned refused; /* index of the call that fails, counted down; 0: none */
static atomic_uint ran[CREW_HIGH];

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    if (refused != 0 && --refused == 0)
        return EAGAIN;
    return __real_pthread_create(thread, attributes, start, argument);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    joined++;
    return __real_pthread_join(thread, result);
}

static void *routine(void *argument)
{
    struct crew_member *member = argument;

    atomic_fetch_add(&ran[member->index], 1);
    return NULL;
}

static unsigned ran_in_all(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < CREW_HIGH; i++)
        sum += atomic_exchange(&ran[i], 0);
    return sum;
}

static void test_each_runs_once(void)
{
    int threads = drive_threads();

    crew_start(&crew, CREW_HIGH, routine);
    crew_join(&crew);
    for (unsigned i = 0; i < CREW_HIGH; i++)
        CU_ASSERT_EQUAL(atomic_load(&ran[i]), 1);
    CU_ASSERT_EQUAL(ran_in_all(), CREW_HIGH);
    CU_ASSERT_EQUAL(drive_threads_left(threads), 0);
}

static void test_join_twice_is_harmless(void)
{
    joined = 0;
    crew_start(&crew, 3, routine);
    crew_join(&crew);
    crew_join(&crew);
    CU_ASSERT_EQUAL(joined, 3);
    CU_ASSERT_EQUAL(ran_in_all(), 3);
}

static void test_one_who_cannot_be_created_is_left_out(void)
{
    refused = 2;
    crew_start(&crew, 4, routine);
    CU_ASSERT_TRUE(crew.member[0].runs);
    CU_ASSERT_FALSE(crew.member[1].runs);
    crew_join(&crew);
    CU_ASSERT_EQUAL(atomic_load(&ran[1]), 0);
    CU_ASSERT_EQUAL(ran_in_all(), 3);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"each runs once", test_each_runs_once},
        {"join twice is harmless", test_join_twice_is_harmless},
        {"one who cannot be created is left out", test_one_who_cannot_be_created_is_left_out},
        CU_TEST_INFO_NULL,
    };

    return drive_suite("crew", tests);
}
