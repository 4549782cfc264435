/*
 * workload_form: what is asked of a workload before anything of it is called.
 */
#include <harness/common/workload_form.h>

#include <stddef.h>
#include <string.h>

enum { NAME_BYTES = 32 };

/* What replay lines say themselves: a parameter of that name could not be read back. */
static const char *const taken[] = {"variant",  "seed",     "laps",        "cycle",  "inject",
                                    "mode",     "argument", "hash",        "build",  "fresh",
                                    "probe",    "input",    "must-unload", "reach",  "heap-check",
                                    "deadline", "where",    "use",         "module", NULL};

static bool good_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

    return name[0] >= 'a' && name[0] <= 'z' && strlen(name) < NAME_BYTES &&
           name[strspn(name, letters)] == 0;
}

static int check_name(const char *what, const char *name, struct error *e)
{
    if (!good_name(name))
        return error_set(e, ERROR_USAGE,
                         "%s '%.40s' is no name: use small letters, digits, '-' and '_', letter "
                         "first, at most %d",
                         what, name, NAME_BYTES - 1);
    for (unsigned i = 0; taken[i] != NULL; i++)
        if (strcmp(taken[i], name) == 0)
            return error_set(e, ERROR_USAGE,
                             "%s '%s': replay lines use this word: choose another name", what,
                             name);
    return 0;
}

static int check_parameter(const struct workload_parameter *all, unsigned index, struct error *e)
{
    const struct workload_parameter *parameter = &all[index];
    int code = check_name("parameter", parameter->name, e);

    if (code != 0)
        return code;
    for (unsigned i = 0; i < index; i++)
        if (strcmp(all[i].name, parameter->name) == 0)
            return error_set(e, ERROR_USAGE, "parameter '%s' is there twice", parameter->name);
    if (parameter->low > parameter->standard || parameter->standard > parameter->high)
        return error_set(e, ERROR_USAGE,
                         "parameter '%s': its standard %lld is outside %lld to %lld",
                         parameter->name, (long long)parameter->standard, (long long)parameter->low,
                         (long long)parameter->high);
    return 0;
}

static int check_parameters(const struct workload_parameter *all, struct error *e)
{
    int code = 0;

    for (unsigned i = 0; all != NULL && code == 0 && all[i].name != NULL; i++) {
        if (i == WORKLOAD_PARAMETERS)
            return error_set(e, ERROR_USAGE,
                             "more than %d parameters, or no {.name = NULL} behind the last",
                             WORKLOAD_PARAMETERS);
        code = check_parameter(all, i, e);
    }
    return code;
}

static int check_variant(const struct workload_variant *all, unsigned index, struct error *e)
{
    const struct workload_variant *variant = &all[index];
    int code = check_name("variant", variant->name, e);

    if (code != 0)
        return code;
    for (unsigned i = 0; i < index; i++)
        if (strcmp(all[i].name, variant->name) == 0)
            return error_set(e, ERROR_USAGE, "variant '%s' is there twice", variant->name);
    if (index == 0 && variant->bad)
        return error_set(e, ERROR_USAGE,
                         "variant '%s': the first is the default and must be a clean twin",
                         variant->name);
    if (variant->bad && (variant->codes == NULL || variant->codes[0] == 0))
        return error_set(e, ERROR_USAGE,
                         "variant '%s' is bad: name the stop codes that must be found (.codes)",
                         variant->name);
    if (!variant->bad && variant->codes != NULL && variant->codes[0] != 0)
        return error_set(e, ERROR_USAGE,
                         "variant '%s' is a clean twin, and has .codes: set .bad, or leave them "
                         "out",
                         variant->name);
    return 0;
}

static int check_variants(const struct workload_variant *all, struct error *e)
{
    int code = 0;

    for (unsigned i = 0; all != NULL && code == 0 && all[i].name != NULL; i++) {
        if (i == WORKLOAD_VARIANTS)
            return error_set(e, ERROR_USAGE,
                             "more than %d variants, or no {.name = NULL} behind the last",
                             WORKLOAD_VARIANTS);
        code = check_variant(all, i, e);
    }
    return code;
}

int workload_form(const struct workload *workload, struct error *e)
{
    int code;

    if (workload == NULL)
        return error_set(e, ERROR_USAGE, "it exports no workload: RUNDOWN_WORKLOAD() names one");
    if (workload->name == NULL)
        return error_set(e, ERROR_USAGE, "the workload has no .name");
    if ((code = check_name("workload", workload->name, e)) != 0)
        return code;
    if (workload->body == NULL)
        return error_set(e, ERROR_USAGE, "workload '%s' has no .body", workload->name);
    if (workload->summary == NULL)
        return error_set(e, ERROR_USAGE, "workload '%s' has no .summary", workload->name);
    if ((code = check_parameters(workload->parameters, e)) != 0)
        return code;
    return check_variants(workload->variants, e);
}

int workload_form_version(uint32_t abi, uint32_t bytes, struct error *e)
{
    if (abi != RUNDOWN_WORKLOAD_ABI || bytes != sizeof(struct workload))
        return error_set(e, ERROR_VERSION,
                         "built for version %u of the workload interface, this rundown has "
                         "version %u: build it again with the <rundown/workload.h> of this one",
                         abi, (unsigned)RUNDOWN_WORKLOAD_ABI);
    return 0;
}

int workload_form_export(const struct workload_export *export, struct error *e)
{
    int code;

    if (export->magic != RUNDOWN_WORKLOAD_MAGIC)
        return error_set(e, ERROR_USAGE,
                         "its rundown_workload_export is not what RUNDOWN_WORKLOAD() makes");
    code = workload_form_version(export->abi, export->bytes, e);
    return code == 0 ? workload_form(export->workload, e) : code;
}
