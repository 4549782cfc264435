/*
 * list: what rundown knows by name. The words of the shell completion come from here, too.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/common/suggest.h>
#include <harness/supervisor/cli/arguments.h>
#include <harness/supervisor/cli/listing.h>
#include <harness/supervisor/run/own.h>
#include <harness/supervisor/run/place.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { KEY_NAMES = 1000, KEY_JSON };

static const struct argp_option option_list[] = {
    {"names", KEY_NAMES, NULL, 0, "names alone, one a line; of a workload what may follow it", 1},
    {"json", KEY_JSON, NULL, 0, "a JSON array", 1},
    {0},
};

struct list {
    const struct listing *kind;
    int index; /* of the entry; -1: all */
    bool names;
    bool json;
};

/* "workloads, injectors, ... or commands" */
static const char *all_kinds(char *out, size_t size)
{
    size_t length = 0;

    for (unsigned i = 0; listings[i] != NULL && length < size; i++)
        length += (size_t)snprintf(out + length, size - length, "%s%s",
                                   i == 0                    ? ""
                                   : listings[i + 1] == NULL ? " or "
                                                             : ", ",
                                   listings[i]->name);
    return out;
}

static const struct listing *find_kind(const char *name)
{
    const struct listing *kind = listing_find(name);
    const char *names[16] = {NULL};
    const char *near;
    char kinds[200];

    if (kind != NULL)
        return kind;
    for (unsigned i = 0; i < 15 && listings[i] != NULL; i++)
        names[i] = listings[i]->name;
    near = suggest_nearest(name, names);
    if (near != NULL)
        arguments_refuse("list", "'%s' is no list; did you mean '%s'?", name, near);
    arguments_refuse("list", "'%s' is no list; name %s", name, all_kinds(kinds, sizeof kinds));
}

static int find_own(const char *path)
{
    struct place place;
    struct error e;
    int index;

    run_place(&place);
    index = listing_own_workload(path, place.libdir, &e);
    if (index < 0)
        arguments_refuse("list", "%s", e.text);
    return index;
}

static int find_entry(const struct listing *kind, const char *name)
{
    int index = listing_index(kind, name);
    const char *near;

    if (kind == &listing_workloads && own_names(name))
        return find_own(name);

    if (index >= 0)
        return index;
    near = listing_nearest(kind, name);
    if (near != NULL)
        arguments_refuse("list", "'%s' is no %s; did you mean '%s'?", name, kind->one, near);
    arguments_refuse("list", "'%s' is no %s; see rundown list %s", name, kind->one, kind->name);
}

static void take_word(struct list *list, const char *text)
{
    if (list->kind == NULL)
        list->kind = find_kind(text);
    else if (list->index < 0)
        list->index = find_entry(list->kind, text);
    else
        arguments_refuse("list", "'%s': one NAME only; leave it out for all", text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct list *list = state->input;
    char kinds[200];

    switch (key) {
    case KEY_NAMES:
        list->names = true;
        return 0;
    case KEY_JSON:
        list->json = true;
        return 0;
    case ARGP_KEY_ARG:
        take_word(list, text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        arguments_refuse("list", "a list is missing; name %s", all_kinds(kinds, sizeof kinds));
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The kinds are in the help as they are in the table. */
static char *filter(int key, const char *text, void *input)
{
    char *help = NULL;
    size_t length;
    FILE *out;

    if (key != ARGP_KEY_HELP_POST_DOC || (out = open_memstream(&help, &length)) == NULL)
        return (char *)text;
    fputs("Lists:\n", out);
    for (unsigned i = 0; listings[i] != NULL; i++)
        fprintf(out, "  %-11s %s\n", listings[i]->name, listings[i]->summary);
    fputs("\nWith NAME, that entry alone. Exit status: 0 printed, 2 no such list or name.", out);
    return fclose(out) == 0 ? help : (char *)text;
}

static int list_main(int argc, char **argv)
{
    static const struct argp parser = {
        option_list, parse,  "LIST [NAME]", "Lists what rundown knows by name.\v.",
        NULL,        filter, NULL};
    struct list list = {.index = -1};

    arguments_parse("list", &parser, argc, argv, 0, &list);
    if (list.names && list.json)
        arguments_refuse("list", "--names and --json: two forms; leave one out");
    if (list.names)
        listing_print_names(list.kind, list.index, stdout);
    else if (list.json)
        listing_print_json(list.kind, list.index, stdout);
    else
        listing_print(list.kind, list.index, stdout, arguments_columns());
    return arguments_finish("list", STATUS_GOOD);
}

const struct command command_list = {"list", "list workloads, injectors, stop codes and more",
                                     list_main};
