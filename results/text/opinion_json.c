/*
 * opinion_json: see opinion_json.h. docs/trend.md and docs/jsonl.md name every member.
 */
#include <results/text/opinion_json.h>

static void json_judged(struct json_write *json, const struct stats_leak *leak)
{
    bool judged = leak->verdict >= STATS_LEAK_CLEAN;

    if (judged)
        json_write_text(json, "class", stats_leak_class_name(leak->class));
    else
        json_write_null(json, "class");
    json_write_real(json, "slope", leak->slope.slope);
    json_write_real(json, "slope_low", leak->slope.low);
    json_write_real(json, "slope_high", leak->slope.high);
    json_write_real(json, "slope_before", leak->early_slope);
    if (!judged) {
        json_write_null(json, "growth");
        json_write_null(json, "chance");
        json_write_null(json, "quiet");
        json_write_null(json, "window");
        return;
    }
    json_write_signed(json, "growth", leak->growth);
    json_write_real(json, "chance", leak->chance.p);
    json_write_unsigned(json, "quiet", leak->quiet);
    json_write_open_object(json, "window");
    json_write_unsigned(json, "first", leak->floors.start[0]);
    json_write_unsigned(json, "last", leak->floors.start[leak->floors.blocks] - 1);
    json_write_open_array(json, "floors");
    for (int i = 0; i < leak->floors.blocks; i++)
        json_write_signed(json, NULL, leak->floors.low[i]);
    json_write_close_array(json);
    json_write_close_object(json);
}

static void json_smallest(struct json_write *json, const struct opinion *opinion)
{
    if (!opinion_is_bounded(opinion)) {
        json_write_null(json, "smallest");
        return;
    }
    json_write_open_object(json, "smallest");
    json_write_real(json, "even", opinion->smallest.per_lap);
    json_write_real(json, "likely", opinion_likely(opinion));
    json_write_close_object(json);
}

static void json_withdrawn(struct json_write *json, const struct stats_leak_trail *trail)
{
    if (trail->withdrawn_at == 0) {
        json_write_null(json, "withdrawn");
        return;
    }
    json_write_open_object(json, "withdrawn");
    json_write_unsigned(json, "leak_at", trail->leak_at);
    json_write_unsigned(json, "not_at", trail->withdrawn_at);
    json_write_close_object(json);
}

void opinion_json(struct json_write *json, const struct opinion *opinion)
{
    json_judged(json, &opinion->leak);
    json_smallest(json, opinion);
    json_withdrawn(json, &opinion->trail);
}
