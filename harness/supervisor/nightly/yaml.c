/*
 * yaml: libfyaml's documents, and their places in words.
 */
#include "yaml.h"

#include <harness/common/suggest.h>
#include <harness/supervisor/cli/options.h>
#include <results/text/utf8.h>

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 32 };

/** struct yaml - an open file. @text: all of it, which the document points into. */
struct yaml {
    const char *path;
    char *text;
    struct fy_document *document;
    struct fy_diag *diag;
};

/* --- opening -------------------------------------------------------------------------------- */

static int refuse_document(const struct yaml *yaml, struct error *e)
{
    void *state = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(yaml->diag, &state);

    if (first == NULL)
        return error_set(e, ERROR_USAGE, "%s: it is no YAML", yaml->path);
    return error_set(e, ERROR_USAGE, "%s:%d:%d: it is no YAML: %s", yaml->path, first->line,
                     first->column, first->msg);
}

/* What libfyaml says goes into our own line, and nowhere else. */
static void say_nothing(struct fy_diag *diag, void *user, const char *text, size_t length) {}

/* All of a file, for the caller to free; NULL, with errno, if it can't be read. */
static char *read_text(const char *path, size_t *length)
{
    FILE *in = fopen(path, "re"), *out;
    char *text = NULL;
    int c, wrong;

    if (in == NULL)
        return NULL;
    out = open_memstream(&text, length);
    while (out != NULL && (c = getc(in)) != EOF)
        putc(c, out);
    wrong = out == NULL || ferror(in) ? errno : 0;
    if (out != NULL && fclose(out) != 0)
        wrong = ENOMEM;
    fclose(in);
    if (wrong == 0)
        return text;
    free(text);
    errno = wrong;
    return NULL;
}

/* No line of YAML, or comments alone: nothing is said, so nothing is other than usual. */
static bool is_empty(const char *text, size_t length)
{
    bool comment = false, empty = true;

    for (size_t i = 0; i < length && empty; i++) {
        comment = text[i] == '#' || (comment && text[i] != '\n');
        empty = comment || text[i] == ' ' || text[i] == '\n' || text[i] == '\r';
    }
    return empty;
}

static struct fy_diag *collected(void)
{
    struct fy_diag_cfg config;
    struct fy_diag *diag;

    fy_diag_cfg_default(&config);
    config.fp = NULL;
    config.output_fn = say_nothing;
    diag = fy_diag_create(&config);
    if (diag != NULL)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

static int parse_text(struct yaml *yaml, size_t length, struct error *e)
{
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG};
    bool empty = is_empty(yaml->text, length);

