/*
 * opinion_json.h: an opinion as members of a JSON object: `rundown trend --json` and the series of
 * the jsonl report have the same ones.
 */
#ifndef RESULTS_TEXT_OPINION_JSON_H
#define RESULTS_TEXT_OPINION_JSON_H

#include <results/text/json_write.h>
#include <results/text/opinion.h>

/**
 * opinion_json() - writes "class", "slope", "slope_low", "slope_high", "slope_before", "growth",
 * "chance", "quiet", "window", "smallest" and "withdrawn" into the object that is open; what does
 * not apply is null.
 */
void opinion_json(struct json_write *json, const struct opinion *opinion);

#endif
