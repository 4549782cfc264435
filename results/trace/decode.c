/*
 * decode: CTF to events, by libbabeltrace2.
 *
 * Every stream gets a graph of its own and we merge them: babeltrace2's muxer gives up
 * altogether at the first damage or step back in time, and the stream of a CPU on which a
 * writer died is just that. Nothing is held but one batch of messages per stream.
 */
#include <results/trace/decode.h>

#include <string.h>

#include <harness/recorder.h>

const struct decode_field *decode_field(const struct decode_event *event, const char *name)
{
    for (unsigned i = 0; i < event->field_count; i++) {
        if (strcmp(event->field[i].name, name) == 0)
            return &event->field[i];
    }
    return NULL;
}

#ifndef HAVE_BABELTRACE2

int decode_directory(const char *dir, decode_callback callback, void *context, uint64_t *count,
                     struct error *e)
{
    (void)callback, (void)context;
    if (count != NULL)
        *count = 0;
    return error_set(e, ERROR_RECORDER,
                     "%.300s: built without libbabeltrace2: install libbabeltrace2-dev and build "
                     "again",
                     dir);
}

#else

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <babeltrace2/babeltrace.h>

enum { TREE_FDS = 16, TRACES_MAX = 64 };

#define NS_PER_S UINT64_C(1000000000)

/* One stream: its graph, and the batch of messages that came last. */
struct stream {
    bt_graph *graph;
    const bt_message **messages;
    uint64_t capacity;
    uint64_t count;
    uint64_t next;
    uint64_t time_ns; /* of the event at next */
    bool done;
};

struct decoder {
    const bt_component_class_source *source;
    struct stream **streams;
    unsigned stream_count;
    uint64_t events;
    struct error first; /* the first damage */
};

/* --- damage --- */

/* libbabeltrace2's own sentence for what just failed; its deepest cause says most. */
static void take_cause(char *text, size_t size)
{
    const bt_error *error = bt_current_thread_take_error();

    snprintf(text, size, "it cannot be read");
    if (error == NULL)
        return;
    if (bt_error_get_cause_count(error) > 0)
        snprintf(text, size, "%s",
                 bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, 0)));
    text[strcspn(text, "\n")] = '\0';
    bt_error_release(error);
}

static void note_damage(struct decoder *d, int code, const char *where, const char *what)
{
    if (d->first.code == 0)
        error_set(&d->first, code, "%.200s: %.250s", where, what);
}

static void note_cause(struct decoder *d, const char *where)
{
    char text[256];

    take_cause(text, sizeof text);
    note_damage(d, ERROR_CORRUPT, where, text);
}

/* --- one stream --- */

static void drop_messages(struct stream *s)
{
    while (s->next < s->count)
        bt_message_put_ref(s->messages[s->next++]);
    s->next = s->count = 0;
}

static void close_stream(struct stream *s)
{
    drop_messages(s);
    free(s->messages);
    bt_graph_put_ref(s->graph);
    free(s);
}

/* The sink: takes one batch over and comes back, so that we decide which stream goes on. */
static bt_graph_simple_sink_component_consume_func_status consume(bt_message_iterator *iterator,
                                                                  void *context)
{
    struct stream *s = context;
    bt_message_array_const batch;
    uint64_t count;
    bt_message_iterator_next_status status = bt_message_iterator_next(iterator, &batch, &count);
    const bt_message **more = s->messages;

    if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK)
        return (bt_graph_simple_sink_component_consume_func_status)status;
    if (count > s->capacity)
        more = realloc(s->messages, count * sizeof *more);
    if (more == NULL) {
        while (count > 0)
            bt_message_put_ref(batch[--count]);
        return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_MEMORY_ERROR;
    }
    s->capacity = count > s->capacity ? count : s->capacity;
    s->messages = more;
    memcpy(s->messages, batch, count * sizeof *more);
    s->count = count;
    s->next = 0;
    return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
}

static uint64_t message_ns(const bt_message *message)
{
    const bt_clock_snapshot *clock = bt_message_event_borrow_default_clock_snapshot_const(message);
    uint64_t value = bt_clock_snapshot_get_value(clock), hz;

    hz = bt_clock_class_get_frequency(bt_clock_snapshot_borrow_clock_class_const(clock));
    return hz == NS_PER_S ? value : (uint64_t)((unsigned __int128)value * NS_PER_S / hz);
}

static bool is_our_event(const bt_message *message)
{
    static const char prefix[] = RECORDER_PROVIDER ":";
    const bt_event *event;
    const char *name;

    if (bt_message_get_type(message) != BT_MESSAGE_TYPE_EVENT)
        return false;
    event = bt_message_event_borrow_event_const(message);
    name = bt_event_class_get_name(bt_event_borrow_class_const(event));
    return name != NULL && strncmp(name, prefix, sizeof prefix - 1) == 0 &&
           bt_message_event_borrow_stream_class_default_clock_class_const(message) != NULL;
}

