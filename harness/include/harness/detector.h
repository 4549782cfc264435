/*
 * detector.h: evidence in, stop codes out.
 *
 * One file in harness/detectors/ is one detector: crash.c defines
 *     const struct detector detector_crash
 * judge() sees a struct evidence and nothing else: never which workload ran. It may be called
 * for any failing cycle and must cope with evidence that is missing or damaged: a target can
 * have scribbled over all that it shares with us.
 */
#ifndef HARNESS_DETECTOR_H
#define HARNESS_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/error.h>
#include <harness/stop_code.h>

enum {
    EVIDENCE_THREADS = 512,
    EVIDENCE_FRAMES = 32,
    EVIDENCE_OUTPUT_BYTES = 65536,
    FINDING_LINES = 48,
    FINDING_TEXT_BYTES = 200,
    FINDING_SIGNATURE_BYTES = 256,
    EVIDENCE_CULPRIT_BYTES = 176,
    FINDINGS_PER_CYCLE = 16,
    EVIDENCE_HEAP_FAULTS = 8,
    EVIDENCE_LEAK_SITES = 16,
    EVIDENCE_SITES = 10,
    FINDING_WAITS = 16,
    FINDING_NAME_BYTES = 64,
    EVIDENCE_SPINS = 8,
    EVIDENCE_HOLDS = 4,
    EVIDENCE_HOLD_WAITERS = 4,
};

/** struct evidence_frame - one line of a stack; empty strings where unknown. */
struct evidence_frame {
    uint64_t pc;
    uint64_t offset;          /* in the module */
    uint64_t function_offset; /* from the start of the function, or of the variable */
    char module[64];
    char function[96];
    char file[64];
    int line;
};

enum evidence_thread_state {
    THREAD_GONE,    /* ended in an orderly way */
    THREAD_RUNNING, /* on a processor or ready */
    THREAD_WAITING, /* blocked in the kernel */
    THREAD_PARKED,  /* by an injection */
    THREAD_DEAD,    /* killed by an injection, or vanished */
    THREAD_ZOMBIE,  /* the main thread ended, others live */
};

/**
 * struct evidence_thread - one thread of the target, alive or dead.
 * @lane: index of its lane, -1 where it has none (a recorder's thread, a raw clone).
 * @waits: it is blocked with no time limit. @syscall, @argument: what /proc said.
 * @stream_owner: it sleeps for what looks like a stream's lock, which says this pthread_t has
 *                it; 0 where it does not.
 * @frame: innermost first; for a dead thread the stack at its death.
 */
struct evidence_thread {
    int tid;
    int lane;
    enum evidence_thread_state state;
    char name[PLAN_THREAD_BYTES];
    bool waits;
    long syscall; /* -1: not in a system call, -2: unknown */
    uint64_t argument[6];
    uint64_t stream_owner;
    uint64_t stack_pointer;
    unsigned frames;
    struct evidence_frame frame[EVIDENCE_FRAMES];
};

/** struct evidence_stack - a stack that the agent took, unwound; innermost first. */
struct evidence_stack {
    unsigned frames;
    struct evidence_frame frame[EVIDENCE_FRAMES];
};

/**
 * struct evidence_blocks - stacks of misused blocks. @fault: of the call that put down
 * memory->heap_fault[n]. @allocated, @freed: of the block between guard pages that fault n, or
 * behind the last fault the crash, is about.
 */
struct evidence_blocks {
    struct evidence_stack fault[ABI_HEAP_FAULTS];
    struct evidence_stack allocated[ABI_HEAP_FAULTS + 1];
    struct evidence_stack freed[ABI_HEAP_FAULTS + 1];
};

/** enum evidence_hang - how far the watch got. */
enum evidence_hang {
    HANG_NONE,
    HANG_PROVED,   /* nothing can run and nothing can come */
    HANG_SPINNING, /* threads burn their processors, proved to get nowhere */
    HANG_DEADLINE, /* out of patience: see why */
};

