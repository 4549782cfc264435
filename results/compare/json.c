/*
 * json: a comparison for programs. docs/compare.schema.json has all names and shapes.
 */
#include <results/compare/compare.h>

#include <results/store/severity.h>
#include <results/text/json_write.h>

enum { COMPARE_FORMAT = 1 };

static void write_optional(struct json_write *json, const char *name, const char *text)
{
    if (text != NULL)
        json_write_text(json, name, text);
    else
        json_write_null(json, name);
}

static void write_run(struct json_write *json, const char *name, const struct compare_run *run)
{
    json_write_open_object(json, name);
    json_write_text(json, "path", run->path);
    json_write_text(json, "started", run->started);
    json_write_bool(json, "ended", run->ended);
    json_write_unsigned(json, "cycles", run->cycles);
    json_write_unsigned(json, "cells", run->cells);
    write_optional(json, "trouble", run->trouble);
    json_write_close_object(json);
}

static void write_differences(struct json_write *json, const struct comparison *comparison)
{
    json_write_open_array(json, "differences");
    for (size_t i = 0; i < comparison->differences; i++) {
        json_write_open_object(json, NULL);
        json_write_text(json, "key", comparison->difference[i].key);
        write_optional(json, "old", comparison->difference[i].old);
        write_optional(json, "new", comparison->difference[i].new);
        json_write_close_object(json);
    }
    json_write_close_array(json);
}

static void write_sums(struct json_write *json, const struct comparison *comparison)
{
    struct compare_sums sums;
    bool worse = compare_worse(comparison, &sums);

    json_write_bool(json, "worse", worse);
    write_optional(json, "untrusted", compare_untrusted(comparison));
    json_write_open_object(json, "sums");
    json_write_unsigned(json, "new_findings", sums.new_findings);
    json_write_unsigned(json, "raised", sums.raised);
    json_write_unsigned(json, "rates", sums.rates);
    json_write_unsigned(json, "leaks", sums.leaks);
    json_write_unsigned(json, "slower", sums.slower);
    json_write_close_object(json);
}

static void write_signature(struct json_write *json, const struct compare_signature *one)
{
    json_write_open_object(json, NULL);
    json_write_text(json, "change", compare_change_name(one->change));
    json_write_text(json, "signature", one->signature);
    json_write_text(json, "code", one->slug);
    json_write_text(json, "severity", severity_name(one->severity));
    json_write_text(json, "old_severity", severity_name(one->old_severity));
    json_write_unsigned(json, "before", one->before);
    json_write_unsigned(json, "before_cycles", one->before_runs);
    json_write_unsigned(json, "now", one->now);
    json_write_unsigned(json, "now_cycles", one->now_runs);
    json_write_unsigned(json, "verdicts", one->verdicts);
    json_write_unsigned(json, "cells", one->cells);
    json_write_unsigned(json, "more_cells", one->more_cells);
    if (one->change == COMPARE_GONE)
        json_write_real(json, "chance", one->chance);
    else
        json_write_null(json, "chance");
    json_write_bool(json, "rare", one->rare);
    json_write_text(json, "target", one->target);
    json_write_text(json, "injector", one->injector);
    json_write_signed(json, "cell", one->cell);
    json_write_unsigned(json, "cycle", one->cycle);
    json_write_signed(json, "finding", one->finding);
    json_write_text(json, "replay", one->replay);
    json_write_close_object(json);
}

static void write_counts(struct json_write *json, const char *name, bool known,
                         const struct compare_counts *counts)
{
    if (!known) {
        json_write_null(json, name);
        return;
    }
    json_write_open_object(json, name);
    json_write_unsigned(json, "cycles", counts->cycles);
    json_write_unsigned(json, "counted", counts->counted);
    json_write_unsigned(json, "findings", counts->findings);
    json_write_unsigned(json, "broken", counts->broken);
    json_write_unsigned(json, "skipped", counts->skipped);
    json_write_unsigned(json, "not_fired", counts->not_fired);
    json_write_close_object(json);
}

