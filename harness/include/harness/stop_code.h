/*
 * stop_code.h: the stable names of what can happen, and which of several is the verdict.
 *
 * The entries stand in stop_code.def. A code is in use only through its enumerator, which is
 * made from that table: one without an entry doesn't build. Numbers may shift from version to
 * version; whatever is stored or sent carries the slug.
 */
#ifndef HARNESS_STOP_CODE_H
#define HARNESS_STOP_CODE_H

enum stop_code {
    STOP_NONE = 0,
#define STOP_CODE(identifier, slug, severity, ancestor, meaning, cause, mend) STOP_##identifier,
#include <harness/stop_code.def>
    STOP_COUNT
};

/**
 * enum stop_severity - what a code weighs, unless a detector raises it.
 * @STOP_SEVERITY_NOTE: worth a line, no failure. Becomes a finding where the exit path waits
 *                      for it or destroys what it uses, or where the workload declares it.
 * @STOP_SEVERITY_FINDING: the program is at fault; the cycle fails.
 * @STOP_SEVERITY_HARNESS: about rundown itself; never counted as a failure of the program.
 */
enum stop_severity {
    STOP_SEVERITY_NOTE,
    STOP_SEVERITY_FINDING,
    STOP_SEVERITY_HARNESS,
};

/**
 * struct stop_code_entry - one code, in words.
 * @slug: "family.name" in lower case, at times with a second dot.
 * @ancestor: the Application Verifier code it descends from ("0x200", "0x103/0x104"), or "".
 * @meaning: one sentence. @cause: why it happens. @mend: what to do about it.
 *
 * No string is NULL; all are static, ASCII, without newlines.
 */
struct stop_code_entry {
    const char *slug;
    enum stop_severity severity;
    const char *ancestor;
    const char *meaning;
    const char *cause;
    const char *mend;
};

/* All functions here are pure, and safe in any thread. */

/** stop_code_entry() - the entry of @code; NULL for STOP_NONE and what is no code at all. */
const struct stop_code_entry *stop_code_entry(enum stop_code code);

/** stop_code_find() - the code with exactly this slug, or STOP_NONE (0). @slug may be NULL. */
int stop_code_find(const char *slug);

/**
 * stop_code_nearest() - the slug that a mistyped one may have meant.
 * @slug: what the user wrote; the family may be missing ("lock-orphaned"). May be NULL.
 *
 * Returns a static string, or NULL if nothing is near.
 */
const char *stop_code_nearest(const char *slug);

/**
 * stop_code_rank() - how close a code is to the first cause; the smaller, the more causal.
 *
 * Of the codes raised in one cycle the one with the smallest rank is the verdict. No two codes
 * share a rank, so that one bug gets one verdict however its evidence was timed. The rank
 * knows nothing of severity: compare it only among codes that weigh the same in the cycle at
 * hand, else a note such as exit.threads-alive outranks a crash.
 *
 * STOP_NONE, and what is no code at all, ranks behind every code. The reasons for the order
 * are beside it in stop_code.c.
 */
int stop_code_rank(enum stop_code code);

#endif
