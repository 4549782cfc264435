/*
 * suggest.h: "did you mean ...?" for names that a user mistyped.
 *
 * Knows nothing of what is named: stop codes, workloads, options and the like all come here.
 */
#ifndef HARNESS_COMMON_SUGGEST_H
#define HARNESS_COMMON_SUGGEST_H

/**
 * suggest_nearest() - the name that is the fewest typing mistakes away from a word.
 * @word: what was typed. NULL, empty, or longer than 127 bytes: nothing is near.
 * @names: the known names, NULL at the end. The first of several that are equally near wins.
 *
 * A mistake is a character left out, added or replaced, or two neighbours exchanged. Case does
 * not count, nor does '_' for '-'. A name is near if the mistakes are at most a third of the
 * longer of the two, rounded to the nearest. Returns one of @names, or NULL. Pure; allocates
 * nothing.
 *
 * Source: the distance is optimal string alignment, F. J. Damerau, CACM 7 (1964), 171-176,
 * computed row by row as in R. A. Wagner, M. J. Fischer, JACM 21 (1974), 168-173.
 */
const char *suggest_nearest(const char *word, const char *const *names);

#endif
