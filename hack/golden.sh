#!/usr/bin/env bash
# Rewrites golden files: runs the tests of the packages that compare with them
# with the flag -update. Look at the difference before you commit it.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$root"
mapfile -t dirs < <(grep -rlE 'vmtap/test/golden"' --include='*_test.go' . | xargs -r -n 1 dirname | sort -u)
if [ ${#dirs[@]} -eq 0 ]; then
	say "no golden files"
	exit 0
fi
go test -count=1 "${dirs[@]}" -update
