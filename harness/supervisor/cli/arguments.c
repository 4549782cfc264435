/*
 * arguments: argp without its own error lines. argp is told to be silent; when it gives up, the
 * word it stopped at is looked at again here, and refused with the mend.
 */
#include <harness/supervisor/cli/arguments.h>

#include <harness/common/suggest.h>
#include <harness/supervisor/cli/command.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { KEY_USAGE = -3, OPTIONS = 96, WORD_BYTES = 128, LIST_BYTES = 512, NARROWEST = 40 };

static const struct argp_option standard_list[] = {
    {"help", '?', NULL, 0, "say this", -1},
    {"usage", KEY_USAGE, NULL, 0, "list the options, no more", -1},
    {"version", 'V', NULL, 0, "tell the version", -1},
    {0},
};

/* Which command speaks; argp hands a child parser no input of its own. */
static const char *speaker;

void arguments_refuse(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "rundown %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(STATUS_USAGE);
}

/* --- what argp stopped at ----------------------------------------------------------------------
 */

/* The options of the command and the standard ones, in one list. */
static unsigned all_options(const struct argp *root, const struct argp_option *out[OPTIONS])
{
    unsigned count = 0;

    for (const struct argp_option *o = root->options; o != NULL && (o->name || o->key); o++)
        if (count < OPTIONS)
            out[count++] = o;
    for (const struct argp_option *o = standard_list; o->name != NULL; o++)
        if (count < OPTIONS)
            out[count++] = o;
    return count;
}

/* Options that a name, perhaps cut short, may mean; an exact one is alone. */
static unsigned meant_by(const char *name, const struct argp_option *const all[], unsigned count,
                         const struct argp_option *out[OPTIONS])
{
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++) {
        if (all[i]->name == NULL || strncmp(all[i]->name, name, strlen(name)) != 0)
            continue;
        if (strcmp(all[i]->name, name) == 0) {
            out[0] = all[i];
            return 1;
        }
        out[found++] = all[i];
    }
    return found;
}

__attribute__((noreturn)) static void refuse_unknown(const char *word, const char *name,
                                                     const struct argp_option *const all[],
                                                     unsigned count)
{
    const char *names[OPTIONS + 1] = {NULL};
    unsigned known = 0;
    const char *near;

    for (unsigned i = 0; i < count; i++)
        if (all[i]->name != NULL)
            names[known++] = all[i]->name;
    near = suggest_nearest(name, names);
    if (near != NULL)
        arguments_refuse(speaker, "'%s' is no option; did you mean '--%s'?", word, near);
    arguments_refuse(speaker, "'%s' is no option; see rundown %s --help", word, speaker);
}

__attribute__((noreturn)) static void
refuse_ambiguous(const char *name, const struct argp_option *const meant[], unsigned count)
{
    char list[LIST_BYTES] = "";
    size_t length = 0;

    for (unsigned i = 0; i < count && length < sizeof list; i++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s--%s",
                                   i == 0           ? ""
                                   : i + 1 == count ? " or "
                                                    : ", ",
                                   meant[i]->name);
    arguments_refuse(speaker, "'--%s' is cut too short: write %s", name, list);
}

/* Returns if nothing is wrong with the word. */
static void look_at_long(const char *word, const struct argp_option *const all[], unsigned count)
{
    const struct argp_option *meant[OPTIONS];
    const char *value = strchr(word, '=');
    char name[WORD_BYTES];
    unsigned found;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    found = meant_by(name, all, count, meant);
    if (found == 0)
        refuse_unknown(word, name, all, count);
    if (found > 1)
        refuse_ambiguous(name, meant, found);
    if (value != NULL && meant[0]->arg == NULL)
        arguments_refuse(speaker, "--%s: it takes no value; leave '%s' out", meant[0]->name, value);
    if (value == NULL && meant[0]->arg != NULL && !(meant[0]->flags & OPTION_ARG_OPTIONAL))
        arguments_refuse(speaker, "--%s: its value is missing; write --%s=%s", meant[0]->name,
                         meant[0]->name, meant[0]->arg);
}

/* A group of letters, "-vo"; the first that takes a value ends it. */
static void look_at_short(const char *word, const struct argp_option *const all[], unsigned count)
{
    for (const char *letter = word + 1; *letter != 0; letter++) {
        const struct argp_option *option = NULL;

        for (unsigned i = 0; i < count && option == NULL; i++)
            if (all[i]->key == (unsigned char)*letter)
                option = all[i];
        if (option == NULL)
            arguments_refuse(speaker, "'-%c' is no option; see rundown %s --help",
                             isprint((unsigned char)*letter) ? *letter : '?', speaker);
        if (option->arg == NULL)
            continue;
        if (letter[1] == 0)
            arguments_refuse(speaker, "-%c: its value is missing; write -%c %s", *letter, *letter,
                             option->arg);
        return;
    }
}

static void look_at(const char *word, const struct argp *root)
{
    const struct argp_option *all[OPTIONS];
    unsigned count = all_options(root, all);

    if (word == NULL || word[0] != '-' || word[1] == 0)
        return;
    if (word[1] == '-')
        look_at_long(word, all, count);
    else
        look_at_short(word, all, count);
}

/* argp points behind the word, or at it when letters of its group are left. */
__attribute__((noreturn)) static void explain_failure(const struct argp_state *state)
{
    if (state->next > 1)
        look_at(state->argv[state->next - 1], state->root_argp);
    if (state->next < state->argc)
        look_at(state->argv[state->next], state->root_argp);
    arguments_refuse(speaker, "the arguments make no sense; see rundown %s --help", speaker);
}

/* --- the standard options ----------------------------------------------------------------------
 */

__attribute__((noreturn)) static void help(const struct argp_state *state, unsigned flags)
{
    argp_help(state->root_argp, stdout, flags & ~(unsigned)ARGP_HELP_EXIT_OK, state->name);
    exit(arguments_finish(speaker, STATUS_GOOD));
}

static error_t parse_standard(int key, char *text, struct argp_state *state)
{
    switch (key) {
    case '?':
        help(state, ARGP_HELP_STD_HELP);
    case KEY_USAGE:
        help(state, ARGP_HELP_USAGE);
    case 'V':
        puts(COMMAND_VERSION);
        exit(arguments_finish(speaker, STATUS_GOOD));
    case ARGP_KEY_ERROR:
        explain_failure(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void arguments_parse(const char *command, const struct argp *argp, int argc, char **argv,
                     unsigned flags, void *input)
{
    static const struct argp standard = {standard_list, parse_standard, NULL, NULL,
                                         NULL,          NULL,           NULL};
    static const struct argp_child children[] = {{&standard, 0, NULL, -1}, {0}};
    static char name[WORD_BYTES];
    struct argp whole = *argp;

    assert(argp->children == NULL);
    speaker = command;
    whole.children = children;
    snprintf(name, sizeof name, "rundown %s", command);
    argv[0] = name;
    argp_parse(&whole, argc, argv, flags | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input);
}

int arguments_finish(const char *command, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "rundown %s: stdout: %s; not all could be written\n", command, strerror(errno));
    return STATUS_UNTRUSTED;
}

unsigned arguments_columns(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < NARROWEST ? NARROWEST : size.ws_col;
}
