/*
 * closing: the last words of a night. Everything is read from the store, so that it is what
 * anybody finds there later.
 */
#include "closing.h"

#include <harness/detector.h>
#include <harness/supervisor/cli/command.h>
#include <harness/supervisor/cli/reports.h>
#include <results/text/calibration.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reports --------------------------------------------------------------------------------- */

static bool write_outputs(struct run *run, const struct night *night)
{
    struct error e;
    bool good = true;

    for (unsigned i = 0; i < night->outputs; i++) {
        const struct night_output *output = &night->output[i];
        char *path;

        if (asprintf(&path, "%s%s%s", output->file[0] == '/' ? "" : run->options.directory,
                     output->file[0] == '/' ? "" : "/", output->file) < 0)
            return false;
        if (reports_write_file(run->store, reports_find(output->format), path, &e) != 0) {
            fprintf(stderr, "rundown nightly: %s report: %s\n", output->format, e.text);
            good = false;
        }
        free(path);
    }
    return good;
}

/* --- findings: new, known, others ----------------------------------------------------------------
 */

struct listing {
    struct run *run;
    const struct night *night;
    const struct nights *history;
    char today[11];
    size_t count; /* findings, one for each signature */
    size_t fresh; /* never seen before */
    size_t known;
};

static const struct run_cell *cell_of(const struct run *run, int64_t id)
{
    for (size_t i = 0; i < run->cells; i++)
        if (run->cell[i].row.id == id)
            return &run->cell[i];
    return NULL;
}

static void write_finding(const struct listing *listing, const struct store_finding *finding)
{
    const struct run_cell *cell = cell_of(listing->run, finding->cell);

    printf("  %s  %s under %s  cycle %llu, in %llu cycles\n", finding->slug,
           cell != NULL ? cell->row.target : "?", cell != NULL ? cell->row.injector : "?",
           (unsigned long long)finding->cycle, (unsigned long long)finding->repeats);
    printf("      signature: %s\n", finding->signature);
}

static int list_known(const struct store_finding *finding, void *context)
{
    struct listing *listing = context;
    const struct known *known = known_find(&listing->night->known, finding, listing->today);

    if (finding->severity != STOP_SEVERITY_FINDING || known == NULL)
        return 0;
    if (listing->known++ == 0)
        puts("known findings, which do not count:");
    write_finding(listing, finding);
    printf("      known until %s: %s\n", known->until, known->reason);
    return 0;
}

static int list_new(const struct store_finding *finding, void *context)
{
    struct listing *listing = context;

    if (finding->severity != STOP_SEVERITY_FINDING)
        return 0;
    listing->count++;
    if (nights_have_signature(listing->history, finding->signature))
        return 0;
    if (listing->fresh++ == 0 && listing->history->runs > 0)
        printf("new since the %zu runs in %s:\n", listing->history->runs, listing->night->history);
    if (listing->history->runs > 0)
        write_finding(listing, finding);
    return 0;
}

/* An entry that has expired, or that nothing has met, is for somebody to look at. */
static void write_stale(const struct listing *listing)
{
    for (size_t i = 0; i < listing->night->known.count; i++) {
        const struct known *known = &listing->night->known.known[i];

        if (strcmp(listing->today, known->until) > 0)
            printf("expired on %s, and counts again: %s (%s)\n", known->until,
                   known->signature != NULL ? known->signature : known->code, known->reason);
    }
}

/* What rates have done since the other nights is `rundown compare`'s to say. */
static bool write_findings(struct listing *listing)
{
    struct store *store = listing->run->store;
    struct error e;

    known_today(listing->today);
    if (store_findings(store, true, list_new, listing, &e) != 0 ||
        store_findings(store, true, list_known, listing, &e) != 0) {
        fprintf(stderr, "rundown nightly: %s\n", e.text);
        return false;
    }
    write_stale(listing);
    if (listing->history->runs == 0)
        printf("new: no other run in %s to compare with: all %zu findings are new\n",
               listing->night->history, listing->count);
    else if (listing->fresh == 0)
        printf("new: nothing that the %zu runs in %s had not seen\n", listing->history->runs,
               listing->night->history);
    if (listing->history->unread > 0)
        printf("%zu runs in %s could not be read\n", listing->history->unread,
               listing->night->history);
    return true;
}

/* --- calibration
 * ----------------------------------------------------------------------------------
 */

static bool has_code(const struct detector *detector, const char *word, size_t length)
{
    const char *own = detector->codes;

    while (*(own += strspn(own, " ")) != 0) {
        size_t bytes = strcspn(own, " ");

        if (bytes == length && strncmp(own, word, length) == 0)
            return true;
        own += bytes;
    }
    return false;
}

/* By a code of its own. "hang" is any detector's that knows of hangs, so it is the fault of none.
 */
