/*
 * Tests of the copy that cycles are judged by: it has all that belongs to the cycle, nothing of
 * another, and does not follow the memory; whatever counts say, nothing beyond a table is copied.
 */
#include "shared_image.h"

#include <harness/supervisor/evidence/autopsy.h>
#include <harness/supervisor/evidence/frozen.h>

#include <unistd.h>

#include <CUnit/Basic.h>

static struct abi_memory *memory;
static struct abi_memory *copy;

static void begin(void)
{
    if (memory == NULL)
        memory = shared_map();
    shared_clear(memory);
    memory->control.epoch = SHARED_EPOCH;
    memory->control.lanes = 2;
    for (unsigned i = 0; i < 3; i++) {
        memory->lane[i].epoch = SHARED_EPOCH;
        memory->lane[i].tid = 10 + i;
    }
}

static void test_lanes(void)
{
    begin();
    memory->lane[0].seq = 3;
    memory->lane[0].ring[2].object = 5;
    memory->lane[0].ring[3].object = 6;
    memory->lane[1].epoch--;
    CU_ASSERT_PTR_EQUAL_FATAL(frozen_take(&copy, memory), copy);
    CU_ASSERT_EQUAL(copy->lane[0].tid, 10);
    CU_ASSERT_EQUAL(copy->lane[0].ring[2].object, 5);
    CU_ASSERT_EQUAL(copy->lane[0].ring[3].object, 0);
    CU_ASSERT_EQUAL(copy->lane[1].tid, 0);
    CU_ASSERT_EQUAL(copy->lane[2].tid, 0);
}

/* Counts that can't be: all of a table, and no more. */
static void test_counts_that_cannot_be(void)
{
    begin();
    memory->control.lanes = UINT32_MAX;
    memory->lane[0].seq = UINT64_MAX;
    memory->lane[0].ring[ABI_RING_EVENTS - 1].object = 7;
    memory->lap_sites.epoch = SHARED_EPOCH;
    memory->lap_sites.samples = UINT32_MAX;
    memory->lap_sites.sample[ABI_SITE_SAMPLES - 1][0].bytes = 8;
    memory->order.edges = UINT32_MAX;
    memory->order.edge[ABI_ORDER_EDGES - 1].epoch = 9;
    CU_ASSERT_PTR_NOT_NULL_FATAL(frozen_take(&copy, memory));
    CU_ASSERT_EQUAL(copy->lane[2].tid, 12);
    CU_ASSERT_EQUAL(copy->lane[0].ring[ABI_RING_EVENTS - 1].object, 7);
    CU_ASSERT_EQUAL(copy->lap_sites.sample[ABI_SITE_SAMPLES - 1][0].bytes, 8);
    CU_ASSERT_EQUAL(copy->order.edge[ABI_ORDER_EDGES - 1].epoch, 9);
}

static void test_records(void)
{
    begin();
    memory->death[ABI_DEATHS - 1].tid = 1;
    memory->module[ABI_MODULES - 1].base = 2;
    memory->tie[ABI_TIES - 1].address = 3;
    memory->call_site[ABI_CALL_SITES - 1] = 4;
    memory->heap_fault[ABI_HEAP_FAULTS - 1].block = 5;
    memory->guard.base = 6;
    memory->guard.slot[ABI_GUARD_SLOTS - 1].block = 7;
    memory->order.circles = 1;
    memory->order.circle[ABI_ORDER_CIRCLES - 1].edges = 8;
    CU_ASSERT_PTR_NOT_NULL_FATAL(frozen_take(&copy, memory));
    CU_ASSERT_EQUAL(copy->death[ABI_DEATHS - 1].tid, 1);
    CU_ASSERT_EQUAL(copy->module[ABI_MODULES - 1].base, 2);
    CU_ASSERT_EQUAL(copy->tie[ABI_TIES - 1].address, 3);
    CU_ASSERT_EQUAL(copy->call_site[ABI_CALL_SITES - 1], 4);
    CU_ASSERT_EQUAL(copy->heap_fault[ABI_HEAP_FAULTS - 1].block, 5);
    CU_ASSERT_EQUAL(copy->guard.slot[ABI_GUARD_SLOTS - 1].block, 7);
    CU_ASSERT_EQUAL(copy->order.circle[ABI_ORDER_CIRCLES - 1].edges, 8);
}

/* What was of the last cycle is not there any more. */
static void test_taken_again(void)
{
    begin();
    CU_ASSERT_PTR_NOT_NULL_FATAL(frozen_take(&copy, memory));
    CU_ASSERT_EQUAL(copy->lane[1].tid, 11);
    memory->control.epoch++;
    memory->lane[0].epoch++;
    CU_ASSERT_PTR_NOT_NULL_FATAL(frozen_take(&copy, memory));
    CU_ASSERT_EQUAL(copy->lane[0].tid, 10);
    CU_ASSERT_EQUAL(copy->lane[1].tid, 0);
    frozen_free(&copy);
    CU_ASSERT_PTR_NULL(copy);
    frozen_free(&copy);
}

/* Whoever still has the memory writes to it while the cycle is judged. */
static void test_evidence_stays(void)
{
    static struct autopsy autopsy;
    static struct job job;
    struct error e = {0};

    CU_ASSERT_EQUAL_FATAL(job_open(&job, &e), 0);
    job.server = getpid(); /* whose modules are read */
    job.memory->control.epoch = SHARED_EPOCH;
    job.memory->control.lanes = 1;
    job.memory->control.status = 9;
    job.memory->lane[0].epoch = SHARED_EPOCH;
    job.memory->lane[0].site = SITE_MALLOC;
    autopsy.hz = 1e9;
    autopsy_collect(&autopsy, &job, HANG_NONE, NULL, NULL, 0);
    memset(job.memory, 0xff, sizeof job.memory->control + sizeof job.memory->lane[0]);
    CU_ASSERT_EQUAL(autopsy.evidence.status, 9);
    CU_ASSERT_EQUAL(autopsy.evidence.memory->control.lanes, 1);
    CU_ASSERT_EQUAL(autopsy.evidence.memory->lane[0].site, SITE_MALLOC);
    autopsy_release(&autopsy);
    autopsy_close(&autopsy);
    job.server = 0;
    job_close(&job, NULL);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    suite = CU_add_suite("frozen", NULL, NULL);
    CU_ADD_TEST(suite, test_lanes);
    CU_ADD_TEST(suite, test_counts_that_cannot_be);
    CU_ADD_TEST(suite, test_records);
    CU_ADD_TEST(suite, test_taken_again);
    CU_ADD_TEST(suite, test_evidence_stays);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
