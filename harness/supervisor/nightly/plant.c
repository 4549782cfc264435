/*
 * plant: reads the workloads' entries.
 */
#include "plant.h"

#include <string.h>

enum { WORD_BYTES = 128 };

/* The next word of a list that blanks part; NULL at its end. */
static const char *next_word(const char **list, char word[WORD_BYTES])
{
    const char *at = *list + strspn(*list, " ");
    size_t length = strcspn(at, " ");

    *list = at + length;
    if (length == 0 || length >= WORD_BYTES)
        return NULL;
    memcpy(word, at, length);
    word[length] = 0;
    return word;
}

static bool has_word(const char *list, const char *wanted)
{
    char word[WORD_BYTES];

    while (list != NULL && next_word(&list, word) != NULL)
        if (strcmp(word, wanted) == 0)
            return true;
    return false;
}

/* Each injection of a variant; an empty list means that nothing is injected. */
static int each_injection(const struct workload *workload, const struct workload_variant *variant,
                          const char *list, plant_each *each, void *context)
{
    char word[WORD_BYTES];
    unsigned count = 0;
    int code = 0;

    while (code == 0 && list != NULL && next_word(&list, word) != NULL) {
        count++;
        code = each(workload, variant, word, context);
    }
    return code == 0 && count == 0 ? each(workload, variant, "none", context) : code;
}

static int each_bad(const struct workload *workload, plant_each *each, void *context)
{
    int code = 0;

    for (const struct workload_variant *v = workload->variants;
         code == 0 && v != NULL && v->name != NULL; v++)
        if (v->bad)
            code = each_injection(workload, v, v->injectors, each, context);
    return code;
}

/* An earlier sibling has it already. */
static bool seen_before(const struct workload *workload, const struct workload_variant *sibling,
                        const char *word)
{
    for (const struct workload_variant *v = workload->variants; v < sibling; v++)
        if (v->bad && has_word(v->injectors, word))
            return true;
    return false;
}

static int each_of_siblings(const struct workload *workload, const struct workload_variant *twin,
                            plant_each *each, void *context)
{
    char word[WORD_BYTES];
    int code = each(workload, twin, "none", context);

    for (const struct workload_variant *v = workload->variants; code == 0 && v->name != NULL; v++) {
        const char *list = v->bad ? v->injectors : NULL;

        while (code == 0 && list != NULL && next_word(&list, word) != NULL)
            if (strcmp(word, "none") != 0 && !has_word(twin->tolerates, word) &&
                !seen_before(workload, v, word))
                code = each(workload, twin, word, context);
    }
    return code;
}

static bool has_bad(const struct workload *workload)
{
    for (const struct workload_variant *v = workload->variants; v != NULL && v->name != NULL; v++)
        if (v->bad)
            return true;
    return false;
}

static int each_clean(const struct workload *workload, plant_each *each, void *context)
{
    int code = 0;

    if (!has_bad(workload))
        return 0; /* a twin of nothing */
    for (const struct workload_variant *v = workload->variants; code == 0 && v->name != NULL; v++)
        if (!v->bad)
            code = each_of_siblings(workload, v, each, context);
    return code;
}

static bool can_run(const struct workload *workload)
{
    return workload->unavailable == NULL || workload->unavailable() == NULL;
}

int plant_all(plant_each *each, void *context)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && workload_registry[i] != NULL; i++)
        if (can_run(workload_registry[i]))
            code = each_bad(workload_registry[i], each, context);
    for (unsigned i = 0; code == 0 && workload_registry[i] != NULL; i++)
        if (can_run(workload_registry[i]))
            code = each_clean(workload_registry[i], each, context);
    return code;
}
