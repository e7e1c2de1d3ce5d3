#!/usr/bin/env bash
# The test command: it runs all tests, on a fresh Debian with Go and Node (18.19 or later). It installs the other programs that it
# needs, as root or with sudo. On another system it names those that are missing and fails.
#
#   scripts/test.sh
#
# CHROMIUM and PYTHON may name another Chromium, and another Python that has socketio, requests and websocket. REDIS_SERVER may name
# another program for redis-server (7.0 or later). The tests start their own Redis servers and nginx, on free ports of 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/.."

export CHROMIUM=${CHROMIUM:-/usr/bin/chromium} PYTHON=${PYTHON:-/usr/bin/python3} REDIS_SERVER=${REDIS_SERVER:-redis-server}
PATH=$PATH:/usr/sbin # Debian has nginx there
work=$(mktemp -d)
export GOTMPDIR=$work # go leaves its files there if it is killed
title="" passed=""

# descendants prints the processes that a process has started, and those that they have started.
descendants() {
  local child
  for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
    echo "$child"
    descendants "$child"
  done
}

# end_descendants ends what still runs if this script is interrupted. Ctrl-C ends it all, but SIGTERM is sent only to the script.
end_descendants() {
  local started
  started=$(descendants $$)
  [ -n "$started" ] || return 0
  # shellcheck disable=SC2086 # one word for each process
  kill -TERM $started 2>/dev/null || :
  for _ in {1..100}; do
    # shellcheck disable=SC2086
    kill -0 $started 2>/dev/null || return 0
    sleep 0.1
  done
  # shellcheck disable=SC2086
  kill -KILL $started 2>/dev/null || :
}

finish() {
  [ -n "$passed" ] || end_descendants
  rm -rf "$work"
  [ -n "$passed" ] || printf '\nFAILED: %s\n' "$title" >&2
}
trap finish EXIT # on signals too: bash does not wait for a command then, as it would before a trap of the signal

# stage TITLE COMMAND... runs a command under a heading and says how long it took. (Not in a condition: there, bash would go on
# after a failure inside the command.)
stage() {
  local begin=$SECONDS
  title=$1
  shift
  printf '\n== %s\n' "$title"
  "$@"
  printf -- '-- %s: %d s\n' "$title" $((SECONDS - begin))
}

# missing prints the Debian packages for what is not there.
missing() {
  command -v gcc >/dev/null || echo gcc libc6-dev # the race detector is linked by it
  command -v "$CHROMIUM" >/dev/null || echo chromium
  command -v "$PYTHON" >/dev/null || echo python3
  command -v "$REDIS_SERVER" >/dev/null || echo redis-server
  command -v promtool >/dev/null || echo prometheus
  for program in nginx haproxy caddy curl git; do
    command -v "$program" >/dev/null || echo "$program"
  done
  command -v systemd-analyze >/dev/null || echo systemd
  command -v systemd-nspawn >/dev/null || echo systemd-container # a machine for the Debian package
  for module in socketio requests websocket; do
    # -I, or the folder socketio/ of this project would be taken for the module.
    "$PYTHON" -I -c "import $module" 2>/dev/null && continue
    case $module in
      websocket) echo python3-websocket ;;
      *) echo "python3-$module" ;;
    esac
  done
}

# apt_install installs packages without their services: Debian would start Redis and the proxies on their usual ports, now and at
# each boot. An existing policy-rc.d, such as that of a container image, is left as it is.
apt_install() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap '"$@" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "$@" install -m 755 /dev/stdin "$policy"
  fi
  "$@" env DEBIAN_FRONTEND=noninteractive sh -c "apt-get -q update && apt-get -q install -y --no-install-recommends $packages" </dev/null
  for service in redis-server nginx haproxy prometheus; do
    case " $packages " in *" $service "*) "$@" update-rc.d "$service" disable ;; esac
  done
  case " $packages " in # it has no script for update-rc.d
    *" caddy "*) "$@" env DPKG_MAINTSCRIPT_PACKAGE=caddy deb-systemd-helper disable caddy.service ;;
  esac
)

