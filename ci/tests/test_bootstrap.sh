#!/usr/bin/env bash
#
# test_bootstrap: ci/bootstrap against a machine that is played: dpkg-query, apt-get, sudo and id
# are scripts that say what they were asked. Nothing is installed.
set -euo pipefail
# shellcheck source=ci/tests/expect.sh
. "$(dirname -- "$0")/expect.sh"

machine=$scratch/machine # what it has installed, a package a line
asked=$scratch/asked     # what apt-get and sudo were asked
bin=$scratch/bin
mkdir -p "$bin"

# play NAME: a command of the played machine; its text is the standard input.
play() {
    {
        echo '#!/bin/bash'
        cat
    } >"$bin/$1"
    chmod +x "$bin/$1"
}

play dpkg-query <<TEXT
grep -qx -e "\${@: -1}" "$machine" && printf installed || exit 1
TEXT
play apt-get <<TEXT
echo "apt-get \$DEBIAN_FRONTEND \$*" >>"$asked"
case "\$*" in *update*) exit "\${UPDATE_FAILS:-0}" ;; esac
if [ -n "\${INSTALL_FAILS-}" ]; then
    echo "E: Unable to locate package \${@: -1}"
    exit 100
fi
for word; do [[ \$word == -* ]] || echo "\$word"; done >>"$machine"
TEXT
play id <<TEXT
echo "\${PLAYED_UID:-0}"
TEXT

# Only what the script needs, so that no sudo of this machine is found.
for tool in bash cat cut dirname env grep head id mktemp nproc rm sed sort tail; do
    [ -e "$bin/$tool" ] || ln -s "$(command -v "$tool")" "$bin/$tool"
done

# bootstrap [NAME=VALUE...]: on the played machine; called through run.
# shellcheck disable=SC2317
bootstrap() {
    env -u DEBIAN_FRONTEND PATH="$bin" "$@" "$bin/bash" "$root/ci/bootstrap" ${group+"$group"}
}

lacks() {
    rm -f "$asked"
    touch "$asked"
    PATH=$bin "$bin/bash" "$root/ci/bootstrap" --list --test --check --fresh >"$machine"
    for package; do
        sed -i "/^$package\$/d" "$machine"
    done
}

begin 'nothing is missing: apt-get is not even asked'
lacks
run bootstrap
expect_status 0
expect_said 'nothing is missing'
[ ! -s "$asked" ] || wrong "it asked: $(cat "$asked")"

begin 'what is missing comes, without recommendations, and nothing else'
lacks ninja-build lttng-tools
run bootstrap
expect_status 0
output+=$(cat "$asked")
expect_said 'installing lttng-tools ninja-build'
expect_said 'apt-get noninteractive'
expect_said '--no-install-recommends lttng-tools ninja-build'
[ "$(wc -l <"$asked")" -eq 2 ] || wrong 'expected one update and one install'
run bootstrap
expect_said 'nothing is missing'

begin 'a group that is not asked for is left alone'
lacks clang debootstrap
run bootstrap
expect_said 'nothing is missing'
group=--check run bootstrap
expect_said 'installing clang'

begin 'lists that cannot be refreshed are no end'
lacks pigz
run bootstrap UPDATE_FAILS=100
expect_status 0
expect_said 'apt-get update had errors'

begin 'a package that does not come is told, with the command'
lacks pigz
run bootstrap INSTALL_FAILS=1
expect_status 4
expect_said 'E: Unable to locate package pigz'
expect_said 'apt-get install --no-install-recommends pigz'

begin 'not root, no sudo'
lacks pigz
run bootstrap PLAYED_UID=1000
expect_status 4
expect_said 'run as root: apt-get install --no-install-recommends pigz'

begin 'not root, no sudo, nothing missing'
lacks
run bootstrap PLAYED_UID=1000
expect_status 0

begin 'not root, with sudo'
play sudo <<TEXT
echo "sudo \$*" >>"$asked"
exec "\$@"
TEXT
lacks pigz
run bootstrap PLAYED_UID=1000
expect_status 0
output=$(cat "$asked")
expect_said 'sudo env DEBIAN_FRONTEND=noninteractive apt-get'

begin 'no Debian'
lacks
rm "$bin/dpkg-query"
run bootstrap
expect_status 4
expect_said 'no dpkg-query'
expect_said 'ninja-build'

begin 'a word that it does not know'
group=--al run bootstrap
expect_status 2
expect_said "'--al' is unknown; see ci/bootstrap --help"

finish
