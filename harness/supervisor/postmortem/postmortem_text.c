/*
 * postmortem_text: the report for people.
 *
 * Names are the target's own text, so everything goes out through wrap_text(), which makes it
 * harmless. Threads that do the same are told once, with how many they are.
 */
#include "postmortem_parts.h"

#include <harness/supervisor/evidence/evidence.h>

#include <results/text/wrap.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHAINS_SHOWN = 12,
    CHAIN_BYTES = 2000,
    LINKS_SHOWN = 24,
    NAME_COLUMNS = 11,
    TID_COLUMNS = 7,
    SET_IN = 2 + NAME_COLUMNS + TID_COLUMNS + 2,
};

static unsigned wide;

__attribute__((format(printf, 3, 4))) static void say(unsigned indent, unsigned hang,
                                                      const char *format, ...)
{
    char text[CHAIN_BYTES + 400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    wrap_text(stdout, indent, hang, text, strlen(text), wide);
}

/* --- a thread
 * -------------------------------------------------------------------------------------- */

/* The program's own frame; without one, the innermost that has a name. */
static const struct evidence_frame *site_of(const struct postmortem_thread *thread)
{
    if (thread->wait.site < thread->frames)
        return &thread->frame[thread->wait.site];
    for (unsigned i = 0; i < thread->frames; i++)
        if (thread->frame[i].function[0] != 0)
            return &thread->frame[i];
    return thread->frames > 0 ? &thread->frame[0] : NULL;
}

static void site_text(const struct postmortem_thread *thread, char *out, size_t bytes)
{
    const struct evidence_frame *frame = site_of(thread);
    char place[EVIDENCE_TEXT_BYTES] = "";

    if (frame != NULL)
        evidence_frame_text(frame, place);
    if (thread->wait.function[0] != 0 && frame != NULL &&
        strcmp(frame->function, thread->wait.function) != 0)
        snprintf(out, bytes, "  %s  in %s", thread->wait.function, place);
    else
        snprintf(out, bytes, "%s%s", place[0] != 0 ? "  in " : "", place);
}

static void what_text(const struct postmortem_thread *thread, char *out, size_t bytes)
{
    const struct postmortem_wait *wait = &thread->wait;

    snprintf(out, bytes, "%s%s%s%s%s%s", wait->what, wait->details[0] != 0 ? " (" : "",
             wait->details, wait->details[0] != 0 ? ")" : "",
             wait->limited && wait->kind != POSTMORTEM_SLEEP ? ", with a time limit" : "",
             wait->guessed ? ", as far as its memory tells" : "");
}

static void name_text(const struct postmortem_thread *thread, char *out, size_t bytes)
{
    bool main = strcmp(thread->name, "T1") == 0;
    bool named = thread->comm[0] != 0 && strcmp(thread->comm, thread->process->comm) != 0;

    snprintf(out, bytes, "%s%s%s%s", thread->name, main ? " (main)" : "", named ? " " : "",
             named ? thread->comm : "");
}

static void say_stack(const struct postmortem_thread *thread)
{
    char text[EVIDENCE_TEXT_BYTES];

    for (unsigned i = 0; i < thread->frames; i++) {
        evidence_frame_text(&thread->frame[i], text);
        say(SET_IN, 4, "#%-2u %s", i, text);
    }
    if (thread->frames == 0)
        say(SET_IN, 4, "no stack");
}

/* Without a single name, the way to the place says more than the place. */
static void say_nameless(const struct postmortem_thread *thread)
{
    char text[EVIDENCE_TEXT_BYTES], line[6 * EVIDENCE_TEXT_BYTES] = "";

    for (unsigned i = 0; i < thread->frames; i++)
        if (thread->frame[i].function[0] != 0)
            return;
    for (unsigned i = 1; i < thread->frames && i < 6; i++) {
        size_t length = strlen(line);

        evidence_frame_text(&thread->frame[i], text);
        snprintf(line + length, sizeof line - length, "%s%s", length > 0 ? ", from " : "", text);
    }
    if (line[0] != 0)
        say(SET_IN, 4, "called from %s", line);
}

static void say_held(const struct postmortem_thread *thread)
{
    for (unsigned i = 0; i < thread->helds; i++) {
        const struct postmortem_held *held = &thread->held[i];

        say(SET_IN, 4, "holds %s%s%s", held->text, held->taken[0] != 0 ? ", taken in " : "",
            held->taken);
    }
}

static void say_thread(const struct postmortem_thread *thread, unsigned more, bool stacks)
{
    char name[64], what[3 * POSTMORTEM_TEXT], site[2 * POSTMORTEM_TEXT];

    name_text(thread, name, sizeof name);
    what_text(thread, what, sizeof what);
    site_text(thread, site, sizeof site);
    say(2, SET_IN - 2, "%-*s %-*d %s%s", NAME_COLUMNS, name, TID_COLUMNS, (int)thread->tid, what,
        site);
    if (thread->wait.owner_text[0] != 0)
        say(SET_IN, 4, "%s", thread->wait.owner_text);
    if (!stacks)
        say_nameless(thread);
    say_held(thread);
    if (stacks)
        say_stack(thread);
    if (more > 0)
        say(SET_IN, 4, "and %u more threads do the same", more);
}

/* --- threads that do the same
 * ------------------------------------------------------------------------ */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != 0; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* 0 for a thread that is to be told by itself. */
static uint64_t sort_of(const struct postmortem_thread *thread)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char site[2 * POSTMORTEM_TEXT];

    if (thread->circle != 0 || thread->helds > 0 || thread->tid == thread->process->pid)
        return 0;
    site_text(thread, site, sizeof site);
    hash = hash_text(hash, thread->wait.what);
    hash = hash_text(hash, thread->wait.details);
    hash = hash_text(hash, thread->wait.owner_text);
    return hash_text(hash, site) | 1;
}

