/*
 * text_fixture.h: what a function writes, as a string. For tests only, all static inline.
 */
#ifndef RESULTS_TESTS_TEXT_FIXTURE_H
#define RESULTS_TESTS_TEXT_FIXTURE_H

#include "store_fixture.h"

/* struct capture - a stream into memory. */
struct capture {
    FILE *out;
    char *text;
    size_t size;
};

static inline FILE *capture_open(struct capture *c)
{
    *c = (struct capture){0};
    c->out = open_memstream(&c->text, &c->size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c->out);
    return c->out;
}

/* The text so far; capture_free() when done. */
static inline const char *capture_close(struct capture *c)
{
    fclose(c->out);
    c->out = NULL;
    return c->text;
}

static inline void capture_free(struct capture *c)
{
    free(c->text);
    c->text = NULL;
}

/* Compares, and shows both where they differ. */
static inline void expect_text(const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        printf("\n--- got\n%s\n--- want\n%s\n---", got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
}

static inline void expect_capture(struct capture *c, const char *want)
{
    expect_text(capture_close(c), want);
    capture_free(c);
}

static inline bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static inline void expect_has(const char *text, const char *part)
{
    if (!has(text, part))
        printf("\n    no '%s' in:\n%s", part, text);
    CU_ASSERT_TRUE(has(text, part));
}

#endif
