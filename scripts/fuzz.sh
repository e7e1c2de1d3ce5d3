#!/usr/bin/env bash
# Runs every fuzz target of the tree, one after the other, and prints what each did.
#
#     scripts/fuzz.sh [TIME [NAME]]    # TIME for each target, 20s by default; only targets whose name matches NAME
#
# The executions for minimizing an input are limited. Go's default of 60s is longer than such a
# run: the workers would minimize their first finds instead of trying new inputs.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
while IFS=: read -r file line; do
  name=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/' <<<"$line")
  [[ $name =~ ${2:-.} ]] || continue
  printf '%s %s: ' "$(dirname "$file")" "$name"
  if output=$(go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "${1:-20s}" -fuzzminimizetime 100x 2>&1); then
    grep '^fuzz: elapsed' <<<"$output" | tail -n 1
  else
    failed=1
    printf 'FAILED\n%s\n' "$output"
  fi
done < <(git grep -E '^func Fuzz' -- '*_test.go')
exit $failed
