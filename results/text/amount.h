/*
 * amount.h: numbers as people read them. No locale: a report reads the same everywhere.
 */
#ifndef RESULTS_TEXT_AMOUNT_H
#define RESULTS_TEXT_AMOUNT_H

#include <stdint.h>

enum { AMOUNT_BYTES = 32 };

/** amount_count() - "1,234,567". Returns @out. */
char *amount_count(uint64_t number, char out[AMOUNT_BYTES]);

/** enum amount_rounding - a bound that is rounded the wrong way is a false promise. */
enum amount_rounding { AMOUNT_NEAREST, AMOUNT_DOWN, AMOUNT_UP };

/**
 * amount_percent() - a share as a number of percent, without the sign: "0.15", "3.7", "62.1".
 * @share: in [0, 1]. At least two digits that count and one behind the point; "0" and "100"
 *         stand alone, for exactly that or for what @rounding makes of it. Returns @out.
 */
char *amount_percent(double share, enum amount_rounding rounding, char out[AMOUNT_BYTES]);

/** amount_duration() - "850 us", "3.1 ms", "12.4 s", "3 min 20 s", "2 h 5 min". Returns @out. */
char *amount_duration(double seconds, char out[AMOUNT_BYTES]);

#endif
