/*
 * page.h: one finding on one page: what happened, the line that brings it back, the source around
 * it, the last events, what the program printed, and what such a finding means.
 *
 * Written from the store alone. The three forms have the same content: one to read in a terminal,
 * one to paste where Markdown is understood, one for programs (docs/finding.schema.json).
 */
#ifndef RESULTS_PAGE_PAGE_H
#define RESULTS_PAGE_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include <harness/error.h>

struct store;

enum page_form { PAGE_TEXT, PAGE_MARKDOWN, PAGE_JSON };

/** struct page_options - @columns, @colour: for PAGE_TEXT; @columns 0: lines are not broken. */
struct page_options {
    enum page_form form;
    unsigned columns;
    bool colour;
};

/**
 * page_write() - the page of the finding with number @id.
 *
 * Returns 0, ERROR_NOT_FOUND (no such finding), or what the store or the stream says.
 */
int page_write(struct store *store, long id, FILE *out, const struct page_options *options,
               struct error *e);

#endif
