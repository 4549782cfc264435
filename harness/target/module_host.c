/*
 * module_host: the program that loads, uses and unloads somebody's module, once a lap.
 *
 *     rundown-module-host LIBRARY where=a|b|c [call:'fn(ARGS)'|driver:FILE.so]...
 *     rundown-module-host --check LIBRARY [call:...|driver:...]...
 *
 * where=a  all on the loading thread
 *      =b  used on a thread that outlives the unload and then ends
 *      =c  unloaded while a thread is still inside the use
 *
 * Threads wait for each other by join alone. An injection may kill any of them anywhere, and a
 * join ends then too: nobody here may ever be the one who hangs. For the same reason nothing
 * lies on main's stack. In c the thread inside has a reference of its own, as every caller needs:
 * code that is unmapped under its caller is the caller's fault, whatever the module does. So
 * the module goes away when that thread drops the last reference, right after its use.
 *
 * --check loads the module and looks for the functions, uses nothing, and writes one line to
 * descriptor 3: "ok PATH", "no WHY", or "use N WHY" where the use number N is wrong.
 */
#include <harness/common/call.h>
#include <harness/error.h>
#include <harness/marks.h>

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USES = 64, STATUS_USAGE = 2, ANSWER_FD = 3 };

/** struct use - a call of the module's own function, or a driver that is given the handle. */
struct use {
    bool is_driver;
    const char *text;
    struct call call;
    void (*driver)(void *module);
};

static struct {
    const char *library;
    char where;
    struct use use[USES];
    unsigned uses;
} host;

/* How far the lap's second thread got with the unload; written by it, read after its end. */
enum stage { STAGE_USING, STAGE_CLOSING, STAGE_CLOSED };

static struct {
    void *handle;
    void *function[USES]; /* by use; NULL for drivers */
    uint64_t number;      /* which lap */
    uint64_t random;
    enum stage stage;
} lap;

static enum stage stage(void)
{
    return __atomic_load_n(&lap.stage, __ATOMIC_ACQUIRE);
}

static void set_stage(enum stage next)
{
    __atomic_store_n(&lap.stage, next, __ATOMIC_RELEASE);
}

/* --- the module ------------------------------------------------------------------------------ */

/* No memory is no fault of the module's, but no static TLS is: it comes of earlier laps. */
static void complain(const char *what)
{
    const char *why = dlerror();
    char text[256];

    if (why != NULL && strstr(why, "memory") != NULL && strstr(why, "static TLS") == NULL)
        return;
    snprintf(text, sizeof text, "lap %llu: %s: %s", (unsigned long long)lap.number, what,
             why != NULL ? why : "no reason given");
    mark_invariant(text);
}

/* Twice: the loader does not always say that an allocation failed, and an injected one is one. */
static void *open_module(void)
{
    void *module = NULL;

    for (unsigned i = 0; i < 2 && module == NULL; i++)
        module = dlopen(host.library, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL)
        complain("dlopen");
    return module;
}

static void call_with(void *function, const struct call *call)
{
    uintptr_t a[CALL_ARGUMENTS];

    for (unsigned i = 0; i < CALL_ARGUMENTS; i++)
        a[i] = i < call->count ? call_word(call, i) : 0;
    switch (call->count) {
    case 0:
        ((void (*)(void))function)();
        return;
    case 1:
        ((void (*)(uintptr_t))function)(a[0]);
        return;
    case 2:
        ((void (*)(uintptr_t, uintptr_t))function)(a[0], a[1]);
        return;
    case 3:
        ((void (*)(uintptr_t, uintptr_t, uintptr_t))function)(a[0], a[1], a[2]);
        return;
    case 4:
        ((void (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t))function)(a[0], a[1], a[2], a[3]);
        return;
    case 5:
        ((void (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t))function)(
            a[0], a[1], a[2], a[3], a[4]);
        return;
    default:
        ((void (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t))function)(
            a[0], a[1], a[2], a[3], a[4], a[5]);
        return;
    }
}

/* Hosts look functions up once the module is loaded, not at each call. */
static void find_functions(void *module)
{
    for (unsigned i = 0; i < host.uses; i++) {
        const struct use *use = &host.use[i];

        if (use->is_driver)
            continue;
        lap.function[i] = dlsym(module, use->call.name);
        if (lap.function[i] == NULL)
            lap.function[i] = dlsym(module, use->call.name);
        if (lap.function[i] == NULL)
            complain(use->call.name);
    }
}

static void use_once(void *module, unsigned index)
{
    const struct use *use = &host.use[index];

    if (use->is_driver)
        use->driver(module);
    else if (lap.function[index] != NULL)
        call_with(lap.function[index], &use->call);
}

static void use_all(void *module)
{
    for (unsigned i = 0; i < host.uses; i++)
        use_once(module, i);
}

/* --- where ----------------------------------------------------------------------------------- */

static void *close_module(void *module)
{
    dlclose(module);
    return NULL;
}

/* On a thread of its own; without one (no memory) on this. Returns whether @closer is to join. */
static bool begin_close(pthread_t *closer)
{
    set_stage(STAGE_CLOSING);
    if (pthread_create(closer, NULL, close_module, lap.handle) == 0)
        return true;
    dlclose(lap.handle);
    return false;
}

static void end_close(pthread_t closer, bool join)
{
    if (join)
        pthread_join(closer, NULL);
    set_stage(STAGE_CLOSED);
}

/* What the thread has on record to be called at its end is called after the unload. */
static void *use_and_outlive(void *unused)
{
    pthread_t closer;
    bool join;

    use_all(lap.handle);
    join = begin_close(&closer);
    end_close(closer, join);
    return unused;
}

