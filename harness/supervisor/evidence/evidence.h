/*
 * evidence.h: reading a struct evidence, beyond what harness/detector.h promises.
 *
 * The target may have scribbled over all that it shared with us. So everything here checks
 * what it reads: an index, count or text that can't be is taken for missing. All functions are
 * pure; what they return points into the evidence.
 */
#ifndef SUPERVISOR_EVIDENCE_H
#define SUPERVISOR_EVIDENCE_H

#include <harness/detector.h>

#include <stdbool.h>
#include <stdint.h>

enum {
    EVIDENCE_NAME_BYTES = 40, /* a thread's name with "(main)" */
    EVIDENCE_TEXT_BYTES = FINDING_TEXT_BYTES,
};

/** evidence_control() - the control block, or NULL without memory. */
const struct abi_control *evidence_control(const struct evidence *evidence);

/** evidence_lanes() - bound of lane indices worth looking at, at most ABI_LANES. */
unsigned evidence_lanes(const struct evidence *evidence);

/** evidence_is_target() - @lane is the target's own, not that of a process forked off. */
bool evidence_is_target(const struct evidence *evidence, const struct abi_lane *lane);

/** evidence_thread_of() - what was seen of the thread of lane @index, or NULL. */
const struct evidence_thread *evidence_thread_of(const struct evidence *evidence, unsigned index);

/** evidence_frames() - frames of a thread that can be read; 0 for NULL. */
unsigned evidence_frames(const struct evidence_thread *thread);

/** evidence_event() - event of a lane, @back 0 being the last; NULL beyond what the ring kept. */
const struct abi_event *evidence_event(const struct abi_lane *lane, uint64_t back);

/** evidence_complete() - the ring still has all that the lane's thread did. */
bool evidence_complete(const struct abi_lane *lane);

/** evidence_held() - lock number @index of those that @lane holds; NULL beyond the last. */
const struct abi_held *evidence_held(const struct abi_lane *lane, unsigned index);

/** evidence_death() - record @index of a killed or parked thread; NULL where there is none. */
const struct abi_death *evidence_death(const struct evidence *evidence, unsigned index);

/** evidence_death_of() - the last such record of lane @index, or NULL. */
const struct abi_death *evidence_death_of(const struct evidence *evidence, unsigned index);

/**
 * evidence_own_point() - the plan named the thread of @death itself, not one that took it along
 * (exit-nt-order kills all others): only then site, hit and insn are its own.
 */
bool evidence_own_point(const struct evidence *evidence, const struct abi_death *death);

/** evidence_struck() - lane @index was killed or is parked by the plan. */
bool evidence_struck(const struct evidence *evidence, unsigned index);

/** evidence_module() - record @index of a module of this cycle, or NULL. */
const struct abi_module *evidence_module(const struct evidence *evidence, unsigned index);

/** evidence_tie() - tie @index of this cycle that is live or left, or NULL. */
const struct abi_tie *evidence_tie(const struct evidence *evidence, unsigned index);

/** evidence_is_left() - the module that @tie leads into is gone, or it is of the other kinds. */
bool evidence_is_left(const struct abi_tie *tie);

/** evidence_module_at() - the module of this cycle that was at @address last, or NULL. */
const struct abi_module *evidence_module_at(const struct evidence *evidence, uint64_t address);

/** evidence_ms() - milliseconds from tick @from to tick @to; below 0 where unknown. */
double evidence_ms(const struct evidence *evidence, uint64_t from, uint64_t to);

/** evidence_caller() - names a return address by the call before it; false if unknown. */
bool evidence_caller(const struct evidence *evidence, uint64_t address,
                     struct evidence_frame *frame);

/** evidence_caller_culprit() - evidence_culprit() of the place of a call; "" if it is unknown. */
void evidence_caller_culprit(const struct evidence *evidence, uint64_t caller,
                             char out[EVIDENCE_CULPRIT_BYTES]);

/**
 * evidence_lower() - keeps in @lowest the first of all culprits in the order of bytes: whichever
 * of them came first, the signature is the same. True if @culprit is kept now; "" never is.
 */
bool evidence_lower(char lowest[EVIDENCE_CULPRIT_BYTES], const char *culprit);

/** evidence_address() - names the address itself; false if unknown. */
bool evidence_address(const struct evidence *evidence, uint64_t address,
                      struct evidence_frame *frame);

/** evidence_is_libc() - the module is the C library. */
bool evidence_is_libc(const char *module);

/** evidence_is_system() - the module is no culprit: libc, loader, runtimes, the agent. */
bool evidence_is_system(const char *module);

/** evidence_own_frame() - index of the first frame that is not in the system; @frames if none. */
unsigned evidence_own_frame(const struct evidence_frame *frame, unsigned frames);

/** evidence_lane_text() - "T1 (main)", "T1.2"; "T?" for a lane that can't be read. */
void evidence_lane_text(const struct evidence *evidence, unsigned index,
                        char out[EVIDENCE_NAME_BYTES]);

/** evidence_point_text() - "T1.2:malloc#17+41i" for a death that is evidence_own_point(). */
void evidence_point_text(const struct evidence *evidence, const struct abi_death *death,
                         char out[PLAN_POINT_BYTES]);

/** evidence_object_text() - "mutex table_lock", "mutex 0x7f31c0" without a name; MODE_NONE: "lock".
 */
void evidence_object_text(const struct evidence *evidence, uint32_t mode, uint64_t object,
                          char out[EVIDENCE_TEXT_BYTES]);

/** evidence_caller_text() - evidence_frame_text() for a return address. */
void evidence_caller_text(const struct evidence *evidence, uint64_t address,
                          char out[EVIDENCE_TEXT_BYTES]);

/** evidence_instruction_text() - "libc.so.6+0x98a3c  _int_malloc". */
void evidence_instruction_text(const struct evidence_frame *frame, char out[EVIDENCE_TEXT_BYTES]);

/** evidence_path_base() - last part of a path in shared memory, cut where it is no text. */
void evidence_path_base(const char path[ABI_PATH_BYTES], char out[64]);

/**
 * evidence_said() - the line of the output that begins with one of @beginnings, "" if none.
 * @beginnings: NULL at its end. @out: EVIDENCE_TEXT_BYTES.
 */
void evidence_said(const struct evidence *evidence, const char *const *beginnings, char *out);

#endif
