/*
 * agent_abi.h: all that the supervisor and the agent share.
 *
 * One shared memory object per job: control page, then tables, then one lane per thread.
 * The agent writes evidence, the supervisor reads it while the target stands still; the
 * fork server (agent code in the prepared target, or our own code for programs that are
 * started afresh) counts cycles. Everything has a fixed width and a fixed place, so a
 * target that is dying can still be read.
 *
 * What is stale is told by the epoch, the running number of a cycle in this memory: a lane,
 * heap entry or record whose epoch is not the control block's is empty. So nothing has to
 * be cleared between cycles.
 *
 * What every cycle touches lies in few pages (a page that a child touches is a fault).
 *
 * History
 *   1  first version.
 */
#ifndef HARNESS_AGENT_ABI_H
#define HARNESS_AGENT_ABI_H

#include <stdint.h>

#include <harness/plan.h>

#define ABI_MAGIC UINT64_C(0x31306e646e757272) /* "rrundn01" */
/* Taken by the build from the text of this file and plan.h: no layout goes by another's number. */
#ifdef RUNDOWN_ABI_HASH
#define ABI_VERSION RUNDOWN_ABI_HASH
#else
#define ABI_VERSION 1u
#endif

/* The environment variable that hands the memory to the agent: "MEMORY_FD:BELL_FD:MODE". */
#define ABI_ENVIRONMENT "RUNDOWN_AGENT"

enum {
    ABI_LANES = 256,
    ABI_RING_EVENTS = 4096,
    ABI_STAMP_EVERY = 128, /* of a lane's events, if they are allocs and frees, one has a time */
    ABI_HELD = 32,         /* locks held at once that a lane can name */
    ABI_CALL_SITES = 2048, /* allocation sites of a target */
    ABI_USER_SITES = 32,   /* site names of a workload's own */
    ABI_MODULES = 128,     /* modules loaded or unloaded in a cycle */
    ABI_TIES = 128,        /* what leads into modules, or led there when they went */
    ABI_DEATHS = 16,       /* killed or parked threads with their stacks */
    ABI_STACK_BYTES = 4096,
    ABI_LAPS = 65536,       /* lap samples under way between agent and supervisor */
    ABI_SITE_SAMPLES = 512, /* laps of a cycle at which each call site is sampled */
    ABI_HEAP_SLOTS = 1 << 21,
    ABI_MESSAGE_BYTES = 256,
    ABI_HISTOGRAM = 128, /* 4 buckets an octave, up to an hour */
    ABI_ALTSTACK_BYTES = 16384,
    ABI_HEAP_FAULTS = 4,  /* misused blocks that a cycle can tell of */
    ABI_GUARD_SLOTS = 64, /* blocks that stand between guard pages at once */
    ABI_PAGE_BYTES = 4096,
    ABI_NAME_BYTES = 32,
    ABI_PATH_BYTES = 256,
    ABI_ORDER_EDGES = 512,  /* orders in which two locks were taken */
    ABI_ORDER_LOCKS = 4096, /* locks that a cycle has initialised */
    ABI_ORDER_GATES = 4,    /* locks held around such a pair */
    ABI_ORDER_THREADS = 4,  /* threads that took a pair in that order */
    ABI_ORDER_CIRCLE = 3,   /* pairs in a circle */
    ABI_ORDER_CIRCLES = 32,
    ABI_ORDER_SEEN = 16, /* pairs that a thread need not look up again */
};

/* Families of sites; an injector names the families that it can strike at. */
enum abi_site_family {
    FAMILY_NONE,
    FAMILY_ALLOC,
    FAMILY_LOCK,
    FAMILY_WAIT,
    FAMILY_THREAD,
    FAMILY_LOADER,
    FAMILY_EXIT,
    FAMILY_PROCESS,
    FAMILY_USER,
};

/*
 * identifier, name, family, can be struck inside (the agent calls the real function and
 * comes back, so instructions can be counted).
 */
