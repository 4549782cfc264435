/*
 * injector.h: what goes wrong.
 *
 * One file in injectors/<family>/ is one injector: it defines
 *     const struct injector injector_thread_kill
 * for thread_kill.c. The same file is compiled into the supervisor, which reads what the
 * injector needs, and into the agent, which carries it out. So act() touches nothing but its
 * argument and the services in it: no libc call that could allocate, lock or be hooked.
 *
 * An injector decides nothing. Victim, site, hit, instruction and argument are in the plan;
 * the agent has logged the intent before act() is called.
 */
#ifndef HARNESS_INJECTOR_H
#define HARNESS_INJECTOR_H

#include <stdbool.h>
#include <stdint.h>

/* Families of sites as bits: 1 << FAMILY_ALLOC and so on (agent_abi.h). */
#define INJECTOR_ANY_SITE    0xffffffffu
#define INJECTOR_FAMILY(fam) (1u << (fam))

/* Sites of these families at which an injector cannot strike all the same: SITE_FREE ... */
#define INJECTOR_SITES(...) ((const uint16_t[]){__VA_ARGS__, 0})

/* The program is on its way out there already: to be told to leave again says nothing. */
#define INJECTOR_LEAVING_SITES SITE_EXIT, SITE_EXIT_NOW, SITE_QUICK_EXIT, SITE_ABORT, SITE_FINI

/*
 * Exit statuses are drawn from this range: never 0, so that a status that got lost is seen,
 * and below 126, since shells give the numbers from there on a meaning of their own.
 */
enum { INJECTOR_STATUS_LOW = 1, INJECTOR_STATUS_HIGH = 125 };

/** Services of the agent for act(); every one is safe at any point of the target. */
struct injector_services {
    /** Ends the calling thread by raw SYS_exit: no handler, no destructor, locks stay. */
    void (*thread_vanish)(void) __attribute__((__noreturn__));
    /**
     * Ends every other thread of the process likewise; returns when the kernel has reaped them.
     * False: one of them blocks what would end it, by a system call of its own. Then the others
     * live too as a rule, act() must go no further, and the strike counts as not fired.
     */
    bool (*others_vanish)(void);
    /** Sends @signal to the own process; with SIGKILL it does not return. */
    void (*signal_process)(int signal);
    /** Parks the calling thread until @events hook events of others have passed; -1 for ever. */
    void (*park)(int64_t events);
    /** Gives the processor away @turns times. */
    void (*yield)(int64_t turns);
    /** glibc's own exit family, without our hooks' bookkeeping in between. */
    void (*exit)(int status);
    void (*exit_now)(int status);   /* _exit */
    void (*exit_group)(int status); /* the raw call */
    void (*quick_exit)(int status);
    void (*abort)(void);
    /** Ends main's thread as pthread_exit does. */
    void (*thread_exit)(void);
    /** Makes main() return @status: unwinds to the agent's frame below main (T1 only). */
    void (*return_from_main)(int status);
    /** exit(@status) on a fresh thread and on this one at once. */
    void (*exit_twice)(int status);
    /** pthread_cancel of the calling thread; @asynchronous makes it take effect at once. */
    void (*cancel)(bool asynchronous);
    /** fork; the child leaves by _exit(0) after it has allocated and freed once. */
    void (*fork_here)(void);
    /** dlclose of the module that the plan's argument numbers (modulo), and dlopen of it again. */
    void (*module_unload)(int64_t index);
    void (*module_reload)(int64_t index);
    /** The hooked allocation returns NULL with ENOMEM. Only at the entry of an ALLOC site. */
    void (*fail_allocation)(void);
};

struct injector_strike {
    const struct injector_services *service;
    int64_t argument;
};

/**
 * enum injector_effect - what the plan itself does: listed, never a finding.
 * @EFFECT_NOTHING: the target goes on as if nothing happened.
 * @EFFECT_SIGNAL: the process dies of @effect_value, unless the program handles that signal.
 * @EFFECT_STATUS: the process ends with the strike's argument as its exit status.
 * @EFFECT_THREAD_DIES: one thread is gone, with its stack, TLS and status.
 * @EFFECT_THREAD_PARKED: one thread stands still, for a while or for ever.
 * @EFFECT_THREAD_ENDS: one thread ends in an orderly way.
 * @EFFECT_CALL_FAILS: one call says that it failed; the program may rightly give up.
 */
enum injector_effect {
    EFFECT_NOTHING,
    EFFECT_SIGNAL,
    EFFECT_STATUS,
    EFFECT_THREAD_DIES,
    EFFECT_THREAD_PARKED,
    EFFECT_THREAD_ENDS,
    EFFECT_CALL_FAILS,
};

enum injector_victim { VICTIM_ANY, VICTIM_MAIN, VICTIM_NOT_MAIN };

/**
 * struct injector - one entry of the registry.
 * @name: the user's spelling. @summary: one line for `rundown list injectors`.
 * @families: sites at which it can strike, INJECTOR_FAMILY() bits.
 * @not_sites: sites of these families at which it cannot, INJECTOR_SITES(); NULL for none.
 * @victim: whom it may strike.
 * @inside: strikes inside the call (site#n+ki) where the site allows it (abi_site_inside());
 *          else, and at the other sites, at its entry.
 * @argument_low, @argument_high: range from which the argument is drawn (equal: fixed).
 * @argument_name: for help, NULL where there is none.
 * @effect, @effect_value: see above.
 * @others_die: besides, every thread but the victim is gone, each as by EFFECT_THREAD_DIES.
 * @needs_module: only in targets that load modules.
 * @control: the control cell `none`: nothing is struck.
 * @act: carries it out; NULL for none. Called in the victim, possibly in a signal handler.
 */
struct injector {
    const char *name;
    const char *summary;
    uint32_t families;
    const uint16_t *not_sites;
    enum injector_victim victim;
    bool inside;
    bool needs_module;
    bool others_die;
    bool control;
    int64_t argument_low;
    int64_t argument_high;
    const char *argument_name;
    enum injector_effect effect;
    int effect_value;
    void (*act)(const struct injector_strike *strike);
};

/** Every injector, sorted by file name, NULL at the end. Generated. */
extern const struct injector *const injector_registry[];

/** injector_find() - index in the registry of the user's name, or -1. Pure. */
int injector_find(const char *name);

/** injector_registry_hash() - of all names in order: the two sides of the ABI compare it. */
uint64_t injector_registry_hash(void);

/** injector_count() - entries in the registry. */
unsigned injector_count(void);

struct plan_spec;

/**
 * injector_spec() - fills @spec with what the injector needs and nothing fixed by the user.
 * @index: in the registry.
 *
 * Sites (own sites of a workload included where FAMILY_USER is), victim and argument range.
 * An argument whose range is one number is put into @spec->point and not drawn.
 */
void injector_spec(int index, struct plan_spec *spec);

#endif
