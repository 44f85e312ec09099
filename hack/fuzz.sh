#!/usr/bin/env bash
# Runs each fuzz target for a while, one after another.
#
# usage: hack/fuzz.sh [PACKAGE...]    default: all packages
#
# FUZZTIME is how long each may take, 30s by default. An input that makes a
# target fail is left in testdata/fuzz; keep it as a row of the target's test.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$root"
[ $# -gt 0 ] || set -- ./...
found=0
status=0
for package in $(go list "$@"); do
	for target in $(go test -list "^Fuzz" "$package" | grep "^Fuzz"); do
		found=1
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "$package" || status=1
	done
done
[ $found = 1 ] || say "no fuzz targets"
exit $status
