/*
 * main: finds the command. Everything else is in commands/.
 */
#include <harness/supervisor/cli/command.h>

#include <harness/common/suggest.h>

#include <stdio.h>
#include <string.h>

static void help(FILE *out)
{
    fputs("Usage: rundown COMMAND [ARGUMENT...]\n\n"
          "Runs code in which threads, modules and whole processes die at the worst moment,\n"
          "thousands of times, and says with evidence what broke.\n\nCommands:\n",
          out);
    for (unsigned i = 0; command_registry[i] != NULL; i++)
        fprintf(out, "  %-10s %s\n", command_registry[i]->name, command_registry[i]->summary);
    fputs("\n`rundown COMMAND --help` says more. `rundown --version` tells the version.\n\n"
          "Exit status: 0 nothing found, 1 findings, 2 usage, 3 the run can't be trusted,\n"
          "126/127 the program cannot be executed/found, 130 interrupted.\n",
          out);
}

static int unknown(const char *name)
{
    const char *names[64] = {NULL};
    const char *near;

    for (unsigned i = 0; i < 63 && command_registry[i] != NULL; i++)
        names[i] = command_registry[i]->name;
    near = suggest_nearest(name, names);
    if (near != NULL)
        fprintf(stderr, "rundown: '%s' is no command; did you mean '%s'?\n", name, near);
    else
        fprintf(stderr, "rundown: '%s' is no command; see rundown --help\n", name);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return STATUS_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts(COMMAND_VERSION);
        return STATUS_GOOD;
    }
    for (unsigned i = 0; command_registry[i] != NULL; i++)
        if (strcmp(command_registry[i]->name, argv[1]) == 0)
            return command_registry[i]->run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
