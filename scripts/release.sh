#!/usr/bin/env bash
# Builds what users download, from the last commit: an archive for each system, Debian packages, SBOMs, and SHA256SUMS of all of it.
# With the same commit and the same versions of Go, dpkg and gzip the files have the same bytes, wherever and whenever they are built.
#
#   scripts/release.sh [--out FOLDER] [--target SYSTEM/PROCESSOR]... [--no-sbom] [--dirty]
#
# The default is all targets, into dist/. The version is the tag of the commit, such as v1.2.3, or what Go makes of an untagged one.
# If the tree differs from the commit, it fails: what is not committed would not be in the release. With --dirty it builds the
# tree as it is, as a version that ends in +dirty.
# It needs Linux, and a module proxy for modules of go.mod that the module cache does not have, and for cyclonedx-gomod unless --no-sbom.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

out=dist targets=() sbom=yes dirty=""
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?"--out needs a folder"}; shift ;;
    --target) targets+=("${2:?"--target needs SYSTEM/PROCESSOR"}"); shift ;;
    --no-sbom) sbom="" ;;
    --dirty) dirty=yes ;;
    *) echo "usage: scripts/release.sh [--out FOLDER] [--target SYSTEM/PROCESSOR]... [--no-sbom] [--dirty]" >&2; exit 2 ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] || targets=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64)
fail() { echo "release: $*" >&2; exit 1; }

[ "$(uname)" = Linux ] || fail "this needs Linux, with the programs of Debian"
for program in go git dpkg-deb gzip sha256sum; do
  command -v "$program" >/dev/null || fail "$program is missing"
done
changes=$(git status --porcelain)
if [ -n "$changes" ] && [ -z "$dirty" ]; then
  fail "the tree differs from the last commit; commit, or build it as it is with --dirty:"$'\n'"$changes"
fi
tags=""
[ -n "$dirty" ] || tags=$(git tag --points-at HEAD --list 'v[0-9]*')
for tag in $tags; do
  [[ $tag =~ ^v[01]\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "the commit has the tag $tag: the form is v1.2.3, and go.mod allows no version above v1"
  number=${tag#v} number=${number%%-*}
  grep -q "^## $number\b" CHANGELOG.md || fail "the commit has the tag $tag, and CHANGELOG.md has no section ## $number"
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
[ -z "$(ls -A "$out")" ] || fail "$out is not empty"

# What could change the bytes is fixed here. An empty variable would not replace a value of "go env -w", so Go does not read its file,
# except for where modules come from and where they are kept.
umask 022
for variable in GOPROXY GOSUMDB GONOSUMDB GOPRIVATE GONOPROXY GOINSECURE GOMODCACHE GOCACHE GOTOOLCHAIN; do
  export "$variable=$(go env "$variable")"
done
export GOENV=off
export LC_ALL=C TZ=UTC CGO_ENABLED=0 GOFLAGS="" GOWORK=off GOEXPERIMENT="" GOAMD64=v1 GOARM64=v8.0 GOFIPS140=off
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The commit is built in a clone, because Go puts no commit into programs from a worktree of git.
if [ -n "$dirty" ]; then
  mkdir "$work/tree"
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
  done | tar -c --null -T - | tar -x -C "$work/tree"
  git clone -q --no-checkout "$root" "$work/clone"
  mv "$work/clone/.git" "$work/tree/.git"
  git -C "$work/tree" reset -q
else
  git clone -q "$root" "$work/tree"
fi
cd "$work/tree"

pack="$work/pack"
go build -C release -o "$pack" ./pack
[ -z "$sbom" ] || GOBIN="$work" go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 2>"$work/sbom.log" ||
  { cat "$work/sbom.log" >&2; fail "cyclonedx-gomod, which writes the SBOMs, was not built: Go asks the module proxy about it, also if the module cache has it; --no-sbom builds without SBOMs"; }
build() { GOOS=$1 GOARCH=$2 go build -trimpath -buildvcs=true -ldflags='-s -w' -o "$3" ./cmd/socketio-jwt; }

host=$(go env GOOS GOARCH | paste -sd/)
here="$work/${host/\//_}/socketio-jwt"
build "${host%/*}" "${host#*/}" "$here"
version=$(go version -m "$here" | awk '$1 == "mod" { print $3 }')
case $version in v*) ;; *) fail "the program has version $version, not one of a release" ;; esac
[ -z "$tags" ] || grep -qxF -- "$version" <<<"$tags" || fail "Go makes the version $version of the tags ${tags//$'\n'/, }"
version=${version#v}
echo "socketio-jwt $version of $(date -d "@$SOURCE_DATE_EPOCH" +%F), $(go env GOVERSION)"

for target in "${targets[@]}"; do
  system=${target%/*} processor=${target#*/}
  name=socketio-jwt_${version}_${system}_$processor
  program=$work/${system}_$processor/socketio-jwt
  [ "$target" = "$host" ] || build "$system" "$processor" "$program"
  mkdir "$work/$name"
  case $system in
    windows) install -m 755 "$program" "$work/$name/socketio-jwt.exe"; archive=$out/$name.zip ;;
    *) install -m 755 "$program" "$work/$name/socketio-jwt"; archive=$out/$name.tar.gz ;;
  esac
  install -m 644 LICENSE README.md CHANGELOG.md "$work/$name"
  install -m 644 cmd/socketio-jwt/licenses.txt "$work/$name/THIRD-PARTY-LICENSES.txt"
  [ ! -e deploy/socketio-jwt.toml ] || install -m 644 deploy/socketio-jwt.toml "$work/$name"
  "$pack" -time "$SOURCE_DATE_EPOCH" "$archive" "$work/$name"
  if [ "$system" = linux ]; then
    scripts/debian.sh "$version" "$processor" "$program" "$here" "$out"
  fi
  if [ -n "$sbom" ]; then
    # Without a serial number and a time, which differ each time.
    "$work/cyclonedx-gomod" bin -json -std -noserial -notimestamp -version "v$version" -output "$out/$name.cdx.json" "$program" 2>"$work/sbom.log" ||
      { cat "$work/sbom.log" >&2; fail "no SBOM for $target"; }
  fi
  echo "  $target"
done
cd "$out"
sha256sum -- * >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" .
ls -l "$out"
