/*
 * Tests of locks: what is read from the bytes of a lock must be what the C library of this
 * machine has just written there; and bytes at random must never be believed too much.
 */
#include <harness/supervisor/evidence/locks.h>

#include <CUnit/Basic.h>

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pid_t self(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static struct locks_mutex mutex_of(const pthread_mutex_t *mutex)
{
    struct locks_mutex read;

    _Static_assert(sizeof *mutex == LOCKS_MUTEX_BYTES, "as glibc has it on x86-64");
    locks_mutex((const uint8_t *)mutex, &read);
    return read;
}

/* --- mutexes ------------------------------------------------------------------------------- */

struct sort {
    int type, robust, protocol, shared;
    const char *words;
};

static const struct sort sorts[] = {
    {PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE, 0, ""},
    {PTHREAD_MUTEX_RECURSIVE, 0, PTHREAD_PRIO_NONE, 0, "recursive"},
    {PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PRIO_NONE, 0, "error-checking"},
    {PTHREAD_MUTEX_ADAPTIVE_NP, 0, PTHREAD_PRIO_NONE, 0, "adaptive"},
    {PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_INHERIT, 0, "priority-inheriting"},
    {PTHREAD_MUTEX_RECURSIVE, 0, PTHREAD_PRIO_INHERIT, 0, "recursive, priority-inheriting"},
    {PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE, 1, "process-shared"},
    {PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PRIO_NONE, 1, "robust, process-shared"},
    {PTHREAD_MUTEX_RECURSIVE, 1, PTHREAD_PRIO_NONE, 1, "recursive, robust, process-shared"},
    {PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PRIO_INHERIT, 1,
     "robust, priority-inheriting, process-shared"},
};

static void make(pthread_mutex_t *mutex, const struct sort *sort)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, sort->type);
    pthread_mutexattr_setrobust(&attr, sort->robust);
    pthread_mutexattr_setprotocol(&attr, sort->protocol);
    pthread_mutexattr_setpshared(&attr, sort->shared);
    CU_ASSERT_EQUAL_FATAL(pthread_mutex_init(mutex, &attr), 0);
}

static void test_mutexes(void)
{
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        pthread_mutex_t mutex;
        struct locks_mutex read;
        char words[120];

        make(&mutex, &sorts[i]);
        read = mutex_of(&mutex);
        CU_ASSERT_TRUE(read.plausible && !read.taken);
        pthread_mutex_lock(&mutex);
        read = mutex_of(&mutex);
        CU_ASSERT_TRUE(read.plausible && read.taken);
        CU_ASSERT_EQUAL(read.owner, self());
        locks_mutex_kind(&read, words, sizeof words);
        CU_ASSERT_STRING_EQUAL(words, sorts[i].words);
        pthread_mutex_unlock(&mutex);
        read = mutex_of(&mutex);
        CU_ASSERT_TRUE(read.plausible && !read.taken);
        pthread_mutex_destroy(&mutex);
        read = mutex_of(&mutex);
        CU_ASSERT_TRUE(read.destroyed && !read.plausible);
    }
}

static void *dies_with(void *mutex)
{
    pthread_mutex_lock(mutex);
    return NULL;
}

static void test_robust_owner_dies(void)
{
    pthread_mutex_t mutex;
    struct locks_mutex read;
    pthread_t thread;

    make(&mutex, &sorts[7]);
    pthread_create(&thread, NULL, dies_with, &mutex);
    pthread_join(thread, NULL);
    read = mutex_of(&mutex);
    CU_ASSERT_TRUE(read.plausible && read.taken && read.owner_died);
}

/* The loader's own locks, wherever they lie: one is held while a visitor is called. */
static unsigned count_held(const uint8_t *from, const uint8_t *to)
{
    unsigned count = 0;
    pid_t owner;

    for (; from + LOCKS_MUTEX_BYTES <= to; from += 8)
        count += locks_held_recursive(from, &owner) && owner == self();
    return count;
}

struct search {
    const uint8_t *from, *to;
    unsigned inside;
};

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;

    search->inside = count_held(search->from, search->to);
    return 1;
}

