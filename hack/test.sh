#!/usr/bin/env bash
# Runs all tests, on this machine's kernel and in the test VM, and ends with the
# line "N passed, N failed, N skipped" for both together: skipped are those that
# ran on neither.
#
# usage: hack/test.sh [all|host|vm]    default: all
#
# It installs what is missing and builds the plugin first. Tests find the
# plugin in VMTAP_BIN. hack/testsum says what is counted.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

what=${1:-all}
need_root
cd "$root"
"$root/hack/deps.sh"
export CGO_ENABLED=0
export VMTAP_BIN=$root/bin/vmtap
for tool in cnitool bandwidth bridge dhcp firewall host-local multus portmap ptp static tuning; do
	"$root/hack/gotool.sh" "$tool" >/dev/null
done
make --no-print-directory build

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
go build -o "$tmp/testsum" ./hack/testsum

runs=()
# run prints and saves the results of one run of tests. If the command fails and
# no test did, there are no results, which counts as a failure.
run() {
	local label=$1 file=$2
	local -a status
	shift 2
	echo "== tests $label"
	"$@" </dev/null | "$tmp/testsum" -save "$file" && status=(0 0) || status=("${PIPESTATUS[@]}")
	if [ "${status[0]}" != 0 ] && [ "${status[1]}" = 0 ]; then
		rm -f "$file"
	fi
	runs+=("$label" "$file")
}

if [ "$what" != vm ]; then
	# With locks of their own: tests that count an ADD's system calls would count
	# it waiting for somebody else's on this machine.
	mkdir -p /run/vmtap
	run "on this kernel ($(uname -r))" "$tmp/host" \
		unshare --mount sh -c 'mount -t tmpfs -o mode=700 tmpfs /run/vmtap && exec "$@"' sh \
		go test -json -count=1 -timeout 20m ./...
fi
if [ "$what" != host ]; then
	version=$(cat "$("$root/hack/kernel.sh")/version")
	run "in the VRF kernel ($version)" "$tmp/vm" "$root/hack/vm/test.sh"
fi
echo "== result"
"$tmp/testsum" -total "${runs[@]}"
