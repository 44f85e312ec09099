#!/usr/bin/env bash
# Looks for known vulnerabilities in what the program calls, of its modules and of
# Go's own packages: govulncheck, with the database at GOVULNDB (vuln.go.dev). One
# that is found fails. Where the database cannot be reached nothing is looked
# for, which is said and fails nothing.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$root"
export CGO_ENABLED=0
database=${GOVULNDB:-https://vuln.go.dev}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

not_looked_for() {
	say "vulnerabilities: NOT LOOKED FOR, $1"
	exit 0
}

vuln=$("$root/hack/gotool.sh" govulncheck) || not_looked_for "govulncheck cannot be built"
status=0
"$vuln" -db "$database" ./plugins/vmtap >"$out" 2>&1 || status=$?
cat "$out"
case $status in
0) say "vulnerabilities: none known" ;;
3) die "vulnerabilities: found, see above" ;;
*)
	# Only the want of a database is no failure.
	if grep -q "fetching vulnerabilities" "$out"; then
		not_looked_for "$database cannot be reached"
	fi
	die "vulnerabilities: govulncheck failed, see above"
	;;
esac
