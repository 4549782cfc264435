#!/usr/bin/env bash
#
# enter.sh TREE DIR COMMAND...: makes TREE the root of this mount namespace and runs COMMAND in DIR.
#
# Called by ci/fresh inside `unshare --mount --pid --fork`. A chroot would not do: whoever's root
# is not the root of the mount namespace may make no user namespace, and the flight recorder of
# root needs one. Everything mounted here ends with the namespace. What COMMAND finds in its
# environment is what a login would, and the machine's proxies.
set -euo pipefail

tree=$1
directory=$2
shift 2

mount --make-rprivate /
mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mkdir -p .outside
pivot_root . .outside
cd /
umount -l /.outside
rmdir /.outside

environment=(HOME=/root USER=root LOGNAME=root SHELL=/bin/bash TERM="${TERM:-dumb}" LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in http_proxy https_proxy ftp_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name-}" ] || environment+=("$name=${!name}")
done
cd "$directory"
exec env -i "${environment[@]}" "$@"
