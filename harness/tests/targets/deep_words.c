/* deep_words: allocates in its constructor, through libc. */
#include <stdlib.h>
#include <string.h>

char *words_text;

__attribute__((constructor)) static void take(void)
{
    words_text = strdup("so many");
}

__attribute__((destructor)) static void give(void)
{
    free(words_text);
}
