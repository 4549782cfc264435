/*
 * waits.h: who waits for whom in a target that stands still.
 *
 * Built from a struct evidence, for detectors. A node is a thread; an edge leads from one that
 * waits to one that alone could let it go on: the owner of a lock, the thread that is joined,
 * whoever is stuck inside the allocator or the loader. Detectors ask it and raise the codes, so
 * that all of them, and the one that speaks last (hang), agree on what has an explanation.
 */
#ifndef SUPERVISOR_WAITS_H
#define SUPERVISOR_WAITS_H

#include <harness/detector.h>

#include <stdbool.h>
#include <stdint.h>

enum {
    /* Nodes below ABI_LANES are lanes by their index; the rest are threads without a lane. */
    WAITS_NODES = ABI_LANES + EVIDENCE_THREADS,
    WAITS_TEXT_BYTES = FINDING_TEXT_BYTES,
};

enum waits_life {
    WAITS_ABSENT,
    WAITS_RUNS,
    WAITS_BLOCKED, /* in the kernel */
    WAITS_SPINS,   /* for a spin lock */
    WAITS_PARKED,  /* by the plan */
    WAITS_DEAD,    /* killed, or vanished */
    WAITS_ENDED,   /* in an orderly way */
};

/** enum waits_kind - what a blocked node waits for. */
enum waits_kind {
    WAITS_NOTHING,
    WAITS_LOCK,   /* mutex, rwlock, spin lock, a stream locked by name: has an object */
    WAITS_EVENT,  /* condition, semaphore, barrier: has an object */
    WAITS_ONCE,   /* has an object */
    WAITS_JOIN,   /* the end of a thread */
    WAITS_HEAP,   /* the lock of an arena, inside the allocator */
    WAITS_LOADER, /* the loader's lock, inside the loader */
    WAITS_STDIO,  /* a stream's lock, inside stdio */
    WAITS_CHILD,  /* a process */
    WAITS_OTHER,  /* something in the kernel, or a futex that nobody knows */
};

/** enum waits_how - why a node is the one who could; 0 where it is not. */
enum waits_how {
    WAITS_NOT = 0,
    WAITS_HOLDS,        /* it is on its list of held locks */
    WAITS_TAKING,       /* it stopped inside the call that takes the lock */
    WAITS_RELEASING,    /* it stopped inside the call that releases it, or gives it up to wait */
    WAITS_BEFORE_FORK,  /* held it in the parent when the waiter's process was forked off */
    WAITS_LOST_AT_FORK, /* brings the event, in the parent alone */
    WAITS_JOINED,
    WAITS_IN_HEAP,
    WAITS_IN_LOADER,
    WAITS_IN_STDIO,
};

/**
 * struct waits_node - one thread.
 * @lane, @thread: what is known; either may be NULL, not both.
 * @limited: the wait has a time limit, so it ends by itself.
 * @object, @mode: of WAITS_LOCK, WAITS_EVENT and WAITS_ONCE.
 * @inside: enum stack_kind bits of the locks without owner that it may hold.
 */
struct waits_node {
    const struct abi_lane *lane;
    const struct evidence_thread *thread;
    enum waits_life life;
    enum waits_kind kind;
    bool limited;
    uint32_t mode;
    uint64_t object;
    unsigned inside;
};

/**
 * struct waits - all nodes, and @owner[n][m]: how lane m could let node n go on.
 * @listed: the target stood still while its threads were listed: who is not there is gone.
 */
struct waits {
    const struct evidence *evidence;
    bool listed;
    unsigned nodes;
    struct waits_node node[WAITS_NODES];
    uint8_t owner[WAITS_NODES][ABI_LANES];
};

/** struct waits_circle - lanes in order; each waits for the next, the last for the first. */
struct waits_circle {
    unsigned lanes;
    unsigned lane[ABI_LANES];
};

/** waits_read() - fills @waits; it points into @evidence. Bounded, whatever the memory holds. */
void waits_read(struct waits *waits, const struct evidence *evidence);

