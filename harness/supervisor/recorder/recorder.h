/*
 * recorder.h: the flight recorder's session: a private LTTng daemon beside the user's own.
 *
 *     supervisor -> helper (owns the directory, watches all) -> control process -> daemon
 *                                                            -> beater (marks every CPU's ring)
 *
 * The control process alone talks to the daemon; it may be killed at any moment, and is,
 * when a call takes too long. The helper never talks to the daemon, so it never hangs.
 * For uid 0 the control process and the daemon live in a user namespace of their own, since
 * LTTng would have them take the machine-wide place; other users need none.
 *
 * A failure here is never a failure of the run: the caller goes on with the ring in the
 * shared block and says the reason once. None of these functions may be called in a signal
 * handler or by two threads at once.
 */
#ifndef HARNESS_SUPERVISOR_RECORDER_H
#define HARNESS_SUPERVISOR_RECORDER_H

#include <harness/error.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct recorder;

enum { RECORDER_ENV_ENTRIES = 3, RECORDER_ENV_BYTES = 128 };

/**
 * struct recorder_env - what the fork servers need in their environment: "NAME=VALUE".
 *
 * LTTNG_HOME, LTTNG_UST_REGISTER_TIMEOUT, LTTNG_UST_WITHOUT_BADDR_STATEDUMP; HOME stays as
 * it is. They are read while the provider is loaded, and can be taken out of the environment
 * afterwards, so that targets see none of them.
 */
struct recorder_env {
    unsigned count;
    char entry[RECORDER_ENV_ENTRIES][RECORDER_ENV_BYTES];
};

/**
 * struct recorder_options - 0 and NULL stand for the defaults.
 * @provider: path of librundown-lttng.so. Default: ../lib/rundown beside the program.
 * @daemon: lttng-sessiond, searched for in PATH. @crash: lttng-crash, likewise.
 * @daemon_ms: for the daemon to be ready; default 5000.
 * @call_ms: for one control call; default 8000, since a call waits 5 s for a process that
 *     holds its registration and does not answer.
 * @extract_ms: for one extraction; default 20000.
 * @per_process: rings per process, that vanish with it, in place of rings per user.
 * @announce: told of the directory's path before there is one, so that somebody else can remove
 *     it should the caller be killed right then; an error ends the start. NULL: nobody.
 */
struct recorder_options {
    const char *provider;
    const char *daemon;
    const char *crash;
    int daemon_ms;
    int call_ms;
    int extract_ms;
    bool per_process;
    int (*announce)(void *context, const char *path, struct error *e);
    void *context; /* of @announce */
};

/**
 * recorder_start() - start daemon and session, and prove by one event that they record.
 * @out: to be ended by recorder_stop(); untouched on error.
 * @env: for the fork servers, which must be started after this. A supervisor that wants to
 *     emit puts it into its own environment and loads the provider after this, too.
 *
 * Takes about a third of a second. Before it come neither threads nor the provider.
 * Returns 0, ERROR_MEMORY or ERROR_RECORDER; the text is the reason in one line, for
 * "recorder: memfd only (lttng: REASON)". On error nothing is left behind.
 */
int recorder_start(struct recorder **out, struct recorder_env *env, struct error *e);

/** recorder_start_with() - the same; @options may be NULL. */
int recorder_start_with(struct recorder **out, const struct recorder_options *options,
                        struct recorder_env *env, struct error *e);

/**
 * recorder_extract() - what the rings hold now, as a CTF trace.
 * @dir: made if missing, its parent must exist; it holds no trace yet.
 *
 * Writers are not disturbed. Works after the daemon has died, too, for what was written
 * before. Call it while the threads of interest are dead or stand still outside the
 * recorder: an event under way on a CPU hides all later ones of that CPU.
 * Returns 0 or ERROR_RECORDER.
 */
int recorder_extract(struct recorder *r, const char *dir, struct error *e);

/**
 * recorder_mark() - the beats that the recorder itself wrote, one on every CPU, just before
 * the last extraction.
 * @n: the field "n" of these beats.
 *
 * Returns how many they are. A trace with fewer "beat" events of this n has lost the stream
 * of a CPU: recorder_renew() is due. 0: none were written, as after a failure.
 */
unsigned recorder_mark(const struct recorder *r, uint64_t *n);

/**
 * recorder_renew() - a new session with empty rings, for when a stream has died.
 *
 * Processes forked before keep writing into the old rings, which are gone. Fork servers that
 * have registered take part in the new one by themselves. Returns 0 or ERROR_RECORDER;
 * then recorder_reason() says why and the rings from before can still be extracted.
 */
int recorder_renew(struct recorder *r, struct error *e);

/**
 * recorder_reason() - why it no longer records, in one line; NULL while it does.
 *
 * Costs one system call. The text lives until the next call of any of these functions.
 */
const char *recorder_reason(struct recorder *r);

/**
 * recorder_fd() - polls readable when recorder_reason() has something new to say.
 *
 * -1 once the helper is gone. Not to be read by the caller.
 */
int recorder_fd(const struct recorder *r);

/** recorder_provider() - the path of the provider that was tried and works. */
const char *recorder_provider(const struct recorder *r);

/** recorder_pid() - the helper. Its death is noticed by the calls above. */
pid_t recorder_pid(const struct recorder *r);

/**
 * recorder_stop() - end all processes, remove all files, free @r (may be NULL).
 *
 * Fork servers must have ended before: their wait file would stay (a 4 KiB file in
 * /dev/shm). Takes at most some seconds, also with a frozen daemon or a dead helper.
 */
void recorder_stop(struct recorder *r);

#endif
