# common.sh: what the scripts in ci/ share: how they speak, and how the tree is built.
#
# Sourced, never run. Before that a script sets `me`, its own name for messages. Everything said
# to people goes to standard error or the terminal in one line each: "what: where: mend".
# shellcheck shell=bash disable=SC2034

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
jobs=$(nproc)

# The flags that ci/test, ci/nightly and the others build with. One directory serves them all, so
# nothing is built twice.
build_flags=(-DCMAKE_BUILD_TYPE=Release -DRUNDOWN_WERROR=ON)
build_default=$root/build/ci

say() {
    printf '%s: %s\n' "${me:?}" "$*"
}

warn() {
    printf '%s: %s\n' "${me:?}" "$*" >&2
}

# die STATUS TEXT...
die() {
    local status=$1

    shift
    warn "$*"
    exit "$status"
}

# usage TEXT...: the command line is wrong.
usage() {
    die 2 "$*; see ci/$me --help"
}

# value NAME COUNT: refuses an option that is the last of COUNT words, since it wants a value.
value() {
    [ "$2" -ge 2 ] || usage "$1: its value is missing"
}

# whole NAME TEXT: refuses what is no whole number above 0.
whole() {
    [[ $2 =~ ^[1-9][0-9]{0,11}$ ]] || usage "$1: '$2' is not a whole number above 0"
}

# seconds_since START: how long ago that was, START being a value of SECONDS.
seconds_since() {
    printf '%d' $((SECONDS - $1))
}

# need_directory DIR: makes it, or says why it cannot be used.
need_directory() {
    mkdir -p -- "$1" 2>/dev/null || die 4 "$1: it cannot be made: choose another directory"
    [ -w "$1" ] || die 4 "$1: it belongs to somebody else: remove it, or choose another directory"
}

# show_failure LOG PATTERN: the part of a log that tells what went wrong.
show_failure() {
    local found

    found=$(grep -nE -m 1 -- "$2" "$1" | cut -d: -f1 || true)
    tail -n "+${found:-1}" -- "$1" | head -n 25 >&2
}

# configure_tree DIR [CMAKE-ARGUMENT...]: silent unless it fails, like the next.
configure_tree() {
    local dir=$1
    local log=$1/configure.log

    shift
    need_directory "$dir"
    if ! cmake -S "$root" -B "$dir" -G Ninja "$@" >"$log" 2>&1 </dev/null; then
        show_failure "$log" 'CMake Error'
        die 4 "$dir: it cannot be configured; all of it is in $log"
    fi
}

# build_tree DIR [CMAKE-ARGUMENT...]: configures, and builds what is out of date.
build_tree() {
    local dir=$1
    local log=$1/build.log

    configure_tree "$@"
    if ! cmake --build "$dir" -j "$jobs" >"$log" 2>&1 </dev/null; then
        show_failure "$log" '^FAILED:'
        die 4 "$dir: it does not build; all of it is in $log"
    fi
}

# commit_text: the commit that stands in the tree, and whether it was changed since.
commit_text() {
    local commit

    commit=$(git -c safe.directory='*' -C "$root" rev-parse --short=12 HEAD 2>/dev/null) ||
        commit='no commit'
    if [ -n "$(git -c safe.directory='*' -C "$root" status --porcelain 2>/dev/null)" ]; then
        commit="$commit, with changes"
    fi
    printf '%s' "$commit"
}

# machine_text: processor, memory, kernel and system of this machine, for a report.
machine_text() {
    local model memory system

    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)
    # shellcheck source=/dev/null
    system=$(. /etc/os-release && printf '%s' "$PRETTY_NAME")
    printf '%s, %d processors, %s, Linux %s, %s' "${model:-unknown processor}" "$(nproc)" \
        "$memory" "$(uname -r)" "$system"
}
