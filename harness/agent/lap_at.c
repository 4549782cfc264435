/*
 * lap_at: counts a lap where somebody enters a function (--lap-at).
 *
 * The function's first instructions give way to a jump, once, and do their work in a page of ours
 * near by, behind the counting. Nothing is taken out again and nobody is stepped, so any number
 * of threads may come by at once; no signal is needed, so a thread may block all of them. It is
 * done before the program has threads; for a module that comes later, as soon as it is loaded.
 *
 * The supervisor has looked at the code beforehand (supervisor/run/lap_at.c): which instructions
 * are moved, that no jump leads between them, and what of them has to be made to fit.
 */
#include "agent.h"
#include "lap.h"

#include <cpuid.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

enum {
    PAGE = 4096,
    JUMP_BYTES = 5,
    TRIES = 4096, /* pages asked for below the module, 64 KiB apart */
    APART = 65536,
};

static uint8_t *stub; /* our page; NULL while there is none */
static uint64_t installed_at;
static uint32_t installing;

void lap_at_hit(void) __attribute__((used));

/*
 * Called by the stub with the stack below the red zone. Keeps all registers, those of vectors too:
 * at a function's entry they are its arguments. 0xe7: x87, SSE, AVX and AVX-512; the area is what
 * these take, and its header has to be 0.
 */
void lap_at_entry(void);
__asm__(".text\n"
        ".type lap_at_entry, @function\n"
        "lap_at_entry:\n"
        "pushfq\n"
        "cld\n"
        "pushq %rax\npushq %rcx\npushq %rdx\npushq %rsi\npushq %rdi\n"
        "pushq %r8\npushq %r9\npushq %r10\npushq %r11\n"
        "pushq %rbp\n"
        "movq %rsp, %rbp\n"
        "subq $2816, %rsp\n"
        "andq $-64, %rsp\n"
        "xorl %eax, %eax\n"
        "movq %rax, 512(%rsp)\nmovq %rax, 520(%rsp)\nmovq %rax, 528(%rsp)\n"
        "movq %rax, 536(%rsp)\nmovq %rax, 544(%rsp)\nmovq %rax, 552(%rsp)\n"
        "movq %rax, 560(%rsp)\nmovq %rax, 568(%rsp)\n"
        "movl $0xe7, %eax\n"
        "xorl %edx, %edx\n"
        "xsave64 (%rsp)\n"
        "call lap_at_hit\n"
        "movl $0xe7, %eax\n"
        "xorl %edx, %edx\n"
        "xrstor64 (%rsp)\n"
        "movq %rbp, %rsp\n"
        "popq %rbp\n"
        "popq %r11\npopq %r10\npopq %r9\npopq %r8\n"
        "popq %rdi\npopq %rsi\npopq %rdx\npopq %rcx\npopq %rax\n"
        "popfq\n"
        "ret\n"
        ".size lap_at_entry, . - lap_at_entry\n");

/* A signal's handler that comes by while its thread is in here counts for nothing. */
void lap_at_hit(void)
{
    struct abi_lane *lane = agent_lane;

    if (!agent_active || (lane == NULL && (lane = lane_adopt()) == NULL) || lane->depth != 0 ||
        lane->elsewhere)
        return;
    lane->depth = 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    lap_count(lane);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    lane->depth = 0;
    if (UNLIKELY(lane->attention & ATTEND_DIE))
        strike_vanish();
}

/* --- the module ------------------------------------------------------------------------------ */

static bool is_named(const struct link_map *map, const char *name)
{
    const char *slash = strrchr(map->l_name, '/');

    if (name[0] == 0)
        return map->l_prev == NULL;
    if (strchr(name, '/') != NULL)
        return strcmp(map->l_name, name) == 0;
    return strcmp(slash != NULL ? slash + 1 : map->l_name, name) == 0;
}

static const struct link_map *find_module(const char *name)
{
    const struct link_map *map = _r_debug.r_map;

    while (map != NULL && !is_named(map, name))
        map = map->l_next;
    return map;
}

static bool has_xsave(void)
{
    unsigned a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_OSXSAVE) != 0;
}

/* --- the code -------------------------------------------------------------------------------- */