#define ABI_SITE_LIST(X)                                                                           \
    X(MALLOC, "malloc", ALLOC, 1)                                                                  \
    X(CALLOC, "calloc", ALLOC, 1)                                                                  \
    X(REALLOC, "realloc", ALLOC, 1)                                                                \
    X(REALLOCARRAY, "reallocarray", ALLOC, 1)                                                      \
    X(FREE, "free", ALLOC, 1)                                                                      \
    X(MEMALIGN, "memalign", ALLOC, 1)                                                              \
    X(POSIX_MEMALIGN, "posix_memalign", ALLOC, 1)                                                  \
    X(ALIGNED_ALLOC, "aligned_alloc", ALLOC, 1)                                                    \
    X(VALLOC, "valloc", ALLOC, 1)                                                                  \
    X(PVALLOC, "pvalloc", ALLOC, 1)                                                                \
    X(LOCK, "lock", LOCK, 1)                                                                       \
    X(TRYLOCK, "trylock", LOCK, 1)                                                                 \
    X(TIMEDLOCK, "timedlock", LOCK, 1)                                                             \
    X(UNLOCK, "unlock", LOCK, 1)                                                                   \
    X(LOCK_DESTROY, "lock_destroy", LOCK, 1)                                                       \
    X(RDLOCK, "rdlock", LOCK, 1)                                                                   \
    X(TRYRDLOCK, "tryrdlock", LOCK, 1)                                                             \
    X(TIMEDRDLOCK, "timedrdlock", LOCK, 1)                                                         \
    X(WRLOCK, "wrlock", LOCK, 1)                                                                   \
    X(TRYWRLOCK, "trywrlock", LOCK, 1)                                                             \
    X(TIMEDWRLOCK, "timedwrlock", LOCK, 1)                                                         \
    X(RWUNLOCK, "rwunlock", LOCK, 1)                                                               \
    X(RWLOCK_DESTROY, "rwlock_destroy", LOCK, 1)                                                   \
    X(SPIN_LOCK, "spin_lock", LOCK, 1)                                                             \
    X(SPIN_TRYLOCK, "spin_trylock", LOCK, 1)                                                       \
    X(SPIN_UNLOCK, "spin_unlock", LOCK, 1)                                                         \
    X(FLOCKFILE, "flockfile", LOCK, 1)                                                             \
    X(FTRYLOCKFILE, "ftrylockfile", LOCK, 1)                                                       \
    X(FUNLOCKFILE, "funlockfile", LOCK, 1)                                                         \
    X(COND_WAIT, "cond_wait", WAIT, 1)                                                             \
    X(COND_TIMEDWAIT, "cond_timedwait", WAIT, 1)                                                   \
    X(COND_SIGNAL, "cond_signal", WAIT, 1)                                                         \
    X(COND_BROADCAST, "cond_broadcast", WAIT, 1)                                                   \
    X(COND_DESTROY, "cond_destroy", WAIT, 1)                                                       \
    X(SEM_WAIT, "sem_wait", WAIT, 1)                                                               \
    X(SEM_TRYWAIT, "sem_trywait", WAIT, 1)                                                         \
    X(SEM_TIMEDWAIT, "sem_timedwait", WAIT, 1)                                                     \
    X(SEM_POST, "sem_post", WAIT, 1)                                                               \
    X(BARRIER_WAIT, "barrier_wait", WAIT, 1)                                                       \
    X(ONCE, "once", WAIT, 1)                                                                       \
    X(KEY_CREATE, "key_create", THREAD, 1)                                                         \
    X(KEY_DELETE, "key_delete", THREAD, 1)                                                         \
    X(THREAD_CREATE, "thread_create", THREAD, 1)                                                   \
    X(THREAD_START, "thread_start", THREAD, 0)                                                     \
    X(THREAD_EXIT, "thread_exit", THREAD, 0)                                                       \
    X(JOIN, "join", THREAD, 1)                                                                     \
    X(TIMEDJOIN, "timedjoin", THREAD, 1)                                                           \
    X(DETACH, "detach", THREAD, 1)                                                                 \
    X(CANCEL, "cancel", THREAD, 1)                                                                 \
    X(DLOPEN, "dlopen", LOADER, 1)                                                                 \
    X(DLMOPEN, "dlmopen", LOADER, 1)                                                               \
    X(DLCLOSE, "dlclose", LOADER, 1)                                                               \
    X(DL_ITERATE_PHDR, "dl_iterate_phdr", LOADER, 1)                                               \
    X(CTOR, "ctor", LOADER, 0)                                                                     \
    X(DTOR, "dtor", LOADER, 0)                                                                     \
    X(ATEXIT, "atexit", EXIT, 1)                                                                   \
    X(MAIN, "main", EXIT, 0)                                                                       \
    X(MAIN_RETURN, "main_return", EXIT, 0)                                                         \
    X(EXIT, "exit", EXIT, 0)                                                                       \
    X(EXIT_NOW, "_exit", EXIT, 0)                                                                  \
    X(QUICK_EXIT, "quick_exit", EXIT, 0)                                                           \
    X(ABORT, "abort", EXIT, 0)                                                                     \
    X(FINI, "fini", EXIT, 0)                                                                       \
    X(FORK, "fork", PROCESS, 1)                                                                    \
    X(VFORK, "vfork", PROCESS, 0)                                                                  \
    X(SYSTEM, "system", PROCESS, 1)                                                                \
    X(POPEN, "popen", PROCESS, 1)                                                                  \
    X(SPAWN, "posix_spawn", PROCESS, 1)                                                            \
    X(EXEC, "exec", PROCESS, 0)                                                                    \
    X(LAP, "lap", USER, 0)

#define ABI_SITE_LAST_ALLOC SITE_PVALLOC /* allocators come first in the list */

enum abi_site {
    SITE_ANY = 0,
#define ABI_SITE_ENUM(id, name, family, inside) SITE_##id,
    ABI_SITE_LIST(ABI_SITE_ENUM)
#undef ABI_SITE_ENUM
        ABI_SITES,                              /* built-in sites, and the first user site */
    ABI_SITES_ALL = ABI_SITES + ABI_USER_SITES, /* bound of every site index */
};
_Static_assert(ABI_SITES_ALL <= 256, "plan_spec has 256 bits for sites");

/*
 * Event kinds. What object, other and aux mean is said beside each; time, site, caller and
 * the lane's name go without saying. "birth" is the running number of an object at its
 * address, so that a mutex made anew in old memory is another mutex.
 */
