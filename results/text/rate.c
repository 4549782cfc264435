/*
 * rate: a cell's rate of findings. No number is ever put as "no failures": silence is worth as
 * much as the cycles behind it, and the sentence says how much.
 */
#include <results/text/rate.h>

#include <results/stats/rates.h>
#include <results/store/store.h>
#include <results/text/amount.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rate_bounds(struct rate *rate)
{
    rate->low = 0;
    rate->high = rate->below = 1;
    rate->sane = stats_wilson((long long)rate->findings, (long long)rate->cycles, &rate->low,
                              &rate->high) == 0;
    if (rate->sane && rate->findings == 0 && !rate->looked)
        stats_zero_bound((long long)rate->cycles, &rate->below);
}

/* A bound for a number of cycles that was fixed does not hold for one that was looked for. */
static bool was_looked_at(struct store *store)
{
    char *options = NULL;
    bool looked = store_meta_get(store, "options", &options, NULL) == 0 &&
                  strstr(options, " until-sure=") != NULL;

    free(options);
    return looked;
}

int rate_of_cell(struct store *store, const struct store_cell *cell, struct rate *rate,
                 struct error *e)
{
    int code;

    *rate = (struct rate){.cycles = cell->passed + cell->failed};
    code = store_count_findings(store, cell->id, STOP_SEVERITY_FINDING, &rate->findings, e);
    if (code != 0)
        return code;
    rate->looked = was_looked_at(store);
    rate_bounds(rate);
    return 0;
}

static char *with_findings(const struct rate *rate, const char *of, char out[RATE_BYTES])
{
    char share[AMOUNT_BYTES], low[AMOUNT_BYTES], high[AMOUNT_BYTES];

    snprintf(out, RATE_BYTES, "%s: %s %% (95 %% interval %s to %s %%)", of,
             amount_percent((double)rate->findings / (double)rate->cycles, AMOUNT_NEAREST, share),
             amount_percent(rate->low, AMOUNT_DOWN, low),
             amount_percent(rate->high, AMOUNT_UP, high));
    return out;
}

char *rate_sentence(const struct rate *rate, char out[RATE_BYTES])
{
    char findings[AMOUNT_BYTES], cycles[AMOUNT_BYTES], below[AMOUNT_BYTES];
    char of[2 * AMOUNT_BYTES + 8];

    snprintf(of, sizeof of, "%s of %s", amount_count(rate->findings, findings),
             amount_count(rate->cycles, cycles));
    if (!rate->sane)
        snprintf(out, RATE_BYTES, "%s: these counts contradict each other", of);
    else if (rate->cycles == 0)
        snprintf(out, RATE_BYTES, "no cycle that counts, so nothing can be said");
    else if (rate->findings > 0)
        return with_findings(rate, of, out);
    else if (rate->looked)
        snprintf(out, RATE_BYTES, "%s (its notes say what that shows: --until-sure)", of);
    else
        snprintf(out, RATE_BYTES, "%s: below %s %% with 95 %% confidence", of,
                 amount_percent(rate->below, AMOUNT_UP, below));
    return out;
}
