#!/usr/bin/env bash
#
# run.sh: rundown module over libraries of Debian; their table goes into docs/field-notes-modules.md.
#
# Each result is kept in DIRECTORY/NAME. What is there is not run again, so an interrupted call
# goes on where it was, and `run.sh RUNDOWN DIRECTORY` without anything to run makes the table anew.
set -euo pipefail

readonly me=run.sh
readonly laps=1000
readonly page=docs/field-notes-modules.md
# shellcheck source=docs/field-notes-modules/common.sh
. "$(dirname -- "$0")/common.sh"

help() {
    cat <<'TEXT'
Usage: docs/field-notes-modules/run.sh RUNDOWN DIRECTORY

Runs `rundown module` over libraries of Debian 12, keeps the results in DIRECTORY, and puts their
table into docs/field-notes-modules.md. A library that is not installed is left out. What is in
DIRECTORY already is not run again.
TEXT
}

# row NAME PACKAGE: one line of the table. Verbose, else a finding is listed in one cell alone.
row() {
    "$rundown" report "$directory/$1" --format jsonl --verbose | jq -rs --arg name "$1" --arg package "$2" '
        # Of the three cells the one where most was left: last lap less first.
        def growth($kind): [.[] | select(.type == "series" and .kind == $kind) | .last - .first]
            | if length == 0 then "-" else max end;
        def cell($where): . as $all
            | (.[] | select(.type == "cell" and .variant == $where)) as $cell
            | [$all[] | select(.type == "finding" and .cell == $cell.cell and .place == 0
                               and .severity != "note") | .code] | unique
            | if $cell.state != "" then $cell.state elif length > 0 then "**" + .[0] + "**"
              else "pass" end;
        def stays: [.[] | select(.type == "finding" and .code == "module.not-unloaded") | .text[]
            | select(test("^[^ ]+ is still mapped")) | split(" ")[0]] | unique;
        "| \($name) | \($package) | \(cell("a")) | \(cell("b")) | \(cell("c")) | "
          + ([growth("heap.bytes", "fds", "threads", "map.pages", "rss.pages")] | map(tostring)
             | join(" | "))
          + " | \(stays | join(", ")) |"'
}

table() {
    local library use

    echo '| module | package | a | b | c | heap bytes | fds | threads | mapped pages | resident pages | stays mapped |'
    echo '|---|---|---|---|---|---|---|---|---|---|---|'
    while read -r library use; do
        name=${library##*/}
        if [ -f "$directory/$name/run.jsonl" ]; then
            row "$name" "$(package_of "$libraries/$library")"
        fi
    done < <(modules)
}

case ${1:-} in
--help | -h)
    help
    exit 0
    ;;
esac
if [ $# -ne 2 ]; then
    help >&2
    exit 2
fi
rundown=$(realpath -- "$1")
mkdir -p -- "$2"
directory=$(realpath -- "$2")
cd -- "$(dirname -- "$0")/../.."
while read -r library use; do
    name=${library##*/}
    if [ -e "$libraries/$library" ] && [ ! -f "$directory/$name/run.jsonl" ]; then
        run_one "$library" "$use" "$name"
    fi
done < <(modules)
write_page
