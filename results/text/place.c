/*
 * place: words that name a line of a source file.
 */
#include <results/text/place.h>

#include <ctype.h>
#include <string.h>

/* A comma or a bracket may follow the number; it is no part of the place. */
static size_t place_length(const char *word, size_t length)
{
    const char *colon = memchr(word, ':', length);
    size_t digits = 0;

    if (colon == NULL || colon == word || memchr(word, '.', (size_t)(colon - word)) == NULL)
        return 0;
    while (colon + 1 + digits < word + length && isdigit((unsigned char)colon[1 + digits]))
        digits++;
    if (digits == 0 || digits > 9 || colon[1] == '0')
        return 0;
    if (colon + 1 + digits < word + length && !strchr(",;.)", colon[1 + digits]))
        return 0;
    return (size_t)(colon - word) + 1 + digits;
}

bool place_next(const char **at, char out[PLACE_BYTES])
{
    for (;;) {
        const char *word = *at + strspn(*at, " \n\t(");
        size_t length = strcspn(word, " \n\t");
        size_t place = place_length(word, length);

        *at = word + length;
        if (length == 0)
            return false;
        if (place == 0 || place >= PLACE_BYTES)
            continue;
        memcpy(out, word, place);
        out[place] = 0;
        return true;
    }
}