#define ABI_EVENT_LIST(X)                                                                          \
    X(CYCLE_BEGIN, "cycle-begin")     /* object: cycle */                                          \
    X(THREAD_BORN, "thread-born")     /* object: start routine, aux: lane of the creator */        \
    X(THREAD_ENDS, "thread-ends")     /* aux: enum abi_end */                                      \
    X(CALL, "call")                   /* entry into a site that has no kind of its own */          \
    X(ALLOC, "alloc")                 /* object: block, other: bytes */                            \
    X(FREE, "free")                   /* object: block, other: bytes */                            \
    X(FREE_UNKNOWN, "free-unknown")   /* object: a block whose birth no hook saw */                \
    X(FREE_HELD, "free-held")         /* object: lock, aux: mode, other: block that holds it */    \
    X(WAIT_BEGIN, "wait-begin")       /* object, aux: enum abi_lock_mode, other: see there */      \
    X(ACQUIRED, "acquired")           /* object, aux: mode, other: birth */                        \
    X(RELEASED, "released")           /* object, aux: mode, other: birth */                        \
    X(WAIT_FAILED, "wait-failed")     /* object, aux: mode, other: errno-like result */            \
    X(OWNER_DIED, "owner-died")       /* object: robust mutex that said EOWNERDEAD */              \
    X(CONSISTENT, "consistent")       /* object: robust mutex that was declared repaired */        \
    X(SIGNALLED, "signalled")         /* object: condition or semaphore, aux: 1 broadcast */       \
    X(DESTROYED, "destroyed")         /* object, aux: mode it is still held in, 0 if free */       \
    X(JOIN_BEGIN, "join-begin")       /* object: pthread_t, other: lane, aux: tid */               \
    X(JOIN_END, "join-end")           /* object: pthread_t, other: result */                       \
    X(LOAD_BEGIN, "load-begin")       /* object: hash of the path */                               \
    X(LOAD_END, "load-end")           /* object: handle, other: base; aux: module index */         \
    X(UNLOAD_BEGIN, "unload-begin")   /* object: handle, aux: module index */                      \
    X(UNLOAD_END, "unload-end")       /* object: handle, other: result, aux: modules gone */       \
    X(EXIT_PHASE, "exit-phase")       /* aux: enum abi_exit_phase, object: status */               \
    X(FORKED, "forked")               /* object: child pid */                                      \
    X(EXEC, "exec")                   /* the process image is about to be replaced */              \
    X(LAP_BEGIN, "lap-begin")         /* object: lap */                                            \
    X(LAP_END, "lap-end")             /* object: lap */                                            \
    X(SITE, "site")                   /* a workload's own site was passed */                       \
    X(HEARTBEAT, "heartbeat")         /* object: count */                                          \
    X(INVARIANT, "invariant")         /* a promise is broken; see message; caller: who says so */  \
    X(PROBE, "probe")                 /* aux: enum abi_probe, object: 1 begins, 0 ended */         \
    X(INJECT_INTENT, "inject-intent") /* aux: strike, object: instruction pointer */               \
    X(INJECT_FIRED, "inject-fired")   /* aux: strike */                                            \
    X(PARKED, "parked")               /* aux: strike, object: instruction pointer */               \
    X(RESUMED, "resumed")             /* aux: strike */                                            \
    X(SIGNAL, "signal")               /* object: address, aux: signal: fatal, caught */

enum abi_event_kind {
    EVENT_NONE = 0,
#define ABI_EVENT_ENUM(id, name) EVENT_##id,
    ABI_EVENT_LIST(ABI_EVENT_ENUM)
#undef ABI_EVENT_ENUM
        ABI_EVENTS
};

/* Modes of holding or waiting. For a condition, other is the mutex given up. */
enum abi_lock_mode {
    MODE_NONE = 0,
    MODE_MUTEX,
    MODE_READ,
    MODE_WRITE,
    MODE_SPIN,
    MODE_CONDITION,
    MODE_SEMAPHORE,
    MODE_BARRIER,
    MODE_ONCE,
    MODE_STDIO,
    MODE_JOIN,
    MODE_LOADER,
    MODE_HEAP,
    ABI_MODES
};

enum abi_end { END_RUNNING = 0, END_RETURN, END_EXIT, END_CANCEL, END_KILLED, END_UNKNOWN };

enum abi_exit_phase {
    PHASE_RUNNING = 0,
    PHASE_REQUESTED, /* exit was called, or main returned */
    PHASE_HANDLERS,  /* atexit handlers and destructors run */
    PHASE_FINI,      /* the agent's own destructor: most modules are done */
    PHASE_LEAVE,     /* _exit was called */
};

enum abi_probe {
    PROBE_NONE = 0,
    PROBE_MALLOC_SMALL,
    PROBE_MALLOC_MEDIUM,
    PROBE_MALLOC_LARGE,
    PROBE_FREE,
    PROBE_STDIO,
    PROBE_DLOPEN,
    PROBE_FORK,
    PROBE_EXIT,
    ABI_PROBES
};

/* Reasons why a cycle is worth the supervisor's look; bits of abi_control.anomaly. */
enum abi_anomaly {
    ANOMALY_STATUS = 1 << 0,    /* the wait status is not the expected one */
    ANOMALY_SIGNAL = 1 << 1,    /* a fatal signal was caught */
    ANOMALY_INVARIANT = 1 << 2, /* a promise of the workload is broken */
    ANOMALY_LOCK = 1 << 3,      /* a lock was misused */
    ANOMALY_HEAP = 1 << 4,      /* a block was misused */
    ANOMALY_MODULE = 1 << 5,    /* a module stayed, or left somebody behind */
    ANOMALY_LEFT = 1 << 6,      /* more processes than the target are left */
    ANOMALY_SERIES = 1 << 7,    /* lap samples are to be collected (nothing is wrong) */
    ANOMALY_NOTE = 1 << 8,      /* a note for the report, no finding */
    ANOMALY_NO_AGENT = 1 << 9,  /* the target never said hello: static, setuid, own loader */
    ANOMALY_STOPPED = 1 << 10,  /* the target stopped itself */
    ANOMALY_SPAWN = 1 << 11,    /* fork or exec failed */
    ANOMALY_AGENT = 1 << 12,    /* the agent found itself in a state it does not know */
    ANOMALY_LOOK = 1 << 13,     /* detectors are to look, every time; they may find nothing */
    ANOMALY_BLOCK = 1 << 16,    /* see heap_fault: a free of no block, bytes that changed */
};

/** struct abi_event - one line of a lane's ring; 40 bytes. @time: ticks (abi_control.ticks). */
struct abi_event {
    uint64_t time; /* 0: as the event before it (stamps of alloc and free are thinned out) */
    uint16_t kind;
    uint16_t site;
    uint32_t aux;
    uint64_t object;
    uint64_t other;
    uint64_t caller; /* return address of the hooked call; 0 where there is none */
};
_Static_assert(sizeof(struct abi_event) == 40, "abi_event is part of the ABI");

/** struct abi_held - one lock that a lane holds. @seq: number of the acquiring event. */
struct abi_held {
    uint64_t object;
    uint64_t caller;
    uint64_t time;
    uint32_t mode;
    uint32_t depth; /* recursive acquisitions */
};
_Static_assert(sizeof(struct abi_held) == 32, "abi_held is part of the ABI");

enum abi_lane_state {
    LANE_FREE = 0,
    LANE_BORN, /* claimed by the creator, the thread does not run yet */
    LANE_RUNS,
    LANE_PARKED, /* by an injection */
    LANE_KILLED, /* by an injection */
    LANE_ENDED,
};

