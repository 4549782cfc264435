/*
 * postmortem_json: the report for programs. Field names are promised in docs/autopsy.md: they
 * may be added to, never changed.
 */
#include "postmortem_parts.h"

#include <results/text/json_write.h>

#include <stdio.h>
#include <string.h>

static void write_frame(struct json_write *json, const struct evidence_frame *frame)
{
    json_write_open_object(json, NULL);
    json_write_hash(json, "pc", frame->pc);
    json_write_text(json, "function", frame->function);
    json_write_unsigned(json, "function_offset", frame->function_offset);
    json_write_text(json, "module", frame->module);
    json_write_hash(json, "offset", frame->offset);
    json_write_text(json, "file", frame->file);
    json_write_signed(json, "line", frame->line);
    json_write_close_object(json);
}

static void write_owner(struct json_write *json, const struct postmortem_wait *wait)
{
    json_write_open_object(json, "owner");
    json_write_text(json, "how", postmortem_owner_name(wait->owner));
    json_write_text(json, "text", wait->owner_text);
    if (wait->owner_tid > 0)
        json_write_signed(json, "number", wait->owner_tid);
    if (wait->thread != NULL) {
        json_write_text(json, "thread", wait->thread->name);
        json_write_signed(json, "tid", wait->thread->tid);
        json_write_signed(json, "pid", wait->thread->process->pid);
    } else if (wait->process != NULL) {
        json_write_signed(json, "pid", wait->process->pid);
    }
    json_write_close_object(json);
}

static void write_held(struct json_write *json, const struct postmortem_held *held)
{
    json_write_open_object(json, NULL);
    json_write_text(json, "what", held->text);
    json_write_hash(json, "object", held->object);
    json_write_text(json, "known_by", held->source);
    json_write_text(json, "taken", held->taken);
    json_write_close_object(json);
}

static void write_wait(struct json_write *json, const struct postmortem_wait *wait)
{
    json_write_text(json, "kind", postmortem_kind_name(wait->kind));
    json_write_text(json, "what", wait->what);
    json_write_text(json, "details", wait->details);
    json_write_text(json, "function", wait->function);
    if (wait->object != 0)
        json_write_hash(json, "object", wait->object);
    json_write_text(json, "object_name", wait->object_text);
    json_write_bool(json, "limited", wait->limited);
    json_write_bool(json, "guessed", wait->guessed);
    write_owner(json, wait);
}

static void write_thread(struct json_write *json, const struct postmortem_thread *thread)
{
    char state[2] = {thread->state != 0 ? thread->state : '?', 0};

    json_write_open_object(json, NULL);
    json_write_text(json, "name", thread->name);
    json_write_text(json, "comm", thread->comm);
    json_write_signed(json, "tid", thread->tid);
    json_write_signed(json, "own_tid", thread->own);
    json_write_text(json, "state", state);
    json_write_signed(json, "system_call", thread->call);
    write_wait(json, &thread->wait);
    json_write_unsigned(json, "circle", thread->circle);
    json_write_open_array(json, "holds");
    for (unsigned i = 0; i < thread->helds; i++)
        write_held(json, &thread->held[i]);
    json_write_close_array(json);
    if (thread->wait.site < thread->frames)
        json_write_unsigned(json, "site", thread->wait.site);
    json_write_open_array(json, "stack");
    for (unsigned i = 0; i < thread->frames; i++)
        write_frame(json, &thread->frame[i]);
    json_write_close_array(json);
    json_write_close_object(json);
}

static void write_process(struct json_write *json, const struct postmortem_process *process)
{
    json_write_open_object(json, NULL);
    json_write_signed(json, "pid", process->pid);
    json_write_signed(json, "parent", process->parent != NULL ? process->parent->pid : 0);
    json_write_text(json, "program", process->program);
    json_write_real(json, "stopped_ms", process->stopped_ms);
    json_write_bool(json, "agent", process->agent);
    json_write_bool(json, "still", process->quiet.still);
    json_write_text(json, "why_not_still", process->quiet.still ? "" : process->quiet.why);
    json_write_text(json, "handlers", process->quiet.handlers);
    json_write_text(json, "refused", process->refused);
    json_write_open_array(json, "threads");
    for (size_t i = 0; i < process->threads; i++)
        write_thread(json, &process->thread[i]);
    json_write_close_array(json);
    json_write_close_object(json);
}

static void write_circle(struct json_write *json, const struct postmortem_thread *first)
{
    const struct postmortem_thread *at = first;

    json_write_open_array(json, NULL);
    do {
        json_write_open_object(json, NULL);
        json_write_signed(json, "pid", at->process->pid);
        json_write_signed(json, "tid", at->tid);
        json_write_text(json, "thread", at->name);
        json_write_text(json, "waits_for", at->wait.object_text);
        json_write_close_object(json);
        at = postmortem_next(at);
    } while (at != first && at != NULL);
    json_write_close_array(json);
}

static void write_circles(struct json_write *json, const struct postmortem *all)
{
    unsigned said = 0;

    json_write_open_array(json, "circles");
    for (unsigned i = 0; i < all->processes; i++)
        for (size_t t = 0; t < all->process[i].threads; t++)
            if (all->process[i].thread[t].circle == said + 1) {
                write_circle(json, &all->process[i].thread[t]);
                said++;
            }
    json_write_close_array(json);
}

void postmortem_json(const struct postmortem *all)
{
    struct json_write json = {.out = stdout};

    json_write_open_object(&json, NULL);
    json_write_text(&json, "version", RUNDOWN_VERSION);
    json_write_text(&json, "target", all->what);
    json_write_bool(&json, "core", all->core);
    json_write_bool(&json, "hang", postmortem_hang(all));
    json_write_bool(&json, "still", postmortem_still(all));
    json_write_unsigned(&json, "gone", all->gone);
    write_circles(&json, all);
    json_write_open_array(&json, "processes");
    for (unsigned i = 0; i < all->processes; i++)
        write_process(&json, &all->process[i]);
    json_write_close_array(&json);
    json_write_open_array(&json, "not_known");
    for (unsigned i = 0; i < all->remarks; i++)
        json_write_text(&json, NULL, all->remark[i]);
    json_write_close_array(&json);
    json_write_close_object(&json);
    putchar('\n');
}
