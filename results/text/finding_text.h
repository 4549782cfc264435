/*
 * finding_text.h: a finding in words, the same in every report that people read.
 */
#ifndef RESULTS_TEXT_FINDING_TEXT_H
#define RESULTS_TEXT_FINDING_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include <harness/stop_code.h>

struct store_cell;
struct store_finding;

/**
 * struct finding_layout - how it should look.
 * @columns: lines are broken at blanks where they are longer; 0: never. The replay line is
 *           never broken: it is there to be copied.
 * @colour: ANSI colours.
 * @everything: all of the output and the events before the end, not the last lines.
 * @also: slugs of what else was seen in that cycle, "a, b (note)"; NULL or "" for nothing.
 */
struct finding_layout {
    unsigned columns;
    bool colour;
    bool everything;
    const char *also;
};

/** finding_label() - "FAIL", "NOTE" or "BROKEN". */
const char *finding_label(enum stop_severity severity);

/**
 * finding_text() - header, body, injection, replay line, how often, and output.
 *
 *     FAIL  loader.deadlock                     plugin-singleton variant=late-join  cycle 37 ...
 *       T1 (main)   waits for T1.1 to end       pthread_join  in ~Singleton  ...
 *       injected:   nothing (this one needs no help)
 *       again:      rundown replay 'plugin-singleton variant=late-join seed=0x9a1 cycle=37 ...'
 *       seen 12 times in 1,000 cycles, first at cycle 37 (finding 5)
 *
 * @finding: as the store gives it; the count is left out where repeats is 0.
 * @cell: the finding's.
 *
 * Nothing of what a target wrote reaches @out as a control character.
 */
void finding_text(FILE *out, const struct store_finding *finding, const struct store_cell *cell,
                  const struct finding_layout *layout);

/** finding_summary() - the same up to how often it was seen: no events, no output. */
void finding_summary(FILE *out, const struct store_finding *finding, const struct store_cell *cell,
                     const struct finding_layout *layout);

/** finding_output() - what the target printed: "it printed:" and its lines; nothing for none. */
void finding_output(FILE *out, const struct store_finding *finding,
                    const struct finding_layout *layout);

/** finding_body() - the body's lines alone, as in finding_text(). */
void finding_body(FILE *out, const struct store_finding *finding,
                  const struct finding_layout *layout);

#endif