/* Bits of abi_lane.attention. */
enum abi_attention {
    ATTEND_STEP = 1 << 0,  /* the call is being stepped */
    ATTEND_DIE = 1 << 1,   /* somebody wants this thread dead as soon as it leaves agent code */
    ATTEND_FAIL = 1 << 2,  /* the allocation under way is to fail */
    ATTEND_INITS = 1 << 3, /* constructors or destructors of modules run: whose code calls? */
    ATTEND_OPENS = 1 << 4, /* constructors, no destructors */
};

/**
 * struct abi_lane - one thread of a target; the header is one page or two, the ring follows.
 *
 * Written by its own thread alone, except for @state and what is set at birth (creator) and
 * @park (whoever resumes). Valid if @epoch is the control block's.
 */
struct abi_lane {
    uint64_t epoch;
    uint32_t state;
    uint32_t tid;
    uint32_t pid;   /* differs from the target's in a forked child */
    uint32_t end;   /* enum abi_end */
    uint32_t depth; /* > 0: inside a hook; nested calls pass through */
    uint32_t site;  /* the site whose call is under way, 0 outside */
    uint64_t site_caller;
    uint64_t seq; /* events written; event n lies at ring[n % ABI_RING_EVENTS] */
    uint64_t now; /* last time stamp taken */
    /* what it waits for, while it waits */
    uint64_t wait_object;
    uint64_t wait_other;
    uint64_t wait_caller;
    uint64_t wait_since;
    uint32_t wait_mode;
    uint32_t in_tracepoint; /* depth inside the recorder */
    /* strikes on this lane */
    uint32_t strike;     /* 1 + index of the strike being carried out, 0 none */
    uint32_t stepping;   /* 0 no, 1 towards a strike, 2 measuring a length */
    uint32_t step_count; /* instructions outside the agent so far */
    uint32_t step_goal;
    uint64_t step_hit;
    uint32_t step_site;
    uint32_t elsewhere;   /* in a forked child, whose heap is not counted */
    uint32_t careful;     /* its allocator calls go the long way: elsewhere, or --heap-check */
    uint32_t step_nested; /* real calls under way, from the one that is stepped */
    uint32_t loading;     /* depth inside dlopen and dlclose: the turn is not given away there */
    uint32_t park;        /* futex: 1 parked, 0 go on */
    uint32_t children;    /* threads born of it */
    uint32_t forks;       /* processes forked by it */
    uint32_t parent;      /* lane index of the creator; own index for T1 */
    uint32_t probe;       /* enum abi_probe under way */
    uint32_t held_count;
    uint64_t pthread; /* pthread_t */
    uint64_t start;   /* start routine */
    uint64_t start_argument;
    uint64_t stack_low; /* 0 where unknown */
    uint64_t stack_high;
    /* exact counts; frees of another lane's blocks make them negative */
    int64_t live_bytes;
    int64_t live_blocks;
    uint64_t unknown_frees;
    uint32_t attention; /* enum abi_attention: why the hook's end is not the short one */
    uint32_t detached;
    uint32_t sched_state;  /* controlled mode */
    uint32_t sched_turn;   /* controlled mode: futex */
    uint64_t sched_object; /* controlled mode: what it is blocked on */
    int64_t sched_priority;
    uint64_t sched_rounds; /* of key destructors seen at the thread's end */
    uint64_t order_seen[ABI_ORDER_SEEN];
    uint32_t guard_left;  /* allocations until the next that stands between guard pages */
    uint32_t guard_drawn; /* how often that was drawn */
    char name[PLAN_THREAD_BYTES];
    uint32_t hits[ABI_SITES_ALL];
    uint32_t due[ABI_SITES_ALL]; /* hit at which something is due at this site; 0 never */
    struct abi_held held[ABI_HELD];
    struct abi_event ring[ABI_RING_EVENTS];
} __attribute__((aligned(4096)));

/** struct abi_step_lengths - lengths measured by the dry cycle, per lane. */
struct abi_step_lengths {
    uint32_t length[ABI_SITES_ALL][PROFILE_LENGTHS];
};

/** struct abi_death - a thread that an injection killed or parked, with what it was doing. */
struct abi_death {
    uint64_t epoch;
    uint32_t lane;
    uint32_t strike;
    uint32_t tid;
    uint32_t site; /* of the plan's point */
    uint64_t hit;
    uint64_t insn;
    uint64_t caller;
    uint64_t time;
    uint32_t inner; /* the innermost site under way: malloc inside dlopen */
    uint32_t spare;
    uint64_t regs[17]; /* DWARF order: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip */
    uint64_t stack_address;
    uint32_t stack_bytes;
    uint32_t held_count;
    struct abi_held held[ABI_HELD];
    uint8_t stack[ABI_STACK_BYTES];
};

enum abi_module_state { MODULE_FREE = 0, MODULE_LOADED, MODULE_UNLOADED };

/** struct abi_module - a module that dlopen brought in this cycle, or dlclose took away. */
struct abi_module {
    uint64_t epoch;
    uint64_t base;
    uint64_t end;
    uint64_t handle;
    uint64_t loaded_at;   /* ticks */
    uint64_t unloaded_at; /* ticks */
    uint32_t state;
    uint32_t loads;
    uint32_t loader_lane;
    uint32_t unloader_lane;
    uint64_t load_caller;
    uint64_t unload_caller;
    char path[ABI_PATH_BYTES];
};

