/*
 * store.h: one run, one SQLite file (WAL), one writer.
 *
 * It grows with cells, findings and leak series, never with passing cycles: those are counted
 * and summed per cell. What store_commit_batch() has returned 0 for survives a kill of the
 * process; a batch that was not committed leaves nothing. A cell's finished cycles are always
 * the range 0 .. next-1, so a resumed run goes on at next and repeats and loses nothing.
 *
 * A power cut may take the last batches, whole ones, and never damages the file (store.c says
 * why that was chosen). Readers may look while a writer is at work, and read-only media do.
 *
 * Not thread-safe: the supervisor is one thread, and a forked child may not use what its parent
 * opened. Text is UTF-8; what came from a target may be any bytes and is stored as it is. NULL
 * text is stored as "". Every function returns 0 or a code, with a sentence in @e (may be NULL);
 * besides those named it can always be ERROR_CORRUPT, ERROR_FULL, ERROR_MEMORY or ERROR_SYSTEM.
 */
#ifndef RESULTS_STORE_STORE_H
#define RESULTS_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <harness/agent_abi.h>
#include <harness/error.h>
#include <harness/stop_code.h>

enum { STORE_SCHEMA = 2 };

/* In the run's directory. The lock is there while somebody writes. */
#define STORE_FILE "run.sqlite"
#define STORE_LOCK "run.lock"

struct store;

/**
 * struct store_cell - one workload or program × one injector.
 * @id: row, from 1, in the order of the plan, set by store_cell_add(); planted cells, which no
 *      report counts, have -1, -2 ... as the caller says (see store_planted_add()).
 * @target: "heap-churn variant=shared-arena threads=4" or "-- ./prog -x": the replay line's head.
 * @workload: the workload's name or the program's base name. @variant: "" for programs.
 * @injector: as given, "thread-kill@malloc". @key: plan_cell_key. @mode: "free"|"controlled".
 * @state: "" or why the cell was skipped or refused, in one line.
 * @notes: remarks for the report, newline between ("started afresh: it opens sockets ...").
 * @planned and below: counts of cycles; @next = @passed + @failed + @broken + @skipped +
 *          @not_fired. @nanoseconds: their durations summed, @longest: the longest of them.
 * @histogram: of durations, see latency.h; stops at UINT32_MAX.
 */
struct store_cell {
    int64_t id;
    char *target;
    char *workload;
    char *variant;
    char *injector;
    char *mode;
    char *state;
    char *notes;
    uint64_t key;
    uint64_t profile;
    uint64_t planned; /* cycles wanted, 0: by time */
    uint64_t next;    /* cycles finished, all of them below */
    uint64_t passed;
    uint64_t failed;
    uint64_t broken;
    uint64_t skipped;
    uint64_t not_fired;
    uint64_t nanoseconds;
    uint64_t longest;
    uint32_t histogram[ABI_HISTOGRAM];
};

/**
 * struct store_finding - one stop code of one cycle.
 * @place: 0 for the verdict (first cause), 1.. for what else was seen in that cycle.
 * @code: when reading, STOP_NONE for a code that this version does not know; @slug: reading.
 * @text: the body, newline between lines. @injected: what the plan did, one line.
 * @replay: the line that reproduces the cycle. @output: last output of the target.
 * @trace: directory of the recorder's trace relative to the run's, or "".
 * @hang_ms: since the last event, or < 0.
 * @timeline: events before the end, newline between, may be "".
 * @waits: writing: see store_waits_read(); reading: NULL.
 * @replayed: reading: how often its line was run again when the run was over, 0: it was not.
 * @reproduced: reading: how many of those showed the signature again.
 * @repeats: reading: how many cycles have a verdict of this signature and severity, this one
 *           included; 0 where @place is not 0. @repeat_cells: in how many cells they lie.
 *           @repeat_cycles: cycles of those cells that count: passed and failed ones, and for
 *           the harness's own codes all. @first_cell, @first_cycle: the first of them in order
 *           of (cell, cycle).
 */
struct store_finding {
    int64_t id;
    int64_t cell;
    uint64_t cycle;
    unsigned place;
    enum stop_code code;
    const char *slug;
    enum stop_severity severity;
    double hang_ms;
    const char *signature;
    const char *text;
    const char *injected;
    const char *replay;
    const char *trace;
    const char *timeline;
    const char *waits;
    const void *output;
    size_t output_bytes;
    uint64_t replayed;
    uint64_t reproduced;
    uint64_t repeats;
    uint64_t repeat_cells;
    uint64_t repeat_cycles;
    int64_t first_cell;
    uint64_t first_cycle;
};

