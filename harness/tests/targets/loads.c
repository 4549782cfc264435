/*
 * loads: loads and unloads modules in every way in which the caller's place matters. RUNPATH leads
 * this program to plugins/, and those to plugins/deeper/.
 *
 * Of each module it says the range: "low_NAME" and "high_NAME".
 */
#include "scene.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { ROUNDS = 200, THREADS = 4, THREAD_ROUNDS = 25 };

/* The return address is in here, and in a module of its own each. */
__attribute__((noinline, ONE_COPY)) static void *at_load(const char *name, int flags)
{
    void *handle = dlopen(name, flags);

    __asm__ volatile("" : "+r"(handle) : : "memory");
    return handle;
}

__attribute__((noinline, ONE_COPY)) static int at_close(void *handle)
{
    int result = dlclose(handle);

    __asm__ volatile("" : "+r"(result) : : "memory");
    return result;
}

static void say_range(const char *name, const void *handle)
{
    const struct link_map *map = handle;
    struct dl_find_object object;
    char word[64];

    if (_dl_find_object(map->l_ld, &object) != 0)
        return;
    snprintf(word, sizeof word, "low_%s", name);
    say(word, (uintptr_t)object.dlfo_map_start);
    snprintf(word, sizeof word, "high_%s", name);
    say(word, (uintptr_t)object.dlfo_map_end);
}

static int call(void *handle, const char *name)
{
    int (*function)(void) = NULL;

    *(void **)&function = dlsym(handle, name);
    return function != NULL ? function() : -1;
}

/* --- who is the caller ------------------------------------------------------------------------ */

