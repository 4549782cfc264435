/*
 * recorder_helper.h: the recorder's own processes, and the notes that pass between them.
 *
 * Everybody here may die at any moment. A note is one packet; end-of-file means that the
 * other side is gone, and is answered by going, too.
 */
#ifndef HARNESS_SUPERVISOR_RECORDER_HELPER_H
#define HARNESS_SUPERVISOR_RECORDER_HELPER_H

#include <harness/supervisor/recorder/recorder.h>
#include <harness/supervisor/recorder/recorder_place.h>

#include <stdnoreturn.h>

enum note_kind {
    NOTE_STEP = 1, /* up: what begins now (text) and how long it may take (ms in code) */
    NOTE_DONE,     /* up: the answer: code 0, or an error_code and its text. To an extraction,
                      text is the mark: "N CPUS" */
    NOTE_FAILED,   /* up: it no longer records; text says why. Comes unasked */
    NOTE_EXTRACT,  /* down: text is the directory */
    NOTE_RENEW,    /* down */
    NOTE_STOP,     /* down */
    NOTE_BEAT,     /* down, to the beater: text is N. Its answer: code is the number of CPUs */
};

struct note {
    unsigned kind;
    int code;
    char text[RECORDER_PLACE_PATH];
};

/** note_send() - 0, or -1 if nobody is there. Text beyond the packet is cut. */
int note_send(int fd, enum note_kind kind, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** note_receive() - 1 with a note, 0 at end-of-file or on nonsense. Blocks. */
int note_receive(int fd, struct note *note);

/** child_reset() - in a fresh fork: signals as at birth, @signal when the parent dies. */
void child_reset(pid_t parent, int signal);

/**
 * helper_main() - the helper; never returns.
 * @supervisor: its end of the socket pair. @options: complete, no NULL and no 0.
 */
noreturn void helper_main(int supervisor, struct recorder_place *place,
                          const struct recorder_options *options);

/**
 * session_main() - the control process; never returns.
 *
 * Answers with NOTE_DONE once the session records, its text the directory of the rings;
 * then to every NOTE_RENEW likewise.
 */
noreturn void session_main(int helper, const struct recorder_place *place,
                           const struct recorder_options *options);

/** session_missing() - why this build has no session at all; NULL if it has. */
const char *session_missing(void);

#endif
