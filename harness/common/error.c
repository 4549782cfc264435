/*
 * error: codes, their names, and filling in a sentence. No state.
 */
#include <harness/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ERROR_COUNT] = {"none",
#define ERROR_NAME(name, text) #name,
                                               ERROR_LIST(ERROR_NAME)
#undef ERROR_NAME
};

static const char *const sentences[ERROR_COUNT] = {"nothing is wrong",
#define ERROR_TEXT(name, text) text,
                                                   ERROR_LIST(ERROR_TEXT)
#undef ERROR_TEXT
};

int error_set(struct error *e, int code, const char *format, ...)
{
    int saved = errno;
    va_list args;

    if (e != NULL) {
        e->code = code;
        va_start(args, format);
        vsnprintf(e->text, sizeof e->text, format, args);
        va_end(args);
        for (char *at = e->text; (at = strchr(at, '\n')) != NULL;)
            *at = ' '; /* what a library says may have several lines */
    }
    errno = saved;
    return code;
}

const char *error_name(int code)
{
    return code >= 0 && code < ERROR_COUNT ? names[code] : "unknown";
}

const char *error_sentence(int code)
{
    return code >= 0 && code < ERROR_COUNT ? sentences[code] : "unknown error";
}
