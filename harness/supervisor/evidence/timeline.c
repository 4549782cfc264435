/*
 * timeline: sorts what two witnesses saw, and keeps what a reader of the finding needs. The ring
 * stamps ticks, the recorder nanoseconds of CLOCK_MONOTONIC; the control block holds both of the
 * cycle's start.
 */
#include "timeline.h"

#include "evidence.h"
#include "timeline_words.h"

#include <harness/common/array.h>
#include <results/trace/decode.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRACE_KEPT = 256,
    LINE_BYTES = 240,
    NO_LANE = ABI_LANES,
    LOOKED_AT = 256, /* events of a thread that are no milestones */
};

/*
 * struct moment - one event. @lane: NO_LANE for a thread without one. @event: of the ring, worded
 * only if it is kept; else @text.
 */
struct moment {
    double ms; /* since the cycle's start */
    size_t order;
    unsigned lane;
    bool milestone;
    bool block; /* an allocation, or its end */
    bool kept;
    const struct abi_event *event;
    char *text;
};

struct moments {
    const struct evidence *evidence;
    struct moment *moment;
    size_t count;
    size_t room;
    double oldest_ms[ABI_LANES]; /* of what the lane's ring still has */
};

static struct moment *add(struct moments *moments)
{
    if (!ARRAY_ROOM(moments->moment, moments->count, moments->room))
        return NULL;
    memset(&moments->moment[moments->count], 0, sizeof *moments->moment);
    moments->moment[moments->count].order = moments->count;
    return &moments->moment[moments->count++];
}

/* --- the ring -------------------------------------------------------------------------- */

/* Worth telling of any thread, and however long ago. */
static bool is_milestone(uint16_t kind)
{
    switch (kind) {
    case EVENT_INJECT_INTENT:
    case EVENT_INJECT_FIRED:
    case EVENT_PARKED:
    case EVENT_RESUMED:
    case EVENT_LOAD_END:
    case EVENT_UNLOAD_BEGIN:
    case EVENT_UNLOAD_END:
    case EVENT_THREAD_BORN:
    case EVENT_THREAD_ENDS:
    case EVENT_EXIT_PHASE:
    case EVENT_OWNER_DIED:
    case EVENT_FREE_HELD:
    case EVENT_FORKED:
    case EVENT_EXEC:
    case EVENT_INVARIANT:
    case EVENT_SIGNAL:
        return true;
    default:
        return false;
    }
}

static void add_event(struct moments *moments, unsigned index, const struct abi_event *event,
                      double ms)
{
    struct moment *moment = add(moments);

    if (moment == NULL)
        return;
    moment->ms = ms;
    moment->lane = index;
    moment->milestone = is_milestone(event->kind);
    moment->block = event->kind == EVENT_ALLOC || event->kind == EVENT_FREE;
    moment->event = event;
}

/* Events without a stamp of their own lie at their predecessor's. */
static void add_lane(struct moments *moments, unsigned index, const struct abi_lane *lane)
{
    const struct abi_control *control = &moments->evidence->memory->control;
    double hz = control->tick_hz != 0 ? (double)control->tick_hz : 1e9;
    uint64_t from = lane->seq > ABI_RING_EVENTS ? lane->seq - ABI_RING_EVENTS : 0;
    uint64_t last = lane->seq > LOOKED_AT ? lane->seq - LOOKED_AT : 0;
    uint64_t time = 0;
    bool first = true;

    for (uint64_t seq = from; seq < lane->seq; seq++) {
        const struct abi_event *event = &lane->ring[seq % ABI_RING_EVENTS];
        double ms;

        if (event->time != 0)
            time = event->time;
        if (time < control->start_ticks)
            continue;
        ms = (double)(time - control->start_ticks) * 1000 / hz;
        if (first && from > 0)
            moments->oldest_ms[index] = ms;
        first = false;
        if (event->kind == EVENT_FREE && event->object == 0)
            continue; /* of nothing */
        if (seq >= last || is_milestone(event->kind))
            add_event(moments, index, event, ms);
    }
}

/* --- the trace -------------------------------------------------------------------------- */

/* struct seen - an event of the trace, kept until the last ones are known. */
struct seen {
    double ms;
    unsigned lane;
    bool milestone;
    char text[LINE_BYTES];
};

struct reading {
    const struct moments *moments;
    struct timeline_trace *trace;
    uint64_t mark;
    uint64_t taken;
    struct seen kept[TRACE_KEPT]; /* the last of them */
};

static unsigned lane_of(const struct evidence *evidence, uint32_t tid)
{
    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL && lane->tid == tid)
            return i;
    }
    return NO_LANE;
}

