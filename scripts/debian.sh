#!/usr/bin/env bash
# Builds a Debian package from a program. scripts/release.sh calls it in the folder of the commit.
#
#   scripts/debian.sh VERSION PROCESSOR PROGRAM PROGRAM-OF-THIS-MACHINE FOLDER
#
# The second program prints the completion scripts. SOURCE_DATE_EPOCH is the time of all files. DEBIAN_MAINTAINER may name a
# maintainer, as Name <address>.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1//-/\~} processor=$2 program=$3 here=$4 out=$5 # "-" would begin Debian's own part of the version; "~" comes before releases
: "${SOURCE_DATE_EPOCH:?}"
maintainer=${DEBIAN_MAINTAINER:-The socketio-jwt authors <socketio-jwt@localhost>}
umask 022
command -v dpkg-deb >/dev/null || { echo "debian: dpkg-deb is missing: install dpkg" >&2; exit 1; }

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
put() { # MODE SOURCE DESTINATION
  install -D -m "$1" "$2" "$tree/$3"
}
put 755 "$program" usr/bin/socketio-jwt
put 644 deploy/debian/socketio-jwt.service lib/systemd/system/socketio-jwt.service
put 644 deploy/debian/socketio-jwt.socket lib/systemd/system/socketio-jwt.socket
put 644 deploy/debian/socketio-jwt.sysusers usr/lib/sysusers.d/socketio-jwt.conf
"$here" completion bash | put 644 /dev/stdin usr/share/bash-completion/completions/socketio-jwt
"$here" completion zsh | put 644 /dev/stdin usr/share/zsh/vendor-completions/_socketio-jwt
"$here" completion fish | put 644 /dev/stdin usr/share/fish/vendor_completions.d/socketio-jwt.fish
gzip -9n <deploy/debian/socketio-jwt.1 | put 644 /dev/stdin usr/share/man/man1/socketio-jwt.1.gz
gzip -9n <CHANGELOG.md | put 644 /dev/stdin usr/share/doc/socketio-jwt/CHANGELOG.md.gz
printf 'socketio-jwt (%s) stable; urgency=medium\n\n  * The changes are in CHANGELOG.md.\n\n -- %s  %s\n' "$version" "$maintainer" "$(date -R -d "@$SOURCE_DATE_EPOCH")" |
  gzip -9n | put 644 /dev/stdin usr/share/doc/socketio-jwt/changelog.gz
put 644 deploy/debian/lintian-overrides usr/share/lintian/overrides/socketio-jwt

# Without the development issuer, which behind a proxy on this machine would let anyone log in as anyone.
sed 's/^no-login = false$/no-login = true/' deploy/socketio-jwt.toml | put 640 /dev/stdin etc/socketio-jwt/socketio-jwt.toml
grep -qx 'no-login = true' "$tree/etc/socketio-jwt/socketio-jwt.toml"
chmod 644 "$tree/etc/socketio-jwt/socketio-jwt.toml"
install -d -m 750 "$tree/etc/socketio-jwt/secrets"

{
  cat <<EOF
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: socketio-jwt
Comment: The program also contains the modules below, under the licenses named there.

Files: *
EOF
  sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
  echo "License: Expat"
  sed '1,/^Copyright/d; s/^$/./; s/^/ /' LICENSE | sed '1{/^ \.$/d}'
  printf '\nFiles: usr/bin/socketio-jwt\nCopyright: the authors of the modules, see below\nLicense: modules\n'
  sed 's/[[:space:]]*$//; s/^$/./; s/^/ /' cmd/socketio-jwt/licenses.txt
} | put 644 /dev/stdin usr/share/doc/socketio-jwt/copyright

install -d -m 755 "$tree/DEBIAN"
install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$tree/DEBIAN"
echo /etc/socketio-jwt/socketio-jwt.toml >"$tree/DEBIAN/conffiles"
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
# In KiB, as dpkg-gencontrol counts: du would depend on the file system, which decides how long a folder is.
size=$(find "$tree" -mindepth 1 -path "$tree/DEBIAN" -prune -o -printf '%y %s\n' | awk '{ sum += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print sum }')
cat >"$tree/DEBIAN/control" <<EOF
Package: socketio-jwt
Version: $version
Architecture: $processor
Maintainer: $maintainer
Installed-Size: $size
Depends: procps, systemd | systemd-standalone-sysusers
Recommends: ca-certificates
Section: net
Priority: optional
Description: Socket.IO server that admits only sockets with a valid JSON Web Token
 A server for clients of Socket.IO. No handler, room or broadcast sees a socket
 that has not shown a valid JSON Web Token, and a socket stays no longer than
 its token is valid. The command also makes and examines tokens, examines
 configurations, and operates running servers.
EOF
find "$tree" -print0 | xargs -0 touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
# One thread, because the bytes of several differ from those of one.
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$out/socketio-jwt_${version}_$processor.deb" >/dev/null
