/*
 * trace: the last moments of failing cycles as a Chrome trace, for Perfetto or about:tracing.
 *
 * One process per cycle, one track per thread, and one track for the verdict. Waits, joins, loads
 * and laps are slices, which last until the end where nothing ended them; all else is an instant.
 * Made from the timeline that is stored with the finding: what is not in there is not shown.
 * Cycles begin at 0 each, so that they can be laid beside one another.
 *
 * Readers differ in what they put up with, so a track is as the strictest wants it: its events in
 * order of time, of two slices that begin together the outer one first, none without length, and
 * times in whole microseconds, since a slice that ends behind the one around it by a rounding is
 * dropped.
 * Format: "Trace Event Format", JSON Object Format, phases M, X and i; microseconds.
 */
#include <harness/report.h>

#include <results/store/severity.h>
#include <results/store/store.h>
#include <results/text/json_write.h>
#include <results/text/moments.h>
#include <results/text/stream.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX = 64 };

/* struct writing - what is being written. @next_id: for processes and threads alike. */
struct writing {
    struct store *store;
    struct json_write json;
    const struct store_cell *cells;
    size_t cell_count;
    unsigned next_id;
    unsigned process; /* id; its verdict's track is the next one, its threads follow */
    double end;
    bool all; /* not failing cycles alone */
    int code; /* of a failure inside a callback */
    struct error *e;
};

/* --- events ------------------------------------------------------------------------------------
 */

static void begin_event(struct json_write *json, const char *name, const char *phase,
                        unsigned process, unsigned thread)
{
    json_write_open_object(json, NULL);
    json_write_text(json, "name", name);
    json_write_text(json, "ph", phase);
    json_write_unsigned(json, "pid", process);
    json_write_unsigned(json, "tid", thread);
}

static void write_name(struct writing *writing, const char *what, unsigned thread, const char *name)
{
    struct json_write *json = &writing->json;

    begin_event(json, what, "M", writing->process, thread);
    json_write_open_object(json, "args");
    json_write_text(json, "name", name);
    json_write_close_object(json);
    json_write_close_object(json);
}

/* A slice, or a mark where it has no length: readers disagree on what lies inside what there. The
 * length is that between the rounded ends: what ends together still does so. */
static void begin_stretch(struct writing *writing, const char *name, unsigned thread, double begin,
                          double end)
{
    struct json_write *json = &writing->json;
    long long us = llround(begin), length = llround(fmax(begin, end)) - us;

    begin_event(json, name, length > 0 ? "X" : "i", writing->process, thread);
    json_write_text(json, "cat", "slice");
    json_write_signed(json, "ts", us);
    if (length > 0)
        json_write_signed(json, "dur", length);
    else
        json_write_text(json, "s", "t");
}

/* @scope: "t" for a mark on the thread's track, "p" for one across the process. */
static void begin_instant(struct writing *writing, const char *name, const char *category,
                          const char *scope, unsigned thread, double us)
{
    struct json_write *json = &writing->json;

    begin_event(json, name, "i", writing->process, thread);
    json_write_text(json, "cat", category);
    json_write_text(json, "s", scope);
    json_write_signed(json, "ts", llround(us));
    json_write_open_object(json, "args");
}

static void end_instant(struct writing *writing)
{
    json_write_close_object(&writing->json);
    json_write_close_object(&writing->json);
}

static unsigned verdict_track(const struct writing *writing)
{
    return writing->process + 1;
}

static unsigned track_of(const struct writing *writing, int thread)
{
    return (unsigned)((int)verdict_track(writing) + 1 + thread);
}

/* struct span - what became of a moment. @kind: of the slice that it begins, or NULL. @ends: it
 * ended one, and is no mark of its own. @until: what ended the slice, NULL if nothing did. */
struct span {
    double begin, end;
    const struct moments_kind *kind;
    const char *until;
    bool ends;
};

static void write_mark(struct writing *writing, const struct moment *moment,
                       const struct span *span)
{
    bool injection = moments_is_injection(moment->name);

    begin_instant(writing, moment->name, injection ? "injection" : "event", injection ? "p" : "t",
                  track_of(writing, moment->thread), span->begin);
    json_write_text(&writing->json, "detail", moment->detail);
    end_instant(writing);
}

static void write_slice(struct writing *writing, const struct moment *moment,
                        const struct span *span)
{
    struct json_write *json = &writing->json;

    begin_stretch(writing, span->kind->title, track_of(writing, moment->thread), span->begin,
                  span->end);
    json_write_open_object(json, "args");
    json_write_text(json, "detail", moment->detail);
    json_write_text(json, "until", span->until != NULL ? span->until : "nothing ended it");
    json_write_close_object(json);
    json_write_close_object(json);
}

