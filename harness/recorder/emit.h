/*
 * emit: the exported face of the provider library.
 *
 * Only harness/recorder.h is public; this header lets emit.c be checked against itself.
 */
#ifndef RECORDER_EMIT_H
#define RECORDER_EMIT_H

#include <harness/recorder.h>

/** rundown_recorder_ops - the single symbol that librundown-lttng.so exports. */
extern const struct recorder_ops rundown_recorder_ops;

#endif
