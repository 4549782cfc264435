/*
 * fuzz_trend: any text as the numbers of `rundown trend`: records, tables, values, the verdict and
 * both reports. `ci/fuzz trend` builds it with clang's libFuzzer; test_trend_corpus runs the corpus
 * through it in every test run.
 *
 * The first byte says how it is read (1: a table; 2: JSON; 4: rows are chosen; 8, 16: the kind;
 * 32: steps of 7), the rest is the text. The command leaves by exit() where it refuses; here it
 * comes back.
 */
#include <harness/supervisor/cli/arguments.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf refused;

/* What is said is one line that a terminal can be shown. */
__attribute__((noreturn, format(printf, 2, 3))) static void come_back(const char *command,
                                                                      const char *format, ...)
{
    char text[1 << 12];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const char *at = text; *at != 0; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            abort();
    longjmp(refused, 1);
}

#define arguments_refuse come_back
#define command_trend    fuzzed_trend
#include <harness/supervisor/commands/trend.c>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_BYTES = 16384, IS_TABLE = 1, IS_JSON = 2, IS_CHOSEN = 4, HAS_QUANTUM = 32 };

static struct trend trend;
static struct series series;

static void choose(uint8_t how)
{
    static char column[] = "who";

    memset(&trend, 0, sizeof trend);
    memset(&series, 0, sizeof series);
    trend.unit = "bytes";
    trend.kind = (enum stats_leak_kind)(STATS_LEAK_EXACT + (how >> 3) % 3);
    trend.column = how & IS_TABLE ? "value" : NULL;
    trend.quantum = how & HAS_QUANTUM ? 7 : 0;
    if ((how & IS_TABLE) && (how & IS_CHOSEN))
        trend.where[trend.wheres++] = (struct where){column, "a", 0};
}

static void read_and_print(uint8_t how)
{
    struct opinion opinion;

    read_series(&series, &trend);
    opinion = judge(&series, &trend);
    if (how & IS_JSON)
        print_json(&trend, &series, &opinion);
    else
        print_text(&trend, &series, &opinion);
}

/* The streams are variables in glibc. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *sink;
    FILE *usual_in = stdin, *usual_out = stdout, *text;

    if (size < 2)
        return 0;
    if (sink == NULL && (sink = fopen("/dev/null", "we")) == NULL)
        abort();
    text = fmemopen((void *)(data + 1), size - 1 < TEXT_BYTES ? size - 1 : TEXT_BYTES, "r");
    if (text == NULL)
        abort();
    stdin = text;
    stdout = sink;
    choose(data[0]);
    if (setjmp(refused) == 0)
        read_and_print(data[0]);
    stdin = usual_in;
    stdout = usual_out;
    fclose(text);
    free(series.sample);
    return 0;
}
