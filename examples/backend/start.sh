#!/usr/bin/env bash
# Starts a backend in Python or Node, and socketio-jwt in front of it. Both end with Ctrl-C.
#
#   ./start.sh [python|node]
#
# Open the page that it prints, as ada and as mallory. ADDR, ADMIN and PORT may name other addresses, PYTHON another Python, and
# SOCKETIO_JWT the program, which is built otherwise.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
children=()
finish() {
  trap - EXIT TERM INT
  for ((i = ${#children[@]} - 1; i >= 0; i--)); do # the backend last, because it is told about the last disconnects
    kill "${children[i]}" 2>/dev/null || true
    wait "${children[i]}" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 0' TERM INT

program=${SOCKETIO_JWT:-$work/socketio-jwt}
[ -n "${SOCKETIO_JWT:-}" ] || go build -o "$program" ../../cmd/socketio-jwt

(umask 077; openssl rand -base64 32 >"$work/hook.txt"; openssl rand -hex 32 >"$work/operators.txt")
export SECRET_FILE=$work/hook.txt PORT=${PORT:-9100}
case ${1:-python} in
  python) "${PYTHON:-python3}" -I backend.py & ;;
  node) node backend.mjs & ;;
  *) echo "usage: $0 [python|node]" >&2; exit 2 ;;
esac
children+=($!)

"$program" serve --addr "${ADDR:-localhost:9000}" --admin "${ADMIN:-localhost:9001}" --admin-secret-file "$work/operators.txt" \
  --upstream-webhook "http://127.0.0.1:$PORT/" --upstream-secret-file "$work/hook.txt" --upstream-disconnects &
children+=($!)

printf 'To publish from another terminal:\n\n    export TOKEN=%s\n    curl -H "Authorization: Bearer $TOKEN" -d '\''{"to":{"all":true},"event":"said","args":["backend","hello"]}'\'' http://%s/emit\n\n' \
  "$("$program" operator-token --publish --sub backend --life 12h --admin-secret-file "$work/operators.txt")" "${ADMIN:-localhost:9001}"
wait -n "${children[@]}"
