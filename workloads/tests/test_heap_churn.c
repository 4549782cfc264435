/*
 * Tests of heap-churn: a faultless allocator is called faultless, whatever the seed, and each
 * kind of faulty one is found out. Linked with --wrap for all entry points, so the faults are
 * played, and every block is followed from its birth to its death.
 */
#include <workloads/tests/drive.h>

#include <pthread.h>
#include <stdatomic.h>

extern const struct workload workload_heap_churn;

enum entry {
    ENTRY_MALLOC,
    ENTRY_CALLOC,
    ENTRY_REALLOC,
    ENTRY_REALLOCARRAY,
    ENTRY_MEMALIGN,
    ENTRY_POSIX_MEMALIGN,
    ENTRY_ALIGNED_ALLOC,
    ENTRY_VALLOC,
    ENTRY_PVALLOC,
    ENTRY_FREE,
    ENTRIES
};

enum fault {
    FAULT_NONE,
    FAULT_NO_MEMORY,    /* every seventh call fails */
    FAULT_DIRTY_CALLOC, /* blocks that are not zero */
    FAULT_CROOKED,      /* blocks that are not aligned */
    FAULT_FORGETFUL,    /* realloc that does not keep what was there */
    FAULT_STRAY_WRITE,  /* a byte that changes while the block is in use */
};

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_memalign(size_t, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);
void *__wrap_memalign(size_t, size_t);
int __wrap_posix_memalign(void **, size_t, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
void *__wrap_valloc(size_t);
void *__wrap_pvalloc(size_t);
void __wrap_free(void *);

static enum fault fault;
static atomic_uint calls[ENTRIES];
static atomic_uint turn;
static atomic_uint uneven;             /* aligned_alloc calls for no whole multiple */
static __thread unsigned char *latest; /* block that this thread got last */

/* --- the ledger of live blocks --------------------------------------------------------- */

enum { LEDGER = 1 << 13 };

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    void *address[LEDGER];
    pthread_t maker[LEDGER];
    unsigned live;
    unsigned by_others; /* frees by another thread than the maker, while that still ran */
    unsigned unknown;
} ledger = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static pthread_t main_thread;

static unsigned ledger_find(const void *address)
{
    unsigned at = 0;

    while (at < LEDGER && ledger.address[at] != address)
        at++;
    return at;
}

static void *born(enum entry entry, void *address)
{
    unsigned at;

    atomic_fetch_add(&calls[entry], 1);
    latest = address;
    if (address == NULL)
        return NULL;
    pthread_mutex_lock(&ledger.mutex);
    at = ledger_find(NULL);
    if (at < LEDGER) {
        ledger.address[at] = address;
        ledger.maker[at] = pthread_self();
        ledger.live++;
    }
    pthread_mutex_unlock(&ledger.mutex);
    return address;
}

static void died(const void *address)
{
    unsigned at;

    if (address == NULL)
        return;
    pthread_mutex_lock(&ledger.mutex);
    at = ledger_find(address);
    if (at < LEDGER) {
        pthread_t self = pthread_self();

        ledger.by_others +=
            !pthread_equal(self, ledger.maker[at]) && !pthread_equal(self, main_thread);
        ledger.address[at] = NULL;
        ledger.live--;
    } else {
        ledger.unknown++;
    }
    pthread_mutex_unlock(&ledger.mutex);
}

static void ledger_clear(void)
{
    memset(ledger.address, 0, sizeof ledger.address);
    ledger.live = ledger.by_others = ledger.unknown = 0;
    memset(calls, 0, sizeof calls);
}

/* --- the allocator, honest or not ---------------------------------------------------------- */

