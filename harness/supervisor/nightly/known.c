/*
 * known: the list of known findings.
 */
#include "known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

int known_add(struct known_list *list, const struct known *known, struct error *e)
{
    struct known *longer = realloc(list->known, (list->count + 1) * sizeof *longer);

    if (longer == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    list->known = longer;
    longer += list->count++;
    *longer = *known;
    longer->signature = copy(known->signature);
    longer->code = copy(known->code);
    longer->reason = copy(known->reason);
    return 0;
}

void known_free(struct known_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->known[i].signature);
        free(list->known[i].code);
        free(list->known[i].reason);
    }
    free(list->known);
    memset(list, 0, sizeof *list);
}

bool known_day(const char *text)
{
    struct tm day = {0}, same;
    char *end = strptime(text, "%Y-%m-%d", &day);
    char again[16];

    if (end == NULL || *end != 0 || strlen(text) != 10)
        return false;
    day.tm_hour = 12;
    same = day;
    mktime(&same); /* a 31st of June becomes another day */
    strftime(again, sizeof again, "%Y-%m-%d", &same);
    return strcmp(again, text) == 0;
}

void known_today(char out[11])
{
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    strftime(out, 11, "%Y-%m-%d", &local);
}

const struct known *known_find(const struct known_list *list, const struct store_finding *finding,
                               const char *today)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct known *known = &list->known[i];

        if (strcmp(today, known->until) > 0)
            continue;
        if (known->signature != NULL && strcmp(known->signature, finding->signature) == 0)
            return known;
        if (known->code != NULL && strcmp(known->code, finding->slug) == 0)
            return known;
    }
    return NULL;
}
