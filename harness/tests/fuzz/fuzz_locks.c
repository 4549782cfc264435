/*
 * fuzz_locks: any bytes where a program's locks lie, and any threads that sleep on them, through
 * the readers of lock words, owners, lists and chains, and both reports. `ci/fuzz locks` builds it
 * with clang's libFuzzer; test_locks_corpus runs the corpus through it in every test run.
 */
#include "report_nowhere.h"

#include <harness/tests/lock_image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whoever is said to let a thread go on is one of those that were read. */
static void check(const struct postmortem *all)
{
    const struct postmortem_process *process = &all->process[0];

    for (size_t i = 0; i < process->threads; i++) {
        const struct postmortem_thread *thread = &process->thread[i];
        const struct postmortem_thread *owner = thread->wait.thread;

        if (owner != NULL &&
            (owner < process->thread || owner >= process->thread + process->threads))
            abort();
        if (thread->helds > POSTMORTEM_HELD || thread->circle > all->circles + all->likely_circles)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct postmortem all;
    static struct lock_image image;

    lock_image_open(&image, &all, data, size);
    postmortem_read_waits(&all);
    postmortem_read_held(&all);
    postmortem_find_circles(&all);
    postmortem_judge_quiet(&all);
    check(&all);
    report_nowhere(&all);
    postmortem_close(&all);
    lock_image_free(&image);
    return 0;
}
