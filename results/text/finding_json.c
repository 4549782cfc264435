/*
 * finding_json: names and shapes are those of docs/jsonl.md and docs/finding.schema.json.
 */
#include <results/text/finding_json.h>

#include <results/store/store.h>
#include <results/text/escape.h>
#include <results/text/json_write.h>
#include <results/text/utf8.h>

#include <string.h>

void finding_json_hang(struct json_write *json, const struct store_finding *finding)
{
    if (finding->hang_ms >= 0)
        json_write_real(json, "hang_ms", finding->hang_ms);
    else
        json_write_null(json, "hang_ms");
}

void finding_json_replayed(struct json_write *json, const struct store_finding *finding)
{
    if (finding->replayed == 0) {
        json_write_null(json, "replayed");
        return;
    }
    json_write_open_object(json, "replayed");
    json_write_unsigned(json, "times", finding->replayed);
    json_write_unsigned(json, "reproduced", finding->reproduced);
    json_write_close_object(json);
}

void finding_json_output(struct json_write *json, const struct store_finding *finding)
{
    const char *bytes = finding->output;
    size_t length = finding->output_bytes;

    json_write_bytes(json, "output", bytes, length);
    if (utf8_valid(bytes, length) && memchr(bytes, '\0', length) == NULL) {
        json_write_null(json, "output_base64");
        return;
    }
    fprintf(json->out, ",\"output_base64\":\"");
    escape_base64(json->out, bytes, length);
    fputc('"', json->out);
}
