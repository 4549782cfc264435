/*
 * evidence_spin.h: who was to write the word that a thread spins on?
 */
#ifndef SUPERVISOR_EVIDENCE_SPIN_H
#define SUPERVISOR_EVIDENCE_SPIN_H

#include <harness/detector.h>
#include <harness/supervisor/watch/watch.h>

/**
 * evidence_spin_read() - fills @evidence->spin from what the watch saw of a proved livelock.
 *
 * The process must stand still, its threads be listed and the stacks of the living and the dead
 * be there. A home-grown lock names no owner. So the code is asked: a dead thread is taken for the
 * one that had the lock if what it had still to do, in one of the functions that it stood in or
 * one that these call, writes that word by its address. Where that is done through a pointer
 * nobody is named. Without the process's memory nothing is found.
 */
void evidence_spin_read(struct evidence *evidence, const struct watch *watch);

#endif