/* A page that a jump of 32 bits reaches, below the module. */
static uint8_t *page_near(uint64_t address)
{
    uint64_t below = address & ~(uint64_t)(APART - 1);

    for (unsigned i = 1; i <= TRIES && below > (uint64_t)i * APART; i++) {
        void *wanted = (void *)(below - (uint64_t)i * APART);
        void *page = mmap(wanted, PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

        if (page == wanted)
            return page;
        if (page != MAP_FAILED)
            munmap(page, PAGE); /* an old kernel took the address for a hint */
    }
    return NULL;
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

/* jmp *0(%rip), and where to. */
static uint8_t *put_far_jump(uint8_t *at, uint64_t target)
{
    at = put(at, "\xff\x25\0\0\0\0", 6);
    return put(at, &target, sizeof target);
}

/* lea -128(%rsp),%rsp; call *2(%rip); jmp over the address; address; lea 128(%rsp),%rsp */
static uint8_t *put_call(uint8_t *at)
{
    uint64_t entry = (uint64_t)lap_at_entry;

    at = put(at, "\x48\x8d\x64\x24\x80", 5);
    at = put(at, "\xff\x15\x02\0\0\0\xeb\x08", 8);
    at = put(at, &entry, sizeof entry);
    return put(at, "\x48\x8d\xa4\x24\x80\0\0\0", 8);
}

static bool fits(int64_t distance)
{
    return distance == (int32_t)distance;
}

static bool put_moved(uint8_t *at, const struct abi_lap_at *what, uint64_t bias)
{
    memcpy(at, what->code, what->code_bytes);
    for (uint32_t i = 0; i < what->fixups && i < ABI_LAP_FIXUPS; i++) {
        uint64_t end = (uint64_t)at + what->fixup[i].end;
        int64_t distance = (int64_t)(bias + what->fixup[i].target - end);
        int32_t near = (int32_t)distance;

        if (!fits(distance) || what->fixup[i].position + sizeof near > what->code_bytes)
            return false;
        memcpy(at + what->fixup[i].position, &near, sizeof near);
    }
    return true;
}

static bool write_stub(const struct abi_lap_at *what, uint64_t bias)
{
    uint8_t *at = put_call(stub);

    if (!put_moved(at, what, bias))
        return false;
    put_far_jump(at + what->code_bytes, bias + what->address + what->old_bytes);
    return mprotect(stub, PAGE, PROT_READ | PROT_EXEC) == 0;
}

/* The one moment in which code is changed. In one store, where it lies so that it can be. */
static bool write_jump(uint8_t *at)
{
    uint8_t *first = (uint8_t *)((uint64_t)at & ~(uint64_t)(PAGE - 1));
    size_t length = (size_t)(at + JUMP_BYTES - first);
    int64_t distance = stub - (at + JUMP_BYTES);
    int32_t near = (int32_t)distance;
    uint8_t word[8];

    if (!fits(distance) || mprotect(first, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return false;
    memcpy(word, at, sizeof word);
    word[0] = 0xe9;
    memcpy(word + 1, &near, sizeof near);
    if ((uint64_t)at % sizeof word == 0)
        __atomic_store_n((uint64_t *)(void *)at, *(const agent_word *)(const void *)word,
                         __ATOMIC_SEQ_CST);
    else
        memcpy(at, word, JUMP_BYTES);
    return mprotect(first, length, PROT_READ | PROT_EXEC) == 0;
}

static uint32_t install(const struct abi_lap_at *what, uint64_t bias)
{
    uint8_t *code = (uint8_t *)(bias + what->address);

    if (what->old_bytes < JUMP_BYTES || what->old_bytes > ABI_LAP_CODE ||
        what->code_bytes > ABI_LAP_CODE || memcmp(code, what->old, what->old_bytes) != 0)
        return REMARK_LAP_CODE;
    if (stub != NULL)
        munmap(stub, PAGE); /* of the module at another place, which is gone */
    stub = has_xsave() ? page_near((uint64_t)code) : NULL;
    if (stub == NULL || !write_stub(what, bias) || !write_jump(code))
        return REMARK_LAP_PLACE;
    installed_at = (uint64_t)code;
    return 0;
}

void lap_at_install(void)
{
    const struct abi_lap_at *what = &agent_memory->lap_at;
    const struct link_map *map;

    if (CONTROL->lap_mode != LAPS_AT || (map = find_module(what->module)) == NULL ||
        __atomic_exchange_n(&installing, 1, __ATOMIC_ACQUIRE) != 0)
        return; /* who is at it does it for all */
    if (installed_at != map->l_addr + what->address || *(const uint8_t *)installed_at != 0xe9)
        __atomic_fetch_or(&CONTROL->remarks, install(what, map->l_addr), __ATOMIC_RELAXED);
    __atomic_store_n(&installing, 0, __ATOMIC_RELEASE);
}