/* What a tie is; of the callbacks, what whoever calls them takes them for. */
enum abi_tie_kind {
    TIE_NONE = 0,
    TIE_KEY,          /* destructor of a thread-specific key; object: key */
    TIE_THREAD_LOCAL, /* destructor of a thread_local object; object: that */
    TIE_EXIT,         /* handler of atexit or on_exit; object: its argument */
    TIE_QUICK_EXIT,   /* of at_quick_exit */
    TIE_SIGNAL,       /* handler; object: signal */
    TIE_TIMER,        /* SIGEV_THREAD's function; object: timer */
    TIE_LAST_CALLBACK = TIE_TIMER,
    TIE_THREAD,        /* start routine of a live thread; object: where it waits, 0 */
    TIE_INSIDE,        /* a thread waits in a call that came from there; object: for what */
    TIE_LOCK_HELD,     /* object: 0 */
    TIE_LOCK_AWAITED,  /* object: 0 */
    TIE_LOAD_INSIDE,   /* dlopen by a constructor or destructor; object: handle */
    TIE_UNLOAD_INSIDE, /* dlclose by one; object: handle */
    TIE_BEFORE_INIT,   /* code that called a hook; object: base, mode: the hook's site */
    TIE_AFTER_FINI,    /* likewise */
    ABI_TIE_KINDS
};

/* LIVE: on record, the module is there. LEFT: it went away, or it is seen once and for all. */
enum abi_tie_state { TIE_FREE = 0, TIE_TAKEN, TIE_LIVE, TIE_LEFT };

/**
 * struct abi_tie - something that leads into a module which came in this cycle; 64 bytes.
 * @word: epoch << 8 | enum abi_tie_state; that of another epoch is empty.
 * @lane: who registered it, or whose it is; UINT32_MAX: unknown. @caller: where; 0 unknown.
 * @address: in the module. @base: of the module, once that is gone. @mode: of a lock.
 * @ordered: it was the plan that took the module away.
 */
struct abi_tie {
    uint64_t word;
    uint32_t kind;
    uint32_t lane;
    uint64_t address;
    uint64_t object;
    uint64_t caller;
    uint64_t time;
    uint64_t base;
    uint32_t mode;
    uint32_t ordered;
};
_Static_assert(sizeof(struct abi_tie) == 64, "abi_tie is part of the ABI");

/**
 * struct abi_heap_slot - one live block; 16 bytes.
 * @key: address << 16 (its low 4 bits are 0) | low 20 bits of the epoch; 0 or another epoch:
 *       empty. An epoch
 *       never has bit 19 (ABI_HEAP_FREED): with it, the slot tells of a block that was freed
 *       in this cycle, until the slot is needed.
 * Slots are found from (address >> 5), so neighbours in the heap are neighbours here and a
 * cycle touches few pages. The server clears the table when the epoch's bits come round.
 */
struct abi_heap_slot {
    uint64_t key;
    uint32_t bytes;  /* requested; UINT32_MAX stands for more */
    uint32_t caller; /* index in abi_memory.call_site; 0 for the overflow of that table */
};
_Static_assert(sizeof(struct abi_heap_slot) == 16, "abi_heap_slot is part of the ABI");
#define ABI_HEAP_FREED (UINT64_C(1) << 19)

/**
 * struct abi_stack - a stack as it was: registers and the bytes from the stack pointer on, which
 * the supervisor unwinds when somebody asks. @bytes 0: none was taken.
 */
struct abi_stack {
    uint64_t regs[17]; /* DWARF order, as abi_death.regs */
    uint64_t address;
    uint32_t bytes;
    uint32_t spare;
    uint8_t copy[ABI_STACK_BYTES];
};

enum abi_heap_fault_kind {
    HEAP_FAULT_NONE = 0,
    HEAP_FAULT_FREED,   /* freed once more */
    HEAP_FAULT_INSIDE,  /* freed at an address inside a live block */
    HEAP_FAULT_STACK,   /* an address of the thread's stack was freed */
    HEAP_FAULT_STATIC,  /* ... of a program's or module's own code or data */
    HEAP_FAULT_ODD,     /* ... at which malloc never begins a block */
    HEAP_FAULT_BEHIND,  /* written behind its end */
    HEAP_FAULT_BEFORE,  /* written before its start */
    HEAP_FAULT_WRITTEN, /* written to after it had been freed */
    ABI_HEAP_FAULT_KINDS
};

/**
 * struct abi_heap_fault - a misused block, put down when it was noticed; the program went on.
 * @site: SITE_FREE, SITE_REALLOC ...; SITE_ANY: at the cycle's end, by nobody's call.
 * @block, @bytes: what the address belongs to; 0 where unknown.
 * @allocated: return address of the call that made it, @freed of the one that freed it; 0 unknown.
 * @freed_lane: UINT32_MAX unknown. @sample: 1 + slot in abi_guard, 0: stands in none.
 * @offset: of the first changed byte, from the block's start. @seen: what is there now.
 * @stack: of the call that noticed; none for SITE_ANY.
 */
struct abi_heap_fault {
    uint64_t epoch;
    uint32_t kind;
    uint32_t lane;
    uint32_t site;
    uint32_t hit; /* of the lane at the site */
    uint32_t freed_lane;
    uint32_t freed_site;
    uint32_t sample;
    uint32_t changed; /* bytes of those that were looked at */
    uint64_t address;
    uint64_t block;
    uint64_t bytes;
    uint64_t caller;
    uint64_t allocated;
    uint64_t freed;
    uint64_t time;
    uint64_t freed_time;
    int64_t offset;
    uint8_t seen[8];
    struct abi_stack stack;
};

enum abi_guard_state { GUARD_FREE = 0, GUARD_BUSY, GUARD_LIVE, GUARD_FREED };

/** struct abi_guard_act - who allocated or freed a block between guard pages. */
struct abi_guard_act {
    uint32_t lane;
    uint32_t site;
    uint64_t time;
    uint64_t caller;
    struct abi_stack stack;
};

/** struct abi_guard_slot - the last block that stood in a slot; written by the target alone. */
struct abi_guard_slot {
    uint64_t epoch;
    uint64_t block;
    uint64_t bytes;
    uint32_t state; /* enum abi_guard_state */
    uint32_t spare;
    struct abi_guard_act allocated;
    struct abi_guard_act freed;
};

/**
 * struct abi_guard - blocks on pages of their own (--heap-check guard): slot n is page 2n + 1 of
 * the pool, the pages around it can't be touched, nor can its own once the block is freed.
 */
