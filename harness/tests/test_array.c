/*
 * test_array: an array that grows keeps what is in it, and the search finds the first of its like.
 */
#include <harness/common/array.h>

#include <CUnit/Basic.h>
#include <stdint.h>
#include <stdlib.h>

enum { ENTRIES = 1000 };

static void an_array_grows(void)
{
    unsigned *array = NULL;
    size_t count = 0, room = 0, growths = 0;

    while (count < ENTRIES) {
        size_t before = room;

        CU_ASSERT_TRUE_FATAL(ARRAY_ROOM(array, count, room));
        CU_ASSERT_FATAL(room > count);
        growths += room != before;
        array[count] = (unsigned)count;
        count++;
    }
    CU_ASSERT(growths > 1 && growths < 10);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(array[i], i);
    free(array);
}

static void without_memory_it_stays(void)
{
    char *array = malloc(1), *was = array;
    volatile size_t size = 1 << 8; /* else the compiler sees that it is too much, and warns */
    size_t room = SIZE_MAX / 4;

    CU_ASSERT_FALSE(array_room((void **)&array, room, &room, size));
    CU_ASSERT_PTR_EQUAL(array, was);
    CU_ASSERT_EQUAL(room, SIZE_MAX / 4);
    free(array);
}

/* Each value twice: 0 0 2 2 4 4 … */
static void the_first_is_found(void)
{
    unsigned value[ENTRIES];

    for (unsigned i = 0; i < ENTRIES; i++)
        value[i] = i / 2 * 2;
    for (unsigned count = 0; count <= ENTRIES; count += count < 8 ? 1 : 331)
        for (unsigned sought = 0; sought <= ENTRIES + 1; sought++) {
            unsigned expected = 0;

            while (expected < count && value[expected] < sought)
                expected++;
            CU_ASSERT_EQUAL(ARRAY_FIRST(count, i, value[i] < sought), expected);
        }
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("array", NULL, NULL);
    CU_ADD_TEST(suite, an_array_grows);
    CU_ADD_TEST(suite, without_memory_it_stays);
    CU_ADD_TEST(suite, the_first_is_found);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
