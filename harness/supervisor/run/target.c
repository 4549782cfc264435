/*
 * target: parses what is to be run and finds the file behind it.
 */
#include "target.h"

#include <harness/common/suggest.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct workload *const workload_registry[];

static const char *nearest_workload(const char *name)
{
    const char *names[256];
    unsigned count = 0;

    for (; count < 255 && workload_registry[count] != NULL; count++)
        names[count] = workload_registry[count]->name;
    names[count] = NULL;
    return suggest_nearest(name, names);
}

static const char *or_nothing(const char *suggestion, char *out, size_t size)
{
    if (suggestion == NULL)
        return "";
    snprintf(out, size, "; did you mean '%s'?", suggestion);
    return out;
}

/* --- the executable's build id ------------------------------------------------------- */

static void read_note(const unsigned char *note, size_t size, char out[17])
{
    while (size >= sizeof(Elf64_Nhdr)) {
        const Elf64_Nhdr *header = (const void *)note;
        size_t name = (header->n_namesz + 3u) & ~3u;
        size_t whole = sizeof *header + name + ((header->n_descsz + 3u) & ~3u);

        if (whole > size)
            return;
        if (header->n_type == NT_GNU_BUILD_ID && header->n_descsz >= 8 &&
            memcmp(note + sizeof *header, "GNU", 4) == 0) {
            for (unsigned i = 0; i < 8; i++)
                snprintf(out + 2 * i, 3, "%02x", note[sizeof *header + name + i]);
            return;
        }
        note += whole;
        size -= whole;
    }
}

static void read_build(const char *path, char out[17])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    const unsigned char *file;
    const Elf64_Ehdr *header;

    out[0] = 0;
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > (off_t)sizeof *header) {
        file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        header = (const void *)file;
        if (file != MAP_FAILED && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
            header->e_phoff + (uint64_t)header->e_phnum * sizeof(Elf64_Phdr) <=
                (uint64_t)info.st_size) {
            const Elf64_Phdr *segment = (const void *)(file + header->e_phoff);

            for (unsigned i = 0; i < header->e_phnum && out[0] == 0; i++)
                if (segment[i].p_type == PT_NOTE &&
                    segment[i].p_offset + segment[i].p_filesz <= (uint64_t)info.st_size)
                    read_note(file + segment[i].p_offset, segment[i].p_filesz, out);
        }
        if (file != MAP_FAILED)
            munmap((void *)file, (size_t)info.st_size);
    }
    close(fd);
}

static bool plain_word(const char *word)
{
    return *word != 0 && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_-+=./:,%@^") == strlen(word);
}

static void quote_word(FILE *out, const char *word)
{
    bool quoted = false;

    if (plain_word(word)) {
        fputs(word, out);
        return;
    }
    /* Never '' beside anything else: glibc's wordexp() makes a word of its own of it. */
    if (*word == 0)
        fputs("''", out);
    for (const char *at = word; *at != 0; at++) {
        bool here = *at != '\'';

        if (here != quoted)
            fputc('\'', out);
        fputs(here ? (char[]){*at, 0} : "\\'", out);
        quoted = here;
    }
    if (quoted)
        fputc('\'', out);
}

/* --- workloads ------------------------------------------------------------------------- */

static int set_variant(struct target *target, const char *value, int *variant, struct error *e)
{
    const struct workload_variant *variants = target->workload->variants;
    const char *names[WORKLOAD_VARIANTS + 1] = {NULL};
    char hint[128];

    if ((variants == NULL || variants[0].name == NULL) && strcmp(value, "plain") == 0) {
        *variant = 0;
        return 0;
    }
    for (int i = 0; variants != NULL && variants[i].name != NULL; i++) {
        if (strcmp(variants[i].name, value) == 0) {
            *variant = i;
            return 0;
        }
        if (i < WORKLOAD_VARIANTS)
            names[i] = variants[i].name;
    }
    return error_set(e, ERROR_USAGE, "--workload: '%s' has no variant '%s'%s",
                     target->workload->name, value,
                     or_nothing(suggest_nearest(value, names), hint, sizeof hint));
}