static bool no_memory(enum entry entry)
{
    if (fault != FAULT_NO_MEMORY || atomic_fetch_add(&turn, 1) % 7 != 0)
        return false;
    atomic_fetch_add(&calls[entry], 1);
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return no_memory(ENTRY_MALLOC) ? NULL : born(ENTRY_MALLOC, __real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    unsigned char *block = no_memory(ENTRY_CALLOC) ? NULL : __real_calloc(count, bytes);

    if (fault == FAULT_DIRTY_CALLOC)
        block[count * bytes - 1] = 1;
    return born(ENTRY_CALLOC, block);
}

/* The old block leaves the ledger first: its address may be another's at once. */
static void *resized(enum entry entry, void *old, size_t bytes)
{
    void *block;

    if (no_memory(entry))
        return NULL;
    died(old);
    block = __real_realloc(old, bytes);
    if (fault == FAULT_FORGETFUL)
        memset(block, 0, bytes);
    return born(entry, block);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return resized(ENTRY_REALLOC, old, bytes);
}

void *__wrap_reallocarray(void *old, size_t count, size_t bytes)
{
    return resized(ENTRY_REALLOCARRAY, old, count * bytes);
}

static void *aligned(enum entry entry, size_t alignment, size_t bytes)
{
    if (no_memory(entry))
        return NULL;
    return born(entry,
                fault == FAULT_CROOKED ? __real_malloc(bytes) : __real_memalign(alignment, bytes));
}

void *__wrap_memalign(size_t alignment, size_t bytes)
{
    return aligned(ENTRY_MEMALIGN, alignment, bytes);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes)
{
    *out = aligned(ENTRY_POSIX_MEMALIGN, alignment, bytes);
    return *out == NULL ? 12 : 0;
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&uneven, bytes % alignment != 0);
    return aligned(ENTRY_ALIGNED_ALLOC, alignment, bytes);
}

void *__wrap_valloc(size_t bytes)
{
    return aligned(ENTRY_VALLOC, 4096, bytes);
}

void *__wrap_pvalloc(size_t bytes)
{
    return aligned(ENTRY_PVALLOC, 4096, bytes);
}

void __wrap_free(void *block)
{
    atomic_fetch_add(&calls[ENTRY_FREE], 1);
    died(block);
    __real_free(block);
}

/* The block that this thread has just made is whole, and nobody else's yet. */
void rundown_mark_site(const char *name)
{
    if (fault == FAULT_STRAY_WRITE && strcmp(name, "handover") == 0 && latest != NULL)
        latest[0] ^= 1;
}

/* What was seen of it, and when, as bits. */
enum { SEEN_AT_FREE = 1, SEEN_BEFORE_REALLOC = 2 };
static atomic_uint seen;

void rundown_mark_invariant_at(const char *text, const void *where)
{
    if (strstr(text, "seen at free") != NULL)
        atomic_fetch_or(&seen, SEEN_AT_FREE);
    if (strstr(text, "seen before realloc") != NULL)
        atomic_fetch_or(&seen, SEEN_BEFORE_REALLOC);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void check_clean(const char *variant, int64_t threads, int64_t max_bytes, uint64_t seed)
{
    struct workload_context context = drive_context(&workload_heap_churn, variant, seed);
    int before = drive_threads();

    ledger_clear();
    context.laps = 2;
    drive_set(&workload_heap_churn, &context, "threads", threads);
    drive_set(&workload_heap_churn, &context, "max_bytes", max_bytes);
    drive_clean(&workload_heap_churn, &context);
    CU_ASSERT_EQUAL(ledger.live, 0);
    CU_ASSERT_EQUAL(ledger.unknown, 0);
    CU_ASSERT_EQUAL(drive_threads_left(before), 0);
}

static void test_clean_for_many_seeds(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        check_clean("plain", 4, 4096, seed);
        check_clean("shared-arena", 4, 4096, seed);
    }
}

static void test_clean_at_the_edges_of_its_parameters(void)
{
    check_clean("plain", 1, 16, 1);
    check_clean("plain", 64, 16, 2);
    check_clean("plain", 2, 1000000, 3);
}

