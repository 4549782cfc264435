/*
 * finding_json.h: members of a finding that every JSON report writes alike.
 */
#ifndef RESULTS_TEXT_FINDING_JSON_H
#define RESULTS_TEXT_FINDING_JSON_H

struct json_write;
struct store_finding;

/** finding_json_hang() - "hang_ms": a number, or null if it is no hang. */
void finding_json_hang(struct json_write *json, const struct store_finding *finding);

/** finding_json_replayed() - "replayed": {"times", "reproduced"}, or null if it was not tried. */
void finding_json_replayed(struct json_write *json, const struct store_finding *finding);

/** finding_json_output() - "output", and "output_base64" where a string cannot carry it exactly. */
void finding_json_output(struct json_write *json, const struct store_finding *finding);

#endif