    /* libfyaml 0.7 goes round for ever in a directive ("%...") that is not UTF-8. */
    if (!utf8_valid(yaml->text, length))
        return error_set(e, ERROR_USAGE, "%s: it is not UTF-8: write it as UTF-8", yaml->path);
    config.diag = yaml->diag = collected();
    if (yaml->diag == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    yaml->document =
        fy_document_build_from_string(&config, empty ? "{}" : yaml->text, empty ? 2 : length);
    return yaml->document != NULL ? 0 : refuse_document(yaml, e);
}

int yaml_open(const char *path, struct yaml **out, struct error *e)
{
    struct yaml *yaml = calloc(1, sizeof *yaml);
    size_t length;
    int code;

    if (yaml == NULL)
        return error_set(e, ERROR_MEMORY, "out of memory");
    yaml->path = path;
    yaml->text = read_text(path, &length);
    if (yaml->text != NULL)
        code = parse_text(yaml, length, e);
    else
        code = error_set(e, errno == ENOMEM ? ERROR_MEMORY : ERROR_USAGE, "%s: %s", path,
                         strerror(errno));
    if (code == 0)
        *out = yaml;
    else
        yaml_close(yaml);
    return code;
}

void yaml_close(struct yaml *yaml)
{
    if (yaml == NULL)
        return;
    fy_document_destroy(yaml->document);
    fy_diag_destroy(yaml->diag);
    free(yaml->text);
    free(yaml);
}

struct fy_node *yaml_root(const struct yaml *yaml)
{
    return fy_document_root(yaml->document);
}

/* --- places ----------------------------------------------------------------------------------- */

/* A mapping or a list begins where its first key or item does. */
static const struct fy_mark *mark_of(struct fy_node *node)
{
    void *state = NULL;
    struct fy_token *token;

    if (node == NULL)
        return NULL;
    if (fy_node_is_mapping(node)) {
        struct fy_node_pair *pair = fy_node_mapping_iterate(node, &state);

        return pair != NULL ? mark_of(fy_node_pair_key(pair)) : NULL;
    }
    if (fy_node_is_sequence(node))
        return mark_of(fy_node_sequence_iterate(node, &state));
    token = fy_node_get_scalar_token(node);
    return token != NULL ? fy_token_start_mark(token) : NULL;
}

int yaml_place(const struct yaml *yaml, struct fy_node *node, int code, struct error *e)
{
    const struct fy_mark *mark = mark_of(node);
    char said[sizeof e->text];
    const char *text = said;

    memcpy(said, e->text, sizeof said);
    if (strncmp(said, "--", 2) == 0)
        text += 2; /* here it is a key and no option */
    return error_set(e, code, "%s:%d:%d: %s", yaml->path, mark != NULL ? mark->line + 1 : 1,
                     mark != NULL ? mark->column + 1 : 1, text);
}

int yaml_refuse(const struct yaml *yaml, struct fy_node *node, struct error *e, const char *format,
                ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return yaml_place(yaml, node, ERROR_USAGE, e);
}

/* --- mappings and lists -------------------------------------------------------------------------
 */

bool yaml_is_text(struct fy_node *node)
{
    return node != NULL && fy_node_is_scalar(node);
}

bool yaml_is_mapping(struct fy_node *node)
{
    return node != NULL && fy_node_is_mapping(node);
}

static int refuse_key(const struct yaml *yaml, struct fy_node *node, const struct yaml_key *keys,
                      const char *what, const char *name, struct error *e)
{
    const char *names[KEYS + 1] = {NULL};
    const char *near;
    char all[512] = "";

    for (unsigned i = 0; i < KEYS && keys[i].name != NULL; i++) {
        names[i] = keys[i].name;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "",
                 keys[i].name);
    }
    near = suggest_nearest(name, names);
    if (near != NULL)
        return yaml_refuse(yaml, node, e, "'%s' is no key of %s; did you mean '%s'?", name, what,
                           near);
    return yaml_refuse(yaml, node, e, "'%s' is no key of %s; it has %s", name, what, all);
}

int yaml_mapping(struct yaml *yaml, struct fy_node *node, const struct yaml_key *keys,
                 const char *what, void *into, struct error *e)
{
    struct fy_node_pair *pair;
    void *state = NULL;
    int code = 0;

    if (!yaml_is_mapping(node))
        return yaml_refuse(yaml, node, e, "%s is written as 'key: value' lines", what);
    while (code == 0 && (pair = fy_node_mapping_iterate(node, &state)) != NULL) {
        struct fy_node *key = fy_node_pair_key(pair);
        struct fy_node *value = fy_node_pair_value(pair);
        const struct yaml_key *found = keys;
        const char *name;

        code = yaml_text(yaml, key, &name, e);
        while (code == 0 && found->name != NULL && strcmp(found->name, name) != 0)
            found++;
        if (code == 0 && found->name == NULL)
            code = refuse_key(yaml, key, keys, what, name, e);
        if (code == 0 && (value == NULL || fy_node_is_null(value)))
            code = yaml_refuse(yaml, key, e, "'%s' has no value", name);
        if (code == 0)
            code = found->read(yaml, value, into, e);
    }
    return code;
}

int yaml_sequence(struct yaml *yaml, struct fy_node *node,
                  int (*read)(struct yaml *yaml, struct fy_node *item, void *into, struct error *e),
                  void *into, struct error *e)
{
    struct fy_node *item;
    void *state = NULL;
    int code = 0;

    if (node == NULL || !fy_node_is_sequence(node))
        return yaml_refuse(yaml, node, e,
                           "a list is wanted here: [a, b], or lines that begin '- '");
    while (code == 0 && (item = fy_node_sequence_iterate(node, &state)) != NULL)
        code = read(yaml, item, into, e);
    return code;
}

/* --- values -------------------------------------------------------------------------------------
 */