static const char *nearest_parameter(const struct workload *workload, const char *name)
{
    const char *names[WORKLOAD_PARAMETERS + 2] = {NULL};
    unsigned count = 0;

    for (unsigned i = 0; workload->parameters != NULL && workload->parameters[i].name != NULL &&
                         count < WORKLOAD_PARAMETERS;
         i++)
        names[count++] = workload->parameters[i].name;
    names[count] = "variant";
    return suggest_nearest(name, names);
}

static int check_number(const struct workload *workload, int index, const char *text, int64_t *out,
                        struct error *e)
{
    const struct workload_parameter *parameter = &workload->parameters[index];
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 0);
    if (*text == 0 || *end != 0 || errno != 0)
        return error_set(e, ERROR_USAGE, "--workload: %s: '%s' is not a number", parameter->name,
                         text);
    if (*out < parameter->low || *out > parameter->high)
        return error_set(e, ERROR_USAGE, "--workload: %s: %s is outside %lld to %lld",
                         parameter->name, text, (long long)parameter->low,
                         (long long)parameter->high);
    return 0;
}

struct choice {
    int variant;
    int64_t value[WORKLOAD_PARAMETERS];
    bool given[WORKLOAD_PARAMETERS];
};

static int set_option(struct target *target, char *option, struct choice *choice, struct error *e)
{
    const struct workload *workload = target->workload;
    char *value = strchr(option, '=');
    char hint[128];
    int index;

    if (value == NULL)
        return error_set(e, ERROR_USAGE, "--workload: '%s' is not of the form name=value", option);
    *value++ = 0;
    if (strcmp(option, "variant") == 0)
        return set_variant(target, value, &choice->variant, e);
    index = workload_parameter_index(workload, option);
    if (index < 0)
        return error_set(e, ERROR_USAGE, "--workload: '%s' has no parameter '%s'%s", workload->name,
                         option,
                         or_nothing(nearest_parameter(workload, option), hint, sizeof hint));
    choice->given[index] = true;
    return check_number(workload, index, value, &choice->value[index], e);
}

static const char *variant_name(const struct workload *workload, int variant)
{
    return workload->variants != NULL && workload->variants[0].name != NULL
               ? workload->variants[variant].name
               : "plain";
}

/* The head and the runner's arguments say the same: variant always, what was given else. */
static int finish_workload(struct target *target, const struct choice *choice, const char *libdir,
                           struct error *e)
{
    const struct workload *workload = target->workload;
    const char *called = target->own != NULL ? own_path(target->own) : workload->name;
    const char *variant = variant_name(workload, choice->variant);
    const struct workload_variant *entry =
        workload->variants != NULL && workload->variants[0].name != NULL
            ? &workload->variants[choice->variant]
            : NULL;
    const char *environment = entry != NULL ? entry->environment : NULL;
    unsigned count = 0;
    char *head = NULL;
    size_t length;
    FILE *out = open_memstream(&head, &length);

