/*
 * page_json: the page for programs. docs/finding.schema.json has the names and shapes of all
 * members; they never change within one "version", and all are always there.
 */
#include <results/page/parts.h>

#include <results/store/severity.h>
#include <results/store/store.h>
#include <results/text/finding_json.h>
#include <results/text/json_write.h>

enum { PAGE_VERSION = 1 };

static void write_head(struct json_write *json, const struct store_finding *finding)
{
    json_write_text(json, "format", "rundown-finding");
    json_write_unsigned(json, "version", PAGE_VERSION);
    json_write_signed(json, "finding", finding->id);
    json_write_text(json, "code", finding->slug);
    json_write_text(json, "severity", severity_name(finding->severity));
    json_write_text(json, "signature", finding->signature);
    json_write_unsigned(json, "cycle", finding->cycle);
    json_write_unsigned(json, "place", finding->place);
    finding_json_hang(json, finding);
}

static void write_cell(struct json_write *json, const struct store_cell *cell)
{
    json_write_open_object(json, "cell");
    json_write_signed(json, "cell", cell->id);
    json_write_text(json, "target", cell->target);
    json_write_text(json, "workload", cell->workload);
    json_write_text(json, "variant", cell->variant);
    json_write_text(json, "injector", cell->injector);
    json_write_text(json, "mode", cell->mode);
    json_write_close_object(json);
}

static void write_seen(struct json_write *json, const struct page *page)
{
    const struct store_finding *finding = page->finding;

    if (finding->repeats == 0) {
        json_write_null(json, "seen");
        return;
    }
    json_write_open_object(json, "seen");
    json_write_unsigned(json, "times", finding->repeats);
    json_write_unsigned(json, "cells", finding->repeat_cells);
    json_write_unsigned(json, "cycles", finding->repeat_cycles);
    json_write_signed(json, "first_finding", page->first);
    json_write_signed(json, "first_cell", finding->first_cell);
    json_write_unsigned(json, "first_cycle", finding->first_cycle);
    json_write_close_object(json);
}

static void write_also(struct json_write *json, const struct page *page)
{
    json_write_open_array(json, "also");
    for (size_t i = 0; i < page->alsos; i++) {
        json_write_open_object(json, NULL);
        json_write_signed(json, "finding", page->also[i].finding);
        json_write_text(json, "code", page->also[i].slug);
        json_write_text(json, "severity", severity_name(page->also[i].severity));
        json_write_close_object(json);
    }
    json_write_close_array(json);
}

static void write_sources(struct json_write *json, const struct page *page)
{
    json_write_open_array(json, "sources");
    for (size_t i = 0; i < page->sources; i++) {
        const struct page_source *source = &page->source[i];

        json_write_open_object(json, NULL);
        json_write_text(json, "place", source->place);
        json_write_text(json, "path", source->path);
        json_write_signed(json, "line", source->line);
        json_write_signed(json, "first", source->first);
        fprintf(json->out, ",\"newer\":%s", source->newer ? "true" : "false");
        json_write_lines(json, "lines", source->text);
        json_write_close_object(json);
    }
    json_write_close_array(json);
}

static void write_timeline(struct json_write *json, const struct page *page)
{
    json_write_open_array(json, "timeline");
    for (size_t i = 0; i < page->moments; i++) {
        const struct page_moment *moment = &page->moment[i];

        json_write_open_object(json, NULL);
        if (moment->thread[0] != '\0')
            json_write_real(json, "before_ms", moment->before_ms);
        else
            json_write_null(json, "before_ms");
        json_write_text(json, "thread", moment->thread);
        json_write_text(json, "kind", moment->kind);
        json_write_text(json, "detail", moment->detail);
        json_write_close_object(json);
    }
    json_write_close_array(json);
}

static void write_meaning(struct json_write *json, const struct stop_code_entry *entry)
{
    if (entry == NULL) {
        json_write_null(json, "explanation");
        return;
    }
    json_write_open_object(json, "explanation");
    json_write_text(json, "meaning", entry->meaning);
    json_write_text(json, "cause", entry->cause);
    json_write_text(json, "mend", entry->mend);
    json_write_text(json, "ancestor", entry->ancestor);
    json_write_close_object(json);
}

static int each_meta(const char *key, const char *value, void *context)
{
    json_write_text(context, key, value);
    return 0;
}

int page_json(const struct page *page, FILE *out, struct error *e)
{
    const struct store_finding *finding = page->finding;
    struct json_write json = {.out = out};
    int code;

    json_write_open_object(&json, NULL);
    write_head(&json, finding);
    write_cell(&json, page->cell);
    json_write_lines(&json, "text", finding->text);
    json_write_text(&json, "injected", finding->injected);
    json_write_text(&json, "replay", finding->replay);
    finding_json_replayed(&json, finding);
    write_seen(&json, page);
    write_also(&json, page);
    write_sources(&json, page);
    write_timeline(&json, page);
    finding_json_output(&json, finding);
    json_write_text(&json, "trace", finding->trace);
    write_meaning(&json, page->entry);
    json_write_open_object(&json, "run");
    code = store_meta_list(page->store, each_meta, &json, e);
    json_write_close_object(&json);
    json_write_close_object(&json);
    fputc('\n', out);
    return code;
}