/** enum evidence_heap_kind - how the heap contradicts itself; see struct evidence_heap_fault. */
enum evidence_heap_kind {
    HEAP_FREE_LINK,   /* a free block's link to the next one was overwritten */
    HEAP_FREE_MARK,   /* the mark of a free block was overwritten */
    HEAP_FREE_CIRCLE, /* a list of free blocks runs in a circle */
    HEAP_HEADER,      /* a header says a size that cannot be */
    HEAP_SWALLOWS,    /* a header says so much that the next block lies inside */
    HEAP_TOO_SHORT,   /* a header says less than the program asked for */
    HEAP_PREVIOUS,    /* a header contradicts the block before it */
    HEAP_TOP,         /* the header of the heap's unused rest cannot be */
    HEAP_COUNT,       /* a thread's cache has another number of blocks than it counts */
    HEAP_USED_AND_FREE,
    HEAP_FREE_TWICE,
    HEAP_LOST, /* freed, and in no list of free blocks */
};

/**
 * struct evidence_heap_fault - one contradiction. Addresses are as the program got them.
 * @bytes: size of the block, 0 where unknown. @value: what stands in the overwritten place.
 * @before: the block that lies before it in memory, 0 where unknown; @before_bytes as asked for
 * and @before_caller, of its allocation, are 0 where it is not the program's.
 */
struct evidence_heap_fault {
    enum evidence_heap_kind kind;
    uint64_t block;
    uint64_t bytes;
    uint64_t value;
    uint64_t before;
    uint64_t before_bytes;
    uint64_t before_caller;
};

/**
 * struct evidence_heap - the walk through glibc's arenas.
 * @walked: it was done. @refused: why not; "" where nobody tried, or nothing was there to walk.
 * @faults: how many there were; those behind the first EVIDENCE_HEAP_FAULTS are not kept.
 */
struct evidence_heap {
    bool walked;
    char refused[FINDING_TEXT_BYTES];
    unsigned arenas;
    uint64_t chunks;
    uint64_t faults;
    struct evidence_heap_fault fault[EVIDENCE_HEAP_FAULTS];
};

/**
 * struct evidence_leak - blocks of one allocation site that no pointer leads to.
 * @caller: return address of the allocating call, 0 where unknown. @heads: of @blocks those that
 * no other unreachable block points to. @example: address of one.
 */
struct evidence_leak {
    uint64_t caller;
    uint64_t blocks;
    uint64_t heads;
    uint64_t bytes;
    uint64_t example;
};

/**
 * struct evidence_reach - the search for pointers to the program's blocks.
 * @scanned: it was done to the end. @asked: by the user. @laps: finished when it was done.
 * @live: blocks that the program had. @leak: most bytes first; @sites of them, the rest is in
 * @blocks and @bytes alone.
 */
struct evidence_reach {
    bool scanned;
    bool asked;
    uint64_t laps;
    uint64_t live;
    uint64_t blocks;
    uint64_t bytes;
    unsigned sites;
    struct evidence_leak leak[EVIDENCE_LEAK_SITES];
};

/**
 * struct evidence_spin - a word that a spinning thread reads again and again.
 * @tid: of the spinner. @at: the instruction that reads it. @value: what stands there, of 4 bytes.
 * @writer: lane of a dead thread whose code, from where it died on, writes the word (@writes_at),
 *          or whose thread id the word is (then @writes_at is 0); -1 if there is none.
 * @live: the code that a thread stands in which lives and does not spin may write it, too.
 */
struct evidence_spin {
    int tid;
    uint64_t word;
    uint64_t at;
    uint32_t value;
    int writer;
    uint64_t writes_at;
    bool live;
};