static void write_speed(struct json_write *json, const struct compare_speed *speed)
{
    if (!speed->known) {
        json_write_null(json, "speed");
        return;
    }
    json_write_open_object(json, "speed");
    json_write_real(json, "old_microseconds", speed->old);
    json_write_real(json, "new_microseconds", speed->new);
    json_write_real(json, "ratio", speed->ratio);
    json_write_real(json, "low", speed->low);
    json_write_real(json, "high", speed->high);
    json_write_real(json, "relative", speed->relative);
    json_write_text(json, "change", compare_change_name(speed->change));
    json_write_close_object(json);
}

static void write_cell(struct json_write *json, const struct compare_cell *cell)
{
    json_write_open_object(json, NULL);
    json_write_text(json, "target", cell->target);
    json_write_text(json, "injector", cell->injector);
    json_write_text(json, "mode", cell->mode);
    write_counts(json, "old", cell->in_old, &cell->old);
    write_counts(json, "new", cell->in_new, &cell->new);
    json_write_text(json, "state", cell->new_state);
    json_write_unsigned(json, "nights", (uint64_t)cell->nights);
    json_write_bool(json, "learning", cell->learning);
    json_write_real(json, "expected", cell->expected);
    json_write_real(json, "p", cell->p);
    json_write_real(json, "adjusted", cell->adjusted);
    json_write_real(json, "p_fewer", cell->p_fewer);
    json_write_real(json, "adjusted_fewer", cell->adjusted_fewer);
    json_write_text(json, "change", compare_change_name(cell->change));
    json_write_real(json, "fired_p", cell->fired_p);
    json_write_text(json, "fired", compare_change_name(cell->fired));
    write_speed(json, &cell->speed);
    json_write_close_object(json);
}

static void write_verdict(struct json_write *json, const char *name, bool known,
                          const struct stats_leak *leak)
{
    if (!known) {
        json_write_null(json, name);
        return;
    }
    json_write_open_object(json, name);
    json_write_text(json, "verdict", stats_leak_verdict_name(leak->verdict));
    json_write_text(json, "class", stats_leak_class_name(leak->class));
    json_write_unsigned(json, "laps", leak->cycles);
    json_write_real(json, "slope", leak->slope.slope);
    json_write_real(json, "low", leak->slope.low);
    json_write_real(json, "high", leak->slope.high);
    json_write_close_object(json);
}

static void write_leak(struct json_write *json, const struct compare_leak *leak)
{
    json_write_open_object(json, NULL);
    json_write_text(json, "target", leak->target);
    json_write_text(json, "injector", leak->injector);
    json_write_text(json, "kind", leak->kind);
    json_write_text(json, "change", compare_change_name(leak->change));
    json_write_bool(json, "apart", leak->apart);
    write_verdict(json, "old", leak->known_old, &leak->old);
    write_verdict(json, "new", leak->known_new, &leak->new);
    json_write_close_object(json);
}

static void write_lists(struct json_write *json, const struct comparison *comparison)
{
    json_write_open_array(json, "signatures");
    for (size_t i = 0; i < comparison->signatures; i++)
        write_signature(json, &comparison->signature[i]);
    json_write_close_array(json);
    json_write_open_array(json, "cells");
    for (size_t i = 0; i < comparison->cells; i++)
        write_cell(json, &comparison->cell[i]);
    json_write_close_array(json);
    json_write_open_array(json, "leaks");
    for (size_t i = 0; i < comparison->leaks; i++)
        write_leak(json, &comparison->leak[i]);
    json_write_close_array(json);
}

void compare_json(const struct comparison *comparison, FILE *out)
{
    struct json_write json = {.out = out};

    json_write_open_object(&json, NULL);
    json_write_text(&json, "format", "rundown-compare");
    json_write_unsigned(&json, "version", COMPARE_FORMAT);
    json_write_text(&json, "test", comparison->is_history ? "history" : "fisher");
    write_run(&json, "old", &comparison->old);
    write_run(&json, "new", &comparison->new);
    json_write_unsigned(&json, "earlier", comparison->earlier);
    json_write_lines(&json, "left_out", comparison->left_out != NULL ? comparison->left_out : "");
    write_differences(&json, comparison);
    write_sums(&json, comparison);
    json_write_unsigned(&json, "tested", comparison->tested);
    json_write_unsigned(&json, "learning", comparison->learning);
    json_write_real(&json, "common_speed", comparison->common);
    write_lists(&json, comparison);
    json_write_close_object(&json);
    fputc('\n', out);
}
