#!/usr/bin/env bash
#
# trends.sh: the leak trends of libraries of Debian, and what Valgrind says of those that leak; the
# table goes into docs/field-notes-leaks.md.
#
# Each result is kept in DIRECTORY/NAME, and what Valgrind said in DIRECTORY/NAME.valgrind. What
# is there is not run again, so an interrupted call goes on where it was.
set -euo pipefail

readonly me=trends.sh
readonly laps=425
readonly page=docs/field-notes-leaks.md
# shellcheck source=docs/field-notes-modules/common.sh
. "$(dirname -- "$0")/common.sh"

help() {
    cat <<'TEXT'
Usage: docs/field-notes-modules/trends.sh [--table] RUNDOWN DIRECTORY

Judges the leak trends of the libraries that docs/field-notes-modules/common.sh names, over 425
loads in each of three processes, lets Valgrind look at those that leak, without rundown, and puts
the table into docs/field-notes-leaks.md. --table: of what is in DIRECTORY already, runs nothing.
TEXT
}

# series NAME: the judged series of all its processes.
series() {
    "$rundown" report "$directory/$1" --format jsonl --verbose |
        jq -c 'select(.type == "series" and .verdict != null)'
}

leaks() {
    series "$1" | jq -es 'any(.[]; .kind == "heap.bytes" and .verdict == "leak")' >/dev/null
}

# lost LAPS LIBRARY LOOP: bytes and blocks that Valgrind calls lost, after so many laps.
lost() {
    valgrind --leak-check=full "$3" "$2" "$1" 2>&1 | awk '
        / (definitely|indirectly) lost: / { gsub(",", ""); bytes += $4; blocks += $7 }
        END { print bytes + 0, blocks + 0 }'
}

# confirm LIBRARY USE NAME: what two laps more lose more, by half: what is lost once is not in it.
confirm() {
    local few many loop=$directory/$3.loop

    gcc -g -o "$loop" "$uses/loop.c" "$uses/$2"
    few=$(lost 2 "$libraries/$1" "$loop")
    many=$(lost 4 "$libraries/$1" "$loop")
    echo "$few $many" | awk '{ printf "%d in %d\n", ($3 - $1) / 2, ($4 - $2) / 2 }' \
        >"$directory/$3.valgrind"
    rm -f -- "$loop"
}

# row NAME USE PACKAGE: one line of the table. Of several processes with one verdict, the steepest.
row() {
    local valgrind=

    [ ! -f "$directory/$1.valgrind" ] || valgrind=$(cat "$directory/$1.valgrind")
    series "$1" | jq -rs --arg name "$1" --arg use "$2" --arg package "$3" --arg valgrind "$valgrind" '
        def short: if . == null then "?" else (. * 1000 | round) / 1000 | tostring end;
        def where: map(.cell | ["", "a", "b", "c"][.]) | join("");
        def rise: max_by(.slope) | "\(.slope | short) (\(.slope_low | short) to \(.slope_high | short))";
        def told($verdict; $word): map(select(.verdict == $verdict))
            | if length == 0 then empty else "\($word) \(where): \(rise)" end;
        def kind($kind): map(select(.kind == $kind)) | if length == 0 then "-" else
            [told("leak"; "**leak**"), told("suspect"; "suspect"),
             (map(select(.verdict == "none-above")) | if length == 0 then empty
                 else "none above \(map(.smallest.likely) | max | short)" end),
             (map(select(.verdict == "undecided" or .verdict == "too-short"))
                 | if length == 0 then empty else "\(.[0].verdict) \(where)" end)] | join("; ") end;
        def sites: [.[] | select(.kind == "heap.bytes" and .verdict == "leak")] | if length == 0
            then "" else .[0].sites[0:2] | map("\(.place) \(.bytes | short)") | join(", ") end;
        "| \($name) | \($package) | `\($use)` | "
          + ([kind("heap.bytes", "heap.blocks", "rss.pages", "map.pages", "fds", "threads", "modules")]
             | join(" | ")) + " | \(sites) | \($valgrind) |"'
}

table() {
    local library use name

    echo '| module | package | use | heap bytes | heap blocks | resident pages | mapped pages | fds | threads | modules | grows most at, bytes a lap | Valgrind: bytes in blocks a lap |'
    echo '|---|---|---|---|---|---|---|---|---|---|---|---|'
    while read -r library use; do
        name=${library##*/}
        [ ! -f "$directory/$name/run.jsonl" ] || [ -z "$(series "$name")" ] ||
            row "$name" "$use" "$(package_of "$libraries/$library")"
    done < <(modules)
}

only_table=no
case ${1:-} in
--help | -h)
    help
    exit 0
    ;;
--table)
    only_table=yes
    shift
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
while [ "$only_table" = no ] && read -r library use; do
    name=${library##*/}
    [ -e "$libraries/$library" ] || continue
    [ -f "$directory/$name/run.jsonl" ] || run_one "$library" "$use" "$name" --confirm 0
    if [ ! -f "$directory/$name.valgrind" ] && leaks "$name"; then
        confirm "$library" "$use" "$name"
    fi
done < <(modules)
write_page