/** struct store_series - lap samples of one kind of one cycle. @kind: "heap.bytes", "fds" ... */
struct store_series {
    int64_t cell;
    uint64_t cycle;
    const char *kind;
    uint64_t first_lap;
    const int64_t *sample;
    size_t samples;
};

/** struct store_batch - cycles first .. first+count-1 of a cell, added to its sums. */
struct store_batch {
    int64_t cell;
    uint64_t first;
    uint64_t count;
    uint64_t passed;
    uint64_t failed;
    uint64_t broken;
    uint64_t skipped;
    uint64_t not_fired;
    uint64_t nanoseconds;
    uint64_t longest;
    uint32_t histogram[ABI_HISTOGRAM];
};

/**
 * store_create() - a new database "run.sqlite" in an existing directory that has none.
 * ERROR_BUSY if there is one already; ERROR_PERMISSION, ERROR_FULL, ERROR_SYSTEM.
 */
int store_create(const char *directory, struct store **out, struct error *e);

/**
 * store_open() - an existing one. ERROR_NOT_FOUND, ERROR_VERSION (another schema: says which),
 * ERROR_CORRUPT (not a database, damaged, or without our tables), ERROR_BUSY (another writer).
 * @write: take the writer's lock, held until store_close(). Without it every change is refused
 *         by ERROR_PERMISSION.
 *
 * Reads the whole file once, to find damage before anything is built on it.
 */
int store_open(const char *directory, bool write, struct store **out, struct error *e);
/** Ends the writer's lock too. @store may be NULL. */
void store_close(struct store *store);

/**
 * store_begin() - until store_finish() all that is read is of one moment, or all that is written
 * one change, kept or taken back. store_commit_batch() may be called meanwhile. Does not nest.
 */
int store_begin(struct store *store, struct error *e);
/** store_begin_reading() - the same for who only reads, though it may be the writer: takes no lock
 * that another writer could have, and writes nothing. Ends by store_finish(), too. */
int store_begin_reading(struct store *store, struct error *e);
int store_finish(struct store *store, bool keep, struct error *e);

/** Key and value of the run: "seed", "version", "started", "machine", "recorder", "command" ... */
int store_meta_set(struct store *store, const char *key, const char *value, struct error *e);
/** Caller frees @out; ERROR_NOT_FOUND. */
int store_meta_get(struct store *store, const char *key, char **out, struct error *e);

/** Calls @each for every key in order of the bytes; stops at != 0, which is no error. */
int store_meta_list(struct store *store,
                    int (*each)(const char *key, const char *value, void *context), void *context,
                    struct error *e);

/** Adds a cell with the counts that it has, copies the strings, sets @cell->id. */
int store_cell_add(struct store *store, struct store_cell *cell, struct error *e);
/** Sets state, notes and profile of a cell anew. ERROR_NOT_FOUND. */
int store_cell_remark(struct store *store, const struct store_cell *cell, struct error *e);
/** Reads all cells but planted ones, in order; store_cells_free() frees them. */
int store_cells(struct store *store, struct store_cell **out, size_t *count, struct error *e);
/** The same, and the planted ones behind them. */
int store_cells_all(struct store *store, struct store_cell **out, size_t *count, struct error *e);
void store_cells_free(struct store_cell *cells, size_t count);
/** The cell with this id among those that store_cells() gave, or NULL. */
const struct store_cell *store_cell_find(const struct store_cell *cells, size_t count, int64_t id);

/**
 * store_commit_batch() - one transaction: the sums, its findings, its series. All or nothing.
 * @findings, @series: may be NULL with 0. Findings in order of (cycle, place). Series of no
 *     samples are passed over.
 *
 * ERROR_RANGE, and nothing is stored, unless @batch->first is the cell's next, its verdicts add
 * up to its count, findings and series lie in its cycles, every code has an entry, every cycle's
 * places count up from 0, no note stands before a finding, and no lap comes twice.
 * ERROR_NOT_FOUND: no such cell.
 */
int store_commit_batch(struct store *store, const struct store_batch *batch,
                       const struct store_finding *findings, size_t finding_count,
                       const struct store_series *series, size_t series_count, struct error *e);