int yaml_text(struct yaml *yaml, struct fy_node *node, const char **out, struct error *e)
{
    if (!yaml_is_text(node))
        return yaml_refuse(yaml, node, e, "a single value is wanted here");
    *out = fy_node_get_scalar0(node);
    if (*out == NULL || **out == 0)
        return yaml_refuse(yaml, node, e, "the value is empty");
    return 0;
}

struct words {
    const char **out;
    unsigned count;
    unsigned most;
};

static int read_word(struct yaml *yaml, struct fy_node *item, void *into, struct error *e)
{
    struct words *words = into;

    if (words->count >= words->most)
        return yaml_refuse(yaml, item, e, "more than %u items", words->most);
    return yaml_text(yaml, item, &words->out[words->count++], e);
}

int yaml_words(struct yaml *yaml, struct fy_node *node, const char **out, unsigned most,
               struct error *e)
{
    struct words words = {out, 0, most};
    int code = yaml_sequence(yaml, node, read_word, &words, e);

    out[words.count] = NULL;
    return code;
}

int yaml_bool(struct yaml *yaml, struct fy_node *node, bool *out, struct error *e)
{
    const char *text;
    int code = yaml_text(yaml, node, &text, e);

    if (code != 0)
        return code;
    *out = strcmp(text, "true") == 0;
    if (!*out && strcmp(text, "false") != 0)
        return yaml_refuse(yaml, node, e, "'%s' is neither true nor false", text);
    return 0;
}

int yaml_number(struct yaml *yaml, struct fy_node *node, uint64_t low, uint64_t high, uint64_t *out,
                struct error *e)
{
    const char *text;
    char *end;
    int code = yaml_text(yaml, node, &text, e);

    if (code != 0)
        return code;
    errno = 0;
    *out = strtoull(text, &end, 0);
    if (*text == '-' || *end != 0 || errno != 0)
        return yaml_refuse(yaml, node, e, "'%s' is not a number", text);
    if (*out < low || *out > high)
        return yaml_refuse(yaml, node, e, "%s is outside %llu to %llu", text,
                           (unsigned long long)low, (unsigned long long)high);
    return 0;
}

int yaml_size(struct yaml *yaml, struct fy_node *node, uint64_t *out, struct error *e)
{
    static const char units[] = "KMGT";
    const char *text, *unit;
    char *end;
    unsigned shift = 0;
    int code = yaml_text(yaml, node, &text, e);

    if (code != 0)
        return code;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*end != 0 && end[1] == 0 && (unit = strchr(units, *end)) != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (*text == '-' || end == text || *end != 0 || errno != 0 || *out > UINT64_MAX >> 1 >> shift)
        return yaml_refuse(yaml, node, e, "'%s' is no size; write 500M, 2G or a number of bytes",
                           text);
    *out <<= shift;
    return 0;
}

int yaml_duration(struct yaml *yaml, struct fy_node *node, double *out, struct error *e)
{
    const char *text;
    int code = yaml_text(yaml, node, &text, e);

    if (code == 0 && options_duration("duration", text, out, e) != 0)
        return yaml_refuse(yaml, node, e, "'%s' is no duration; write 90s, 30m or 8h", text);
    return code;
}

int yaml_pairs(struct yaml *yaml, struct fy_node *node,
               int (*each)(const char *name, const char *value, void *into, struct error *e),
               void *into, struct error *e)
{
    struct fy_node_pair *pair;
    void *state = NULL;
    int code = 0;

    if (!yaml_is_mapping(node))
        return yaml_refuse(yaml, node, e, "'name: value' lines are wanted here");
    while (code == 0 && (pair = fy_node_mapping_iterate(node, &state)) != NULL) {
        const char *name, *value;

        code = yaml_text(yaml, fy_node_pair_key(pair), &name, e);
        if (code == 0 && !yaml_is_text(fy_node_pair_value(pair)))
            code = yaml_refuse(yaml, fy_node_pair_key(pair), e, "'%s' has no single value", name);
        if (code != 0)
            break;
        value = fy_node_get_scalar0(fy_node_pair_value(pair));
        code = each(name, value != NULL ? value : "", into, e);
        if (code != 0)
            yaml_place(yaml, fy_node_pair_key(pair), code, e);
    }
    return code;
}