static void say_threads(const struct postmortem_process *process, bool stacks)
{
    uint64_t *sort = calloc(process->threads + 1, sizeof *sort);

    for (size_t i = 0; sort != NULL && i < process->threads; i++)
        sort[i] = stacks ? 0 : sort_of(&process->thread[i]);
    for (size_t i = 0; i < process->threads; i++) {
        unsigned more = 0;

        if (sort != NULL && sort[i] == 1)
            continue; /* was counted */
        for (size_t other = i + 1; sort != NULL && sort[i] != 0 && other < process->threads;
             other++)
            if (sort[other] == sort[i]) {
                sort[other] = 1;
                more++;
            }
        say_thread(&process->thread[i], more, stacks);
    }
    free(sort);
}

static const char *threads_text(size_t threads, char out[32])
{
    snprintf(out, 32, threads == 1 ? "one thread" : "%zu threads", threads);
    return out;
}

static void say_process(const struct postmortem_process *process, bool stacks)
{
    const struct postmortem_process *first = &process->all->process[0];
    char threads[32];

    if (process != first)
        say(2, 2, "process %d (%s), a child of %d: %s, stopped for %.1f ms", (int)process->pid,
            process->program, process->parent != NULL ? (int)process->parent->pid : 0,
            threads_text(process->threads, threads), process->stopped_ms);
    if (process->refused[0] != 0)
        say(4, 2, "could not be read: %s", process->refused);
    else
        say_threads(process, stacks);
}

/* --- chains
 * -------------------------------------------------------------------------------------------- */

static const char *link_text(const struct postmortem_thread *thread)
{
    if (thread->wait.kind == POSTMORTEM_JOIN)
        return "join";
    if (thread->wait.kind == POSTMORTEM_CHILD)
        return "child";
    return thread->wait.object_text[0] != 0 ? thread->wait.object_text : "futex";
}

static void add(char *text, const char *format, const char *word)
{
    size_t length = strlen(text);

    snprintf(text + length, CHAIN_BYTES - length, format, word);
}

static void add_link(char *text, const struct postmortem_thread *thread,
                     const struct postmortem_thread *next)
{
    char name[POSTMORTEM_NAME * 2];

    add(text, " ─%s─► ", link_text(thread));
    postmortem_label(next, name);
    add(text, "%s", name);
}

static void say_circle(const struct postmortem_thread *first)
{
    const struct postmortem_thread *at = first;
    char text[CHAIN_BYTES] = "", name[POSTMORTEM_NAME * 2];

    postmortem_label(first, name);
    add(text, "%s", name);
    for (unsigned i = 0; i < LINKS_SHOWN; i++) {
        const struct postmortem_thread *next = postmortem_next(at);

        add_link(text, at, next);
        at = next;
        if (at == first)
            break;
    }
    say(2, 4, "the circle: %s%s", text, at != first ? " ─ ..." : "");
}

static void say_circles(const struct postmortem *all)
{
    unsigned said = 0;

    for (unsigned i = 0; i < all->processes; i++)
        for (size_t t = 0; t < all->process[i].threads; t++)
            if (all->process[i].thread[t].circle == said + 1 && said < CHAINS_SHOWN) {
                say_circle(&all->process[i].thread[t]);
                said++;
            }
    if (all->circles > said)
        say(2, 4, "and %u more circles", all->circles - said);
}

/* Two links and more, that do not begin in a circle; the marks of the search are free by now. */
static bool is_chain(const struct postmortem_thread *thread)
{
    const struct postmortem_thread *next = postmortem_next(thread);

    return thread->circle == 0 && next != NULL && next->circle == 0 &&
           (postmortem_next(next) != NULL || next->wait.owner == POSTMORTEM_OWNER_GONE ||
            next->wait.owner == POSTMORTEM_OWNER_NOT_HERE);
}

