/*
 * callback.h: what an address in an unloaded module was to those who still lead there.
 *
 * The agent notes such ties as they are made (struct abi_tie). Where a crash matches none of
 * them, the stack, the thread's own start routine and its end tell. For detectors.
 */
#ifndef SUPERVISOR_CALLBACK_H
#define SUPERVISOR_CALLBACK_H

#include <harness/detector.h>

enum { CALLBACK_KIND_BYTES = 96 };

/**
 * struct callback - a call into a module that was gone.
 * @kind: "the destructor of a thread-specific key". @address: where it began.
 * @who: index of the lane that put it on record, ABI_LANES if that is not known.
 * @where: return address of the call that did; 0 if that is not known.
 */
struct callback {
    char kind[CALLBACK_KIND_BYTES];
    uint64_t address;
    unsigned who;
    uint64_t where;
};

/** callback_kind() - a tie in words; @out is "" for one that is no callback. */
void callback_kind(const struct abi_tie *tie, char out[CALLBACK_KIND_BYTES]);

/**
 * callback_of_crash() - the crash was a call of something on record.
 * @module: that the instruction pointer lies in. False: it was in there, or came back to it.
 */
bool callback_of_crash(const struct evidence *evidence, const struct abi_module *module,
                       struct callback *out);

/**
 * callback_uncaught() - the callback that a process must have called which died of @signal and
 * could not catch it: the function of a timer (glibc calls it with every signal blocked), or the
 * handler of that very signal. NULL if none of these was left over.
 */
const struct abi_tie *callback_uncaught(const struct evidence *evidence, int signal);

/**
 * callback_say() - who put it on record, and where; nothing where that is not known.
 * @finding: may be NULL.
 */
void callback_say(struct finding *finding, const struct evidence *evidence,
                  const struct callback *callback);

#endif