/* One batch more, or the stream is done. */
static void fill(struct decoder *d, struct stream *s)
{
    bt_graph_run_once_status status;

    drop_messages(s);
    status = bt_graph_run_once(s->graph);
    s->done = status != BT_GRAPH_RUN_ONCE_STATUS_OK;
    if (s->done && status != BT_GRAPH_RUN_ONCE_STATUS_END)
        note_cause(d, "a stream");
}

/* Goes on to the next event of ours, from where next stands. */
static void find_event(struct decoder *d, struct stream *s)
{
    uint64_t before = s->time_ns;

    while (!s->done) {
        while (s->next < s->count && !is_our_event(s->messages[s->next]))
            bt_message_put_ref(s->messages[s->next++]);
        if (s->next < s->count)
            break;
        fill(d, s);
    }
    if (s->done)
        return;
    s->time_ns = message_ns(s->messages[s->next]);
    if (s->time_ns < before)
        note_damage(d, ERROR_CORRUPT, "a stream", "its time runs backwards");
}

/* --- one event --- */

static const char *first_label(const bt_field *field, bool is_signed)
{
    bt_field_class_enumeration_mapping_label_array labels;
    uint64_t count = 0;

    if (is_signed)
        (void)bt_field_enumeration_signed_get_mapping_labels(field, &labels, &count);
    else
        (void)bt_field_enumeration_unsigned_get_mapping_labels(field, &labels, &count);
    return count > 0 ? labels[0] : NULL;
}

/* Of an empty string, 2.0 hands out what the field held in the event before. */
static const char *string_value(const bt_field *field)
{
    return bt_field_string_get_length(field) > 0 ? bt_field_string_get_value(field) : "";
}

/* false for a type that no event of ours has. */
static bool read_field(const bt_field *field, struct decode_field *out)
{
    bt_field_class_type type = bt_field_get_class_type(field);
    bool is_signed = bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER);

    out->number = 0;
    out->text = NULL;
    out->kind = is_signed ? DECODE_SIGNED : DECODE_UNSIGNED;
    if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_STRING))
        out->text = string_value(field);
    else if (is_signed)
        out->number = (uint64_t)bt_field_integer_signed_get_value(field);
    else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER))
        out->number = bt_field_integer_unsigned_get_value(field);
    else
        return false;
    if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_ENUMERATION))
        out->text = first_label(field, is_signed);
    if (out->text != NULL)
        out->kind = DECODE_TEXT;
    return true;
}

/* The head goes to its members, by name; all else is a field. */
static void place_field(struct decode_event *event, const struct decode_field *field)
{
    if (strcmp(field->name, "cycle") == 0)
        event->cycle = field->number;
    else if (strcmp(field->name, "inj") == 0)
        event->inj = (uint32_t)field->number;
    else if (strcmp(field->name, "pid") == 0)
        event->pid = (uint32_t)field->number;
    else if (strcmp(field->name, "tid") == 0)
        event->tid = (uint32_t)field->number;
    else if (strcmp(field->name, "seq") == 0)
        event->seq = field->number;
    else if (event->field_count < DECODE_FIELDS)
        event->field[event->field_count++] = *field;
}

static void read_event(const bt_message *message, struct decode_event *out)
{
    const bt_event *event = bt_message_event_borrow_event_const(message);
    const bt_event_class *class = bt_event_borrow_class_const(event);
    const bt_field *payload = bt_event_borrow_payload_field_const(event);
    const bt_field_class *members = bt_event_class_borrow_payload_field_class_const(class);
    uint64_t count = members == NULL ? 0 : bt_field_class_structure_get_member_count(members);
    struct decode_field field;

    /* The provider, and the colon in place of its NUL. */
    out->name = bt_event_class_get_name(class) + sizeof RECORDER_PROVIDER;
    for (uint64_t i = 0; i < count; i++) {
        field.name = bt_field_class_structure_member_get_name(
            bt_field_class_structure_borrow_member_by_index_const(members, i));
        if (read_field(bt_field_structure_borrow_member_field_by_index_const(payload, i), &field))
            place_field(out, &field);
    }
}

/* --- opening --- */

static bt_graph_add_component_status add_source(const struct decoder *d, bt_graph *graph,
                                                const char *dir, const bt_component_source **source)
{
    bt_graph_add_component_status status = BT_GRAPH_ADD_COMPONENT_STATUS_MEMORY_ERROR;
    bt_value *params = bt_value_map_create(), *inputs = NULL;

    if (params != NULL && bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) == 0 &&
        bt_value_array_append_string_element(inputs, dir) == 0)
        status = bt_graph_add_source_component(graph, d->source, "source", params,
                                               BT_LOGGING_LEVEL_NONE, source);
    bt_value_put_ref(params);
    return status;
}

