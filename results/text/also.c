/*
 * also: the consequences that came with a verdict, by their names alone.
 */
#include <results/text/also.h>

#include <results/store/store.h>

#include <stdio.h>

struct listing {
    FILE *out;
    unsigned place;
    int count;
};

static const char *remark(enum stop_severity severity)
{
    switch (severity) {
    case STOP_SEVERITY_NOTE:
        return " (note)";
    case STOP_SEVERITY_HARNESS:
        return " (rundown itself)";
    default:
        return "";
    }
}

static int add(const struct store_finding *finding, void *context)
{
    struct listing *listing = context;

    if (finding->place == listing->place)
        return 0;
    fprintf(listing->out, "%s%s%s", listing->count++ > 0 ? ", " : "", finding->slug,
            remark(finding->severity));
    return 0;
}

int also_seen(struct store *store, int64_t cell, uint64_t cycle, unsigned place, char **out,
              struct error *e)
{
    struct listing listing = {.place = place};
    size_t size;
    int code;

    *out = NULL;
    listing.out = open_memstream(out, &size);
    if (listing.out == NULL)
        return error_set(e, ERROR_MEMORY, "report: out of memory");
    code = store_finding_get(store, cell, cycle, add, &listing, e);
    if (fclose(listing.out) != 0 && code == 0)
        code = error_set(e, ERROR_MEMORY, "report: out of memory");
    return code;
}
