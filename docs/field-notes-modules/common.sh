# shellcheck shell=bash
#
# common.sh: what run.sh and trends.sh share: which libraries there are, how one is run, and where
# a table goes. They set $me, $page, $laps, $rundown and $directory before they call
# anything of it, and have a function table.

readonly libraries=/usr/lib/x86_64-linux-gnu
readonly uses=docs/field-notes-modules

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

# run_one LIBRARY USE NAME [OPTION...]: findings are no failure of ours, anything else is.
run_one() {
    local status=0

    rm -rf -- "${directory:?}/$3"
    "${rundown:?}" module "$libraries/$1" --use "$uses/$2" --laps "${laps:?}" --seed 1 --jobs 1 \
        "${@:4}" --deadline 120s --no-lttng --quiet --out "$directory/$3" \
        >"$directory/$3.txt" 2>&1 || status=$?
    [ "$status" -le 1 ] || echo "${me:?}: $1: rundown ended with $status" >&2
}

# package_of FILE: "zlib1g 1:1.2.13.dfsg-1"; dpkg may know the file by its path before /usr.
package_of() {
    local file found

    file=$(realpath -- "$1")
    found=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}" 2>/dev/null || true)
    found=${found%%:*}
    [ -z "$found" ] || dpkg-query -W -f '${Package} ${Version}' "$found"
}

# write_page: puts the table between the two marks of the page.
write_page() {
    local new

    table >"$directory/table.md"
    new=$(sed -e '/^<!-- table -->$/,/^<!-- end -->$/{//!d}' \
        -e "/^<!-- table -->\$/r $directory/table.md" "${page:?}")
    printf '%s\n' "$new" >"$page"
}