    target->argv = calloc(WORKLOAD_PARAMETERS + 4, sizeof *target->argv);
    if (out == NULL || target->argv == NULL ||
        asprintf(&target->path, "%s/rundown-target", libdir) < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    target->argv[count++] = strdup(target->path);
    target->argv[count++] = strdup(called);
    if (asprintf(&target->argv[count++], "variant=%s", variant) < 0)
        return error_set(e, ERROR_MEMORY, "out of memory");
    quote_word(out, called);
    fprintf(out, " variant=%s", variant);
    for (int i = 0; i < WORKLOAD_PARAMETERS; i++) {
        if (!choice->given[i])
            continue;
        fprintf(out, " %s=%lld", workload->parameters[i].name, (long long)choice->value[i]);
        if (asprintf(&target->argv[count++], "%s=%lld", workload->parameters[i].name,
                     (long long)choice->value[i]) < 0)
            return error_set(e, ERROR_MEMORY, "out of memory");
    }
    fclose(out);
    target->head = head;
    target->tail = strdup("");
    target->name = strdup(workload->name);
    target->variant = strdup(variant);
    target->environment = strdup(environment != NULL ? environment : "");
    target->modules = workload->modules;
    if (entry != NULL && entry->laps != 0)
        target->laps = target->usual_laps = entry->laps;
    if (entry != NULL) {
        target->held_long_s = entry->held_long_ms / 1e3;
        target->deadline_s = entry->deadline_ms / 1e3;
    }
    target->probe = true;
    read_build(target->own != NULL ? called : target->path, target->build);
    return 0;
}

static int set_options(struct target *target, char *options, const char *separators,
                       struct choice *choice, struct error *e)
{
    char *option;
    int code = 0;

