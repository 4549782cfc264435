/*
 * address: DIR:CELL:CYCLE. A directory's name may hold colons, a replay line always holds '='.
 */
#include "address.h"

#include <results/store/store.h>

#include <stdlib.h>
#include <string.h>

struct found {
    char *line;
    char *signature;
};

static int take_finding(const struct store_finding *finding, void *context)
{
    struct found *found = context;

    if (finding->place != 0)
        return 0;
    found->line = strdup(finding->replay);
    found->signature = strdup(finding->signature);
    return 1;
}

int address_read(const char *text, bool *is_address, char **line, char **signature, struct error *e)
{
    const char *cycle = strrchr(text, ':');
    struct found found = {NULL, NULL};
    char *directory, *cell;
    struct store *store;
    int code;

    *is_address = false;
    if (cycle == NULL || cycle == text || strchr(text, '=') != NULL)
        return 0;
    directory = strndup(text, (size_t)(cycle - text));
    cell = directory != NULL ? strrchr(directory, ':') : NULL;
    if (cell == NULL) {
        free(directory);
        return 0;
    }
    *is_address = true;
    *cell++ = 0;
    code = store_open(directory, false, &store, e);
    if (code == 0) {
        store_finding_get(store, strtoll(cell, NULL, 10), strtoull(cycle + 1, NULL, 10),
                          take_finding, &found, e);
        store_close(store);
        if (found.line == NULL || found.signature == NULL)
            code = error_set(e, ERROR_NOT_FOUND, "%s: no finding in cell %s, cycle %s", directory,
                             cell, cycle + 1);
    }
    if (code == 0) {
        *line = found.line;
        *signature = found.signature;
    }
    free(directory);
    return code;
}
