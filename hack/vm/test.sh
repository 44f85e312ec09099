#!/usr/bin/env bash
# Runs the tests that want a kernel with VRF in the test VM, all in one boot, and
# prints the events of go test -json.
#
# usage: hack/vm/test.sh [PACKAGE...]
#
# By default that is every package with tests under the directories below. The
# test programs are built here, and run with -test.short since the VM is slow.
# VMTAP_VM_RUN is passed as -test.run. Without it the tests named TestQEMU, which
# boot a guest inside the VM and wait for it, run beside all others.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/../lib.sh"

directories='pkg/(filter|kernel|plugin)|plugins|test'

cd "$root"
export CGO_ENABLED=0
format='{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}'
if [ $# -gt 0 ]; then
	list=$(go list -f "$format" "$@")
else
	list=$(go list -f "$format" ./... | grep -E "^[^ ]*/vmtap/vmtap/($directories)(/| )" || true)
fi
[ -n "$list" ] || { say "no packages with tests for the VM"; exit 0; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
go build -o "$tmp/test2json" cmd/test2json
script=$tmp/script
cat >"$script" <<'END'
status=0
# test2json does not end a package whose process died.
failed() {
	status=1
	printf '{"Action":"fail","Package":"%s"}\n' "$1"
}
END
# run prints the command that runs a package's tests: "package" is what the
# results are called.
run() {
	local package=$1 dir=$2 program=$3
	shift 3
	printf 'cd %q && %q -t -p %q %q -test.v=test2json -test.short -test.timeout=20m' "$dir" "$tmp/test2json" "$package" "$program"
	printf ' %q' "$@"
	printf ' || failed %q\n' "$package"
}
while read -r package dir; do
	program=$tmp/$(echo "$package" | tr / _).test
	if ! go test -c -o "$program" "$package" >"$tmp/log" 2>&1; then
		cat "$tmp/log" >&2
		printf '{"Action":"fail","Package":"%s"}\n' "$package"
		continue
	fi
	if [ -n "${VMTAP_VM_RUN:-}" ] || ! "$program" -test.list '^TestQEMU' | grep -q .; then
		run "$package" "$dir" "$program" "-test.run=${VMTAP_VM_RUN:-.}" >>"$script"
		continue
	fi
	{
		echo "("
		run "$package, with QEMU" "$dir" "$program" '-test.run=^TestQEMU'
		echo "exit \$status"
		echo ") >/run/beside &"
		run "$package" "$dir" "$program" '-test.skip=^TestQEMU'
		echo 'wait $! || status=1'
		echo 'cat /run/beside'
	} >>"$script"
done <<<"$list"
echo "exit \$status" >>"$script"

# A status above 1 is no test's. Packages that had not begun show it as a failure.
ended=0
export VMTAP_VM_TIMEOUT=${VMTAP_VM_TIMEOUT:-2400}
"$root/hack/vm/run.sh" bash "$script" || ended=$?
if [ $ended -gt 1 ]; then
	printf '{"Action":"fail","Package":"the test VM, exit status %s"}\n' $ended
fi
exit $ended