struct abi_guard {
    uint64_t base; /* of the pool, 0 while there is none */
    struct abi_guard_slot slot[ABI_GUARD_SLOTS];
};

/** struct abi_lap - counts at the end of one lap, after quiesce; 64 bytes. */
struct abi_lap {
    uint64_t ticks; /* when it ended */
    int64_t heap_bytes;
    int64_t heap_blocks;
    int64_t threads;
    int64_t modules;
    int64_t fds;       /* -1 where it could not be counted */
    int64_t map_pages; /* size of the address space */
    int64_t rss_pages; /* resident and private */
};
_Static_assert(sizeof(struct abi_lap) == 64, "abi_lap is part of the ABI");

/** struct abi_site_count - live blocks that one call site has allocated. */
struct abi_site_count {
    int64_t bytes;
    int64_t blocks;
};

/**
 * struct abi_lap_sites - live blocks of each call site at the ends of laps; of use in cycles that
 * take laps. Sample n is of the (n + 1) * every-th lap. Once all samples are in use every second
 * one is dropped, and @every doubles: so a cycle of any length costs some copies, not one a lap.
 * @epoch: of all this. @busy: a lap's end is being counted (--lap-at: any thread may come by).
 */
struct abi_lap_sites {
    uint64_t epoch;
    uint64_t every;
    uint32_t samples;
    uint32_t busy;
    uint64_t progress; /* hook events, of LAPS_EVERY */
    struct abi_site_count live[ABI_CALL_SITES];
    struct abi_site_count sample[ABI_SITE_SAMPLES][ABI_CALL_SITES];
};

enum { ABI_LAP_CODE = 96, ABI_LAP_FIXUPS = 8 };

/**
 * struct abi_lap_at - the code whose entry ends a lap, ready to be moved out of the way of a jump.
 * @module: path or last part of it; "": the program itself. @address: in the module's file.
 * @old: the instructions that are moved, @old_bytes of them, 5 or more.
 * @code: what does the same elsewhere, but for its fixups: 32 bits at @position that lead to
 * @target (address in the file), relative to @end of the instruction, both counted in @code.
 */
struct abi_lap_at {
    char module[ABI_PATH_BYTES];
    uint64_t address;
    uint32_t old_bytes;
    uint32_t code_bytes;
    uint32_t fixups;
    uint32_t spare;
    uint8_t old[ABI_LAP_CODE];
    uint8_t code[ABI_LAP_CODE];
    struct {
        uint32_t position;
        uint32_t end;
        uint64_t target;
    } fixup[ABI_LAP_FIXUPS];
};

/** struct abi_order_place - a return address, and what stays of it in a cycle of other addresses.
 */
struct abi_order_place {
    uint64_t address;
    uint64_t offset; /* in the module */
    char module[48]; /* last part of its path; "": the program itself */
};

/**
 * struct abi_order_lock - a lock as its order is known.
 * @key: the same in every cycle of one program, unless it has ABI_ORDER_PASSING.
 * @kind: of locks initialised at one place; the key itself where that is one lock.
 * @born: return address of its initialisation; 0 where it lies in a module's data.
 */
struct abi_order_lock {
    uint64_t key;
    uint64_t kind;
    uint64_t object;
    uint64_t born;
};
#define ABI_ORDER_PASSING (UINT64_C(1) << 63)

/** struct abi_order_gate - a lock held around a pair. @mode: MODE_READ shuts out writers alone. */
struct abi_order_gate {
    uint64_t kind;
    uint64_t mode;
};

/**
 * struct abi_order_thread - who took the pair. @number: its bit, by its name.
 * @beside: bits of the threads that were alive meanwhile.
 */
struct abi_order_thread {
    uint64_t beside;
    uint64_t cycle;
    uint32_t number;
    char name[PLAN_THREAD_BYTES];
};

/** struct abi_order_edge - @taken was waited for with @held held. Valid from @epoch on. */
struct abi_order_edge {
    uint64_t epoch; /* in which it was seen last; 0: none */
    struct abi_order_lock held;
    struct abi_order_lock taken;
    struct abi_order_place held_at;
    struct abi_order_place taken_at;
    uint32_t held_mode;
    uint32_t taken_mode;
    uint32_t gates;
    uint32_t threads;
    struct abi_order_gate gate[ABI_ORDER_GATES];
    struct abi_order_thread thread[ABI_ORDER_THREADS];
};

/** struct abi_order_circle - an inversion, found in @epoch. @kind: sorted, for "not again". */
struct abi_order_circle {
    uint64_t epoch;
    uint32_t edges;
    uint32_t edge[ABI_ORDER_CIRCLE];
    uint32_t thread[ABI_ORDER_CIRCLE]; /* of that edge */
    uint64_t kind[ABI_ORDER_CIRCLE];
};

/** struct abi_order_birth - a lock, or a place where locks are initialised, of this cycle. */
struct abi_order_birth {
    uint64_t state; /* epoch * 4 + 1 is being written, + 2 is there, + 3 is gone */
    uint64_t object;
    uint64_t caller;
    uint32_t count; /* of a place: locks; of a lock: which of its place it is, from 1 */
    uint32_t used;
};

/** struct abi_order - in which order locks are taken; outlives cycles. See agent/order.c. */
struct abi_order {
    uint64_t busy; /* epoch in which somebody writes here */
    uint32_t edges;
    uint32_t circles;
    uint64_t held_key[ABI_ORDER_EDGES];
    struct abi_order_circle circle[ABI_ORDER_CIRCLES];
    struct abi_order_edge edge[ABI_ORDER_EDGES];
    struct abi_order_birth birth[ABI_ORDER_LOCKS];
};

