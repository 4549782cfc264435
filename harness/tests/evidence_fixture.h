/*
 * evidence_fixture.h: evidence made up for the tests of detectors.
 *
 * A fixture is one cycle: shared memory as an agent would have left it, and the supervisor's
 * findings beside it. fixture_judge() also holds every detector to its contract: only codes
 * that it lists, words that are text, signatures without addresses.
 */
#ifndef TESTS_EVIDENCE_FIXTURE_H
#define TESTS_EVIDENCE_FIXTURE_H

#include <harness/detector.h>

enum {
    FIXTURE_EPOCH = 7,
    FIXTURE_PID = 4000,
    FIXTURE_TICK_HZ = 1000000, /* a tick is a microsecond */
    FIXTURE_SYMBOLS = 64,
};

/* Places of a made-up program that every fixture can name: return addresses and locks. */
#define AT_MAIN    UINT64_C(0x400010) /* main    prog  prog.c:10 */
#define AT_WORKER  UINT64_C(0x401010) /* worker  prog  prog.c:20 */
#define AT_UPDATE  UINT64_C(0x402010) /* update  prog  prog.c:30 */
#define AT_PLUGIN  UINT64_C(0x403010) /* stop  libplug.so  plug.c:40 */
#define LOCK_A     UINT64_C(0x600000) /* lock_a  prog */
#define LOCK_B     UINT64_C(0x600100) /* lock_b  prog */
#define READY      UINT64_C(0x600200) /* ready  prog */
#define STRUCK_AT  UINT64_C(0x900041) /* _int_malloc  libc.so.6: where threads are killed */

struct fixture {
    struct evidence evidence;
    struct abi_memory *memory;
    uint64_t now; /* ticks; one more with every event */
    unsigned symbols;
    struct {
        uint64_t from;
        uint64_t to;
        struct evidence_frame frame;
    } symbol[FIXTURE_SYMBOLS];
    const char *stays;
};

/** A cycle that ended well: no threads, no strike, status 0 as expected. */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/** A lane named @name whose thread runs; returns its index. */
unsigned fixture_lane(struct fixture *f, const char *name);

/** The lane's thread in a process forked off from that of lane @parent. */
unsigned fixture_forked(struct fixture *f, const char *name, unsigned parent);

/**
 * What was seen of the thread of @lane (-1: none). @syscall -2: unknown.
 * Returns its index; the pointers to other threads change.
 */
unsigned fixture_thread(struct fixture *f, int lane, enum evidence_thread_state state,
                        long syscall);

/** Adds an outer frame to a thread. */
void fixture_frame(struct fixture *f, unsigned thread, const char *module, const char *function,
                   const char *file, int line);

/** 256 bytes at @address that have a name; code or data. */
void fixture_symbol(struct fixture *f, uint64_t address, const char *module, const char *function,
                    const char *file, int line);

struct abi_event *fixture_event(struct fixture *f, unsigned lane, enum abi_event_kind kind,
                                uint32_t aux, uint64_t object, uint64_t other, uint64_t caller);

/** The lane holds a lock, taken at @caller; ACQUIRED is in its ring. */
void fixture_hold(struct fixture *f, unsigned lane, uint64_t object, enum abi_lock_mode mode,
                  uint64_t caller);

/** The lane waits for a lock, event or (fixture_join) thread, in a call of @site. */
void fixture_wait(struct fixture *f, unsigned lane, enum abi_site site, uint64_t object,
                  enum abi_lock_mode mode, uint64_t caller);
void fixture_join(struct fixture *f, unsigned lane, unsigned joined, uint64_t caller);

/** The lane is in a call of @site, past the agent's hook. */
void fixture_call(struct fixture *f, unsigned lane, enum abi_site site, uint64_t caller);

/** The plan struck the lane: it is killed or parked for ever, @insn into its call of @site. */
void fixture_kill(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit,
                  uint32_t insn);
void fixture_park(struct fixture *f, unsigned lane, enum abi_site site, uint32_t hit,
                  uint32_t insn);

/** The exit was asked for by @lane, with @alive threads alive. */
void fixture_exit(struct fixture *f, unsigned lane, int status, unsigned alive, uint64_t caller);

/** A table entry; @unloaded_by below 0: it is still there. */
struct abi_module *fixture_module(struct fixture *f, const char *path, uint64_t base, uint64_t end,
                                  unsigned loaded_by, int unloaded_by);

/** Everybody waits, which is proved. */
void fixture_hang(struct fixture *f, enum evidence_hang hang);

/** Runs a detector and checks its contract. @out is filled from empty. */
void fixture_judge(const struct fixture *f, const struct detector *detector, struct judgement *out);

/** The finding of @code, or NULL. */
const struct finding *fixture_found(const struct judgement *judgement, enum stop_code code);

/** Some line of the finding contains @text. Prints the finding if not. */
bool fixture_says(const struct finding *finding, const char *text);

/**
 * Runs the detector on many damaged copies of this cycle; whatever it says is fine, as long as
 * it keeps its contract and comes back. @seed: printed where something fails.
 */
void fixture_damage(struct fixture *f, const struct detector *detector, uint64_t seed);

/* Suites are short: one CUnit suite a program. */
struct fixture_case {
    const char *name;
    void (*run)(void);
};

/** Runs the cases (NULL at the end); returns the program's exit status. */
int fixture_main(const char *suite, const struct fixture_case *cases);

#endif
