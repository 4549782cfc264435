/*
 * test_space: maps and memory of another process, and of one that isn't there.
 */
#include <harness/supervisor/process/space.h>

#include <harness/tests/unwind_tests.h>

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char odd_name[] = "/tmp/test_space odd\nname.XXXXXX";
static char odd_path[64];
static char pattern[3 * SPACE_PAGE];

/* Three pages in a row, of which the last is taken away; and a file with an odd name. */
static void pages_target(struct board *board)
{
    char *pages =
        mmap(NULL, sizeof pattern, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open(odd_path, O_RDONLY | O_CLOEXEC);
    void *file = mmap(NULL, SPACE_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

    memcpy(pages, pattern, 2 * SPACE_PAGE);
    munmap(pages + 2 * SPACE_PAGE, SPACE_PAGE);
    atomic_store(&board->address[0], (uintptr_t)pages);
    atomic_store(&board->address[1], (uintptr_t)file);
    board_post(board, 1);
    board_wait(board, 2);
    pages[0]++;
    board_post(board, 3);
    target_sleep(board);
}

static pid_t start_pages(struct board *board)
{
    pid_t pid;
    int fd;

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)(i * 7 + i / SPACE_PAGE);
    strcpy(odd_path, odd_name);
    fd = mkstemp(odd_path);
    if (fd < 0 || ftruncate(fd, SPACE_PAGE) != 0)
        exit(TARGET_BROKEN);
    close(fd);
    pid = target_start(pages_target, board);
    board_wait(board, 1);
    return pid;
}

static void test_read(void)
{
    struct board *board = board_new();
    pid_t pid = start_pages(board);
    static char got[sizeof pattern];
    struct error e = {0};
    struct space space;
    uint64_t pages = atomic_load(&board->address[0]);

    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(space_read(&space, pages + 5, got, 100), 100);
    CU_ASSERT_EQUAL(memcmp(got, pattern + 5, 100), 0);
    CU_ASSERT_EQUAL(space_read(&space, pages + SPACE_PAGE - 4, got, 8), 8);
    CU_ASSERT_EQUAL(memcmp(got, pattern + SPACE_PAGE - 4, 8), 0);
    CU_ASSERT_EQUAL(space_read(&space, pages + 5, got, sizeof got), 2 * SPACE_PAGE - 5);
    CU_ASSERT_EQUAL(memcmp(got, pattern + 5, 2 * SPACE_PAGE - 5), 0);
    CU_ASSERT_EQUAL(space_read(&space, pages + 2 * SPACE_PAGE - 4, got, 8), 4);
    CU_ASSERT_EQUAL(space_read(&space, pages + 2 * SPACE_PAGE, got, 8), 0);
    CU_ASSERT_EQUAL(space_read(&space, 0, got, 8), 0);
    CU_ASSERT_EQUAL(space_read(&space, ~(uint64_t)0 - 3, got, 8), 0);
    CU_ASSERT_EQUAL(space_read(&space, 0xffff800000000000, got, sizeof got), 0);
    CU_ASSERT_EQUAL(space_read(&space, pages, got, 0), 0);
    space_close(&space);
    target_kill(pid);
    unlink(odd_path);
    board_free(board);
}

static void test_pages_are_kept_until_forgotten(void)
{
    struct board *board = board_new();
    pid_t pid = start_pages(board);
    struct error e = {0};
    struct space space;
    uint64_t pages = atomic_load(&board->address[0]);
    char before, after;

    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, pid, &e), 0);
    CU_ASSERT_EQUAL(space_read(&space, pages, &before, 1), 1);
    board_post(board, 2);
    board_wait(board, 3);
    CU_ASSERT_EQUAL(space_read(&space, pages, &after, 1), 1);
    CU_ASSERT_EQUAL(before, after);
    space_forget(&space);
    CU_ASSERT_EQUAL(space_read(&space, pages, &after, 1), 1);
    CU_ASSERT_EQUAL((char)(before + 1), after);
    space_close(&space);
    target_kill(pid);
    unlink(odd_path);
    board_free(board);
}