/** struct abi_crash - a fatal signal as the agent caught it. */
struct abi_crash {
    uint64_t epoch;
    uint32_t signal;
    int32_t code;
    uint64_t address;
    uint32_t tid;
    uint32_t lane; /* UINT32_MAX: a thread without one */
    uint64_t time;
    uint64_t regs[17];
    uint32_t handler_of; /* the signal whose handler begins at rip, 0 if there is none */
    uint32_t reserved;
    uint64_t wrote; /* 1: of a page fault, it was a write */
};

/* What the server is asked for; abi_control.command, a futex word. */
enum abi_command {
    COMMAND_WAIT = 0,
    COMMAND_RUN,      /* run batch_first .. batch_first + batch_count - 1 */
    COMMAND_CONTINUE, /* the anomaly has been read: next cycle */
    COMMAND_QUIT,
};

/* What the server does; abi_control.server, written by the server alone. */
enum abi_server {
    SERVER_STARTING = 0,
    SERVER_READY,
    SERVER_RUNS,
    SERVER_ANOMALY, /* waits for COMMAND_CONTINUE, the target's evidence is to be read */
    SERVER_DONE,    /* the batch is complete */
    SERVER_REFUSED, /* the program cannot be forked here; see refusal */
    SERVER_GONE,
};

/* What a cycle is for; abi_control.purpose. */
enum abi_purpose {
    PURPOSE_CYCLE = 0,
    PURPOSE_COUNT, /* dry cycle: count the hits */
    PURPOSE_STEP,  /* dry cycle: step the calls at hits 1, 2, 4 ... and note their lengths */
};

/* A target may end while the supervisor gives it up: exactly one of the two judges it. */
enum abi_claim {
    CLAIM_NONE = 0,
    CLAIM_SERVER,
    CLAIM_SUPERVISOR, /* it reads the evidence: the server waits before the next cycle */
    CLAIM_DONE,       /* it has read it, and ended the target */
};

enum abi_server_mode { SERVER_FORK = 0, SERVER_FRESH = 1 };

/* Why the target stopped itself for its heap to be read; abi_control.look, once a cycle. */
enum abi_look {
    LOOK_NONE = 0,
    LOOK_FAILED, /* the cycle has an anomaly, and is about to end */
    LOOK_GREW,   /* after its last lap: it had more blocks than half-way through */
    LOOK_ASKED,  /* OPTION_REACH */
    LOOK_DONE,   /* set by the supervisor, which lets it go on then */
};

/* Bits of abi_control.options, set by the supervisor. */
enum abi_option {
    OPTION_PROBE = 1 << 0,       /* probe the survivors after a kill or park */
    OPTION_TRACE = 1 << 1,       /* the recorder is on */
    OPTION_FRESH = 1 << 2,       /* the server starts the program anew each cycle */
    OPTION_REOPEN = 1 << 3,      /* give each child fresh descriptions for stdin, stdout, stderr */
    OPTION_FOLLOW = 1 << 4,      /* programs that the target starts get the agent too */
    OPTION_STOP_AT = 1 << 5,     /* stop for a debugger when the injection is due */
    OPTION_RECORD = 1 << 6,      /* ring on (always, except in benches) */
    OPTION_MUST_UNLOAD = 1 << 7, /* a module that stays mapped is a finding */
    OPTION_REACH = 1 << 24,      /* at its end every target's heap is read */
    OPTION_HEAP_ZONES = 1 << 16, /* a zone behind each block, looked at when it is freed */
    OPTION_HEAP_FILL = 1 << 17,  /* freed blocks are filled, kept for a while and looked at */
    OPTION_HEAP_GUARD = 1 << 18, /* some blocks stand between guard pages */
};

/* What ends a lap; abi_control.lap_mode. */
enum abi_lap_mode {
    LAPS_BODY = 0, /* the workload's body is over, abi_control.laps times */
    LAPS_AT,       /* somebody enters a function (struct abi_lap_at) */
    LAPS_EVERY,    /* so many hook events have come, of all threads */
};

/* Bits of abi_control.remarks: what the report is to say of the program, once. */
enum abi_remark {
    REMARK_OWN_HEAP = 1 << 0,  /* it brings its own malloc, which no hook sees */
    REMARK_UNREACHED = 1 << 1, /* a thread was to die, and blocks even libc's own signals */
    REMARK_LAP_CODE = 1 << 2,  /* --lap-at: its module has other code there than its file */
    REMARK_LAP_PLACE = 1 << 3, /* --lap-at: no room near it, or its code may not be written */
    REMARK_NO_LAP = 1 << 4,    /* --lap-at, --lap-every: a cycle without a lap */
};

/**
 * struct abi_control - the control block: one job, one target at a time.
 *
 * The first part belongs to the server and the supervisor, the second is reset before each
 * cycle. One page, since every cycle touches it.
 */
