#!/usr/bin/env bash
# Runs each fuzz target for a while, one after another.
#
# usage: hack/fuzz.sh [PACKAGE...]    default: all packages
#
# FUZZTIME is how long each may take, 30s by default, or how many inputs each
# gets, such as 1000x. An input that makes a target fail is left in testdata/fuzz;
# keep it as a row of the target's test.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$root"
[ $# -gt 0 ] || set -- ./...
found=0
status=0
while read -r package dir; do
	# Not by go test -list, which builds the tests of all packages.
	mapfile -t targets < <(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/p' "$dir"/*.go)
	for target in "${targets[@]}"; do
		found=1
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "$package" || status=1
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' "$@")
[ $found = 1 ] || say "no fuzz targets"
exit $status