    while (code == 0 && (option = strsep(&options, separators)) != NULL)
        if (*option != 0)
            code = set_option(target, option, choice, e);
    return code;
}

/* Its path may hold anything, so nothing but a comma parts it from what follows. */
static int parse_own(struct target *target, char *text, const char *libdir, struct error *e)
{
    struct choice choice = {0, {0}, {false}};
    size_t length = own_path_length(text);
    char *options = text[length] != 0 ? text + length + 1 : NULL;
    int code;

    text[length] = 0;
    if ((code = own_open(text, libdir, &target->own, e)) != 0)
        return code;
    target->workload = own_workload(target->own);
    if ((code = set_options(target, options, ",", &choice, e)) != 0 ||
        (code = finish_workload(target, &choice, libdir, e)) != 0)
        return code;
    return own_try(target->own, libdir, target->argv + 2, target->environment, e);
}

static bool ends_in_so(const char *name)
{
    size_t length = strlen(name);

    return length > 3 && strcmp(name + length - 3, ".so") == 0;
}

static int parse_workload(struct target *target, char *text, const char *libdir, struct error *e)
{
    struct choice choice = {0, {0}, {false}};
    char *rest = text;
    char *name = strsep(&rest, ", ");
    int index = workload_find(name);
    char hint[128];
    int code;

    if (index < 0 && ends_in_so(name))
        return error_set(e, ERROR_USAGE, "--workload: '%s' is unknown; a file needs a slash: ./%s",
                         name, name);
    if (index < 0)
        return error_set(e, ERROR_USAGE,
                         "--workload: '%s' is unknown%s (see rundown list workloads)", name,
                         or_nothing(nearest_workload(name), hint, sizeof hint));
    target->workload = workload_registry[index];
    code = set_options(target, rest, ", ", &choice, e);
    return code == 0 ? finish_workload(target, &choice, libdir, e) : code;
}

int target_workload(const char *text, const char *libdir, struct target **out, struct error *e)
{
    struct target *target = calloc(1, sizeof *target);
    char *copy = strdup(text);
    int code;

    if (target == NULL || copy == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    target->laps = target->usual_laps = 1;
    code = own_names(copy) ? parse_own(target, copy, libdir, e)
                           : parse_workload(target, copy, libdir, e);
    free(copy);
    if (code != 0)
        target_free(target);
    else
        *out = target;
    return code;
}

/* --- programs ---------------------------------------------------------------------------- */

char *target_quote(char *const *argv)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fputs("--", out);
    for (; *argv != NULL; argv++) {
        fputc(' ', out);
        quote_word(out, *argv);
    }
    fclose(out);
    return text;
}

/* As execvp looks: PATH unless there is a slash. */
static int find_program(const char *name, char **path, struct error *e)
{
    const char *search = getenv("PATH");
    char *copy, *rest, *dir;
    bool seen = false;

    if (strchr(name, '/') != NULL || search == NULL) {
        *path = strdup(name);
        if (access(name, F_OK) != 0)
            return error_set(e, ERROR_NOT_FOUND, "%s: %s", name, strerror(errno));
        if (access(name, X_OK) != 0)
            return error_set(e, ERROR_NOT_EXECUTABLE, "%s: %s", name, strerror(errno));
        return 0;
    }
    rest = copy = strdup(search);
    while ((dir = strsep(&rest, ":")) != NULL) {
        struct stat info;

        if (asprintf(path, "%s/%s", *dir != 0 ? dir : ".", name) < 0)
            break;
        if (stat(*path, &info) == 0 && S_ISREG(info.st_mode)) {
            seen = true;
            if (access(*path, X_OK) == 0) {
                free(copy);
                return 0;
            }
        }
        free(*path);
        *path = NULL;
    }
    free(copy);
    if (seen)
        return error_set(e, ERROR_NOT_EXECUTABLE, "%s: found in PATH, but not executable", name);
    return error_set(e, ERROR_NOT_FOUND, "%s: not found in PATH", name);
}

int target_program(char *const *argv, struct target **out, struct error *e)
{
    struct target *target = calloc(1, sizeof *target);
    const char *slash;
    unsigned count = 0;
    struct stat info;
    int code;

    if (target == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if ((code = find_program(argv[0], &target->path, e)) == 0 && stat(target->path, &info) == 0 &&
        S_ISDIR(info.st_mode))
        code = error_set(e, ERROR_NOT_EXECUTABLE, "%s: is a directory", argv[0]);
    if (code != 0) {
        target_free(target);
        return code;
    }
    while (argv[count] != NULL)
        count++;
    target->argv = calloc(count + 1, sizeof *target->argv);
    for (unsigned i = 0; i < count; i++)
        target->argv[i] = strdup(argv[i]);
    slash = strrchr(argv[0], '/');
    target->name = strdup(slash != NULL ? slash + 1 : argv[0]);
    target->head = strdup("");
    target->tail = target_quote(argv);
    target->variant = strdup("");
    target->environment = strdup("");
    target->laps = target->usual_laps = 1;
    target->modules = true;
    read_build(target->path, target->build);
    *out = target;
    return 0;
}

/* The path is as seen from here, so it must not move with the directory. */
static int pin_path(struct target *target, struct error *e)
{
    char *whole = realpath(target->path, NULL);

    if (whole == NULL)
        return error_set(e, ERROR_NOT_FOUND, "%s: %s", target->path, strerror(errno));
    free(target->path);
    target->path = whole;
    return 0;
}

static int copy_variables(struct target *target, char *const *variable)
{
    unsigned count = 0;

    while (variable[count] != NULL)
        count++;
    target->variable = calloc(count + 1, sizeof *target->variable);
    for (unsigned i = 0; target->variable != NULL && i < count; i++)
        if ((target->variable[i] = strdup(variable[i])) == NULL)
            return ERROR_MEMORY;
    return target->variable != NULL ? 0 : ERROR_MEMORY;
}

static char *surround_head(const struct target *target)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    if (target->directory != NULL) {
        fputs("dir=", out);
        quote_word(out, target->directory);
    }
    for (char **variable = target->variable; variable != NULL && *variable != NULL; variable++) {
        fputs(ftell(out) > 0 ? " env=" : "env=", out);
        quote_word(out, *variable);
    }
    fclose(out);
    return text;
}

int target_surround(struct target *target, const char *directory, char *const *variable,
                    struct error *e)
{
    int code = 0;