/** store_each_finding - receives findings; anything but 0 stops. Strings live until it returns. */
typedef int store_each_finding(const struct store_finding *finding, void *context);

/**
 * store_findings() - calls @each for findings in order of (cell, cycle, place); stops at != 0,
 * which is no error. Those of planted cells are left out.
 * @distinct: one for each signature and severity among verdicts (place 0): the first.
 *
 * @each may read from the store.
 */
int store_findings(struct store *store, bool distinct, store_each_finding *each, void *context,
                   struct error *e);
/** The same for one cell; repeats are counted in that cell alone. */
int store_cell_findings(struct store *store, int64_t cell, bool distinct, store_each_finding *each,
                        void *context, struct error *e);
/** All findings of one cycle, in order of place, repeats not counted (0); none is no error. */
int store_finding_get(struct store *store, int64_t cell, uint64_t cycle, store_each_finding *each,
                      void *context, struct error *e);
/** The finding with this id; ERROR_NOT_FOUND. */
int store_finding_read(struct store *store, int64_t id, store_each_finding *each, void *context,
                       struct error *e);

/**
 * store_waits_read() - who could not go on without whom in a finding: a line for each, "waiter
 * TAB what TAB owner TAB state of the owner". "" where it is not known, and for runs of older
 * rundowns. The caller frees @out.
 */
int store_waits_read(struct store *store, int64_t finding, char **out, struct error *e);

/**
 * store_replayed_set() - how often a finding came back when its line was run again; in place of
 * what was known of it. ERROR_NOT_FOUND: no such finding. ERROR_RANGE: more came back than tried.
 */
int store_replayed_set(struct store *store, int64_t finding, uint64_t reproduced, uint64_t replayed,
                       struct error *e);

/**
 * struct store_planted - a cell that a night plants to try its detectors, and what became of it.
 * @cell: its id, below 0. @bad: it has a fault, else it is a clean twin.
 * @codes: what must be found: words that are all needed, "a|b" either; "" for a clean twin.
 */
struct store_planted {
    int64_t cell;
    bool bad;
    const char *codes;
};

/** store_planted_add() - marks a cell. The table is made with its first row. */
int store_planted_add(struct store *store, const struct store_planted *planted, struct error *e);
/** Calls @each for every planted cell in order of the plan; stops at != 0, which is no error. */
int store_planted(struct store *store,
                  int (*each)(const struct store_planted *planted, void *context), void *context,
                  struct error *e);

/**
 * struct store_code - a stop code of one cell. @cycles: in how many of its cycles it was seen, at
 * any place; @first: the first of them.
 */
struct store_code {
    const char *slug;
    enum stop_severity severity;
    uint64_t cycles;
    uint64_t first;
};

/** Calls @each for every code of a cell, by slug; stops at != 0, which is no error. */
int store_codes(struct store *store, int64_t cell,
                int (*each)(const struct store_code *code, void *context), void *context,
                struct error *e);

/** store_build_set() - what was run in a cell: build ids in hex. The table comes with its rows. */
int store_build_set(struct store *store, int64_t cell, const char *build, struct error *e);
/** Calls @each with key and build of every cell that has one; stops at != 0, which is no error. */
int store_builds(struct store *store, int (*each)(uint64_t key, const char *build, void *context),
                 void *context, struct error *e);

/**
 * struct store_past - a cell of this run in an earlier one. @started: when that began, which is
 * its name here. @cycles: those that count, passed and failed ones; @findings: of them.
 */
struct store_past {
    int64_t cell;
    const char *started;
    uint64_t cycles;
    uint64_t findings;
};

/**
 * store_past_add() - notes it, in place of what was known of that cell and run. Who does so sets
 * the key "history" to the number of earlier runs, so that none noted is told from none there.
 */
int store_past_add(struct store *store, const struct store_past *past, struct error *e);
/** Calls @each in order of (cell, started); stops at != 0, which is no error. */
int store_past(struct store *store, int (*each)(const struct store_past *past, void *context),
               void *context, struct error *e);

/** store_seen_before_add() - an earlier run has had this signature as a finding. */
int store_seen_before_add(struct store *store, const char *signature, struct error *e);
/** store_seen_before() - whether that was noted. */
int store_seen_before(struct store *store, const char *signature, bool *seen, struct error *e);

