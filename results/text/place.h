/*
 * place.h: finds "policy.c:88" in the text of a finding.
 */
#ifndef RESULTS_TEXT_PLACE_H
#define RESULTS_TEXT_PLACE_H

#include <stdbool.h>

enum { PLACE_BYTES = 96 };

/**
 * place_next() - the next word of the form FILE:LINE, a file's name having a dot in it.
 * @at: moves on behind it.
 *
 * Returns false if there is none. A longer word than fits is passed over. Pure.
 */
bool place_next(const char **at, char out[PLACE_BYTES]);

#endif
