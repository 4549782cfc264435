/*
 * fuzz_line: any text as a replay line. One that is understood is written again, and that is
 * understood, too, and says the same. `ci/fuzz line` builds it with clang's libFuzzer;
 * test_line_corpus runs the corpus through it in every test run.
 *
 * Lines of modules and of somebody's own shared objects are left out: those are compiled, loaded
 * and tried, in processes of their own.
 */
#include <harness/injector.h>
#include <harness/supervisor/cli/usersite.h>
#include <harness/supervisor/run/line.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_BYTES = 4096 };

static char *write_again(const struct line *line)
{
    struct abi_control control = {.schedule_hash = line->hash};

    control.plan.seed = line->seed;
    control.plan.cycle = line->cycle;
    control.plan.mode = line->mode;
    control.plan.count = line->struck;
    control.plan.strike[0] = line->point;
    usersite_fill(control.user_site);
    while (control.user_sites < ABI_USER_SITES && control.user_site[control.user_sites][0] != 0)
        control.user_sites++;
    return line_format(line->target, &control.plan, line->injector, &control);
}

/* Abort is how a fuzzer and a test are told. */
static void check_again(const char *text)
{
    struct line line;
    struct error e;
    char *again;

    if (line_parse(text, "/nowhere", &line, &e) != 0)
        abort();
    again = write_again(&line);
    if (again == NULL || strcmp(again, text) != 0)
        abort();
    free(again);
    line_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[LINE_BYTES + 1];
    struct line line;
    struct error e;
    char *again;

    if (size > LINE_BYTES)
        size = LINE_BYTES;
    memcpy(text, data, size);
    text[size] = 0;
    if (strchr(text, '/') != NULL || strstr(text, "module") != NULL)
        return 0;
    if (line_parse(text, "/nowhere", &line, &e) == 0) {
        again = write_again(&line);
        if (again != NULL)
            check_again(again);
        free(again);
    }
    line_free(&line);
    return 0;
}