static bool raises(const struct detector *detector, const char *codes)
{
    const char *at = codes;

    while (*(at += strspn(at, " |")) != 0) {
        size_t length = strcspn(at, " |");

        if (has_code(detector, at, length))
            return true;
        at += length;
    }
    return false;
}

static bool is_planted(const struct calibration *calibration, const struct detector *detector,
                       bool found)
{
    for (size_t i = 0; i < calibration->cells; i++)
        if (calibration->cell[i].bad && (!found || calibration->cell[i].found) &&
            raises(detector, calibration->cell[i].codes))
            return true;
    return false;
}

/* Of these detectors the night says nothing: their codes are of no planted fault, or of none that
 * was @found. Returns how many. */
static unsigned write_untried(const struct calibration *calibration, bool found, const char *text)
{
    unsigned count = 0;

    for (unsigned i = 0; detector_registry[i] != NULL; i++)
        if (is_planted(calibration, detector_registry[i], false) == found &&
            !is_planted(calibration, detector_registry[i], found))
            printf("%s%s", count++ == 0 ? text : ", ", detector_registry[i]->name);
    if (count > 0)
        putchar('\n');
    return count;
}

/* DIR/calibration.tsv, of which ci/catalogue makes its page. */
static void write_table(const struct calibration *calibration, const char *directory)
{
    char path[4400];
    FILE *out;

    snprintf(path, sizeof path, "%s/calibration.tsv", directory);
    out = fopen(path, "we");
    if (out == NULL)
        return; /* whatever hinders it hinders the reports, which say so */
    calibration_table(calibration, out);
    fclose(out);
}

/* The cause before what it causes. */
static const char *doubt_text(const struct calibration *calibration)
{
    return calibration->unrun > 0
               ? "planted cells could not be run, so nobody knows what they would have shown"
               : "planted faults were not found, so real ones may not have been either";
}

/* NULL, or why the night can't be trusted. */
static const char *write_calibration(struct store *store, const char *directory)
{
    struct calibration calibration;
    const char *why = NULL;
    struct error e;

    if (calibration_read(store, &calibration, &e) != 0) {
        fprintf(stderr, "rundown nightly: calibration: %s\n", e.text);
        return "what became of the planted faults could not be read";
    }
    calibration_write(&calibration, stdout);
    write_untried(&calibration, false, "  not tried, since no fault of theirs is planted: ");
    if (write_untried(&calibration, true, "  NOT SHOWN to find anything: ") > 0 ||
        !calibration_passed(&calibration))
        why = doubt_text(&calibration);
    write_table(&calibration, directory);
    store_meta_set(store, "calibration", why == NULL ? "passed" : "failed", NULL);
    calibration_free(&calibration);
    return why;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Targets of real cells, none of which had a cycle though one could have. */
static size_t never_run(const struct run *run)
{
    size_t count = 0;

    for (unsigned i = 0; i < run->options.targets; i++) {
        bool waits = false, begun = false;

        for (size_t j = 0; j < run->cells; j++) {
            const struct run_cell *cell = &run->cell[j];

            if (cell->planted != NULL || cell->target != run->options.target[i])
                continue;
            begun |= cell->row.next > 0;
            waits |= cell->row.next == 0 && cell->row.state[0] == 0;
        }
        count += waits && !begun;
    }
    return count;
}

static void write_coverage(const struct run *run, const struct need *need)
{
    size_t without = 0, real = 0, targets = never_run(run);

    for (size_t i = 0; i < run->cells; i++) {
        real += run->cell[i].planted == NULL;
        without += run->cell[i].planted == NULL && run->cell[i].row.next == 0 &&
                   run->cell[i].row.state[0] == 0;
    }
    printf("cells: %zu, of them %zu new or changed; %zu had no cycle\n", real, need->fresh,
           without);
    if (targets > 0)
        printf("  %zu workloads or programs had none at all: the night was too short for them\n",
               targets);
    if (need->full)
        puts("ended early: the results have reached the disk limit");
}

int closing_tell(struct run *run, const struct night *night, const struct nights *history,
                 const struct need *need)
{
    struct listing listing = {.run = run, .night = night, .history = history};
    struct error e;
    const char *doubt;
    bool good;
    int status = run_status(run);

    if (nights_note(history, run->store, &e) != 0)
        fprintf(stderr, "rundown nightly: %s\n", e.text);
    good = reports_write_terminal(run->store, &e) == 0;
    write_coverage(run, need);
    good &= write_findings(&listing);
    doubt = write_calibration(run->store, run->options.directory);
    good &= write_outputs(run, night);
    printf("recorder: %s\nresults: %s\n", run->recorder_line, run->options.directory);
    if (run->interrupted)
        return 130;
    if (doubt != NULL)
        printf("THIS NIGHT IS NOT TO BE TRUSTED: %s\n", doubt);
    if (!good || doubt != NULL || status == STATUS_UNTRUSTED)
        return STATUS_UNTRUSTED;
    return listing.count > listing.known ? STATUS_FOUND : STATUS_GOOD;
}
