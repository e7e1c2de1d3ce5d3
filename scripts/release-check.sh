#!/usr/bin/env bash
# Builds a whole release twice, from two clones and with two build caches, and compares the bytes. Then lintian examines the packages.
# The release is that of the last commit, and is removed at the end. CI builds one system only (release/).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v lintian >/dev/null || { echo "release-check: lintian is missing: install it to examine the packages" >&2; exit 1; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
git clone -q . "$work/first/clone"
git clone -q "$work/first/clone" "$work/the second/clone" # of the same commit, whatever is committed meanwhile
for name in first "the second"; do
  begin=$SECONDS
  GOCACHE="$work/$name/cache" "$work/$name/clone/scripts/release.sh" --out "$work/$name/dist"
  echo "-- $name build: $((SECONDS - begin)) s"
done
diff "$work/first/dist/SHA256SUMS" "$work/the second/dist/SHA256SUMS" || { echo "release-check: two builds of one commit differ" >&2; exit 1; }
(cd "$work/first/dist" && sha256sum --check --quiet SHA256SUMS)
cat "$work/first/dist/SHA256SUMS"
echo "both builds have the same bytes"
lintian --allow-root --fail-on error,warning "$work"/first/dist/*.deb
echo "lintian is content"