struct abi_control {
    uint64_t magic;
    uint32_t version;
    uint32_t size;     /* bytes of the whole memory */
    uint64_t registry; /* hash of the injector names: both sides must be of one build */
    uint32_t options;
    uint32_t purpose;
    /* server */
    uint32_t command; /* futex */
    uint32_t server;  /* futex */
    uint32_t server_pid;
    uint32_t stop; /* set by the supervisor: finish the cycle under way, then SERVER_DONE */
    uint64_t batch_first;
    uint64_t batch_count;
    uint64_t done; /* cycles of the batch that are finished */
    uint64_t passed;
    uint64_t not_fired;
    uint64_t failed; /* cycles that the supervisor has judged itself */
    uint64_t noted;  /* cycles of the batch with nothing but notes */
    uint64_t nanoseconds;
    uint64_t longest;
    uint32_t histogram[ABI_HISTOGRAM]; /* of durations: bucket floor(4 * log2(microseconds)) */
    uint64_t drained;        /* bytes of output the supervisor has read; futex in the low half */
    int32_t baseline_status; /* wait status of the dry cycle */
    uint32_t laps;           /* per cycle, at least 1 */
    uint64_t tick_hz;        /* ticks per second, 0 until measured */
    uint32_t remarks;        /* enum abi_remark; stays from cycle to cycle */
    uint32_t guard_every;    /* one allocation in so many stands between guard pages */
    uint32_t lap_mode;       /* enum abi_lap_mode */
    uint32_t lap_every;      /* of LAPS_EVERY: hook events in a lap */
    char refusal[ABI_MESSAGE_BYTES];
    /* this cycle */
    uint64_t epoch;    /* running number in this memory, from 1 */
    uint64_t cycle;    /* number in the cell, from 0 */
    uint64_t start_ns; /* CLOCK_MONOTONIC */
    uint64_t start_ticks;
    uint32_t pid;             /* 0: no target under way */
    int32_t status;           /* wait status once it ended */
    uint32_t anomaly;         /* enum abi_anomaly */
    uint32_t notes;           /* the same bits, for notes */
    uint32_t hello;           /* the agent runs in the target */
    uint32_t lanes;           /* lanes claimed */
    uint32_t unknown_threads; /* T?n given out */
    uint32_t lane_overflow;   /* threads without a lane */
    uint32_t phase;           /* enum abi_exit_phase */
    uint32_t exiting_lane;
    uint32_t exit_calls;
    int32_t exit_status;
    uint32_t alive;   /* threads that the agent knows to live */
    uint32_t deaths;  /* records in use */
    uint32_t modules; /* records in use */
    uint32_t modules_live;
    uint32_t ties; /* bound of ties in use */
    uint32_t heap_full;
    uint32_t heap_faults; /* misused blocks seen, more than are put down */
    int64_t park_left;    /* hook events of others until they go on; -1 never */
    uint32_t parked;      /* threads parked; with paced one word, which every hook tests */
    uint32_t paced;       /* laps are counted by hook events: after so many one ends */
    uint32_t timers;      /* an alarm or timer was set */
    uint64_t fired;       /* bit per strike */
    uint64_t intended;    /* bit per strike */
    uint64_t beats;
    uint64_t lap; /* laps finished */
    uint64_t laps_read;
    uint32_t invariants;
    uint32_t claim;        /* enum abi_claim: who judges this cycle; a futex word */
    uint32_t disturbed;    /* set by the supervisor: it held or resumed this target */
    uint32_t look;         /* enum abi_look */
    uint32_t counts_sites; /* lap_sites is kept: this cycle takes laps */
    uint32_t gate;         /* 1: closed, nobody enters the recorder any more */
    struct plan plan;
    char message[ABI_MESSAGE_BYTES]; /* first broken invariant */
    uint32_t user_sites;
    uint32_t schedule_owner; /* controlled mode: lane whose turn it is */
    uint64_t schedule_steps;
    uint64_t schedule_hash;   /* of the events in order: the proof of an exact replay */
    uint32_t schedule_stolen; /* turns taken from a lane that slept in the kernel */
    uint32_t schedule_order;  /* running number of waits */
    struct abi_crash crash;
    char user_site[ABI_USER_SITES][ABI_NAME_BYTES];
};

/**
 * struct abi_memory - the whole of a job's shared memory, sparse: untouched pages cost nothing.
 * What each cycle touches comes first, side by side.
 */
struct abi_memory {
    struct abi_control control __attribute__((aligned(4096)));
    struct abi_lane lane[ABI_LANES] __attribute__((aligned(4096)));
    struct plan_spec spec __attribute__((aligned(4096)));
    struct profile profile;
    struct abi_death death[ABI_DEATHS] __attribute__((aligned(4096)));
    struct abi_module module[ABI_MODULES] __attribute__((aligned(4096)));
    struct abi_tie tie[ABI_TIES] __attribute__((aligned(4096)));
    struct abi_lap lap[ABI_LAPS] __attribute__((aligned(4096)));
    struct abi_step_lengths lengths[ABI_LANES] __attribute__((aligned(4096)));
    uint8_t altstack[ABI_LANES][ABI_ALTSTACK_BYTES] __attribute__((aligned(4096)));
    /* Return addresses of allocating calls, hashed; sums per site come from the slots below. */
    uint64_t call_site[ABI_CALL_SITES] __attribute__((aligned(4096)));
    struct abi_heap_slot heap[ABI_HEAP_SLOTS] __attribute__((aligned(4096)));
    struct abi_order order __attribute__((aligned(4096)));
    struct abi_heap_fault heap_fault[ABI_HEAP_FAULTS] __attribute__((aligned(4096)));
    struct abi_guard guard __attribute__((aligned(4096)));
    struct abi_lap_at lap_at __attribute__((aligned(4096)));
    struct abi_lap_sites lap_sites __attribute__((aligned(4096)));
};

_Static_assert(sizeof(struct abi_control) <= 4096, "the control block is one page");
_Static_assert(__builtin_offsetof(struct abi_control, parked) % 8 == 0 &&
                   __builtin_offsetof(struct abi_control, paced) ==
                       __builtin_offsetof(struct abi_control, parked) + 4,
               "hooks test both at once");

/** abi_takes_laps() - this cycle counts laps, and its samples are of use. */
static inline int abi_takes_laps(const struct abi_control *control)
{
    return control->laps > 1 || control->lap_mode != LAPS_BODY;
}

/** abi_site_name() - name of a built-in site, or of a user site of @control ("user:NAME"); "?"
 * else. */
const char *abi_site_name(const struct abi_control *control, uint32_t site, char out[64]);

/** abi_site_find() - index of a built-in site's name, 0 if there is none. */
uint16_t abi_site_find(const char *name);

/** abi_site_family() - family of a site; FAMILY_USER for user sites. */
enum abi_site_family abi_site_family(uint32_t site);

/** abi_site_inside() - 1 where a strike can be counted in instructions. */
int abi_site_inside(uint32_t site);

/** abi_event_name() - "wait-begin"; "?" for an unknown kind. */
const char *abi_event_name(uint32_t kind);

/** abi_mode_name() - "mutex", "the loader lock" ...; never NULL. */
const char *abi_mode_name(uint32_t mode);

/** abi_probe_name() - "malloc(64)", "fork" ...; never NULL. */
const char *abi_probe_name(uint32_t probe);

#endif
