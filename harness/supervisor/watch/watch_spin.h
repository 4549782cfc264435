/*
 * watch_spin.h: do the threads that run only run in a circle? For the watch, which has seen that
 * all the others wait for them.
 */
#ifndef SUPERVISOR_WATCH_SPIN_H
#define SUPERVISOR_WATCH_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include <harness/detector.h>

enum { WATCH_SPINNERS = 8, WATCH_SPIN_WORDS = 8 };

/** struct watch_spin_word - thread @tid reads @word, by the instruction at @at, in each turn. */
struct watch_spin_word {
    int tid;
    uint64_t word;
    uint64_t at;
};

/**
 * watch_spin_proved() - threads of a process run, and will never do anything new.
 * @tids: @count of them, at most WATCH_SPINNERS; every other thread of @pid is known to wait.
 * @why: set where it is no proof.
 *
 * Stops the process by ptrace, steps each of them for one turn of its loop, and lets all go
 * on. Takes some milliseconds, on a busy machine up to a quarter of a second; only what waits
 * already is stopped with them, so nothing is changed by it. x86-64 alone; elsewhere nothing is
 * proved. Source: docs/architecture.md, "The watch: what is not a proof".
 */
bool watch_spin_proved(int pid, const int *tids, unsigned count, char why[FINDING_TEXT_BYTES]);

/**
 * watch_spin_release() - lets go what could not be let go at the time; call it at every tick.
 * A thread that gets no processor, or sleeps where nothing interrupts it, comes to its stop when
 * the proof is over: until it is let go it stands still, and its parent waits for it. May wait as
 * unwind_detach_all() does; does nothing where nothing is left.
 */
void watch_spin_release(void);

/**
 * watch_spin_words() - what the threads of the last proof read that could let them go on: memory
 * that can be written, and is no spinner's own stack. Returns how many.
 */
unsigned watch_spin_words(struct watch_spin_word words[WATCH_SPIN_WORDS]);

#endif