static void *use_while_closed(void *unused)
{
    unsigned when = host.uses > 0 ? (unsigned)(lap.random % host.uses) : 0;
    void *own = open_module();
    pthread_t closer;
    bool join = false;

    if (own == NULL)
        return unused;
    if (host.uses == 0)
        join = begin_close(&closer);
    for (unsigned i = 0; i < host.uses; i++) {
        if (i == when)
            join = begin_close(&closer);
        use_once(own, i);
    }
    end_close(closer, join);
    dlclose(own);
    return unused;
}

/* False if it can't be known whether the module is still ours to close: then no more laps. */
static bool on_a_thread(void *(*routine)(void *))
{
    pthread_t user;

    set_stage(STAGE_USING);
    if (pthread_create(&user, NULL, routine, NULL) == 0)
        pthread_join(user, NULL);
    if (stage() == STAGE_USING) /* it ended early, or never began */
        dlclose(lap.handle);
    return stage() != STAGE_CLOSING;
}

static bool run_lap(void)
{
    lap.handle = open_module();
    if (lap.handle == NULL)
        return true;
    find_functions(lap.handle);
    if (host.where != 'a')
        return on_a_thread(host.where == 'b' ? use_and_outlive : use_while_closed);
    use_all(lap.handle);
    dlclose(lap.handle);
    return true;
}

/* --- laps ------------------------------------------------------------------------------------ */

/* splitmix64: Steele, Lea, Flood, OOPSLA 2014. */
static uint64_t mix(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static int run_laps(void)
{
    uint32_t laps = rundown_mark_laps ? rundown_mark_laps() : 0;
    uint64_t seed = laps != 0 && rundown_mark_seed ? rundown_mark_seed() : 0;
    bool goes_on = true;

    if (laps == 0)
        laps = 1;
    for (uint32_t i = 0; i < laps && goes_on; i++) {
        lap.number = i;
        lap.random = mix(seed + i);
        if (rundown_mark_lap_begin)
            rundown_mark_lap_begin(i);
        goes_on = run_lap();
        if (rundown_mark_lap_end)
            rundown_mark_lap_end(i);
    }
    return 0;
}

/* --- the command line --------------------------------------------------------------------------
 */

static int refuse(const char *what, const char *where)
{
    fprintf(stderr, "rundown-module-host: %s: %s\n", where, what);
    return STATUS_USAGE;
}

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static int read_use(const char *word)
{
    struct use *use = &host.use[host.uses];
    struct error e;

    if (host.uses == USES)
        return refuse("too many uses", word);
    use->is_driver = (use->text = after(word, "driver:")) != NULL;
    if (!use->is_driver && (use->text = after(word, "call:")) == NULL)
        return refuse("no such use", word);
    if (!use->is_driver && call_parse(use->text, &use->call, &e) != 0)
        return refuse(e.text, "call");
    host.uses++;
    return 0;
}

static int read_arguments(char **words)
{
    const char *where;
    int status = 0;

    host.library = *words++;
    if (*words != NULL && (where = after(*words, "where=")) != NULL) {
        host.where = *where;
        if (strlen(where) != 1 || strchr("abc", *where) == NULL)
            return refuse("a, b or c", *words);
        words++;
    }
    for (; *words != NULL && status == 0; words++)
        status = read_use(*words);
    return status;
}

/* Drivers stay: they are no part of what is loaded and unloaded. */
static const char *open_driver(struct use *use)
{
    void *driver = dlopen(use->text, RTLD_NOW | RTLD_LOCAL);

    if (driver == NULL)
        return dlerror();
    *(void **)&use->driver = dlsym(driver, "use");
    return use->driver != NULL ? NULL : "it does not define void use(void *module)";
}

static int open_drivers(void)
{
    const char *why;

    for (unsigned i = 0; i < host.uses; i++)
        if (host.use[i].is_driver && (why = open_driver(&host.use[i])) != NULL)
            return refuse(why, host.use[i].text);
    return 0;
}

/* --- --check -------------------------------------------------------------------------------------
 */

static bool is_data(void *address)
{
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;

    return dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL &&
           info.dli_saddr == address && ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT;
}

static const char *check_call(void *module, const struct use *use)
{
    void *address = dlsym(module, use->call.name);

    if (address == NULL)
        return "the module has no such function";
    return is_data(address) ? "it is data, not a function" : NULL;
}

static const char *check_use(void *module, struct use *use)
{
    return use->is_driver ? open_driver(use) : check_call(module, use);
}

static const char *path_of(void *module)
{
    struct link_map *map;

    return dlinfo(module, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : "";
}

static void check(void)
{
    const char *why;
    void *module;

    if (dlopen(host.library, RTLD_NOW | RTLD_NOLOAD) != NULL) {
        dprintf(ANSWER_FD, "no every program has it loaded, so nothing can unload it\n");
        return;
    }
    module = dlopen(host.library, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        dprintf(ANSWER_FD, "no %s\n", dlerror());
        return;
    }
    for (unsigned i = 0; i < host.uses; i++)
        if ((why = check_use(module, &host.use[i])) != NULL) {
            dprintf(ANSWER_FD, "use %u %s\n", i, why);
            return;
        }
    dprintf(ANSWER_FD, "ok %s\n", path_of(module));
}

int main(int count, char **arguments)
{
    bool checking = count > 1 && strcmp(arguments[1], "--check") == 0;
    int status;

    if (count < 2 + checking)
        return refuse("no module given", "arguments");
    host.where = 'a';
    status = read_arguments(arguments + 1 + checking);
    if (status != 0)
        return status;
    if (checking) {
        check();
        _exit(0); /* the module's own end is not asked for */
    }
    status = open_drivers();
    return status != 0 ? status : run_laps();
}
