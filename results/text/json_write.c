/*
 * json_write: commas, quotes and brackets. Keeps no tree and allocates nothing.
 */
#include <results/text/json_write.h>

#include <results/text/escape.h>

#include <math.h>
#include <string.h>

/* The comma and the name before a value. */
static void begin(struct json_write *json, const char *name)
{
    if (json->comma)
        fputc(',', json->out);
    json->comma = true;
    if (name == NULL)
        return;
    fputc('"', json->out);
    escape_json(json->out, name, strlen(name));
    fputs("\":", json->out);
}

static void open_value(struct json_write *json, const char *name, char bracket)
{
    begin(json, name);
    fputc(bracket, json->out);
    json->comma = false;
}

static void close_value(struct json_write *json, char bracket)
{
    fputc(bracket, json->out);
    json->comma = true;
}

void json_write_open_object(struct json_write *json, const char *name)
{
    open_value(json, name, '{');
}

void json_write_close_object(struct json_write *json)
{
    close_value(json, '}');
}

void json_write_open_array(struct json_write *json, const char *name)
{
    open_value(json, name, '[');
}

void json_write_close_array(struct json_write *json)
{
    close_value(json, ']');
}

void json_write_bytes(struct json_write *json, const char *name, const void *bytes, size_t length)
{
    begin(json, name);
    fputc('"', json->out);
    escape_json(json->out, bytes, length);
    fputc('"', json->out);
}

void json_write_text(struct json_write *json, const char *name, const char *text)
{
    json_write_bytes(json, name, text, strlen(text));
}

void json_write_unsigned(struct json_write *json, const char *name, uint64_t number)
{
    begin(json, name);
    fprintf(json->out, "%llu", (unsigned long long)number);
}

void json_write_signed(struct json_write *json, const char *name, int64_t number)
{
    begin(json, name);
    fprintf(json->out, "%lld", (long long)number);
}

void json_write_real(struct json_write *json, const char *name, double number)
{
    if (!isfinite(number)) {
        json_write_null(json, name);
        return;
    }
    begin(json, name);
    fprintf(json->out, "%.9g", number);
}

void json_write_hash(struct json_write *json, const char *name, uint64_t hash)
{
    begin(json, name);
    fprintf(json->out, "\"0x%016llx\"", (unsigned long long)hash);
}

void json_write_null(struct json_write *json, const char *name)
{
    begin(json, name);
    fputs("null", json->out);
}

void json_write_bool(struct json_write *json, const char *name, bool is)
{
    begin(json, name);
    fputs(is ? "true" : "false", json->out);
}

void json_write_lines(struct json_write *json, const char *name, const char *text)
{
    json_write_open_array(json, name);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        json_write_bytes(json, NULL, text, length);
        text += length;
        text += *text == '\n';
    }
    json_write_close_array(json);
}
