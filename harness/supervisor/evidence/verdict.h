/*
 * verdict.h: the detectors' words about one cycle, as the store keeps them.
 */
#ifndef SUPERVISOR_VERDICT_H
#define SUPERVISOR_VERDICT_H

#include <harness/detector.h>
#include <results/store/store.h>

#include <harness/supervisor/run/job.h>

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_BROKEN };

/** struct verdict_list - what has been found since the last committed batch. Owned strings. */
struct verdict_list {
    struct store_finding *finding;
    size_t count;
    size_t room;
};

/** verdict_judge() - runs every detector that is not switched off; orders by cause. */
void verdict_judge(const struct evidence *evidence, const char *const *without,
                   struct judgement *judgement);

/**
 * verdict_of() - fail if there is a finding, broken if the harness failed, else pass.
 * @wanted: codes of a fault that was planted in this cell, as calibration_means() takes them, or
 * NULL. Where they name a code of the harness's own, that one was asked for, and is as good as a
 * finding.
 */
enum verdict verdict_of(const struct judgement *judgement, const char *wanted);

/**
 * verdict_add() - appends the judgement's findings, ready for the store.
 * @trace: directory of the recorder's trace, relative to the run's; NULL without one.
 * @timeline: as timeline_write() has it; goes with the verdict. Copied.
 */
void verdict_add(struct verdict_list *list, const struct judgement *judgement,
                 const struct evidence *evidence, const struct job *job, int64_t cell, int injector,
                 const char *trace, const char *timeline);

/** verdict_broken() - the harness failed in this cycle; @text says how. */
void verdict_broken(struct verdict_list *list, const struct job *job, int64_t cell, int injector,
                    const char *text);

/**
 * verdict_not_fired() - the injection at a point that the user named seldom came about: a remark on
 * the whole cell, kept with the last cycle that was run. @text says how seldom.
 */
void verdict_not_fired(struct verdict_list *list, const struct job *job, int64_t cell, int injector,
                       const char *text);

/** verdict_move() - findings [@first, @end) of @from go to the end of @to; empty ones stay behind.
 */
void verdict_move(struct verdict_list *to, struct verdict_list *from, size_t first, size_t end);

/** verdict_sort() - by cycle; findings of one cycle keep their order. */
void verdict_sort(struct verdict_list *list);

void verdict_clear(struct verdict_list *list);

#endif