static void test_maps(void)
{
    struct board *board = board_new();
    pid_t pid = start_pages(board);
    const struct space_map *map;
    struct error e = {0};
    struct space space;
    struct stat status;
    uint64_t pages = atomic_load(&board->address[0]), file = atomic_load(&board->address[1]);

    CU_ASSERT_EQUAL_FATAL(stat(odd_path, &status), 0);
    unlink(odd_path);
    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, pid, &e), 0);
    map = space_find(&space, file + 100);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    CU_ASSERT_STRING_EQUAL(map->path, odd_path);
    CU_ASSERT_TRUE(map->deleted && map->readable && map->executable);
    CU_ASSERT_EQUAL(map->inode, status.st_ino);
    CU_ASSERT_EQUAL(map->device, status.st_dev);
    CU_ASSERT_EQUAL(map->start, file);
    CU_ASSERT_EQUAL(map->end, file + SPACE_PAGE);
    map = space_find(&space, pages);
    CU_ASSERT_PTR_NOT_NULL_FATAL(map);
    CU_ASSERT_STRING_EQUAL(map->path, "");
    CU_ASSERT_FALSE(map->executable || map->deleted);
    CU_ASSERT_PTR_NULL(space_find(&space, 0));
    CU_ASSERT_PTR_NULL(space_find(&space, ~(uint64_t)0));
    for (size_t i = 1; i < space.maps; i++)
        CU_ASSERT_TRUE(space.map[i].start >= space.map[i - 1].end);
    space_close(&space);
    space_close(&space);
    target_kill(pid);
    board_free(board);
}

/* Many maps: the text of the file is longer than one read gives. */
static void many_maps_target(struct board *board)
{
    char *pages = mmap(NULL, 4000 * SPACE_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < 4000; i += 2)
        mprotect(pages + i * SPACE_PAGE, SPACE_PAGE, PROT_NONE);
    atomic_store(&board->address[0], (uintptr_t)pages);
    board_post(board, 1);
    target_sleep(board);
}

static void test_many_maps(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(many_maps_target, board);
    struct error e = {0};
    struct space space;
    uint64_t pages;
    bool right = true;

    board_wait(board, 1);
    pages = atomic_load(&board->address[0]);
    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, pid, &e), 0);
    CU_ASSERT_TRUE(space.maps > 4000);
    for (uint64_t i = 0; i < 4000; i++) {
        const struct space_map *map = space_find(&space, pages + i * SPACE_PAGE + 1);

        right = right && map != NULL && map->readable == (i % 2 == 1);
    }
    CU_ASSERT_TRUE(right);
    space_close(&space);
    target_kill(pid);
    board_free(board);
}

static void *survivor(void *arg)
{
    struct board *board = arg;

    atomic_store(&board->tid[0], target_tid());
    atomic_store(&board->address[0], (uintptr_t)pattern);
    board_post(board, 1);
    target_sleep(board);
    return NULL;
}

static void headless_target(struct board *board)
{
    pthread_t thread;

    pthread_create(&thread, NULL, survivor, board);
    syscall(SYS_exit, 0);
}

static void test_dead_leader(void)
{
    struct board *board = board_new();
    pid_t pid = target_start(headless_target, board);
    struct error e = {0};
    struct space space;
    char got[16];

    board_wait(board, 1);
    target_wait_state(pid, pid, 'Z');
    CU_ASSERT_EQUAL(space_open(&space, pid, pid, &e), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL_FATAL(space_open(&space, pid, atomic_load(&board->tid[0]), &e), 0);
    CU_ASSERT_EQUAL(space_read(&space, (uintptr_t)pattern, got, sizeof got), sizeof got);
    target_kill(pid);
    space_forget(&space);
    CU_ASSERT_EQUAL(space_read(&space, (uintptr_t)pattern, got, sizeof got), 0);
    space_close(&space);
    CU_ASSERT_EQUAL(space_open(&space, pid, pid, &e), ERROR_NOT_FOUND);
    board_free(board);
}

static void test_no_process(void)
{
    struct space space;
    char byte;

    space_none(&space);
    CU_ASSERT_EQUAL(space_read(&space, (uintptr_t)&byte, &byte, 1), 0);
    CU_ASSERT_PTR_NULL(space_find(&space, (uintptr_t)&byte));
    space_close(&space);
}

static void test_refused_says_what_to_do(void)
{
    struct error e = {0};

    CU_ASSERT_EQUAL(space_refused(&e, "ptrace", 4711), ERROR_PERMISSION);
    CU_ASSERT_EQUAL(e.code, ERROR_PERMISSION);
    CU_ASSERT_TRUE(strstr(e.text, "ptrace: process 4711") == e.text);
    CU_ASSERT_TRUE(strstr(e.text, "/proc/sys/kernel/yama/ptrace_scope") != NULL);
    CU_ASSERT_TRUE(strstr(e.text, "CAP_SYS_PTRACE") != NULL);
    CU_ASSERT_TRUE(strlen(e.text) < sizeof e.text - 1);
}

static CU_TestInfo tests[] = {
    {"reading", test_read},
    {"pages are kept until forgotten", test_pages_are_kept_until_forgotten},
    {"maps", test_maps},
    {"many maps", test_many_maps},
    {"a dead leader", test_dead_leader},
    {"no process", test_no_process},
    {"a refusal says what to do", test_refused_says_what_to_do},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    return unwind_tests("space", NULL, NULL, tests);
}
