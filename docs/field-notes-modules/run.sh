#!/usr/bin/env bash
#
# run.sh: rundown module over libraries of Debian; their table goes into docs/field-notes-modules.md.
#
# Each result is kept in DIRECTORY/NAME. What is there is not run again, so an interrupted call
# goes on where it was, and `run.sh RUNDOWN DIRECTORY` without anything to run makes the table anew.
set -euo pipefail

readonly laps=1000
readonly libraries=/usr/lib/x86_64-linux-gnu
readonly uses=docs/field-notes-modules
readonly page=docs/field-notes-modules.md

# Path below $libraries, and the file that uses it.
modules() {
    cat <<'TEXT'
libz.so.1 libz.c
libbz2.so.1.0 libbz2.c
liblzma.so.5 liblzma.c
libexpat.so.1 libexpat.c
libxml2.so.2 libxml2.c
libmxml.so.1 libmxml.c
libjpeg.so.62 libjpeg.c
libpng16.so.16 libpng16.c
libwebp.so.7 libwebp.c
libFLAC.so.12 libFLAC.c
libvorbis.so.0 libvorbis.c
libopus.so.0 libopus.c
libsqlite3.so.0 libsqlite3.c
libsqlite3_mod_csvtable.so sqlite_extension.c
libnss_compat.so.2 nss.c
libnss_systemd.so.2 nss.c
libnss_sss.so.2 nss.c
security/pam_unix.so pam.c
security/pam_access.so pam.c
libgomp.so.1 libgomp.c
libgnutls.so.30 libgnutls.c
libssl.so.3 libssl.c
libcurl.so.4 libcurl.c
libcurl-gnutls.so.4 libcurl.c
libglib-2.0.so.0 libglib.c
libtcl8.6.so.0 libtcl.c
libpython3.11.so.1 libpython.c
libmagic.so.1 libmagic.c
libfontconfig.so.1 libfontconfig.c
libkrb5.so.3 libkrb5.c
libxslt.so.1 libxslt.c
libarchive.so.13 libarchive.c
libicuuc.so.72 libicu.c
libasound.so.2 libasound.c
libperl.so.5.36 libperl.c
libldap-2.5.so.0 libldap.c
libpq.so.5 libpq.c
libsasl2.so.2 libsasl2.c
libgcrypt.so.20 libgcrypt.c
libX11.so.6 libX11.c
libgdk_pixbuf-2.0.so.0 libpixbuf.c
TEXT
}

help() {
    cat <<'TEXT'
Usage: docs/field-notes-modules/run.sh RUNDOWN DIRECTORY

Runs `rundown module` over libraries of Debian 12, keeps the results in DIRECTORY, and puts their
table into docs/field-notes-modules.md. A library that is not installed is left out. What is in
DIRECTORY already is not run again.
TEXT
}

# run_one LIBRARY USE NAME: findings are no failure of ours, anything else is.
run_one() {
    local status=0

    rm -rf -- "${directory:?}/$3"
    "$rundown" module "$libraries/$1" --use "$uses/$2" --laps "$laps" --seed 1 --jobs 1 \
        --deadline 120s --no-lttng --quiet --out "$directory/$3" >"$directory/$3.txt" || status=$?
    [ "$status" -le 1 ] || echo "run.sh: $1: rundown ended with $status" >&2
}

# package_of FILE: "zlib1g 1:1.2.13.dfsg-1"; dpkg may know the file by its path before /usr.
package_of() {
    local file found

    file=$(realpath -- "$1")
    found=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}" 2>/dev/null || true)
    found=${found%%:*}
    [ -z "$found" ] || dpkg-query -W -f '${Package} ${Version}' "$found"
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

# write_page: puts the table between the two marks of the page.
write_page() {
    local new

    table >"$directory/table.md"
    new=$(sed -e '/^<!-- table -->$/,/^<!-- end -->$/{//!d}' \
        -e "/^<!-- table -->\$/r $directory/table.md" "$page")
    printf '%s\n' "$new" >"$page"
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
