/*
 * demangle: by the C++ runtime that this machine has, if it has one. It is opened at the first
 * mangled name, so nothing that never meets one loads it, and without it names stay as they are.
 */
#include <harness/supervisor/process/demangle.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Itanium C++ ABI, 3.4: the result is malloc'd. */
static char *(*runtime)(const char *name, char *out, size_t *length, int *status);

static void find_runtime(void)
{
    void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);

    if (library != NULL)
        runtime =
            (char *(*)(const char *, char *, size_t *, int *))dlsym(library, "__cxa_demangle");
}

/* The bracket that the one at @close belongs to; @text if there is none. */
static const char *opening(const char *text, const char *close)
{
    unsigned depth = 0;

    for (const char *at = close; at > text; at--) {
        depth += *at == ')';
        depth -= *at == '(';
        if (depth == 0)
            return at;
    }
    return text;
}

/* Without "(int, char) const": the last brackets, unless they are a part of the name, as those of
 * "operator()" and "(anonymous namespace)::table" are. */
static size_t name_length(const char *text)
{
    static const char qualifiers[] = " const volatile&";
    const char *clone = strstr(text, " [clone ");
    size_t length = clone != NULL ? (size_t)(clone - text) : strlen(text);
    const char *close = memrchr(text, ')', length);
    size_t behind = close != NULL ? (size_t)(text + length - close - 1) : 0;
    const char *open;

    if (close == NULL || strspn(close + 1, qualifiers) < behind)
        return length;
    open = opening(text, close);
    return open == text || (open - text >= 8 && memcmp(open - 8, "operator", 8) == 0)
               ? length
               : (size_t)(open - text);
}

/* Behind what a template's function returns: "int room::pick<int>" is room::pick<int>. */
static size_t name_start(const char *text, size_t length)
{
    size_t start = 0;
    int depth = 0;

    for (size_t i = 0; i < length && strncmp(text + i, "operator", 8) != 0; i++) {
        depth += text[i] == '<' || text[i] == '(';
        depth -= text[i] == '>' || text[i] == ')';
        if (text[i] == ' ' && depth == 0)
            start = i + 1;
    }
    return start;
}

/* malloc'd, or NULL. */
static char *in_full(const char *name, size_t length)
{
    char *copy = strndup(name, length);
    char *text = NULL;
    int status;

    if (copy != NULL)
        text = runtime(copy, NULL, NULL, &status);
    free(copy);
    return text;
}

bool demangle(const char *name, size_t length, char *out, size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t end, start;
    char *text;

    if (length < 2 || memcmp(name, "_Z", 2) != 0 || bytes == 0)
        return false;
    pthread_once(&once, find_runtime);
    text = runtime != NULL ? in_full(name, length) : NULL;
    if (text == NULL)
        return false;
    end = name_length(text);
    start = text[end] == '(' ? name_start(text, end) : 0;
    snprintf(out, bytes, "%.*s", (int)(end - start), text + start);
    free(text);
    return true;
}
