#!/usr/bin/env bash
#
# test_check: every rule of ci/check can fail. Each offence is planted in a copy of the tree, told
# by its rule, and taken out again. What the copy was guilty of before does not count.
#
# Takes some minutes: the copy is built by gcc, by clang and with the sanitizers.
set -euo pipefail
# shellcheck source=ci/tests/expect.sh
. "$(dirname -- "$0")/expect.sh"

tree=$scratch/tree
spoilt= # the file that holds the offence
rules_seen=

# The files as they are now, committed or not.
mkdir "$tree"
(cd "$root" && git -c safe.directory='*' ls-files -coz --exclude-standard --deduplicate |
    xargs -0 ls -d 2>/dev/null | tar -cf - -T -) | tar -xf - -C "$tree"
git -C "$tree" init -q

check() {
    run "$tree/ci/check" "$@"
}

# spoil FILE: the standard input is added at its end; a new file is made.
spoil() {
    spoilt=$tree/$1
    [ ! -e "$spoilt" ] || cp "$spoilt" "$scratch/before"
    cat >>"$spoilt"
}

# spoil_first FILE: the same at its beginning.
spoil_first() {
    spoilt=$tree/$1
    cp "$spoilt" "$scratch/before"
    cat - "$scratch/before" >"$spoilt"
}

mend() {
    rm -f "$spoilt"
    [ ! -e "$scratch/before" ] || cat "$scratch/before" >"$spoilt"
    rm -f "$scratch/before"
}

# told RULE TEXT: the rule tells the offence in hand, and does not without it.
told() {
    rules_seen+=" $1"
    check "$1"
    expect_status 1
    expect_said "BROKEN  $1"
    expect_said "$2"
    mend
    check "$1"
    expect_silent_on "$2"
}

begin 'format'
spoil workloads/null.c <<<'int   planted;'
told format 'workloads/null.c:'

begin 'shell'
spoil ci/planted <<'TEXT'
#!/bin/sh
echo $planted
TEXT
told shell 'ci/planted:2'

begin 'headers'
spoil harness/include/harness/planted.h <<<'size_t planted(void);'
told headers 'planted.h: it does not compile alone'

begin 'own-header'
spoil_first results/text/wrap.c <<<'#include <stdlib.h>'
told own-header 'results/text/wrap.c: its first #include is not wrap.h'

begin 'untested: a source'
spoil results/text/planted.c <<<'extern int planted;'
told untested 'results/text/planted.c: it has no test'

begin 'untested: an excuse without a test'
spoil ci/tables/untested.txt <<<'results/text/wrap.c  results/tests/test_wrap.c  planted'
told untested 'results/text/wrap.c: it excuses nothing'

begin 'lint'
spoil results/text/wrap.c <<'TEXT'
int planted(void);
int planted(void)
{
    int two[2] = {1, 2};

    return two[2];
}
TEXT
told lint 'results/text/wrap.c'

begin 'gcc'
spoil workloads/null.c <<<'static int planted;'
told gcc 'planted'

begin 'injector-calls'
spoil injectors/other/none.c <<'TEXT'
int getpid(void);
int planted(void);
int planted(void)
{
    return getpid();
}
TEXT
told injector-calls 'none.c: it calls getpid'

begin 'agent-calls: a function of the C library'
spoil harness/agent/heap.c <<'TEXT'
int puts(const char *);
int planted(void);
int planted(void)
{
    return puts("planted");
}
TEXT
told agent-calls 'heap.c: it calls puts'

begin 'agent-calls: a hook of its own'
spoil harness/agent/heap.c <<'TEXT'
void *planted(void);
void *planted(void)
{
    return (malloc)(1);
}
TEXT
told agent-calls 'heap.c: it calls malloc'

begin 'agent-calls: what is allowed in another file only'
spoil harness/agent/heap.c <<'TEXT'
void *opendir(const char *);
int planted(void);
int planted(void)
{
    return opendir("planted") != (void *)0;
}
TEXT
told agent-calls 'heap.c: it calls opendir'

begin 'agent-calls: a permission that nobody needs'
spoil ci/tables/agent-calls.txt <<<'sleep  *  planted'
told agent-calls 'sleep: nobody calls it'

begin 'clang'
spoil workloads/null.c <<'TEXT'
int planted(int x);
int planted(int x)
{
    if ((x == 1))
        return 2;
    return 3;
}
TEXT
told clang 'Wparentheses-equality'

# One test is enough for the last two, and quicker than all.
find "$tree" -path "$tree/build" -prune -o -name 'test_*.c' ! -name test_amount.c \
    ! -name test_injectors.c -exec rm {} +

begin 'sanitize: undefined behaviour'
spoil results/tests/test_amount.c <<'TEXT'
__attribute__((constructor)) static void planted(void)
{
    volatile int most = 2147483647;

    most++;
}
TEXT
told sanitize 'runtime error'

begin 'sanitize: an address'
spoil results/tests/test_amount.c <<'TEXT'
__attribute__((constructor)) static void planted(void)
{
    char *volatile one = __builtin_malloc(1);

    one[1] = 0;
    __builtin_free(one);
}
TEXT
told sanitize 'ERROR: AddressSanitizer'

begin 'tests'
spoil results/tests/test_amount.c <<'TEXT'
__attribute__((destructor)) static void planted(void)
{
    __builtin__Exit(1);
}
TEXT
told tests '1 failed'

begin 'every rule has an offence here'
for rule in $("$tree/ci/check" --list | cut -d' ' -f1); do
    output=$rules_seen
    expect_said "$rule"
done

begin 'a rule that does not exist'
check no-such-rule
expect_status 2
expect_said "there is no rule 'no-such-rule'"

finish
