/*
 * json: commas, quotes and brackets. Keeps no tree and allocates nothing.
 */
#include <results/text/json.h>

#include <results/text/escape.h>

#include <math.h>
#include <string.h>

/* The comma and the name before a value. */
static void begin(struct json *json, const char *name)
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

static void open_value(struct json *json, const char *name, char bracket)
{
    begin(json, name);
    fputc(bracket, json->out);
    json->comma = false;
}

static void close_value(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->comma = true;
}

void json_open_object(struct json *json, const char *name)
{
    open_value(json, name, '{');
}

void json_close_object(struct json *json)
{
    close_value(json, '}');
}

void json_open_array(struct json *json, const char *name)
{
    open_value(json, name, '[');
}

void json_close_array(struct json *json)
{
    close_value(json, ']');
}

void json_bytes(struct json *json, const char *name, const void *bytes, size_t length)
{
    begin(json, name);
    fputc('"', json->out);
    escape_json(json->out, bytes, length);
    fputc('"', json->out);
}

void json_text(struct json *json, const char *name, const char *text)
{
    json_bytes(json, name, text, strlen(text));
}

void json_unsigned(struct json *json, const char *name, uint64_t number)
{
    begin(json, name);
    fprintf(json->out, "%llu", (unsigned long long)number);
}

void json_signed(struct json *json, const char *name, int64_t number)
{
    begin(json, name);
    fprintf(json->out, "%lld", (long long)number);
}

void json_real(struct json *json, const char *name, double number)
{
    if (!isfinite(number)) {
        json_null(json, name);
        return;
    }
    begin(json, name);
    fprintf(json->out, "%.9g", number);
}

void json_hash(struct json *json, const char *name, uint64_t hash)
{
    begin(json, name);
    fprintf(json->out, "\"0x%016llx\"", (unsigned long long)hash);
}

void json_null(struct json *json, const char *name)
{
    begin(json, name);
    fputs("null", json->out);
}

void json_lines(struct json *json, const char *name, const char *text)
{
    json_open_array(json, name);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        json_bytes(json, NULL, text, length);
        text += length;
        text += *text == '\n';
    }
    json_close_array(json);
}