static void thread_name(const struct evidence *evidence, unsigned lane, uint32_t tid, char out[32])
{
    if (lane != NO_LANE)
        snprintf(out, 32, "%.31s", evidence->memory->lane[lane].name);
    else
        snprintf(out, 32, "tid %u", tid);
}

static void word_fields(const struct decode_event *event, char *text, size_t length)
{
    for (unsigned i = 0; i < event->field_count; i++) {
        const struct decode_field *field = &event->field[i];
        size_t left = LINE_BYTES - length;
        int more = field->kind == DECODE_TEXT
                       ? snprintf(text + length, left, " %s %.60s", field->name, field->text)
                       : snprintf(text + length, left, " %s 0x%llx", field->name,
                                  (unsigned long long)field->number);

        if (more < 0 || (size_t)more >= left)
            return;
        length += (size_t)more;
    }
}

static bool is_trace_milestone(const char *name)
{
    return strncmp(name, "inject_", 7) == 0 || strncmp(name, "module_", 7) == 0 ||
           strncmp(name, "thread_", 7) == 0 || strcmp(name, "exit_gate") == 0;
}

static void see(struct reading *reading, const struct decode_event *event, double ms, unsigned lane)
{
    struct seen *seen = &reading->kept[reading->taken++ % TRACE_KEPT];
    char name[32];

    thread_name(reading->moments->evidence, lane, event->tid, name);
    seen->ms = ms;
    seen->lane = lane;
    seen->milestone = is_trace_milestone(event->name);
    word_fields(event, seen->text,
                (size_t)snprintf(seen->text, LINE_BYTES, "%-8s %-14s", name, event->name));
}

static int take(const struct decode_event *event, void *context)
{
    struct reading *reading = context;
    const struct evidence *evidence = reading->moments->evidence;
    const struct abi_control *control = &evidence->memory->control;
    const struct decode_field *n = decode_field(event, "n");
    unsigned lane;
    double ms;

    if (n != NULL && strcmp(event->name, "beat") == 0) {
        reading->trace->beats += n->number == reading->mark;
        return 0;
    }
    if (event->pid != control->pid || event->cycle != control->cycle ||
        event->time_ns < control->start_ns)
        return 0;
    reading->trace->events++;
    ms = (double)(event->time_ns - control->start_ns) / 1e6;
    lane = lane_of(evidence, event->tid);
    if (lane == NO_LANE || ms < reading->moments->oldest_ms[lane])
        see(reading, event, ms, lane);
    return 0;
}

static void add_trace(struct moments *moments, const char *directory, uint64_t mark,
                      struct timeline_trace *trace)
{
    static struct reading reading;
    uint64_t count;

    memset(trace, 0, sizeof *trace);
    memset(&reading, 0, sizeof reading);
    reading.moments = moments;
    reading.trace = trace;
    reading.mark = mark;
    trace->read = decode_directory(directory, take, &reading, NULL, NULL) == 0;
    count = reading.taken < TRACE_KEPT ? reading.taken : TRACE_KEPT;
    for (uint64_t i = 0; i < count; i++) {
        const struct seen *seen = &reading.kept[i];
        struct moment *moment = add(moments);

        if (moment == NULL)
            return;
        moment->ms = seen->ms;
        moment->lane = seen->lane;
        moment->milestone = seen->milestone;
        moment->text = strdup(seen->text);
    }
}

/* --- what is kept ------------------------------------------------------------------------- */

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '.' || byte == '?' || byte == '_';
}

/* @name stands in the line as a word: "T1.2" is not in "T1.20", nor in "T1.2.1". */
static bool names(const char *line, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = line; length > 0 && (at = strstr(at, name)) != NULL; at++) {
        bool begins = at == line || !is_name_byte(at[-1]);
        char next = at[length];

        if (begins && (!is_name_byte(next) || (next == '.' && !is_name_byte(at[length + 1]))))
            return true;
    }
    return false;
}

static bool is_named(const struct judgement *judgement, const char *name)
{
    for (unsigned i = 0; i < judgement->findings && i < FINDINGS_PER_CYCLE; i++)
        for (unsigned k = 0; k < judgement->finding[i].lines && k < FINDING_LINES; k++)
            if (names(judgement->finding[i].line[k], name))
                return true;
    return false;
}

/* Which lanes a reader asks about; all, where the finding names none. */
static void find_concerned(const struct evidence *evidence, const struct judgement *judgement,
                           bool concerned[ABI_LANES + 1])
{
    bool any = false;

    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);
        char name[PLAN_THREAD_BYTES + 1];

        if (lane == NULL || judgement == NULL)
            continue;
        snprintf(name, sizeof name, "%.*s", PLAN_THREAD_BYTES, lane->name);
        concerned[i] = is_named(judgement, name);
        any |= concerned[i];
    }
    for (unsigned i = 0; !any && i <= ABI_LANES; i++)
        concerned[i] = true;
}

