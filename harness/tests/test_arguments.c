/*
 * Tests of arguments: what reaches a command's parser, and that every wrong word is refused in
 * one line that names it and the mend. Each parse is in a child, since a refusal ends it.
 */
#include <harness/supervisor/cli/arguments.h>

#include <harness/supervisor/cli/command.h>
#include <harness/tests/command_run.h>

#include <CUnit/Basic.h>

#include <fcntl.h>

static const struct argp_option option_list[] = {
    {"alpha", 'a', NULL, 0, "a flag", 1},
    {"alpine", 1000, "HEIGHT", 0, "with a value", 1},
    {"beta", 'b', "B", OPTION_ARG_OPTIONAL, "with a value, perhaps", 1},
    {"gamma", 'g', "G", 0, "with a value and a letter", 1},
    {0},
};

/* Prints what it gets. */
static error_t parse(int key, char *text, struct argp_state *state)
{
    switch (key) {
    case 'a':
    case 'b':
    case 'g':
    case 1000:
        printf("%d=%s ", key, text != NULL ? text : "-");
        return 0;
    case ARGP_KEY_ARG:
        printf("word=%s ", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {option_list, parse, "WORD...", "Tests.\vThe end.",
                                   NULL,        NULL,  NULL};

struct call {
    const char *line;
    unsigned flags;
};

static int parse_line(void *context)
{
    const struct call *call = context;
    char *copy = strdup(call->line), *rest;
    char *argv[COMMAND_WORDS + 2] = {(char *)"test"};
    int argc = 1;

    for (char *word = strtok_r(copy, " ", &rest); word != NULL && argc <= COMMAND_WORDS;
         word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    arguments_parse("test", &parser, argc, argv, call->flags, NULL);
    free(copy);
    return 42;
}

static struct said said;

static void call(const char *line, unsigned flags)
{
    struct call arguments = {line, flags};

    command_call(&said, parse_line, &arguments);
}

static void check_parsed(const char *line, unsigned flags, const char *wanted)
{
    call(line, flags);
    said_status(line, &said, 42);
    CU_ASSERT_STRING_EQUAL(said.out, wanted);
    CU_ASSERT_STRING_EQUAL(said.err, "");
}

static void good_words_reach_the_parser(void)
{
    check_parsed("", 0, "");
    check_parsed("-a one --alpine=5 two", 0, "97=- 1000=5 word=one word=two ");
    check_parsed("-ag7", 0, "97=- 103=7 ");
    check_parsed("-ag 7", 0, "97=- 103=7 ");
    check_parsed("--beta --beta=3 -b -b4", 0, "98=- 98=3 98=- 98=4 ");
    check_parsed("--alph --gam 1", 0, "97=- 103=1 ");
    check_parsed("-a -- -a --nothing", 0, "97=- word=-a word=--nothing ");
    check_parsed("one -a", ARGP_IN_ORDER, "word=one 97=- ");
    check_parsed("-", 0, "word=- ");
}

static void check_refused(const char *line, const char *wanted)
{
    char *whole;

    call(line, 0);
    CU_ASSERT_FATAL(asprintf(&whole, "rundown test: %s\n", wanted) >= 0);
    said_status(line, &said, STATUS_USAGE);
    if (strcmp(said.err, whole) != 0)
        fprintf(stderr, "\n    '%s': wanted %s    got    %s", line, whole, said.err);
    CU_ASSERT_STRING_EQUAL(said.err, whole);
    free(whole);
}

static void wrong_words_are_one_line(void)
{
    check_refused("--alpa", "'--alpa' is no option; did you mean '--alpha'?");
    check_refused("--qqqqqq=1", "'--qqqqqq=1' is no option; see rundown test --help");
    check_refused("--al", "'--al' is cut too short: write --alpha or --alpine");
    check_refused("--alpha=1", "--alpha: it takes no value; leave '=1' out");
    check_refused("--gamma", "--gamma: its value is missing; write --gamma=G");
    check_refused("-g", "-g: its value is missing; write -g G");
    check_refused("-ag", "-g: its value is missing; write -g G");
    check_refused("-x", "'-x' is no option; see rundown test --help");
    check_refused("-axa", "'-x' is no option; see rundown test --help");
    check_refused("-xaa one", "'-x' is no option; see rundown test --help");
    check_refused("-a one -x two", "'-x' is no option; see rundown test --help");
    check_refused("one --alpa two", "'--alpa' is no option; did you mean '--alpha'?");
    check_refused("--versin", "'--versin' is no option; did you mean '--version'?");
    check_refused("-\a", "'-?' is no option; see rundown test --help");
}

/* The first wrong word is the one that is told. */
static void the_first_mistake_is_told(void)
{
    check_refused("--qqqqqq --wwwwww", "'--qqqqqq' is no option; see rundown test --help");
    check_refused("-x --qqqqqq", "'-x' is no option; see rundown test --help");
    check_refused("-a --qqqqqq -x", "'--qqqqqq' is no option; see rundown test --help");
}

static void standard_options_end_well(void)
{
    call("--help", 0);
    said_good("--help", &said);
    said_has("--help", said.out, "Usage: rundown test [OPTION...] WORD...");
    said_has("--help", said.out, "--alpine=HEIGHT");
    said_has("--help", said.out, "The end.");
    call("-?", 0);
    said_good("-?", &said);
    call("--usage", 0);
    said_good("--usage", &said);
    said_has("--usage", said.out, "[--beta[=B]]");
    call("-V", 0);
    said_good("-V", &said);
    CU_ASSERT_STRING_EQUAL(said.out, COMMAND_VERSION "\n");
}

static int refuse(void *context)
{
    arguments_refuse("test", "%s: %d", "number", 7);
}

static int finish_well(void *context)
{
    fputs("text", stdout);
    return arguments_finish("test", 5);
}

static int finish_full(void *context)
{
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    fputs("text", stdout);
    return arguments_finish("test", 5);
}

static int tell_columns(void *context)
{
    return (int)arguments_columns();
}

static void refusing_and_finishing(void)
{
    command_call(&said, refuse, NULL);
    said_refused("refuse", &said, STATUS_USAGE, "rundown test: number: 7\n");
    command_call(&said, finish_well, NULL);
    said_status("finish", &said, 5);
    CU_ASSERT_STRING_EQUAL(said.out, "text");
    command_call(&said, finish_full, NULL);
    said_refused("full", &said, STATUS_UNTRUSTED, "rundown test: stdout: No space left on device");
    command_call(&said, tell_columns, NULL);
    said_status("a file has no columns", &said, 0);
}

int main(void)
{
    CU_pSuite suite;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite("arguments", NULL, NULL);
    CU_ADD_TEST(suite, good_words_reach_the_parser);
    CU_ADD_TEST(suite, wrong_words_are_one_line);
    CU_ADD_TEST(suite, the_first_mistake_is_told);
    CU_ADD_TEST(suite, standard_options_end_well);
    CU_ADD_TEST(suite, refusing_and_finishing);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    said_free(&said);
    return CU_get_number_of_failures() != 0;
}