static void say_chain(const struct postmortem_thread *first)
{
    const struct postmortem_thread *at = first;
    char text[CHAIN_BYTES] = "", name[POSTMORTEM_NAME * 2];

    postmortem_label(first, name);
    add(text, "%s", name);
    for (unsigned i = 0; i < LINKS_SHOWN && at->circle == 0 && postmortem_next(at) != NULL; i++) {
        add_link(text, at, postmortem_next(at));
        at = postmortem_next(at);
    }
    if (at->circle != 0)
        add(text, ", which is in %s", "the circle");
    else if (at->wait.owner == POSTMORTEM_OWNER_GONE || at->wait.owner == POSTMORTEM_OWNER_NOT_HERE)
        add(text, " ─%s─► a thread that is not there", link_text(at));
    say(2, 4, "a chain: %s", text);
}

static bool has_waiter(const struct postmortem *all, const struct postmortem_thread *thread)
{
    for (unsigned i = 0; i < all->processes; i++)
        for (size_t t = 0; t < all->process[i].threads; t++)
            if (postmortem_next(&all->process[i].thread[t]) == thread)
                return true;
    return false;
}

static void say_chains(const struct postmortem *all)
{
    unsigned said = 0;

    for (unsigned i = 0; i < all->processes; i++)
        for (size_t t = 0; t < all->process[i].threads && said < CHAINS_SHOWN; t++) {
            const struct postmortem_thread *thread = &all->process[i].thread[t];

            if (is_chain(thread) && !has_waiter(all, thread)) {
                say_chain(thread);
                said++;
            }
        }
}

/* --- the verdict
 * --------------------------------------------------------------------------------------- */

static void verdict_text(const struct postmortem *all, char *out, size_t bytes)
{
    if (all->circles > 0)
        snprintf(out, bytes, "HANG  %s%s",
                 all->circles > 1 ? "circles of waits" : "a circle of waits",
                 all->likely_circles == all->circles ? ", by what the stacks tell" : "");
    else if (all->gone > 0)
        snprintf(out, bytes, "HANG  whoever is waited for is not there");
    else if (postmortem_still(all))
        snprintf(out, bytes, "HANG  nobody inside %s go on", all->core ? "could" : "can");
    else
        snprintf(out, bytes, "no hang seen");
}

static void say_head(const struct postmortem *all)
{
    const struct postmortem_process *first = &all->process[0];
    char verdict[100], threads[32];

    verdict_text(all, verdict, sizeof verdict);
    threads_text(first->threads, threads);
    if (all->core)
        say(0, 6, "%s   %s, core %s, %s", verdict, first->program, all->what, threads);
    else
        say(0, 6, "%s   %s, process %d, %s, stopped for %.1f ms", verdict, first->program,
            (int)first->pid, threads, first->stopped_ms);
}

static void say_proof(const struct postmortem *all)
{
    const struct postmortem_process *first = &all->process[0];

    if (postmortem_still(all) && all->core) {
        say(2, 4,
            "at that moment every thread waited without a time limit for something that only "
            "this program can do; timers and pending signals are not told by a core");
        return;
    }
    if (postmortem_still(all)) {
        say(2, 4,
            "proof: in two looks nothing moved; every thread waits without a time limit for "
            "something that only this program can do; no timer is set, no signal pending");
        if (first->quiet.handlers[0] != 0)
            say(2, 4, "but: there are handlers for %s, which somebody outside could send",
                first->quiet.handlers);
        return;
    }
    for (unsigned i = 0; i < all->processes; i++)
        if (!all->process[i].quiet.still) {
            say(2, 4, "not proved to stand still: %s", all->process[i].quiet.why);
            break;
        }
    if (all->circles > 0)
        say(2, 4, "the circle needs no such proof: none of its threads can go on by itself");
}

static bool any_agent(const struct postmortem *all)
{
    for (unsigned i = 0; i < all->processes; i++)
        if (all->process[i].agent)
            return true;
    return false;
}

static void say_unknown(const struct postmortem *all)
{
    if (!any_agent(all))
        say(2, 4,
            "not known: since when locks are held and where they were taken; who holds a "
            "rwlock for reading; locks that lie where nobody looked");
    for (unsigned i = 0; i < all->remarks; i++)
        say(2, 4, "not known: %s", all->remark[i]);
}

void postmortem_text(const struct postmortem *all, bool stacks, unsigned columns)
{
    wide = columns;
    say_head(all);
    for (unsigned i = 0; i < all->processes; i++)
        say_process(&all->process[i], stacks);
    say_circles(all);
    say_chains(all);
    say_proof(all);
    say_unknown(all);
}