static void test_every_entry_point_is_used(void)
{
    check_clean("plain", 4, 4096, 1);
    for (int entry = 0; entry < ENTRIES; entry++)
        CU_ASSERT_TRUE(atomic_load(&calls[entry]) > 0);
    CU_ASSERT_EQUAL(atomic_load(&uneven), 0);
}

static void test_blocks_are_freed_by_other_threads(void)
{
    check_clean("plain", 4, 4096, 1);
    CU_ASSERT_TRUE(ledger.by_others > 0);
}

static void test_calls_depend_on_the_seed_alone(void)
{
    unsigned first[ENTRIES];
    unsigned others = 0;

    check_clean("plain", 4, 4096, 7);
    for (int entry = 0; entry < ENTRIES; entry++)
        first[entry] = atomic_load(&calls[entry]);
    check_clean("plain", 4, 4096, 7);
    for (int entry = 0; entry < ENTRIES; entry++)
        CU_ASSERT_EQUAL(atomic_load(&calls[entry]), first[entry]);
    check_clean("plain", 4, 4096, 8);
    for (int entry = 0; entry < ENTRIES; entry++)
        others += atomic_load(&calls[entry]) != first[entry];
    CU_ASSERT_TRUE(others > 0);
}

static void test_no_memory_breaks_no_promise(void)
{
    fault = FAULT_NO_MEMORY;
    for (uint64_t seed = 0; seed < 5; seed++)
        check_clean("plain", 4, 4096, seed);
    fault = FAULT_NONE;
}

/* 1 if a promise was broken, as it must be. */
static int run_faulty(void *which)
{
    struct workload_context context = drive_context(&workload_heap_churn, NULL, 3);

    fault = *(enum fault *)which;
    return drive_run(&workload_heap_churn, &context) > 0;
}

static void check_found_out(enum fault which)
{
    CU_ASSERT_EQUAL(drive_apart(run_faulty, &which), 1);
}

static void test_an_honest_allocator_is_not_accused(void)
{
    enum fault none = FAULT_NONE;

    CU_ASSERT_EQUAL(drive_apart(run_faulty, &none), 0);
}

static void test_dirty_calloc_is_found_out(void)
{
    check_found_out(FAULT_DIRTY_CALLOC);
}

static void test_wrong_alignment_is_found_out(void)
{
    check_found_out(FAULT_CROOKED);
}

static void test_lost_contents_are_found_out(void)
{
    check_found_out(FAULT_FORGETFUL);
}

static int run_stray_writes(void *unused)
{
    struct workload_context context = drive_context(&workload_heap_churn, NULL, 3);

    (void)unused;
    fault = FAULT_STRAY_WRITE;
    drive_run(&workload_heap_churn, &context);
    return (int)atomic_load(&seen);
}

static void test_stray_write_is_found_out(void)
{
    CU_ASSERT_EQUAL(drive_apart(run_stray_writes, NULL), SEEN_AT_FREE | SEEN_BEFORE_REALLOC);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"clean for many seeds", test_clean_for_many_seeds},
        {"clean at the edges of its parameters", test_clean_at_the_edges_of_its_parameters},
        {"every entry point is used", test_every_entry_point_is_used},
        {"blocks are freed by other threads", test_blocks_are_freed_by_other_threads},
        {"calls depend on the seed alone", test_calls_depend_on_the_seed_alone},
        {"no memory breaks no promise", test_no_memory_breaks_no_promise},
        {"an honest allocator is not accused", test_an_honest_allocator_is_not_accused},
        {"dirty calloc is found out", test_dirty_calloc_is_found_out},
        {"wrong alignment is found out", test_wrong_alignment_is_found_out},
        {"lost contents are found out", test_lost_contents_are_found_out},
        {"a stray write is found out", test_stray_write_is_found_out},
        CU_TEST_INFO_NULL,
    };

    main_thread = pthread_self();
    return drive_suite("heap-churn", tests);
}
