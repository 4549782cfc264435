/*
 * standin.h: a module that stands in for the flight recorder: events, and a clean-up at the end.
 */
#ifndef WORKLOADS_MODULES_STANDIN_H
#define WORKLOADS_MODULES_STANDIN_H

#define STANDIN_EXPORT __attribute__((visibility("default")))

/** standin_set_patient() - whether the clean-up waits for events under way; at first it does not.
 */
STANDIN_EXPORT void standin_set_patient(int yes);

/** standin_begin(), standin_end() - an event of the calling thread. Any thread; neither waits. */
STANDIN_EXPORT void standin_begin(void);
STANDIN_EXPORT void standin_end(void);

#endif