/* The graph of stream @index of a trace. False: there is no such stream, or damage. */
static bool connect_stream(struct decoder *d, struct stream *s, const char *dir, uint64_t index)
{
    const bt_component_source *source;
    const bt_component_sink *sink;

    s->graph = bt_graph_create(0);
    if (s->graph == NULL || add_source(d, s->graph, dir, &source) != 0)
        return note_cause(d, dir), false;
    if (index >= bt_component_source_get_output_port_count(source))
        return false;
    if (bt_graph_add_simple_sink_component(s->graph, "sink", NULL, consume, NULL, s, &sink) != 0 ||
        bt_graph_connect_ports(
            s->graph, bt_component_source_borrow_output_port_by_index_const(source, index),
            bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL) != 0)
        return note_cause(d, dir), false;
    return true;
}

static bool add_stream(struct decoder *d, const char *dir, uint64_t index)
{
    struct stream **more = realloc(d->streams, (d->stream_count + 1) * sizeof *more);
    struct stream *s = more == NULL ? NULL : calloc(1, sizeof *s);

    if (more != NULL)
        d->streams = more;
    if (s == NULL)
        return note_damage(d, ERROR_MEMORY, dir, "out of memory"), false;
    if (!connect_stream(d, s, dir, index)) {
        close_stream(s);
        return false;
    }
    d->streams[d->stream_count++] = s;
    return true;
}

static int open_plugin(struct decoder *d, const char *dir, const bt_plugin **plugin)
{
    char text[256];

    bt_logging_set_global_level(BT_LOGGING_LEVEL_NONE);
    if (bt_plugin_find("ctf", BT_FALSE, BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, plugin) !=
        BT_PLUGIN_FIND_STATUS_OK) {
        take_cause(text, sizeof text);
        return error_set(&d->first, ERROR_RECORDER,
                         "%.200s: babeltrace2 has no plugin \"ctf\" (%.100s): install it", dir,
                         text);
    }
    d->source = bt_plugin_borrow_source_component_class_by_name_const(*plugin, "fs");
    if (d->source == NULL)
        return error_set(&d->first, ERROR_RECORDER,
                         "%.200s: babeltrace2's plugin \"ctf\" reads no files: install another",
                         dir);
    return 0;
}

/* nftw has no argument for its callback: the folders found, for one call at a time. */
static struct {
    char *dir[TRACES_MAX];
    unsigned count;
} found;

static int find_trace(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    if (kind == FTW_F && strcmp(path + where->base, "metadata") == 0 && found.count < TRACES_MAX) {
        found.dir[found.count] = strndup(path, where->base > 1 ? (size_t)where->base - 1 : 1);
        if (found.dir[found.count] != NULL)
            found.count++;
    }
    return 0;
}

static void open_traces(struct decoder *d, const char *dir)
{
    found.count = 0;
    nftw(dir, find_trace, TREE_FDS, FTW_PHYS);
    if (found.count == 0)
        error_set(&d->first, ERROR_NOT_FOUND, "%.300s: no trace in it", dir);
    for (unsigned i = 0; i < found.count; i++) {
        for (uint64_t stream = 0; add_stream(d, found.dir[i], stream); stream++)
            continue;
        free(found.dir[i]);
    }
}

/* --- merging --- */

static struct stream *earliest(const struct decoder *d)
{
    struct stream *best = NULL;

    for (unsigned i = 0; i < d->stream_count; i++) {
        struct stream *s = d->streams[i];

        if (!s->done && (best == NULL || s->time_ns < best->time_ns))
            best = s;
    }
    return best;
}

static void merge(struct decoder *d, decode_callback callback, void *context)
{
    struct stream *s;
    int ended = 0;

    for (unsigned i = 0; i < d->stream_count; i++)
        find_event(d, d->streams[i]);
    while (ended == 0 && (s = earliest(d)) != NULL) {
        struct decode_event event = {.time_ns = s->time_ns};

        read_event(s->messages[s->next], &event);
        ended = callback(&event, context);
        d->events++;
        bt_message_put_ref(s->messages[s->next++]);
        find_event(d, s);
    }
}

int decode_directory(const char *dir, decode_callback callback, void *context, uint64_t *count,
                     struct error *e)
{
    struct decoder d = {.source = NULL};
    const bt_plugin *plugin = NULL;

    if (open_plugin(&d, dir, &plugin) == 0) {
        open_traces(&d, dir);
        merge(&d, callback, context);
    }
    for (unsigned i = 0; i < d.stream_count; i++)
        close_stream(d.streams[i]);
    free(d.streams);
    bt_plugin_put_ref(plugin);
    if (count != NULL)
        *count = d.events;
    if (d.first.code != 0)
        return error_set(e, d.first.code, "%s", d.first.text);
    return 0;
}

#endif
