/*
 * heap_check: the words of --heap-check. What they make the agent do is agent/heap_check.h's.
 */
#include "heap_check.h"

#include "options.h"

#include <harness/agent_abi.h>

#include <stdio.h>
#include <string.h>

enum { EVERY_MOST = 1000000 };

static int read_guard(const char *word, struct heap_check *check, struct error *e)
{
    uint64_t every = HEAP_CHECK_EVERY;
    const char *value = strchr(word, '=');
    int code = 0;

    if (value != NULL)
        code = options_number("heap-check", value + 1, 1, EVERY_MOST, &every, e);
    check->options |= OPTION_HEAP_GUARD;
    check->every = (uint32_t)every;
    return code;
}

static int read_word(const char *word, struct heap_check *check, struct error *e)
{
    if (strcmp(word, "zones") == 0)
        check->options |= OPTION_HEAP_ZONES;
    else if (strcmp(word, "fill") == 0)
        check->options |= OPTION_HEAP_FILL;
    else if (strcmp(word, "guard") == 0 || strncmp(word, "guard=", 6) == 0)
        return read_guard(word, check, e);
    else
        return error_set(e, ERROR_USAGE,
                         "--heap-check: '%s' is unknown; write off, zones, fill, guard or guard=N, "
                         "commas between",
                         word);
    return 0;
}

int heap_check_parse(const char *text, struct heap_check *out, struct error *e)
{
    struct heap_check check = {0, 0};
    char copy[HEAP_CHECK_BYTES];
    char *rest = copy;
    char *word;
    int code = 0;

    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
        return error_set(e, ERROR_USAGE, "--heap-check: '%.40s' is unknown", text);
    while (strcmp(text, "off") != 0 && code == 0 && (word = strsep(&rest, ",")) != NULL)
        code = read_word(word, &check, e);
    if (code == 0)
        *out = check;
    return code;
}

const char *heap_check_format(const struct heap_check *check, char out[HEAP_CHECK_BYTES])
{
    const char *comma = "";
    size_t length = 0;

    snprintf(out, HEAP_CHECK_BYTES, "off");
    if (check->options & OPTION_HEAP_ZONES) {
        length += (size_t)snprintf(out, HEAP_CHECK_BYTES, "zones");
        comma = ",";
    }
    if (check->options & OPTION_HEAP_FILL) {
        length += (size_t)snprintf(out + length, HEAP_CHECK_BYTES - length, "%sfill", comma);
        comma = ",";
    }
    if (check->options & OPTION_HEAP_GUARD)
        snprintf(out + length, HEAP_CHECK_BYTES - length, "%sguard=%u", comma, check->every);
    return out;
}
