/*
 * timestamp: see timestamp.h. No local time zone comes into it.
 */
#include <results/text/timestamp.h>

#include <ctype.h>
#include <string.h>
#include <time.h>

/* "+0200" in seconds; false for what is none. */
static bool read_zone(const char *text, long *seconds)
{
    int digit[4];

    if (*text != '+' && *text != '-')
        return false;
    for (int i = 0; i < 4; i++) {
        if (!isdigit((unsigned char)text[1 + i]))
            return false;
        digit[i] = text[1 + i] - '0';
    }
    *seconds = (digit[0] * 10 + digit[1]) * 3600L + (digit[2] * 10 + digit[3]) * 60L;
    if (*text == '-')
        *seconds = -*seconds;
    return text[5] == '\0';
}

bool timestamp_read(const char *text, long long *seconds)
{
    struct tm parts;
    const char *rest;
    long zone = 0;

    memset(&parts, 0, sizeof parts);
    rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL || (strcmp(rest, "Z") != 0 && !read_zone(rest, &zone)))
        return false;
    *seconds = (long long)timegm(&parts) - zone;
    return true;
}
