#!/bin/sh
# Writes cmd/socketio-jwt/default.pgo, by which the compiler optimizes the command: CPU profiles of our server
# under the load of some rows of the bench.
set -eu
cd "$(dirname "$0")/../bench"
profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
go run . -profile "$profiles" -rows hs256,broadcast,burst,ack
go tool pprof -proto "$profiles"/*.cpu.pprof >../cmd/socketio-jwt/default.pgo
ls -l ../cmd/socketio-jwt/default.pgo