static void test_loader(void)
{
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    void *data = dlsym(RTLD_DEFAULT, "_rtld_global");
    struct search search = {data, data, 0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    CU_ASSERT_FATAL(dladdr1(data, &info, (void **)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL);
    search.to = search.from + symbol->st_size;
    CU_ASSERT_EQUAL(count_held(search.from, search.to), 0);
    dl_iterate_phdr(visit, &search);
    CU_ASSERT_EQUAL(search.inside, 1);
    CU_ASSERT_EQUAL(count_held(search.from, search.to), 0);
}

/* --- others ---------------------------------------------------------------------------------- */

static void test_rwlock(void)
{
    pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
    struct locks_rwlock read;

    _Static_assert(sizeof rwlock == LOCKS_RWLOCK_BYTES, "as glibc has it on x86-64");
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_rdlock(&rwlock);
    locks_rwlock((const uint8_t *)&rwlock, &read);
    CU_ASSERT_TRUE(read.plausible && read.readers == 2 && read.writer == 0);
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_wrlock(&rwlock);
    locks_rwlock((const uint8_t *)&rwlock, &read);
    CU_ASSERT_TRUE(read.plausible && read.readers == 0 && read.write_phase);
    CU_ASSERT_EQUAL(read.writer, self());
    pthread_rwlock_unlock(&rwlock);
}

static void test_stream(void)
{
    struct locks_stream read;
    FILE *stream = tmpfile();

    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    flockfile(stream);
    locks_stream(*(const uint8_t *const *)((const char *)stream + 136), &read);
    CU_ASSERT_TRUE(read.plausible);
    CU_ASSERT_EQUAL(read.owner, (uint64_t)pthread_self());
    funlockfile(stream);
    fclose(stream);
}

static void test_idle_objects(void)
{
    struct locks_condition condition;
    struct locks_semaphore semaphore;
    struct locks_barrier barrier;
    pthread_cond_t news = PTHREAD_COND_INITIALIZER;
    pthread_barrier_t gate;
    sem_t slots;

    sem_init(&slots, 0, 3);
    pthread_barrier_init(&gate, NULL, 2);
    locks_condition((const uint8_t *)&news, &condition);
    locks_semaphore((const uint8_t *)&slots, &semaphore);
    locks_barrier((const uint8_t *)&gate, &barrier);
    CU_ASSERT_FALSE(condition.plausible); /* nobody waits */
    CU_ASSERT_FALSE(semaphore.plausible);
    CU_ASSERT_FALSE(barrier.plausible);
    CU_ASSERT_EQUAL(semaphore.value, 3);
    CU_ASSERT_EQUAL(barrier.wanted, 2);
    pthread_barrier_destroy(&gate);
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    return z ^ (z >> 27);
}

/* A search believes what is plausible: noise must hardly ever be that. */
static void test_noise(void)
{
    uint64_t state = 1, word[8];
    unsigned mutexes = 0, rwlocks = 0, loaders = 0, streams = 0;

    for (unsigned i = 0; i < 1000000; i++) {
        struct locks_mutex mutex;
        struct locks_rwlock rwlock;
        struct locks_stream stream;
        pid_t owner;

        for (unsigned w = 0; w < 8; w++)
            word[w] = draw(&state);
        locks_mutex((const uint8_t *)word, &mutex);
        locks_rwlock((const uint8_t *)word, &rwlock);
        locks_stream((const uint8_t *)word, &stream);
        mutexes += mutex.plausible;
        rwlocks += rwlock.plausible;
        streams += stream.plausible;
        loaders += locks_held_recursive((const uint8_t *)word, &owner);
    }
    CU_ASSERT_EQUAL(mutexes + rwlocks + loaders + streams, 0);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("locks", NULL, NULL);
    CU_add_test(suite, "every sort of mutex", test_mutexes);
    CU_add_test(suite, "a robust one whose owner dies", test_robust_owner_dies);
    CU_add_test(suite, "the loader's", test_loader);
    CU_add_test(suite, "rwlock", test_rwlock);
    CU_add_test(suite, "a stream's", test_stream);
    CU_add_test(suite, "nobody waits", test_idle_objects);
    CU_add_test(suite, "noise", test_noise);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    return CU_get_number_of_failures() > 0 || CU_get_error() != CUE_SUCCESS ? 1 : 0;
}