install_missing() {
  local packages sudo=(env)
  packages=$(missing | sort -u | tr '\n' ' ')
  [ -n "${packages// /}" ] || { echo "nothing is missing"; return; }
  echo "missing: $packages"
  command -v apt-get >/dev/null || { echo "this is not Debian: install these programs by hand, or set CHROMIUM, PYTHON and REDIS_SERVER"; return 1; }
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "run this as root, or install them by hand"; return 1; }
    sudo=(sudo)
  fi
  echo "installing them with apt-get, without their services"
  apt_install "${sudo[@]}"
  packages=$(missing | tr '\n' ' ')
  [ -z "${packages// /}" ] || { echo "still missing: $packages"; return 1; }
}

tools() {
  local tool
  for tool in go node npm; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: this needs Go and Node, from https://go.dev/dl and https://nodejs.org"; return 1; }
  done
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 19) ? 0 : 1)' ||
    { echo "node $(node --version) is too old: this needs 18.19 or later"; return 1; }
  install_missing
  git rev-parse --quiet --verify HEAD >/dev/null || { echo "this folder must be a clone of the repository: a release is built from its last commit"; return 1; }
}

formatted() {
  local files
  files=$(find . -name node_modules -prune -o -name '*.go' -print0 | xargs -0 gofmt -l)
  [ -z "$files" ] || { echo "gofmt would change:"; echo "$files"; return 1; }
}

# A package takes up to three minutes on an idle machine with two processors, and ten times that on a busy one.
go_test() { go test -json -timeout 40m "$@" </dev/null | node scripts/go-test.mjs; }
# The other routers are in a module of their own, so that users of this one do not depend on them. Without a network it needs them
# in the module cache.
mounting() {
  go vet -C examples/mounting ./...
  go test -C examples/mounting -json -race -timeout 40m ./... </dev/null | node scripts/go-test.mjs
}
# What users download, for one system: built twice, and the Debian package installed in a container. Its module has the types of
# Kubernetes, which users of this one do not depend on.
release() {
  go vet -C release ./...
  go test -C release -json -timeout 40m ./... </dev/null | node scripts/go-test.mjs
}
one_processor() { GOMAXPROCS=1 go_test "$@"; }

install_clients() { (cd interop && npm ci --no-audit --no-fund --no-progress </dev/null); }

# build_programs builds once what the files of interop/ start, and names each in a variable such as TESTSERVER.
build_programs() {
  local name
  for name in testserver seedserver logoutserver proxyserver recoveryserver revokeserver ticketserver clusterserver goclient supervisor; do
    go build -race -o "$work/$name" "./interop/$name"
    export "${name^^}=$work/$name"
  done
  go build -race -o "$work/socketio-jwt" ./cmd/socketio-jwt
  go build -race -o "$work/clusternode" ./examples/cluster
  export TESTCOMMAND="$work/socketio-jwt" CLUSTERNODE="$work/clusternode"
}

interop() {
  local log="$work/interop.log" count
  (cd interop && npm test </dev/null 2>&1) | tee "$log" | grep --line-buffered -vE '^ +✔|^ *▶'
  for count in skipped todo cancelled; do
    grep -qx "ℹ $count 0" "$log" || { echo "a skipped test is not a pass"; return 1; }
  done
}

stage "what the tests need" tools
stage "gofmt" formatted
stage "go vet" go vet ./...
stage "unit tests and fuzz seeds, with the race detector" go_test -race ./...
stage "engineio, socketio and the memory of a connection, on one processor" one_processor ./engineio/... ./socketio/... ./internal/footprint
stage "mounted on chi, gin and echo" mounting
stage "a release: same bytes twice, the package, the image and the manifests" release
stage "the clients from npm" install_clients
stage "the programs they talk to" build_programs
stage "real clients: npm, Python, Chromium" interop
passed=yes
printf '\nPASSED in %d s\n' $SECONDS