/* --- slices ------------------------------------------------------------------------------------
 */

/* struct open - slices of one thread that nothing has ended yet, the outermost first. */
struct open {
    struct span *slice[OPEN_MAX];
    size_t count;
};

/* Ends the innermost of this kind and all inside it, so that slices nest; false if there is none.
 */
static bool close_slices(struct open *open, const struct moments_kind *kind, double end,
                         const char *until)
{
    size_t at = open->count;

    while (at > 0 && open->slice[at - 1]->kind != kind)
        at--;
    if (at == 0)
        return false;
    while (open->count >= at) {
        open->count--;
        open->slice[open->count]->end = end;
        open->slice[open->count]->until = until;
    }
    return true;
}

static void weigh_moment(struct span *span, struct open *open, const struct moment *moment,
                         double end)
{
    const struct moments_kind *begun = moments_begun(moment->name),
                              *ended = moments_ended(moment->name);

    if (begun != NULL && open->count < OPEN_MAX) {
        span->kind = begun;
        span->end = end;
        open->slice[open->count++] = span;
        return;
    }
    span->ends = ended != NULL && close_slices(open, ended, span->begin, moment->name);
}

/* A thread's time does not run backwards, whatever a damaged timeline says. */
static void weigh_thread(const struct moments *moments, int thread, struct span *spans)
{
    struct open open = {.count = 0};
    double now = 0;

    for (size_t i = 0; i < moments->count; i++) {
        if (moments->moment[i].thread != thread)
            continue;
        now = fmax(now, moments->moment[i].us);
        spans[i] = (struct span){.begin = now};
        weigh_moment(&spans[i], &open, &moments->moment[i], moments->end);
    }
}

static void write_thread(struct writing *writing, const struct moments *moments, int thread,
                         struct span *spans)
{
    if (thread != MOMENTS_NO_THREAD)
        write_name(writing, "thread_name", track_of(writing, thread), moments->thread[thread]);
    weigh_thread(moments, thread, spans);
    for (size_t i = 0; i < moments->count; i++) {
        if (moments->moment[i].thread != thread || spans[i].ends)
            continue;
        if (spans[i].kind != NULL)
            write_slice(writing, &moments->moment[i], &spans[i]);
        else
            write_mark(writing, &moments->moment[i], &spans[i]);
    }
}

static int write_threads(struct writing *writing, const struct moments *moments)
{
    struct span *spans = calloc(moments->count + 1, sizeof *spans);

    if (spans == NULL)
        return error_set(writing->e, ERROR_MEMORY, "report: out of memory");
    for (int i = MOMENTS_NO_THREAD; i < (int)moments->threads; i++)
        write_thread(writing, moments, i, spans);
    free(spans);
    return 0;
}

/* --- the verdict's track -----------------------------------------------------------------------
 */

static int each_code(const struct store_finding *finding, void *context)
{
    struct writing *writing = context;
    struct json_write *json = &writing->json;

    begin_instant(writing, finding->slug, "finding", finding->place == 0 ? "p" : "t",
                  verdict_track(writing), writing->end);
    json_write_text(json, "severity", severity_name(finding->severity));
    json_write_signed(json, "finding", finding->id);
    json_write_text(json, "signature", finding->signature);
    json_write_lines(json, "text", finding->text);
    json_write_text(json, "injected", finding->injected);
    json_write_text(json, "replay", finding->replay);
    end_instant(writing);
    return 0;
}

static void write_silence(struct writing *writing, const struct moments *moments)
{
    if (moments->end <= moments->last)
        return;
    begin_stretch(writing, "no event", verdict_track(writing), moments->last, moments->end);
    json_write_close_object(&writing->json);
}

static bool shows_injection(const struct moments *moments)
{
    for (size_t i = 0; i < moments->count; i++)
        if (moments_is_injection(moments->moment[i].name))
            return true;
    return false;
}

/* The timeline is short; what was injected before it began has no moment in it. */
static void write_earlier_injection(struct writing *writing, const struct moments *moments,
                                    const struct store_finding *finding)
{
    if (shows_injection(moments) || finding->injected[0] == '\0' ||
        strncmp(finding->injected, "nothing", 7) == 0 ||
        strstr(finding->injected, "did not fire") != NULL)
        return;
    begin_instant(writing, "injected earlier", "injection", "p", verdict_track(writing), 0);
    json_write_text(&writing->json, "detail", finding->injected);
    end_instant(writing);
}

