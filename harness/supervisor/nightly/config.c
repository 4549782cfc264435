/*
 * config: the schema of a night's configuration: which keys there are, and what each does.
 */
#include "config.h"

#include "yaml.h"

#include <harness/common/suggest.h>
#include <harness/report.h>
#include <harness/supervisor/cli/options.h>
#include <harness/supervisor/cli/reports.h>
#include <harness/supervisor/cli/uses.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 64, ARGUMENTS = 255 };

/* struct config - what is filled. @workloads and the others: where their cells are described. */
struct config {
    struct night *night;
    const char *inject[WORDS + 1];
    bool injects;
    struct fy_node *workloads, *programs, *modules;
    bool all_workloads;
};

/* Texts that the night points to, for as long as the program lives. */
static char *kept[NIGHT_WITHOUT + NIGHT_PLANT];
static unsigned kept_count;

static int keep(const char **out, const char *text, struct error *e)
{
    if (kept_count >= sizeof kept / sizeof kept[0] || (kept[kept_count] = strdup(text)) == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    *out = kept[kept_count++];
    return 0;
}

/* --- budgets ---------------------------------------------------------------------------------- */

static int read_for(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_duration(yaml, value, &((struct config *)into)->night->seconds, e);
}

static int read_cycles(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_number(yaml, value, 1, UINT64_C(1) << 40, &((struct config *)into)->night->cycles,
                       e);
}

static int read_jobs(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    uint64_t jobs = 0;
    int code = yaml_number(yaml, value, 1, RUN_JOBS, &jobs, e);

    ((struct config *)into)->night->jobs = (unsigned)jobs;
    return code;
}

/* The command line's comes first. */
static int read_seed(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    uint64_t seed = 0;
    int code = yaml_number(yaml, value, 0, UINT64_MAX, &seed, e);

    if (!night->have_seed)
        night->seed = seed;
    night->have_seed = true;
    return code;
}

static int read_nice(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    uint64_t nice = 0;
    int code = yaml_number(yaml, value, 0, 19, &nice, e);

    ((struct config *)into)->night->nice = (int)nice;
    return code;
}

/* Less would not do for a target's own start. */
static int read_memory(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    int code = yaml_size(yaml, value, &night->memory_bytes, e);

    if (code == 0 && night->memory_bytes < UINT64_C(64) << 20)
        return yaml_refuse(yaml, value, e, "less than 64M is too little for any target");
    return code;
}

static int read_disk(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_size(yaml, value, &((struct config *)into)->night->disk_bytes, e);
}

static int read_core(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;

    night->core_limited = true;
    return yaml_size(yaml, value, &night->core_bytes, e);
}

static int read_traces(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    uint64_t traces = 0;
    int code = yaml_number(yaml, value, 0, 1000000, &traces, e);

    night->traces = (unsigned)traces;
    night->no_trace |= code == 0 && traces == 0;
    return code;
}

static int read_lttng(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    int code = yaml_bool(yaml, value, &night->trace, e);

    night->no_trace |= code == 0 && !night->trace;
    return code;
}

static int read_deadline(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_duration(yaml, value, &((struct config *)into)->night->deadline_s, e);
}

static int read_confirm(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_number(yaml, value, 0, 1000, &((struct config *)into)->night->confirm, e);
}

static int read_history(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    const char *text;
    int code = yaml_text(yaml, value, &text, e);

    if (code != 0)
        return code;
    night->history = strdup(text);
    return night->history != NULL ? 0 : error_set(e, ERROR_MEMORY, "out of memory");
}

static int read_one_without(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    const char *text;
    int code = yaml_text(yaml, item, &text, e);

    if (code != 0)
        return code;
    if (night->withouts >= NIGHT_WITHOUT)
        return yaml_refuse(yaml, item, e, "more than %d detectors", NIGHT_WITHOUT);
    if (reports_check_detector(text, e) != 0)
        return yaml_place(yaml, item, ERROR_USAGE, e);
    return keep(&night->without[night->withouts++], text, e);
}

static int read_without(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_sequence(yaml, value, read_one_without, into, e);
}

/* --- calibration --------------------------------------------------------------------------------
 */

static int read_planted_cycles(struct yaml *yaml, struct fy_node *value, void *into,
                               struct error *e)
{
    return yaml_number(yaml, value, 1, UINT64_C(1) << 40,
                       &((struct config *)into)->night->planted_cycles, e);
}

static int read_one_plant(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    struct target *target;
    const char *text;
    int code = yaml_text(yaml, item, &text, e);

    if (code != 0)
        return code;
    if (night->plants >= NIGHT_PLANT)
        return yaml_refuse(yaml, item, e, "more than %d items", NIGHT_PLANT);
    if (target_workload(text, night->libdir, &target, e) != 0)
        return yaml_place(yaml, item, ERROR_USAGE, e);
    target_free(target);
    return keep(&night->plant[night->plants++], text, e);
}

static int read_plant(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_sequence(yaml, value, read_one_plant, into, e);
}

static int read_calibration(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    static const struct yaml_key keys[] = {
        {"cycles", read_planted_cycles}, {"plant", read_plant}, {NULL, NULL}};

    return yaml_mapping(yaml, value, keys, "the calibration", into, e);
}

/* --- what is run
 * ---------------------------------------------------------------------------------- */

/* struct wanted - a workload, program or module while its keys are read. */
struct wanted {
    struct config *config;
    const char *name;
    const char *variant;
    char parameters[512];
    const char *argument[ARGUMENTS + 1];
    char *variable[WORDS + 1];
    unsigned variables;
    const char *directory;
    const char *input;
    const char *library;
    const char *use[USES_MOST + 1];
    unsigned uses;
    const char *inject[WORDS + 1];
    bool injects;
    uint64_t laps;
    bool fresh;
    bool probe;
};

static int read_injections(struct yaml *yaml, struct fy_node *value, const char **out,
                           struct error *e)
{
    struct run_injection injection;
    int code = yaml_words(yaml, value, out, WORDS, e);

    for (unsigned i = 0; code == 0 && out[i] != NULL; i++) {
        code = options_injection(out[i], &injection, e);
        free(injection.text);
        if (code != 0)
            return yaml_place(yaml, value, code, e);
    }
    return code;
}

static int read_name(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_text(yaml, value, &((struct wanted *)into)->name, e);
}

static int read_variant(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_text(yaml, value, &((struct wanted *)into)->variant, e);
}

static int add_parameter(const char *name, const char *value, void *into, struct error *e)
{
    struct wanted *wanted = into;
    size_t used = strlen(wanted->parameters);
    int length = snprintf(wanted->parameters + used, sizeof wanted->parameters - used, ",%s=%s",
                          name, value);

    if (length < 0 || (size_t)length >= sizeof wanted->parameters - used)
        return error_set(e, ERROR_USAGE, "the parameters are too long");
    return 0;
}

static int read_parameters(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_pairs(yaml, value, add_parameter, into, e);
}

static int read_argv(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_words(yaml, value, ((struct wanted *)into)->argument, ARGUMENTS, e);
}

static int add_variable(const char *name, const char *value, void *into, struct error *e)
{
    struct wanted *wanted = into;
    char **out = &wanted->variable[wanted->variables];

    if (wanted->variables >= WORDS)
        return error_set(e, ERROR_USAGE, "more than %d variables", WORDS);
    if (strchr(name, '=') != NULL)
        return error_set(e, ERROR_USAGE, "'%s' is no name of a variable", name);
    if (asprintf(out, "%s=%s", name, value) < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    wanted->variables++;
    return 0;
}

static int read_env(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_pairs(yaml, value, add_variable, into, e);
}

static int read_dir(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct wanted *wanted = into;
    int code = yaml_text(yaml, value, &wanted->directory, e);

    if (code == 0 && access(wanted->directory, X_OK) != 0)
        return yaml_refuse(yaml, value, e, "dir: %s: %s", wanted->directory, strerror(errno));
    return code;
}

static int read_stdin(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct wanted *wanted = into;
    int code = yaml_text(yaml, value, &wanted->input, e);

    if (code == 0 && access(wanted->input, R_OK) != 0)
        return yaml_refuse(yaml, value, e, "stdin: %s: %s", wanted->input, strerror(errno));
    return code;
}

static int read_library(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_text(yaml, value, &((struct wanted *)into)->library, e);
}

static int read_use(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct wanted *wanted = into;
    int code = yaml_words(yaml, value, wanted->use, USES_MOST, e);

    while (code == 0 && wanted->use[wanted->uses] != NULL)
        wanted->uses++;
    return code;
}

static int read_inject(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    ((struct wanted *)into)->injects = true;
    return read_injections(yaml, value, ((struct wanted *)into)->inject, e);
}

static int read_laps(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_number(yaml, value, 1, UINT32_MAX, &((struct wanted *)into)->laps, e);
}

static int read_fresh(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_bool(yaml, value, &((struct wanted *)into)->fresh, e);
}

static int read_probe(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_bool(yaml, value, &((struct wanted *)into)->probe, e);
}

/* Shapes it and adds its cells; the target is the night's then. */
static int add_target(struct wanted *wanted, struct target *target, struct error *e)
{
    struct night *night = wanted->config->night;
    const char *const *inject = wanted->injects           ? wanted->inject
                                : wanted->config->injects ? wanted->config->inject
                                                          : NULL;
    int code;

    if (wanted->laps != 0)
        target->laps = (uint32_t)wanted->laps;
    target->fresh |= wanted->fresh;
    target->probe |= wanted->probe;
    if (wanted->input != NULL)
        target->input = strdup(wanted->input);
    code = night_target(night, target, e);
    return code == 0 ? night_cells(night, target, inject, e) : code;
}

static int read_workload(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    static const struct yaml_key keys[] = {
        {"name", read_name},     {"variant", read_variant}, {"parameters", read_parameters},
        {"inject", read_inject}, {"laps", read_laps},       {NULL, NULL}};
    struct wanted wanted = {.config = into};
    struct target *target;
    char text[1024];
    int code;

    code = yaml_is_text(item) ? yaml_text(yaml, item, &wanted.name, e)
                              : yaml_mapping(yaml, item, keys, "a workload", &wanted, e);
    if (code != 0)
        return code;
    if (wanted.name == NULL)
        return yaml_refuse(yaml, item, e, "a workload needs its name");
    snprintf(text, sizeof text, "%s%s%s%s", wanted.name, wanted.variant != NULL ? ",variant=" : "",
             wanted.variant != NULL ? wanted.variant : "", wanted.parameters);
    code = target_workload(text, wanted.config->night->libdir, &target, e);
    if (code != 0)
        return yaml_place(yaml, item, code, e);
    return add_target(&wanted, target, e);
}

static int read_program(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    static const struct yaml_key keys[] = {
        {"argv", read_argv},   {"env", read_env},       {"stdin", read_stdin},
        {"dir", read_dir},     {"inject", read_inject}, {"laps", read_laps},
        {"fresh", read_fresh}, {"probe", read_probe},   {NULL, NULL}};
    struct wanted wanted = {.config = into};
    struct target *target = NULL;
    int code = yaml_mapping(yaml, item, keys, "a program", &wanted, e);

    if (code == 0 && wanted.argument[0] == NULL)
        code = yaml_refuse(yaml, item, e, "a program needs its argv: [PROGRAM, ARGUMENT]");
    if (code == 0) {
        code = target_program((char *const *)wanted.argument, &target, e);
        if (code == 0)
            code = target_surround(target, wanted.directory, wanted.variable, e);
        if (code != 0)
            yaml_place(yaml, item, code, e);
    }
    for (unsigned i = 0; i < wanted.variables; i++)
        free(wanted.variable[i]);
    if (code != 0) {
        target_free(target);
        return code;
    }
    return add_target(&wanted, target, e);
}

static int add_module(struct wanted *wanted, struct uses *uses, struct error *e)
{
    int code = 0;

    for (char where = 'a'; code == 0 && where <= 'c'; where++) {
        struct target *target;

        code = target_module(uses, where, wanted->config->night->libdir, &target, e);
        if (code == 0)
            code = add_target(wanted, target, e);
    }
    return code;
}

static int read_module(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    static const struct yaml_key keys[] = {{"library", read_library},
                                           {"use", read_use},
                                           {"inject", read_inject},
                                           {"laps", read_laps},
                                           {NULL, NULL}};
    static const char *const nothing[] = {NULL};
    struct wanted wanted = {.config = into, .laps = 100};
    struct uses *uses = NULL;
    char *host;
    int code = yaml_mapping(yaml, item, keys, "a module", &wanted, e);

    if (code == 0 && wanted.library == NULL)
        return yaml_refuse(yaml, item, e, "a module needs its library: ./libfoo.so");
    if (code != 0)
        return code;
    if (!wanted.injects && !wanted.config->injects) {
        wanted.injects = true; /* as `rundown module`: the module alone is judged */
        memcpy(wanted.inject, nothing, sizeof nothing);
    }
    host = target_host(wanted.config->night->libdir);
    if (host == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    code = uses_open(wanted.library, wanted.use, wanted.uses, host, &uses, e);
    free(host);
    if (code != 0)
        return yaml_place(yaml, item, code, e);
    code = add_module(&wanted, uses, e);
    uses_drop(uses);
    return code;
}

/* They are read when all else is known, wherever they stand. */
static int note_workloads(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct config *config = into;
    const char *text;

    if (!yaml_is_text(value)) {
        config->workloads = value;
        return 0;
    }
    if (yaml_text(yaml, value, &text, e) != 0)
        return ERROR_USAGE;
    config->all_workloads = strcmp(text, "all") == 0;
    return config->all_workloads
               ? 0
               : yaml_refuse(yaml, value, e, "'%s' is neither 'all' nor a list", text);
}

static int note_programs(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    ((struct config *)into)->programs = value;
    return 0;
}

static int note_modules(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    ((struct config *)into)->modules = value;
    return 0;
}

static int read_all_inject(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct config *config = into;

    config->injects = true;
    return read_injections(yaml, value, config->inject, e);
}

/* --- known findings
 * -------------------------------------------------------------------------------- */

static int known_signature(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_text(yaml, value, (const char **)&((struct known *)into)->signature, e);
}

static int known_code(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct known *known = into;
    const char *near;
    int code = yaml_text(yaml, value, (const char **)&known->code, e);

    if (code != 0 || stop_code_find(known->code) != STOP_NONE)
        return code;
    near = stop_code_nearest(known->code);
    return yaml_refuse(yaml, value, e, "'%s' is no stop code%s%s%s", known->code,
                       near != NULL ? "; did you mean '" : "; see rundown list stop-codes",
                       near != NULL ? near : "", near != NULL ? "'?" : "");
}

static int known_reason(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_text(yaml, value, (const char **)&((struct known *)into)->reason, e);
}

static int known_until(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    struct known *known = into;
    const char *text;
    int code = yaml_text(yaml, value, &text, e);

    if (code == 0 && !known_day(text))
        return yaml_refuse(yaml, value, e, "'%s' is no day; write 2026-12-31", text);
    if (code == 0)
        snprintf(known->until, sizeof known->until, "%s", text);
    return code;
}

static int read_one_known(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    static const struct yaml_key keys[] = {{"signature", known_signature},
                                           {"code", known_code},
                                           {"reason", known_reason},
                                           {"until", known_until},
                                           {NULL, NULL}};
    struct known known = {0};
    int code = yaml_mapping(yaml, item, keys, "a known finding", &known, e);

    if (code != 0)
        return code;
    if ((known.signature == NULL) == (known.code == NULL))
        return yaml_refuse(yaml, item, e, "a known finding has a signature or a code, one of them");
    if (known.reason == NULL)
        return yaml_refuse(yaml, item, e, "a known finding needs a reason");
    if (known.until[0] == 0)
        return yaml_refuse(yaml, item, e, "a known finding needs the day that it expires: until");
    return known_add(&((struct config *)into)->night->known, &known, e);
}

static int read_known(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_sequence(yaml, value, read_one_known, into, e);
}

/* --- outputs
 * ---------------------------------------------------------------------------------------- */

static int add_output(const char *name, const char *file, void *into, struct error *e)
{
    struct night *night = ((struct config *)into)->night;
    const struct report_format *format = reports_find(name);
    const char *names[32] = {NULL};
    const char *near;

    if (format == NULL) {
        for (unsigned i = 0; i < 31 && report_format_registry[i] != NULL; i++)
            names[i] = report_format_registry[i]->name;
        near = suggest_nearest(name, names);
        return error_set(e, ERROR_USAGE, "'%s' is no format%s%s%s", name,
                         near != NULL ? "; did you mean '" : "; see rundown list formats",
                         near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    if (*file == 0)
        return error_set(e, ERROR_USAGE, "'%s' needs the name of its file", name);
    if (night->outputs >= NIGHT_OUTPUTS)
        return error_set(e, ERROR_USAGE, "more than %d outputs", NIGHT_OUTPUTS);
    night->output[night->outputs].format = format->name;
    night->output[night->outputs].file = strdup(file);
    return night->output[night->outputs++].file != NULL
               ? 0
               : error_set(e, ERROR_MEMORY, "out of memory");
}

static int read_outputs(struct yaml *yaml, struct fy_node *value, void *into, struct error *e)
{
    return yaml_pairs(yaml, value, add_output, into, e);
}

/* --- all of it
 * --------------------------------------------------------------------------------------- */

static const struct yaml_key keys_of_night[] = {{"for", read_for},
                                                {"cycles", read_cycles},
                                                {"jobs", read_jobs},
                                                {"seed", read_seed},
                                                {"nice", read_nice},
                                                {"memory", read_memory},
                                                {"disk", read_disk},
                                                {"core", read_core},
                                                {"traces", read_traces},
                                                {"lttng", read_lttng},
                                                {"deadline", read_deadline},
                                                {"confirm", read_confirm},
                                                {"history", read_history},
                                                {"without", read_without},
                                                {"calibration", read_calibration},
                                                {"inject", read_all_inject},
                                                {"workloads", note_workloads},
                                                {"programs", note_programs},
                                                {"modules", note_modules},
                                                {"known", read_known},
                                                {"outputs", read_outputs},
                                                {NULL, NULL}};

static int read_targets(struct yaml *yaml, struct config *config, bool named, struct error *e)
{
    int code = 0;

    if (config->all_workloads)
        code = night_workloads(config->night, config->injects ? config->inject : NULL, e);
    if (code == 0 && config->workloads != NULL)
        code = yaml_sequence(yaml, config->workloads, read_workload, config, e);
    if (code == 0 && config->programs != NULL)
        code = yaml_sequence(yaml, config->programs, read_program, config, e);
    if (code == 0 && config->modules != NULL)
        code = yaml_sequence(yaml, config->modules, read_module, config, e);
    if (code == 0 && config->night->wishes == 0 && !named)
        code = night_workloads(config->night, config->injects ? config->inject : NULL, e);
    return code;
}

int config_read(const char *path, bool named, struct night *night, struct error *e)
{
    struct config config = {.night = night};
    struct fy_node *root;
    struct yaml *yaml;
    int code = yaml_open(path, &yaml, e);

    if (code != 0)
        return code;
    root = yaml_root(yaml);
    if (root != NULL)
        code = yaml_mapping(yaml, root, keys_of_night, "a night's configuration", &config, e);
    if (code == 0 && night->seconds > 0 && night->cycles > 0)
        code = yaml_refuse(yaml, root, e, "'for' and 'cycles' exclude each other: keep one");
    if (code == 0)
        code = read_targets(yaml, &config, named, e);
    yaml_close(yaml);
    return code;
}