/**
 * struct evidence_hold - a lock whose holder slept in the kernel while others waited for it.
 * @holder: its lane. @time, @caller: of the acquisition, as in struct abi_held.
 * @asleep_ms: so long at least; time that it could have run and did not get a processor, or was
 *             stopped, is not in it. @syscall: the one that it was seen in most lately.
 * @site: hooked call of the holder that was under way (enum abi_site), 0 none; @site_caller its
 *        return address.
 * @waiter: @waiters of them. @waited_ms: since it was first seen to wait.
 */
struct evidence_hold {
    unsigned holder;
    uint64_t object;
    uint32_t mode;
    uint64_t time;
    uint64_t caller;
    double asleep_ms;
    long syscall;
    uint32_t site;
    uint64_t site_caller;
    unsigned waiters;
    struct {
        unsigned lane;
        uint64_t caller;
        double waited_ms;
    } waiter[EVIDENCE_HOLD_WAITERS];
};

/**
 * struct evidence_site - an allocation site whose live blocks grow from lap to lap.
 * @caller: return address of the allocating call, 0 for all beyond the agent's table.
 * @bytes, @blocks: growth in each lap of the late half; 0 where that is not upwards.
 * @place: its name: "function  module  file:line", or module and offset.
 */
struct evidence_site {
    uint64_t caller;
    double bytes;
    double blocks;
    char place[FINDING_TEXT_BYTES];
};

/**
 * struct evidence - all that is known about one cycle. Owned by the caller of judge().
 * @memory: the target's shared memory, standing still; may be damaged.
 * @status: wait status; only if @ended. @expected_status: of the dry cycle.
 * @struck: a strike was carried out. @effect_signal: the signal that the plan itself
 *          ordered, 0 if none. @effect_status: the exit status that it ordered, -1 if none.
 * @effect_thread: a thread was killed or parked by the plan, or ended early (thread-cancel).
 * @effect_failure: a call was made to fail by the plan (alloc-fail), which the program may
 *                  rightly report by its exit status.
 * @why: for HANG_DEADLINE, why it could not be proved.
 * @confirmed: for HANG_DEADLINE, a rerun at three times the deadline was not done either.
 * @must_unload: the user asked for modules to be gone (--must-unload).
 * @left_processes: processes other than the target that were left.
 * @spin: for HANG_SPINNING, @spins words that the spinners read.
 * @hold: @holds locks that were held long, as far as the watch saw.
 */
struct evidence {
    const struct abi_memory *memory;
    bool ended;
    int status;
    int expected_status;
    bool struck;
    int effect_signal;
    int effect_status;
    bool effect_thread;
    bool effect_failure;
    enum evidence_hang hang;
    double hang_ms; /* since the last event */
    char why[FINDING_TEXT_BYTES];
    unsigned threads;
    struct evidence_thread *thread;
    unsigned crash_frames;
    struct evidence_frame crash_frame[EVIDENCE_FRAMES];
    struct abi_module unloaded; /* module whose old range a crash address lies in; epoch 0: none */
    const struct evidence_blocks *blocks; /* NULL: no block was misused */
    const struct abi_lap *lap;
    unsigned laps;
    const struct evidence_site *site; /* most bytes in each lap first */
    unsigned sites;
    bool confirmed;
    bool must_unload;
    unsigned left_processes;
    unsigned spins;
    struct evidence_spin spin[EVIDENCE_SPINS];
    unsigned holds;
    struct evidence_hold hold[EVIDENCE_HOLDS];
    struct evidence_heap heap;
    struct evidence_reach reach;
    const char *output; /* last bytes of stdout and stderr, NUL-terminated */
    /**
     * Names exactly this address of the target, code or data; may be NULL. Fills @frame, never
     * fails. For a return address ask for the byte before it (evidence_caller() does).
     */
    void (*name)(void *context, uint64_t address, struct evidence_frame *frame);
    /**
     * Why memory->module[@module] is still mapped after its last dlclose, in a few words
     * ("it is linked with -z nodelete"); NULL where unknown. May be NULL; same context.
     */
    const char *(*stays)(void *context, unsigned module);
    void *name_context;
};