static bool is_about_heap(const struct judgement *judgement)
{
    const char *slug;

    if (judgement == NULL || judgement->findings == 0)
        return true;
    slug = stop_code_entry(judgement->finding[0].code)->slug;
    return strncmp(slug, "heap.", 5) == 0 || strncmp(slug, "leak.", 5) == 0 ||
           strncmp(slug, "crash.", 6) == 0;
}

/* struct quota - how much of it has been used up. */
struct quota {
    bool concerned[ABI_LANES + 1];
    unsigned kept[ABI_LANES + 1];
    unsigned blocks[ABI_LANES + 1];
    unsigned blocks_most;
    unsigned milestones;
    unsigned lines;
};

static bool fits(const struct quota *quota, const struct moment *moment)
{
    if (moment->milestone && quota->milestones < TIMELINE_MILESTONES)
        return true;
    return quota->concerned[moment->lane] && quota->kept[moment->lane] < TIMELINE_THREAD &&
           (!moment->block || quota->blocks[moment->lane] < quota->blocks_most);
}

/* From the end backwards, so that what is left out is what lies longest ago. */
static void choose(struct moments *moments, const struct judgement *judgement)
{
    static struct quota quota;

    memset(&quota, 0, sizeof quota);
    quota.blocks_most = is_about_heap(judgement) ? TIMELINE_THREAD : TIMELINE_BLOCKS;
    find_concerned(moments->evidence, judgement, quota.concerned);
    for (size_t i = moments->count; i-- > 0 && quota.lines < TIMELINE_LINES;) {
        struct moment *moment = &moments->moment[i];

        if (!fits(&quota, moment))
            continue;
        moment->kept = true;
        quota.lines++;
        quota.milestones += moment->milestone;
        quota.kept[moment->lane]++;
        quota.blocks[moment->lane] += moment->block;
    }
}

/* --- both ---------------------------------------------------------------------------------- */

/* Of one thread in its own order, which the ring has and equal stamps have not. */
static int by_time(const void *a, const void *b)
{
    const struct moment *one = a, *other = b;

    if (one->ms != other->ms)
        return one->ms < other->ms ? -1 : 1;
    if (one->lane != other->lane)
        return one->lane < other->lane ? -1 : 1;
    return one->order < other->order ? -1 : 1;
}

/* Paths and names are the target's, and may hold anything: nothing may move a terminal's cursor. */
static void make_plain(char *words)
{
    for (; *words != 0; words++)
        if (*words == '\n')
            *words = ' ';
        else if ((unsigned char)*words < ' ' || *words == 0x7f)
            *words = '?';
}

static void print_moment(FILE *out, const struct evidence *evidence, const struct moment *moment,
                         double before_ms)
{
    char words[LINE_BYTES];

    if (moment->event == NULL) {
        fprintf(out, "-%.3f ms  %s\n", before_ms, moment->text != NULL ? moment->text : "");
        return;
    }
    timeline_words(evidence, moment->event, words, sizeof words);
    make_plain(words);
    fprintf(out, "-%.3f ms  %-8.31s %-14s %s\n", before_ms,
            evidence->memory->lane[moment->lane].name, abi_event_name(moment->event->kind), words);
}

static char *print(const struct moments *moments)
{
    double last_ms = moments->count > 0 ? moments->moment[moments->count - 1].ms : 0;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < moments->count; i++)
        if (moments->moment[i].kept)
            print_moment(out, moments->evidence, &moments->moment[i],
                         last_ms - moments->moment[i].ms);
    fclose(out);
    return text;
}

static void moments_free(struct moments *moments)
{
    for (size_t i = 0; i < moments->count; i++)
        free(moments->moment[i].text);
    free(moments->moment);
}

char *timeline_write(const struct evidence *evidence, const struct judgement *judgement,
                     const char *directory, uint64_t mark, struct timeline_trace *trace)
{
    struct moments moments = {.evidence = evidence};
    struct timeline_trace unasked;
    char *text;

    for (unsigned i = 0; i < ABI_LANES; i++) {
        const struct abi_lane *lane = evidence_lane(evidence, i);

        if (lane != NULL)
            add_lane(&moments, i, lane);
    }
    if (directory != NULL)
        add_trace(&moments, directory, mark, trace != NULL ? trace : &unasked);
    if (moments.count > 1)
        qsort(moments.moment, moments.count, sizeof *moments.moment, by_time);
    choose(&moments, judgement);
    text = print(&moments);
    moments_free(&moments);
    return text;
}