/** Calls @each with key, cycles that count and findings of every cell but planted ones. */
int store_rates(struct store *store,
                int (*each)(uint64_t key, uint64_t cycles, uint64_t findings, void *context),
                void *context, struct error *e);

/**
 * struct store_source - some lines of a source file, as they were when a finding named them.
 * @place: "policy.c:88", as texts of findings have it. @path: of the file. @line: 88.
 * @first: number of the first line in @text; lines end in newlines.
 * @newer: the file was changed after the module that it belongs to was made.
 */
struct store_source {
    const char *place;
    const char *path;
    int line;
    int first;
    bool newer;
    const char *text;
};

/** store_source_add() - keeps an excerpt, once for each place and path; what is there stays. */
int store_source_add(struct store *store, const struct store_source *source, struct error *e);
/**
 * store_sources() - calls @each for the excerpts of one place, or of all for NULL, by path; stops
 * at != 0, which is no error. Strings live until it returns. Runs of older rundowns have none.
 */
int store_sources(struct store *store, const char *place,
                  int (*each)(const struct store_source *source, void *context), void *context,
                  struct error *e);

/**
 * store_series_read() - the samples of one series, in order of laps.
 * @first_lap: lap of the first sample; may be NULL.
 * @samples: the caller frees it.
 *
 * A missing lap ends the series there. ERROR_NOT_FOUND; ERROR_CORRUPT for a damaged block.
 */
int store_series_read(struct store *store, int64_t cell, uint64_t cycle, const char *kind,
                      uint64_t *first_lap, int64_t **samples, size_t *count, struct error *e);
/**
 * store_series_list() - calls @each for every (cell, cycle, kind) that has samples, in that
 * order; stops at != 0, which is no error. @kind lives until @each returns. @samples: stored
 * ones, wherever laps are missing.
 */
int store_series_list(struct store *store,
                      int (*each)(int64_t cell, uint64_t cycle, const char *kind, size_t samples,
                                  void *context),
                      void *context, struct error *e);

/**
 * struct store_signature - a signature and severity in one cell.
 * @cycles: that show it. @own_cycles: of those, that do not show it with a greater severity as
 * well, so these add up over severities. @verdicts: where it is the verdict (place 0).
 * @first_cycle, @finding, @replay: of the first of @cycles, in order.
 */
struct store_signature {
    int64_t cell;
    const char *signature;
    const char *slug;
    enum stop_severity severity;
    uint64_t cycles;
    uint64_t own_cycles;
    uint64_t verdicts;
    uint64_t first_cycle;
    int64_t finding;
    const char *replay;
};

/** store_signatures() - calls @each in order of (cell, signature, severity); stops at != 0, which
 * is no error. Strings live until it returns. */
int store_signatures(struct store *store,
                     int (*each)(const struct store_signature *row, void *context), void *context,
                     struct error *e);

/**
 * struct store_range - cycles of a merged run, and what they were before.
 * @cell: of the merged run. @part: the run that they came from. @seed, @first, @count: cycles
 * @first .. @first+@count-1 of that seed are cycles @at .. @at+@count-1 of the cell.
 */
struct store_range {
    int64_t cell;
    int64_t part;
    uint64_t seed;
    uint64_t first;
    uint64_t count;
    uint64_t at;
};

/** store_part_add() - one more run of which this one is made. @source: where it lay. */
int store_part_add(struct store *store, const char *source, int64_t *id, struct error *e);
/** store_part_note() - a key and value of that run. */
int store_part_note(struct store *store, int64_t part, const char *key, const char *value,
                    struct error *e);
int store_range_add(struct store *store, const struct store_range *range, struct error *e);
/** These call @each, in order, and stop at != 0, which is no error; a run that was not merged has
 * none of them. */
int store_parts(struct store *store, int (*each)(int64_t id, const char *source, void *context),
                void *context, struct error *e);
int store_part_notes(struct store *store, int64_t part,
                     int (*each)(const char *key, const char *value, void *context), void *context,
                     struct error *e);
int store_ranges(struct store *store, int (*each)(const struct store_range *range, void *context),
                 void *context, struct error *e);

/** Cycles of a cell whose verdict (place 0) has this severity, for rates. */
int store_count_findings(struct store *store, int64_t cell, enum stop_severity severity,
                         uint64_t *count, struct error *e);

#endif
