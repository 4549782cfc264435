/*
 * suggest: the edit distance, and who is nearest by it. No state, no allocation: words too
 * long for the rows on the stack are never mistyped names, and are near to nothing.
 */
#include <harness/common/suggest.h>

#include <stddef.h>
#include <string.h>

enum { WORD_BYTES = 127 };

/* What is easily confused counts as equal. ASCII only, so no locale can change the answer. */
static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '_' ? '-' : c;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* One cell of the table: the fewest mistakes that turn i characters of a into j of b. */
static unsigned cell(const char *a, const char *b, size_t i, size_t j, unsigned *const row[3])
{
    unsigned same = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;
    unsigned best = smaller(row[1][j] + 1, row[2][j - 1] + 1);

    best = smaller(best, row[1][j - 1] + same);
    if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
        best = smaller(best, row[0][j - 2] + 1);
    return best;
}

/* Mistakes between two words of at most WORD_BYTES each; only three rows are ever alive. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][WORD_BYTES + 1];
    unsigned *row[3] = {rows[0], rows[1], rows[2]};

    for (size_t j = 0; j <= b_length; j++)
        row[2][j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *oldest = row[0];

        row[0] = row[1];
        row[1] = row[2];
        row[2] = oldest;
        row[2][0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++)
            row[2][j] = cell(a, b, i, j, row);
    }
    return row[2][b_length];
}

const char *suggest_nearest(const char *word, const char *const *names)
{
    size_t word_length = word == NULL ? 0 : strnlen(word, WORD_BYTES + 1);
    const char *nearest = NULL;
    unsigned fewest = WORD_BYTES;

    if (word_length == 0 || word_length > WORD_BYTES)
        return NULL;
    for (; *names != NULL; names++) {
        size_t length = strnlen(*names, WORD_BYTES + 1);
        size_t longer = length > word_length ? length : word_length;
        unsigned mistakes;

        if (longer > WORD_BYTES)
            continue;
        mistakes = distance(word, word_length, *names, length);
        if (mistakes <= (longer + 1) / 3 && mistakes < fewest) {
            fewest = mistakes;
            nearest = *names;
        }
    }
    return nearest;
}