/**
 * struct finding_wait - one arrow of the drawing: @waiter cannot go on without @owner.
 * @what: "waits for the heap lock". @state: of the owner: "was killed", "waits for T1 to end".
 */
struct finding_wait {
    char waiter[FINDING_NAME_BYTES];
    char what[FINDING_TEXT_BYTES];
    char owner[FINDING_NAME_BYTES];
    char state[FINDING_TEXT_BYTES];
};

/**
 * struct finding - one stop code with its words.
 * @line: the body, each line already worded; the report adds header, injection and replay.
 * @signature: code + culprit's and waiter's module and function: one signature, one bug.
 * @wait: who cannot go on without whom, where that is known.
 */
struct finding {
    enum stop_code code;
    enum stop_severity severity; /* as the table has it, unless the detector raised it */
    char signature[FINDING_SIGNATURE_BYTES];
    unsigned lines;
    char line[FINDING_LINES][FINDING_TEXT_BYTES];
    unsigned waits;
    struct finding_wait wait[FINDING_WAITS];
};

/** struct judgement - what the detectors made of one cycle. @finding[0] is the first cause. */
struct judgement {
    unsigned findings;
    struct finding finding[FINDINGS_PER_CYCLE];
};

/**
 * struct detector - one entry of the registry.
 * @name: for --without. @summary: one line. @codes: slugs that it can raise, blanks between.
 * @last: it judges after all the others, and may ask what they have raised.
 * @judge: adds findings; returns nothing. Runs in the supervisor, single-threaded.
 */
struct detector {
    const char *name;
    const char *summary;
    const char *codes;
    bool last;
    void (*judge)(const struct evidence *evidence, struct judgement *judgement);
};

/** Every detector, sorted by file name, NULL at the end. Generated. */
extern const struct detector *const detector_registry[];

/** judgement_add() - a new finding of @code, or NULL when there is no more room. */
struct finding *judgement_add(struct judgement *judgement, enum stop_code code);

/**
 * finding_say() - adds one line of text, printf format; longer text is cut.
 * @finding: NULL (what judgement_add gives when it is full) is allowed, and does nothing.
 *
 * Control characters and what is no UTF-8 become '?': much of the text was the target's.
 */
void finding_say(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * finding_wait() - adds an arrow, once; text as finding_say() has it. More than there is room for
 * is left out. @finding: NULL is allowed.
 */
void finding_wait(struct finding *finding, const char *waiter, const char *what, const char *owner,
                  const char *state);

/**
 * finding_sign() - sets the signature from culprit and waiter ("module:function" or "").
 * @finding: NULL is allowed. Never give it addresses, ids or thread names.
 */
void finding_sign(struct finding *finding, const char *culprit, const char *waiter);

/**
 * judgement_order() - sorts by weight, then by cause (stop_code_rank); folds duplicates of a
 * code into one, which keeps the greater severity and the lines of both.
 */
void judgement_order(struct judgement *judgement);

/** evidence_lane() - lane @index if it belongs to this cycle and is sane, else NULL. */
const struct abi_lane *evidence_lane(const struct evidence *evidence, unsigned index);

/** evidence_frame_text() - "function  module  file:line", as far as known. @out: 200 bytes. */
void evidence_frame_text(const struct evidence_frame *frame, char *out);

/**
 * evidence_culprit() - who counts for a signature: "module:function" of the first frame outside
 * libc, the loader, language runtimes and the agent; of frame 0 if there is none; "" without
 * frames. @out: EVIDENCE_CULPRIT_BYTES.
 */
void evidence_culprit(const struct evidence_frame *frame, unsigned frames, char *out);

/** evidence_address_text() - evidence_frame_text() for an address, by evidence.name. @out: 200
 * bytes. */
void evidence_address_text(const struct evidence *evidence, uint64_t address, char *out);

#endif
