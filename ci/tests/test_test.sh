#!/usr/bin/env bash
#
# test_test: the closing line and the exit status of ci/test, on a project of a few lines whose
# tests pass, fail, are skipped, crash, are missing or take too long.
set -euo pipefail
# shellcheck source=ci/tests/expect.sh
. "$(dirname -- "$0")/expect.sh"

project=$scratch/project
mkdir -p "$project/.ci"
cp -r "$root/ci" "$project/ci"
cp "$root/.ci/run" "$project/.ci/run"

# has LINE...: the project's tests are these.
has() {
    {
        echo 'cmake_minimum_required(VERSION 3.25)'
        echo 'project(mini LANGUAGES NONE)'
        echo 'enable_testing()'
        printf '%s\n' "$@"
    } >"$project/CMakeLists.txt"
}

# Its three ways to end; the last two tell why as the real tests do.
good='add_test(NAME good COMMAND true)'
bad='add_test(NAME bad COMMAND false)'
skip='add_test(NAME skip COMMAND sh -c "echo; echo skipped: no daemon; echo more; exit 77")
set_tests_properties(skip PROPERTIES SKIP_RETURN_CODE 77)'
part='add_test(NAME part COMMAND sh -c "echo \"  (needs a mirror: skipped)\"")'

begin 'all pass'
has "$good"
run "$project/ci/test"
expect_status 0
expect_last_line '1 passed, 0 failed, 0 skipped'

begin 'one fails'
has "$good" "$bad"
run "$project/ci/test"
expect_status 1
expect_last_line '1 passed, 1 failed, 0 skipped'

begin 'one is skipped, another in part'
has "$good" "$skip" "$part"
run "$project/ci/test"
expect_status 0
expect_said 'skipped: skip: no daemon'
expect_said 'in part:  part: needs a mirror'
expect_last_line '2 passed, 0 failed, 1 skipped'

begin 'a crash, and a program that is not there, have failed'
has "$good" 'add_test(NAME crash COMMAND sh -c "kill -SEGV $$")' 'add_test(NAME none COMMAND /no/x)'
run "$project/ci/test"
expect_status 1
expect_last_line '1 passed, 2 failed, 0 skipped'

begin 'no test at all'
has
run "$project/ci/test"
expect_status 1
expect_said 'no test ran'

begin 'no test of that name'
has "$good"
run "$project/ci/test" --only nothing-like-it
expect_status 1
expect_said 'no test ran'

begin 'only some'
has "$good" "$bad"
run "$project/ci/test" --only go
expect_status 0
expect_last_line '1 passed, 0 failed, 0 skipped'

begin 'tests that are late have failed, and those that never started too'
has "$good" 'add_test(NAME slow COMMAND sleep 600)' 'add_test(NAME after COMMAND true)' \
    'set_tests_properties(after PROPERTIES DEPENDS slow)'
sed -i 's/^limit_s=900.*/limit_s=8/' "$project/ci/test"
run "$project/ci/test"
cp "$root/ci/test" "$project/ci/test"
expect_status 1
expect_last_line '1 passed, 2 failed, 0 skipped'

begin 'what does not configure'
has 'nonsense()'
run "$project/ci/test"
expect_status 4
expect_said 'it cannot be configured'

begin 'the server calls the same'
# shellcheck disable=SC2016
has "$good" 'add_test(NAME terminal COMMAND sh -c "test \"$CI\" = true && ! read line")'
run "$project/.ci/run"
expect_status 0
expect_last_line '2 passed, 0 failed, 0 skipped'

begin 'a word that it does not know'
run "$project/ci/test" --fast
expect_status 2
expect_said "'--fast' is unknown; see ci/test --help"

finish