static int play_runpath(void)
{
    void *handle = at_load("plug_plain.so", RTLD_NOW);

    say("at_load", (uintptr_t)at_load);
    say("at_close", (uintptr_t)at_close);
    NEED(handle != NULL);
    say_range("plug_plain", handle);
    NEED(call(handle, "plain_count") == 1 && call(handle, "plain_count") == 2);
    NEED(at_close(handle) == 0);
    handle = at_load("$ORIGIN/plugins/plug_plain.so", RTLD_LAZY);
    NEED(handle != NULL && call(handle, "plain_count") == 1);
    NEED(at_close(handle) == 0);
    NEED(at_load("plug_plain.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    return 0;
}

static int play_carrier(void)
{
    void *carrier = at_load("plug_carrier.so", RTLD_NOW);
    void *(*load)(const char *) = NULL;
    void *inner;

    NEED(carrier != NULL);
    say_range("plug_carrier", carrier);
    *(void **)&load = dlsym(carrier, "carrier_load");
    NEED(load != NULL);
    NEED(at_load("deep_inner.so", RTLD_NOW) == NULL); /* our RUNPATH does not lead there */
    NEED((inner = load("deep_inner.so")) != NULL);
    say_range("deep_inner", inner);
    NEED(call(inner, "inner_answer") == 42);
    NEED(load("$ORIGIN/deeper/deep_inner.so") == inner);
    NEED(at_close(inner) == 0 && at_close(inner) == 0 && at_close(carrier) == 0);
    return 0;
}

int scene_next(void);
int scene_next(void)
{
    return 1;
}

/* RTLD_NEXT asks for what follows the caller's own module. */
static int play_next(void)
{
    void *carrier = at_load("plug_carrier.so", RTLD_NOW);
    void *(*find)(const char *) = NULL;
    void *(*open_by_pointer)(const char *, int) = NULL;
    int (*next)(void) = NULL;
    void *handle;

    *(void **)&next = dlsym(RTLD_NEXT, "scene_next");
    NEED(scene_next() == 1 && next != NULL && next() == 2);
    NEED(carrier != NULL);
    *(void **)&find = dlsym(carrier, "carrier_next");
    NEED(find != NULL && find("carrier_load") == NULL && find("malloc") != NULL);
    *(void **)&open_by_pointer = dlsym(RTLD_NEXT, "dlopen");
    NEED(open_by_pointer != NULL);
    handle = open_by_pointer("plug_plain.so", RTLD_NOW);
    NEED(handle != NULL && at_close(handle) == 0);
    NEED(at_close(carrier) == 0);
    return 0;
}

/* A module of that name in a namespace of its own is another one; so is its libc. */
static int play_namespace(void)
{
    void *here = at_load("plug_plain.so", RTLD_NOW);
    void *there = dlmopen(LM_ID_NEWLM, "plug_plain.so", RTLD_NOW);
    Lmid_t space = LM_ID_BASE;

    NEED(here != NULL && there != NULL && here != there);
    NEED(dlinfo(there, RTLD_DI_LMID, &space) == 0 && space != LM_ID_BASE);
    say_range("here", here);
    say_range("there", there);
    NEED(call(here, "plain_count") == 1 && call(here, "plain_count") == 2);
    NEED(call(there, "plain_count") == 1);
    NEED(dlmopen(space, "plug_missing.so", RTLD_NOW) == NULL && dlerror() != NULL);
    NEED(at_close(there) == 0 && at_close(here) == 0);
    return 0;
}

/* Code that is in no module: the loader takes the program for its caller. */
static int play_generated(void)
{
    static const unsigned char code[] = {
        0x48, 0x83, 0xec, 0x08, /* sub $8, %rsp */
        0xff, 0xd2,             /* call *%rdx */
        0x48, 0x83, 0xc4, 0x08, /* add $8, %rsp */
        0xc3,                   /* ret */
    };
    void *(*load)(const char *, int, void *(*)(const char *, int)) = NULL;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *handle;

    NEED(page != MAP_FAILED);
    memcpy(page, code, sizeof code);
    NEED(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
    memcpy(&load, &page, sizeof load);
    handle = load("plug_plain.so", RTLD_NOW, dlopen);
    NEED(handle != NULL && call(handle, "plain_count") == 1);
    NEED(at_close(handle) == 0);
    return 0;
}

/* --- failures ------------------------------------------------------------------------------------
 */

static int play_missing(void)
{
    const char *text;

    dlerror();
    NEED(at_load("plug_missing.so", RTLD_NOW) == NULL);
    text = dlerror();
    NEED(text != NULL && strstr(text, "plug_missing.so") != NULL && strstr(text, "No such file"));
    NEED(dlerror() == NULL);
    NEED(at_load("plug_unfinished.so", RTLD_NOW) == NULL);
    text = dlerror();
    NEED(text != NULL && strstr(text, "nowhere_defined") != NULL);
    NEED(dlerror() == NULL);
    NEED(at_load("plug_plain.so", 0) == NULL);
    text = dlerror();
    NEED(text != NULL && strstr(text, "invalid mode") != NULL);
    NEED(at_load("/dev/null", RTLD_NOW) == NULL && dlerror() != NULL);
    return 0;
}

/* An error that nobody has asked for yet stays through what succeeds. */
static int play_error_kept(void)
{
    void *handle;
    const char *text;

    NEED(at_load("plug_missing.so", RTLD_NOW) == NULL);
    free(malloc(10));
    text = dlerror();
    NEED(text != NULL && strstr(text, "plug_missing.so") != NULL);
    NEED((handle = at_load("plug_plain.so", RTLD_NOW)) != NULL);
    NEED(dlsym(handle, "nowhere_defined") == NULL);
    text = dlerror();
    NEED(text != NULL && strstr(text, "nowhere_defined") != NULL);
    NEED(at_close(handle) == 0);
    NEED(dlerror() == NULL);
    return 0;
}

/* --- more than one
 * ---------------------------------------------------------------------------------- */

static int play_constructor(void)
{
    void *handle = at_load("plug_ctor.so", RTLD_NOW);
    void *inner;

    NEED(handle != NULL && call(handle, "ctor_answer") == 42);
    say_range("plug_ctor", handle);
    inner = dlsym(handle, "ctor_answer");
    NEED(inner != NULL);
    NEED(at_close(handle) == 0);
    return 0;
}

static int play_needs(void)
{
    void *handle = at_load("plug_needs.so", RTLD_NOW);

    NEED(handle != NULL && call(handle, "needs_answer") == 8);
    say_range("plug_needs", handle);
    NEED(at_close(handle) == 0);
    return 0;
}

static int play_counted(void)
{
    void *handle = at_load("plug_plain.so", RTLD_NOW);

    NEED(handle != NULL && at_load("plug_plain.so", RTLD_NOW) == handle);
    NEED(at_load("plug_plain.so", RTLD_NOW | RTLD_NOLOAD) == handle);
    NEED(at_close(handle) == 0);
    return 0;
}

static int play_stays(void)
{
    void *handle = at_load("plug_plain.so", RTLD_NOW | RTLD_NODELETE);

    NEED(handle != NULL && at_close(handle) == 0);
    NEED(at_load("plug_plain.so", RTLD_NOW | RTLD_NOLOAD) == handle);
    return 0;
}

/* More loads than the table of modules is long. */
static int play_rounds(void)
{
    void *kept = at_load("plug_carrier.so", RTLD_NOW);

    NEED(kept != NULL);
    for (int i = 0; i < ROUNDS; i++) {
        void *first = at_load("plug_plain.so", RTLD_NOW);
        void *second = at_load("plug_needs.so", RTLD_LAZY);

        NEED(first != NULL && second != NULL);
        NEED(call(first, "plain_count") == 1);
        NEED(at_close(first) == 0 && at_close(second) == 0);
    }
    return 0;
}

static void *load_often(void *argument)
{
    static const char *const names[] = {"plug_plain.so", "plug_needs.so", "plug_carrier.so",
                                        "plug_ctor.so"};

    for (unsigned i = 0; i < THREAD_ROUNDS; i++) {
        void *handle = at_load(names[((uintptr_t)argument + i) % 4], RTLD_NOW);

        if (handle == NULL || at_close(handle) != 0)
            return argument;
    }
    return NULL;
}

static int play_threads(void)
{
    pthread_t thread[THREADS];
    void *failed;

    for (uintptr_t i = 0; i < THREADS; i++)
        NEED(pthread_create(&thread[i], NULL, load_often, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        NEED(pthread_join(thread[i], &failed) == 0 && failed == NULL);
    return 0;
}

/* --- another process ----------------------------------------------------------------------------
 */

static int play_forked(void)
{
    void *handle = at_load("plug_plain.so", RTLD_NOW);
    int status = -1;
    pid_t child;

    NEED(handle != NULL && (child = fork()) >= 0);
    if (child == 0)
        _exit(at_close(handle) == 0 && at_load("plug_carrier.so", RTLD_NOW) != NULL ? 0 : 1);
    NEED(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}

/* --- the end
 * ------------------------------------------------------------------------------------------ */

static void *open_handle[3];

static void close_all(void)
{
    for (int i = 0; i < 3; i++)
        if (at_close(open_handle[i]) != 0)
            _exit(3);
    say("closed", 3);
}

static int play_atexit(void)
{
    static const char *const names[] = {"plug_plain.so", "plug_needs.so", "plug_ctor.so"};

    for (int i = 0; i < 3; i++)
        NEED((open_handle[i] = at_load(names[i], RTLD_NOW)) != NULL);
    NEED(atexit(close_all) == 0);
    return 0;
}

/* Its destructor runs when the loader has taken from most modules the mark "constructors have run".
 */
static int play_late(void)
{
    NEED(at_load("plug_late.so", RTLD_NOW) != NULL);
    return 0;
}

/* --- stacks
 * ---------------------------------------------------------------------------------------------- */

extern void *unwind_frames[64] __attribute__((visibility("default")));
extern int unwind_count __attribute__((visibility("default")));
void *unwind_frames[64];
int unwind_count;

static bool passes(uintptr_t from, uintptr_t to)
{
    for (int i = 0; i < unwind_count; i++)
        if ((uintptr_t)unwind_frames[i] > from && (uintptr_t)unwind_frames[i] < to)
            return true;
    return false;
}

int main(int argc, char **argv);

/* From a constructor back to main, through whatever stands in between. */
static int play_unwind(void)
{
    void *handle;

    unwind_count = backtrace(unwind_frames, 64); /* loads the unwinder */
    unwind_count = 0;
    handle = at_load("plug_unwind.so", RTLD_NOW);
    NEED(handle != NULL && unwind_count > 3);
    NEED(passes((uintptr_t)at_load, (uintptr_t)at_load + 256));
    NEED(passes((uintptr_t)main, (uintptr_t)main + 256));
    NEED(at_close(handle) == 0);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        {"runpath", play_runpath},
        {"carrier", play_carrier},
        {"next", play_next},
        {"namespace", play_namespace},
        {"generated", play_generated},
        {"missing", play_missing},
        {"error-kept", play_error_kept},
        {"constructor", play_constructor},
        {"needs", play_needs},
        {"counted", play_counted},
        {"stays", play_stays},
        {"rounds", play_rounds},
        {"threads", play_threads},
        {"atexit", play_atexit},
        {"late", play_late},
        {"unwind", play_unwind},
        {"forked", play_forked},
        {NULL, NULL},
    };
    int status = scene_play(scenes, argc, argv);

    __asm__ volatile("" : "+r"(status)); /* no tail call: main stays on the stack */
    return status;
}
