/*
 * postmortem_circles: where the chains lead.
 *
 * A thread waits for one thing, and of that at most one owner is known: so every chain is a
 * line that ends or runs into a circle, and each thread is walked once.
 */
#include "postmortem_parts.h"

/* The main thread stands for a process: its end is the process's. */
static struct postmortem_thread *main_of(struct postmortem_process *process)
{
    for (size_t i = 0; process != NULL && i < process->threads; i++)
        if (process->thread[i].tid == process->pid)
            return &process->thread[i];
    return NULL;
}

struct postmortem_thread *postmortem_next(const struct postmortem_thread *thread)
{
    if (thread->wait.limited)
        return NULL;
    switch (thread->wait.owner) {
    case POSTMORTEM_OWNER_THREAD:
    case POSTMORTEM_OWNER_LIKELY:
        return thread->wait.thread;
    case POSTMORTEM_OWNER_PROCESS:
        return main_of(thread->wait.process);
    default:
        return NULL;
    }
}

/* Walks from @thread with mark @mark until something marked; that, if this walk marked it. */
static struct postmortem_thread *walk(struct postmortem_thread *thread, unsigned mark)
{
    while (thread != NULL && thread->mark == 0) {
        thread->mark = mark;
        thread = postmortem_next(thread);
    }
    return thread != NULL && thread->mark == mark ? thread : NULL;
}

static void number_circle(struct postmortem *all, struct postmortem_thread *first)
{
    struct postmortem_thread *at = first;
    bool likely = false;

    all->circles++;
    do {
        at->circle = all->circles;
        likely = likely || at->wait.owner == POSTMORTEM_OWNER_LIKELY;
        at = postmortem_next(at);
    } while (at != first);
    all->likely_circles += likely;
}

static bool is_gone(const struct postmortem_thread *thread)
{
    return !thread->wait.limited && (thread->wait.owner == POSTMORTEM_OWNER_GONE ||
                                     thread->wait.owner == POSTMORTEM_OWNER_NOT_HERE);
}

void postmortem_find_circles(struct postmortem *all)
{
    unsigned mark = 0;

    for (unsigned i = 0; i < all->processes; i++)
        for (size_t t = 0; t < all->process[i].threads; t++) {
            struct postmortem_thread *thread = &all->process[i].thread[t];
            struct postmortem_thread *circle = walk(thread, ++mark);

            all->gone += is_gone(thread);
            if (circle != NULL)
                number_circle(all, circle);
        }
}
