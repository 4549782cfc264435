/*
 * listing_injectors: what can go wrong: whom it strikes, where, and with what argument.
 *
 * Told from injector_spec(), which is what a plan is drawn from.
 */
#include <harness/supervisor/cli/listing.h>

#include <harness/agent_abi.h>
#include <harness/injector.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const victims[] = {
    [VICTIM_ANY] = "any thread",
    [VICTIM_MAIN] = "the main thread",
    [VICTIM_NOT_MAIN] = "any thread but main",
};

static const char *injector_name(unsigned index)
{
    return injector_registry[index] != NULL ? injector_registry[index]->name : NULL;
}

static const char *injector_text(unsigned index)
{
    return injector_registry[index]->summary;
}

static bool strikes_at(const struct plan_spec *spec, uint32_t site)
{
    return spec->sites[site / 64] >> site % 64 & 1;
}

/* Built-in sites that are in the spec, or (@missing) that are not. */
static unsigned write_sites(FILE *out, const struct plan_spec *spec, bool missing)
{
    char unused[64];
    unsigned count = 0;

    for (uint32_t site = 1; site < ABI_SITES; site++)
        if (strikes_at(spec, site) != missing)
            fprintf(out, "%s%s", count++ > 0 ? " " : "", abi_site_name(NULL, site, unused));
    return count;
}

static unsigned count_sites(const struct plan_spec *spec)
{
    unsigned count = 0;

    for (uint32_t site = 1; site < ABI_SITES; site++)
        count += strikes_at(spec, site);
    return count;
}

/* The shorter way to say it: the sites, or those left out. Caller frees. */
static char *site_words(const struct plan_spec *spec)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    unsigned count = count_sites(spec);

    if (out == NULL)
        return NULL;
    if (count == ABI_SITES - 1) {
        fputs("every site", out);
    } else if (count > ABI_SITES / 2) {
        fputs("every site but ", out);
        write_sites(out, spec, true);
    } else {
        write_sites(out, spec, false);
    }
    return fclose(out) == 0 ? text : NULL;
}

static void print_argument(FILE *out, const struct injector *injector, unsigned columns)
{
    char line[160];

    if (injector->argument_name == NULL)
        return;
    snprintf(line, sizeof line, "%s, drawn from %lld to %lld; argument=N in a replay line",
             injector->argument_name, (long long)injector->argument_low,
             (long long)injector->argument_high);
    listing_row(out, columns, "    takes    ", line);
}

static void injector_details(FILE *out, unsigned index, unsigned columns)
{
    const struct injector *injector = injector_registry[index];
    struct plan_spec spec;
    char *sites;

    if (injector->control)
        return;
    injector_spec((int)index, &spec);
    sites = site_words(&spec);
    listing_row(out, columns, "    strikes  ", victims[injector->victim]);
    if (sites != NULL)
        listing_row(out, columns, "    at       ", sites);
    listing_row(out, columns, "    when     ",
                injector->inside ? "instructions into the call, where the site allows it"
                                 : "at the entry of the call");
    print_argument(out, injector, columns);
    if (injector->needs_module)
        listing_row(out, columns, "    needs    ", "a target that loads modules");
    free(sites);
}

static void injector_members(struct json_write *json, unsigned index)
{
    const struct injector *injector = injector_registry[index];
    struct plan_spec spec;
    char unused[64];

    injector_spec((int)index, &spec);
    json_write_text(json, "victim", injector->control ? "" : victims[injector->victim]);
    json_write_text(json, "when", injector->control ? "" : injector->inside ? "inside" : "entry");
    json_write_text(json, "needs", injector->needs_module ? "modules" : "");
    json_write_open_array(json, "sites");
    for (uint32_t site = 1; site < ABI_SITES; site++)
        if (strikes_at(&spec, site))
            json_write_text(json, NULL, abi_site_name(NULL, site, unused));
    json_write_close_array(json);
    if (injector->argument_name == NULL) {
        json_write_null(json, "argument");
        return;
    }
    json_write_open_object(json, "argument");
    json_write_text(json, "name", injector->argument_name);
    json_write_signed(json, "low", injector->argument_low);
    json_write_signed(json, "high", injector->argument_high);
    json_write_close_object(json);
}

const struct listing listing_injectors = {
    .name = "injectors",
    .summary = "what goes wrong: victims, sites and arguments",
    .one = "injector",
    .entry = injector_name,
    .text = injector_text,
    .details = injector_details,
    .members = injector_members,
};