/* --- cycles ------------------------------------------------------------------------------------
 */

static char *process_name(const struct writing *writing, const struct store_finding *finding)
{
    const struct store_cell *cell =
        store_cell_find(writing->cells, writing->cell_count, finding->cell);
    char *name;

    if (asprintf(&name, "%s: cycle %llu of cell %lld: %s under %s", finding->slug,
                 (unsigned long long)finding->cycle, (long long)finding->cell,
                 cell != NULL ? cell->target : "?", cell != NULL ? cell->injector : "?") < 0)
        return NULL;
    return name;
}

static int write_cycle(struct writing *writing, const struct store_finding *finding,
                       const struct moments *moments)
{
    char *name = process_name(writing, finding);

    if (name == NULL)
        return error_set(writing->e, ERROR_MEMORY, "report: out of memory");
    writing->process = writing->next_id;
    writing->next_id += 2 + (unsigned)moments->threads;
    writing->end = moments->end;
    write_name(writing, "process_name", verdict_track(writing), name);
    free(name);
    write_name(writing, "thread_name", verdict_track(writing),
               moments->count > 0 ? "verdict" : "verdict (no timeline was stored)");
    write_earlier_injection(writing, moments, finding);
    if (write_threads(writing, moments) != 0)
        return ERROR_MEMORY;
    write_silence(writing, moments);
    return store_finding_get(writing->store, finding->cell, finding->cycle, each_code, writing,
                             writing->e);
}

/* Only the first finding of a cycle carries its timeline. */
static int first_timeline(const struct store_finding *finding, void *context)
{
    char **text = context;

    *text = strdup(finding->timeline);
    return 1;
}

static int each_cycle(const struct store_finding *finding, void *context)
{
    struct writing *writing = context;
    struct moments moments;
    char *text = NULL;
    int code;

    if (!writing->all && (finding->place != 0 || finding->severity != STOP_SEVERITY_FINDING))
        return 0;
    code = store_finding_get(writing->store, finding->cell, finding->cycle, first_timeline, &text,
                             writing->e);
    if (code == 0 && text == NULL)
        code = error_set(writing->e, ERROR_MEMORY, "report: out of memory");
    if (code == 0)
        code = moments_read(&moments, text, finding->hang_ms, writing->e);
    free(text);
    if (code == 0) {
        code = write_cycle(writing, finding, &moments);
        moments_free(&moments);
    }
    writing->code = code;
    return code;
}

/* --- the document ------------------------------------------------------------------------------
 */

static int each_meta(const char *key, const char *value, void *context)
{
    json_write_text(context, key, value);
    return 0;
}

static int write_cycles(struct writing *writing, const struct report_options *options)
{
    int code;

    if (options->finding != 0)
        code =
            store_finding_read(writing->store, options->finding, each_cycle, writing, writing->e);
    else
        code = store_findings(writing->store, !options->verbose, each_cycle, writing, writing->e);
    return code == 0 ? writing->code : code;
}

static int write_document(struct writing *writing, const struct report_options *options)
{
    struct json_write *json = &writing->json;
    int code;

    json_write_open_object(json, NULL);
    json_write_text(json, "displayTimeUnit", "ms");
    json_write_open_array(json, "traceEvents");
    code = write_cycles(writing, options);
    json_write_close_array(json);
    json_write_open_object(json, "otherData");
    if (code == 0)
        code = store_meta_list(writing->store, each_meta, json, writing->e);
    json_write_close_object(json);
    json_write_close_object(json);
    fputc('\n', json->out);
    return code;
}

static int is_there(const struct store_finding *finding, void *context)
{
    return 1;
}

static int trace_write(struct store *store, FILE *out, const struct report_options *options,
                       struct error *e)
{
    struct writing writing = {
        .store = store, .json = {.out = out}, .next_id = 1, .all = options->finding != 0, .e = e};
    struct store_cell *cells;
    int code = 0;

    if (options->finding != 0) /* before anything is written */
        code = store_finding_read(store, options->finding, is_there, NULL, e);
    if (code == 0)
        code = store_cells(store, &cells, &writing.cell_count, e);
    if (code != 0)
        return code;
    writing.cells = cells;
    code = write_document(&writing, options);
    store_cells_free(cells, writing.cell_count);
    return code == 0 ? stream_check(out, e) : code;
}

const struct report_format report_format_trace = {
    .name = "trace",
    .summary = "timelines of failing cycles as a Chrome trace, for Perfetto",
    .file = NULL,
    .write = trace_write,
};