    if (directory != NULL) {
        target->directory = realpath(directory, NULL);
        if (target->directory == NULL)
            return error_set(e, ERROR_USAGE, "dir: %s: %s", directory, strerror(errno));
        code = pin_path(target, e);
    }
    if (code == 0 && variable != NULL && variable[0] != NULL &&
        copy_variables(target, variable) != 0)
        code = error_set(e, ERROR_MEMORY, "out of memory");
    if (code != 0)
        return code;
    free(target->head);
    target->head = surround_head(target);
    return target->head != NULL ? 0 : error_set(e, ERROR_MEMORY, "out of memory");
}

/* --- modules ------------------------------------------------------------------------------ */

char *target_host(const char *libdir)
{
    char *path = NULL;

    return asprintf(&path, "%s/rundown-module-host", libdir) < 0 ? NULL : path;
}

/* The host's own path is no part of it: a line serves wherever rundown is installed. */
static char *module_head(const struct uses *uses, char where)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fputs("module ", out);
    quote_word(out, uses_library(uses));
    fprintf(out, " where=%c", where);
    for (unsigned i = 0; i < uses_count(uses); i++) {
        fputs(" use=", out);
        quote_word(out, uses_text(uses, i));
    }
    fclose(out);
    return text;
}

static bool module_words(struct target *target, const struct uses *uses, char where)
{
    unsigned count = 0;

    target->argv = calloc(uses_count(uses) + 4, sizeof *target->argv);
    if (target->argv == NULL)
        return false;
    target->argv[count++] = strdup(target->path);
    target->argv[count++] = strdup(uses_library(uses));
    if (asprintf(&target->argv[count++], "where=%c", where) < 0)
        return false;
    for (unsigned i = 0; i < uses_count(uses); i++)
        target->argv[count++] = strdup(uses_word(uses, i));
    for (unsigned i = 0; i < count; i++)
        if (target->argv[i] == NULL)
            return false;
    return true;
}

int target_module(struct uses *uses, char where, const char *libdir, struct target **out,
                  struct error *e)
{
    struct target *target = calloc(1, sizeof *target);
    const char *slash = strrchr(uses_library(uses), '/');

    if (target == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (where < 'a' || where > 'c') {
        free(target);
        return error_set(e, ERROR_USAGE, "where: '%c' is neither a, b nor c", where);
    }
    target->uses = uses_hold(uses);
    target->path = target_host(libdir);
    target->head = module_head(uses, where);
    target->tail = strdup("");
    target->name = strdup(slash != NULL ? slash + 1 : uses_library(uses));
    target->variant = strndup(&where, 1);
    target->environment = strdup("");
    target->laps = target->usual_laps = 1;
    target->probe = true;
    target->modules = true;
    if (target->path == NULL || target->head == NULL || target->tail == NULL ||
        target->name == NULL || target->variant == NULL || target->environment == NULL ||
        !module_words(target, uses, where)) {
        target_free(target);
        return error_set(e, ERROR_MEMORY, "out of memory");
    }
    read_build(uses_file(uses), target->build);
    *out = target;
    return 0;
}

void target_free(struct target *target)
{
    if (target == NULL)
        return;
    for (char **word = target->argv; word != NULL && *word != NULL; word++)
        free(*word);
    free(target->argv);
    uses_drop(target->uses);
    own_free(target->own);
    free(target->head);
    free(target->tail);
    free(target->name);
    free(target->variant);
    free(target->path);
    free(target->environment);
    free(target->input);
    free(target->directory);
    for (char **word = target->variable; word != NULL && *word != NULL; word++)
        free(*word);
    free(target->variable);
    free(target->trouble);
    free(target->notes);
    free(target->lap_at);
    free(target->lap_text);
    free(target->lap_note);
    free(target);
}

/* The same for a replay line as for the run it came from: a point's text is not part of it. */
void target_set_trouble(struct target *target, const char *text)
{
    if (target->trouble == NULL)
        target->trouble = strdup(text);
}

uint64_t target_key(const struct target *target, const char *injector, uint32_t mode)
{
    char *text = NULL;
    uint64_t key;
    int length = asprintf(&text, "%s\n%s\n%s\n%s", target->head, target->tail, injector,
                          mode == PLAN_CONTROLLED ? "controlled" : "free");

    if (length < 0)
        return 0;
    key = plan_hash(text, (size_t)length);
    free(text);
    return key;
}