/** waits_kind_of_mode() - the kind of a wait by its MODE_; WAITS_OTHER if there is no such mode. */
enum waits_kind waits_kind_of_mode(uint32_t mode);

/** waits_waiting() - the node is blocked or spins. */
bool waits_waiting(const struct waits *waits, unsigned node);

/** waits_gone() - dead or ended: it will never release anything. */
bool waits_gone(const struct waits *waits, unsigned node);

/** waits_owner() - first lane from @from on that could let @node go on, ABI_LANES if none. */
unsigned waits_owner(const struct waits *waits, unsigned node, unsigned from);

/** waits_at_fork() - @owner could, were it in the process of @node: fork has not copied it. */
bool waits_at_fork(const struct waits *waits, unsigned node, unsigned owner);

/**
 * waits_blamed() - the owner to name for a waiter by a lock: one that is gone, else one that
 * is parked. Joining a thread is no reason to blame it. Returns ABI_LANES if there is none.
 */
unsigned waits_blamed(const struct waits *waits, unsigned node);

/** waits_blames() - @owner is such an owner; there may be several, if the lock names nobody. */
bool waits_blames(const struct waits *waits, unsigned node, unsigned owner);

/**
 * waits_circle() - the shortest circle of live threads that wait without limit.
 * @loader: only circles through the loader's lock; else only those without it.
 *
 * Of several of one length the one with the lowest lanes. It starts at its lowest lane.
 */
bool waits_circle(const struct waits *waits, bool loader, struct waits_circle *circle);

/**
 * waits_loader_event() - a thread inside the loader waits for an event, in a proved hang, while
 * @waiter needs the loader: nobody else is left to bring the event. The first such pair.
 */
bool waits_loader_event(const struct waits *waits, unsigned *waiter, unsigned *holder);

/** waits_explained() - some wait has an owner to blame, or is part of a circle. */
bool waits_explained(const struct waits *waits);

/* --- words (waits_text.c) --- */

/** waits_name() - "T1 (main)", "thread 4242" without a lane. */
void waits_name(const struct waits *waits, unsigned node, char out[WAITS_TEXT_BYTES]);

/** waits_what() - "waits for mutex table_lock", "waits for T1.2 to end", "runs". */
void waits_what(const struct waits *waits, unsigned node, char out[WAITS_TEXT_BYTES]);

/** waits_place() - the program's own place in the node's stack; false if nothing is known. */
bool waits_place(const struct waits *waits, unsigned node, struct evidence_frame *frame);

/** waits_sign() - what a signature says of the node: evidence_culprit() of its place. */
void waits_sign(const struct waits *waits, unsigned node, char out[EVIDENCE_CULPRIT_BYTES]);

/** waits_say() - a line about what a live node does, and the locks that it holds; and the arrows
 * to whom it waits for. */
void waits_say(struct finding *finding, const struct waits *waits, unsigned node);

/** waits_chain() - adds the arrows from a node that waits to whom it waits for (waits_chain.c). */
void waits_chain(struct finding *finding, const struct waits *waits, unsigned node);

/** waits_say_gone() - lines about a node that is dead, ended or parked: where, why, and what
 * @how it has to do with a lock of @mode at @object (both 0: nothing to add). */
void waits_say_gone(struct finding *finding, const struct waits *waits, unsigned node,
                    enum waits_how how, uint32_t mode, uint64_t object);

/** waits_say_circle() - a line a thread, and "the circle: T1 - join -> T1.1 - ... -> T1". */
void waits_say_circle(struct finding *finding, const struct waits *waits,
                      const struct waits_circle *circle);

/**
 * waits_raise() - a finding about waits that have somebody to blame.
 * @kinds: bit set of 1 << enum waits_kind of the waiters concerned.
 * @spin: for WAITS_LOCK, true: only spin locks; false: all others.
 * @parked: blame the parked; else those that are gone.
 *
 * Says who waits, who is to blame, and signs it. Adds nothing if no such wait exists.
 */
void waits_raise(struct judgement *judgement, const struct waits *waits, enum stop_code code,
                 unsigned kinds, bool spin, bool parked);

#endif
