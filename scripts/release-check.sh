#!/usr/bin/env bash
# Builds a whole release twice, from two clones and with two build caches, and compares the bytes. Then lintian examines the packages.
# CI builds one system only (release/).
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
git clone -q . "$work/first/clone"
git clone -q "$work/first/clone" "$work/the second/clone" # of the same commit, whatever is committed meanwhile
for name in first "the second"; do
  begin=$SECONDS
  GOCACHE="$work/$name/cache" "$work/$name/clone/scripts/release.sh" --out "$work/$name/dist"
  echo "-- $name build: $((SECONDS - begin)) s"
done
diff "$work/first/dist/SHA256SUMS" "$work/the second/dist/SHA256SUMS"
cat "$work/first/dist/SHA256SUMS"
echo "both builds have the same bytes"
command -v lintian >/dev/null || { echo "install lintian to examine the packages" >&2; exit 1; }
lintian --allow-root --fail-on error,warning "$work"/first/dist/*.deb
echo "lintian is content"
