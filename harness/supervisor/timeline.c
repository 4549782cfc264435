/*
 * timeline: sorts what two witnesses saw. The ring stamps ticks, the recorder nanoseconds of
 * CLOCK_MONOTONIC; the control block holds both of the cycle's start.
 */
#include "timeline.h"

#include "evidence.h"

#include <results/trace/decode.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACE_KEPT = 256, LINE_BYTES = 200 };

struct moment {
    double ms; /* since the cycle's start */
    char text[LINE_BYTES];
};

struct moments {
    struct moment *moment;
    size_t count;
    size_t room;
};

static struct moment *add(struct moments *moments)
{
    if (moments->count == moments->room) {
        size_t room = moments->room != 0 ? moments->room * 2 : 256;
        struct moment *longer = realloc(moments->moment, room * sizeof *longer);

        if (longer == NULL)
            return NULL;
        moments->moment = longer;
        moments->room = room;
    }
    return &moments->moment[moments->count++];
}

/* --- the ring -------------------------------------------------------------------------- */

/* What the agent passes on to the recorder (agent/emit.c). */
static bool in_trace(uint16_t kind)
{
    switch (kind) {
    case EVENT_CYCLE_BEGIN:
    case EVENT_INJECT_INTENT:
    case EVENT_WAIT_BEGIN:
    case EVENT_ACQUIRED:
    case EVENT_RELEASED:
    case EVENT_LOAD_BEGIN:
    case EVENT_LOAD_END:
    case EVENT_UNLOAD_BEGIN:
    case EVENT_UNLOAD_END:
    case EVENT_THREAD_BORN:
    case EVENT_THREAD_ENDS:
    case EVENT_EXIT_PHASE:
        return true;
    default:
        return false;
    }
}

static void add_event(struct moments *moments, const struct evidence *evidence,
                      const struct abi_lane *lane, const struct abi_event *event, double ms)
{
    struct moment *moment = add(moments);
    char where[FINDING_TEXT_BYTES] = "";
    char site[64] = "";

    if (moment == NULL)
        return;
    if (event->site != 0)
        abi_site_name(&evidence->memory->control, event->site, site);
    if (event->caller != 0)
        evidence_caller_text(evidence, event->caller, where);
    moment->ms = ms;
    snprintf(moment->text, sizeof moment->text, "%-8.31s %-14s %-12s 0x%llx  %.100s", lane->name,
             abi_event_name(event->kind), site, (unsigned long long)event->object, where);
}

/* Events without a stamp of their own lie at their predecessor's. */
static void add_lane(struct moments *moments, const struct evidence *evidence,
                     const struct abi_lane *lane, bool traced)
{
    const struct abi_control *control = &evidence->memory->control;
    double hz = control->tick_hz != 0 ? (double)control->tick_hz : 1e9;
    uint64_t from = lane->seq > TIMELINE_LINES ? lane->seq - TIMELINE_LINES : 0;
    uint64_t time = 0;

    for (uint64_t seq = from; seq < lane->seq; seq++) {
        const struct abi_event *event = &lane->ring[seq % ABI_RING_EVENTS];

        if (event->time != 0)
            time = event->time;
        if (time >= control->start_ticks && !(traced && in_trace(event->kind)))
            add_event(moments, evidence, lane, event,
                      (double)(time - control->start_ticks) * 1000 / hz);
    }
}

/* --- the trace -------------------------------------------------------------------------- */

struct reading {
    const struct evidence *evidence;
    struct timeline_trace *trace;
    uint64_t mark;
    struct moment kept[TRACE_KEPT]; /* the last of them */
};

static const char *thread_name(const struct evidence *evidence, uint32_t tid, char out[32])
{
    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL && lane->tid == tid) {
            snprintf(out, 32, "%.31s", lane->name);
            return out;
        }
    }
    snprintf(out, 32, "tid %u", tid);
    return out;
}

static void word_event(const struct reading *reading, const struct decode_event *event,
                       struct moment *moment)
{
    char name[32];
    int length;

    length = snprintf(moment->text, sizeof moment->text, "%-8s %-14s",
                      thread_name(reading->evidence, event->tid, name), event->name);
    for (unsigned i = 0; i < event->field_count; i++) {
        const struct decode_field *field = &event->field[i];
        size_t left = sizeof moment->text - (size_t)length;
        int more =
            field->kind == DECODE_TEXT
                ? snprintf(moment->text + length, left, " %s %.60s", field->name, field->text)
                : snprintf(moment->text + length, left, " %s 0x%llx", field->name,
                           (unsigned long long)field->number);

        if (more < 0 || (size_t)more >= left)
            return;
        length += more;
    }
}

static int take(const struct decode_event *event, void *context)
{
    struct reading *reading = context;
    const struct abi_control *control = &reading->evidence->memory->control;
    const struct decode_field *n = decode_field(event, "n");
    struct moment *moment;

    if (n != NULL && strcmp(event->name, "beat") == 0) {
        reading->trace->beats += n->number == reading->mark;
        return 0;
    }
    if (event->pid != control->pid || event->cycle != control->cycle ||
        event->time_ns < control->start_ns)
        return 0;
    moment = &reading->kept[reading->trace->events++ % TRACE_KEPT];
    moment->ms = (double)(event->time_ns - control->start_ns) / 1e6;
    word_event(reading, event, moment);
    return 0;
}

static void add_trace(struct moments *moments, const struct evidence *evidence,
                      const char *directory, uint64_t mark, struct timeline_trace *trace)
{
    static struct reading reading;
    uint64_t count;

    memset(trace, 0, sizeof *trace);
    memset(&reading, 0, sizeof reading);
    reading.evidence = evidence;
    reading.trace = trace;
    reading.mark = mark;
    trace->read = decode_directory(directory, take, &reading, NULL, NULL) == 0;
    count = trace->events < TRACE_KEPT ? trace->events : TRACE_KEPT;
    for (uint64_t i = 0; i < count; i++) {
        struct moment *moment = add(moments);

        if (moment != NULL)
            *moment = reading.kept[i];
    }
}

/* --- both ---------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct moment *one = a, *other = b;

    return one->ms < other->ms ? -1 : one->ms > other->ms;
}

static char *print(const struct moments *moments)
{
    size_t from = moments->count > TIMELINE_LINES ? moments->count - TIMELINE_LINES : 0;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (size_t i = from; i < moments->count; i++)
        fprintf(out, "-%.3f ms  %s\n",
                moments->moment[moments->count - 1].ms - moments->moment[i].ms,
                moments->moment[i].text);
    fclose(out);
    return text;
}

char *timeline_write(const struct evidence *evidence, const char *directory, uint64_t mark,
                     struct timeline_trace *trace)
{
    struct moments moments = {NULL, 0, 0};
    struct timeline_trace unasked;
    bool traced = false;
    char *text;

    if (trace == NULL)
        trace = &unasked;
    if (directory != NULL) {
        add_trace(&moments, evidence, directory, mark, trace);
        traced = trace->events > 0;
    }
    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL)
            add_lane(&moments, evidence, lane, traced);
    }
    qsort(moments.moment, moments.count, sizeof *moments.moment, by_time);
    text = print(&moments);
    free(moments.moment);
    return text;
}
