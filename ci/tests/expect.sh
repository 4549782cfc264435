# expect.sh: what the tests of the scripts share: a scratch directory, cases, and what a case
# expects. Sourced, never run.
# shellcheck shell=bash disable=SC2034

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
cases=0
failures=0
output=
status=0

# run COMMAND...: keeps what it says, on both streams, and its status.
run() {
    status=0
    output=$("$@" 2>&1 </dev/null) || status=$?
}

# wrong TEXT: the case in hand fails.
wrong() {
    failures=$((failures + 1))
    printf 'FAIL  %s: %s\n' "$name" "$1"
    printf '%s\n' "$output" | tail -n 30 | sed 's/^/      | /'
}

# begin NAME
begin() {
    name=$1
    cases=$((cases + 1))
}

expect_status() {
    [ "$status" -eq "$1" ] || wrong "status $status, expected $1"
}

# expect_said TEXT, expect_silent_on TEXT: plain text, somewhere in what was said.
expect_said() {
    grep -qF -e "$1" <<<"$output" || wrong "it did not say '$1'"
}

expect_silent_on() {
    ! grep -qF -e "$1" <<<"$output" || wrong "it said '$1'"
}

expect_last_line() {
    local last

    last=$(tail -n 1 <<<"$output")
    [ "$last" = "$1" ] || wrong "its last line is '$last', expected '$1'"
}

# finish: the closing line, and the status of the test.
finish() {
    printf '%d cases, %d failures\n' "$cases" "$failures"
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}
