#!/usr/bin/env bash
# Runs the tests that want a kernel with VRF in the test VM, all in one boot, and
# prints the events of go test -json.
#
# usage: hack/vm/test.sh [PACKAGE...]
#
# By default that is every package with tests under the directories below. The
# test programs are built here, and run with -test.short since the VM is slow.
# VMTAP_VM_RUN is passed as -test.run. Without it a package with tests named
# TestKernel runs those, since its others do not ask the kernel, and test/e2e runs in two
# halves side by side, each with locks of its own.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/../lib.sh"

directories='pkg/(filter|kernel|plugin)|plugins|test/(e2e|snapshot)'

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
# apart runs a command with locks of its own.
apart() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount sh -c 'mkdir -p /run/vmtap && mount -t tmpfs -o mode=700 tmpfs /run/vmtap && eval "$0"' "$1"
}
beside=()
END
# line prints the command that runs a package's tests: "package" is what the
# results are called.
line() {
	local package=$1 dir=$2 program=$3
	shift 3
	printf 'cd %q && %q -t -p %q %q -test.v=test2json -test.short -test.timeout=60m' "$dir" "$tmp/test2json" "$package" "$program"
	printf ' %q' "$@"
}
run() { printf '%s || failed %q\n' "$(line "$@")" "$1"; }
# beside is run for what goes on beside the next run. Its results come later.
beside() {
	# shellcheck disable=SC2016 # for the script
	printf '{ apart %q || { failed %q; exit 1; }; } >"/run/beside.${#beside[@]}" &\nbeside+=($!)\n' "$(line "$@")" "$1"
}
# half prints a pattern for a half of a program's tests but those with whole
# runtimes, of which one is for this kernel, and those of the specification.
# What is about the whole kernel stays together and in order.
half() {
	"$2" -test.list '^Test' | grep '^Test' |
		grep -vE '^Test(CRI[A-NP-Z]|RuntimeTotal|Spec)' | sed '/^TestConf$/a TestCRIRDomains' |
		awk -v half="$1" '{ here = /^TestSELinux/ || NR % 5 < 2 ? 2 : 1 } here == half' |
		paste -s -d '|' | sed 's/.*/^(&)$/'
}
while read -r package dir; do
	program=$tmp/$(echo "$package" | tr / _).test
	if ! go test -c -o "$program" "$package" >"$tmp/log" 2>&1; then
		cat "$tmp/log" >&2
		printf '{"Action":"fail","Package":"%s"}\n' "$package"
		continue
	fi
	# Not by grep -q, which ends before all is listed: that looks like a failure.
	has() { [ -n "$("$program" -test.list "^$1")" ]; }
	if [ -n "${VMTAP_VM_RUN:-}" ] || [[ $package != */test/e2e ]]; then
		tests=.
		! has TestKernel || tests='^TestKernel'
		run "$package" "$dir" "$program" "-test.run=${VMTAP_VM_RUN:-$tests}" >>"$script"
		continue
	fi
	{
		beside "$package, second half" "$dir" "$program" "-test.run=$(half 2 "$program")"
		run "$package" "$dir" "$program" "-test.run=$(half 1 "$program")"
		# shellcheck disable=SC2016 # for the script
		echo 'for job in "${beside[@]}"; do wait "$job" || status=1; done; cat /run/beside.*'
	} >>"$script"
done <<<"$list"
echo "exit \$status" >>"$script"

# A status above 1 is no test's. Packages that had not begun show it as a failure.
ended=0
export VMTAP_VM_TIMEOUT=${VMTAP_VM_TIMEOUT:-4200}
"$root/hack/vm/run.sh" bash "$script" || ended=$?
if [ $ended -gt 1 ]; then
	printf '{"Action":"fail","Package":"the test VM, exit status %s"}\n' $ended
fi
exit $ended
