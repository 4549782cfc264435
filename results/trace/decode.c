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

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <babeltrace2/babeltrace.h>

enum { TREE_FDS = 16, TRACES_MAX = 64, NS_PER_S = 1000000000 };

/** One stream: its graph, and the batch of messages that came last. */
struct stream {
    bt_graph *graph;
    bt_message_array_const messages;
    bt_message_array_const batch; /* array of ours that the sink fills */
    uint64_t capacity;
    uint64_t count;
    uint64_t next;
    uint64_t time; /* of the message at next, in ns */
    bool done;
};

struct decoder {
    const bt_component_class_source *source;
    struct stream **streams;
    unsigned stream_count;
    uint64_t events;
    uint64_t last_time;
    struct error first; /* first damage */
};

/* --- errors --- */

/* libbabeltrace2's own sentence for what just failed; the deepest cause says most. */
static void take_cause(char *text, size_t size)
{
    const bt_error *error = bt_current_thread_take_error();

    snprintf(text, size, "unreadable");
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

static bt_graph_simple_sink_component_consume_func_status keep_batch(struct stream *s,
                                                                     bt_message_iterator *iterator)
{
    bt_message_array_const batch;
    uint64_t count;
    bt_message_iterator_next_status status = bt_message_iterator_next(iterator, &batch, &count);

    if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK)
        return (bt_graph_simple_sink_component_consume_func_status)status;
    if (count > s->capacity) {
        void *more = realloc((void *)s->messages, count * sizeof *s->messages);

        if (more == NULL)
            return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_MEMORY_ERROR;
        s->messages = more;
        s->capacity = count;
    }
    memcpy((void *)s->messages, batch, count * sizeof *batch);
    s->count = count;
    s->next = 0;
    return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
}
#endif
