#!/usr/bin/env bash
# Runs all tests, on this machine's kernel and in the test VM, and ends with the
# line "N passed, N failed, N skipped" for both together: skipped are those that
# ran on neither.
#
# usage: hack/test.sh [all|host|vm|e2e|kubelet|debian|upgrade|soak]    default: all
#
# "e2e" is pods run by container runtimes, on both kernels: a part of "all".
# "kubelet" is pods run by a kubelet, on this kernel. It is no part of "all": the
# kubelet is built first, which takes minutes. Nor is "debian", a Debian guest that
# gets its addresses by itself, and a kernel that does: they are made and fetched
# first. Nor is "upgrade", which has this plugin and that of the version FROM (a tag
# or a commit, the latest tag by default) work on each other's links. "soak" is every
# fault at every step on this kernel, and many in the VM, and nodes and switches that
# are full: "all" has some of each. It takes about an hour.
#
# It installs what is missing and builds the plugin first. Tests find the
# plugin in VMTAP_BIN. hack/testsum says what is counted.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

what=${1:-all}
case $what in
all | host | vm | e2e | kubelet | debian | upgrade | soak) ;;
*) die "usage: hack/test.sh [all|host|vm|e2e|kubelet|debian|upgrade|soak]" ;;
esac
need_root
cd "$root"
if [ "$what" = upgrade ]; then
	from=${FROM:-$(git describe --tags --abbrev=0 HEAD^ 2>/dev/null)} || die "FROM does not say which version is the earlier one: FROM=v0.1.0"
	git rev-parse --verify --quiet "$from^{commit}" >/dev/null || die "FROM is $from, which git does not know"
fi
"$root/hack/deps.sh"
export CGO_ENABLED=0
export VMTAP_BIN=$root/bin/vmtap
for tool in cnitool bandwidth bridge dhcp firewall host-local loopback multus portmap ptp static tuning; do
	"$root/hack/gotool.sh" "$tool" >/dev/null
done
for release in debian 2; do
	"$root/hack/containerd.sh" $release >/dev/null
done
"$root/hack/pause-image.sh" >/dev/null
"$root/hack/vm-image.sh" >/dev/null
"$root/hack/uml.sh" >/dev/null
"$root/hack/prometheus.sh" >/dev/null
make --no-print-directory build

tmp=$(mktemp -d)
beside=() # process groups
trap 'for group in "${beside[@]}"; do kill -- "-$group" 2>/dev/null; done; rm -rf "$tmp"' EXIT
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
}

# begin is run beside what follows, and finish shows what all of them said.
outputs=()
begin() {
	set -m # a process group of its own, to end all of it
	run "$@" >"$2.out" 2>&1 &
	beside+=($!)
	outputs+=("$2.out")
	set +m
}
finish() {
	local group
	for group in "${beside[@]}"; do
		wait "$group" || true
	done
	beside=()
	[ ${#outputs[@]} = 0 ] || cat "${outputs[@]}"
}

tests=(./...)
limit=70m
parts=0
case $what in
e2e) tests=(./test/cri ./test/e2e -run '^Test(CRI|Containerd|Multus|Runtime)') ;;
kubelet) tests=(-tags kubelet ./test/e2e -run '^TestKubelet') ;;
debian) tests=(-tags debian ./test/e2e -run '^Test(Debian|IPDHCP)') ;;
upgrade) tests=(-tags upgrade ./test/e2e -run '^TestUpgrade') ;;
soak)
	tests=(./test/e2e ./test/model -run '^Test(Crash|TwoAtOnce|FirstTwoAtOnce|ForwardAtOnce|Hostile|ConflistChanged|Scale|Model|Random|ManyAtOnce|AnswerMany)')
	limit=4h
	export VMTAP_CRASH_EVERY=1
	# What kills an ADD waits for the kernel most of its time, so three side by side
	# take half of the time of one.
	crashes=(./test/e2e -run '^TestCrashTotal$')
	parts=3
	tests+=(-skip '^TestCrashTotal$')
	;;
esac
[ "$what" != kubelet ] || "$root/hack/gotool.sh" kubelet >/dev/null
[ "$what" != debian ] || { "$root/hack/guest/debian.sh" && "$root/hack/guest/kernel.sh"; } >/dev/null
if [ "$what" = upgrade ]; then
	mkdir "$tmp/from"
	git archive "$from" | tar -x -C "$tmp/from"
	(cd "$tmp/from" && go build -trimpath -o "$tmp/from/old/vmtap" ./plugins/vmtap)
	export VMTAP_OLD_BIN=$tmp/from/old/vmtap
fi
# here runs tests on this kernel, with locks of their own: tests that count an
# ADD's system calls would count it waiting for somebody else's on this machine.
mkdir -p /run/vmtap
here=(unshare --mount sh -c 'mount -t tmpfs -o mode=700 tmpfs /run/vmtap && exec "$@"' sh
	go test -json -count=1 -timeout "$limit")
host=()
vm=()
if [ "$what" != vm ]; then
	host=("on this kernel ($(uname -r))" "$tmp/host")
	runs+=("${host[@]}")
	host+=("${here[@]}" "${tests[@]}")
fi
case $what in
host | kubelet | debian | upgrade) ;;
*)
	vm=("in the VRF kernel ($(cat "$("$root/hack/kernel.sh")/version"))" "$tmp/vm")
	runs+=("${vm[@]}")
	if [ "$what" = e2e ]; then
		vm+=(env VMTAP_VM_RUN='^TestCRIRDomains' "$root/hack/vm/test.sh" ./test/e2e)
	elif [ "$what" = soak ]; then
		# What this kernel lacks; the VM is slow.
		vm+=(env VMTAP_CRASH_EVERY=13 VMTAP_VM_RUN='^TestCrashTotal$/(rdomain|vlan)' "$root/hack/vm/test.sh" ./test/e2e)
	else
		vm+=("$root/hack/vm/test.sh")
	fi
	;;
esac
# Side by side, since neither keeps two processors busy.
for ((k = 1; k <= parts; k++)); do
	part=("on this kernel, crashes, part $k of $parts" "$tmp/crashes$k")
	runs+=("${part[@]}")
	begin "${part[@]}" env "VMTAP_CRASH_PART=$k/$parts" "${here[@]}" "${crashes[@]}"
done
if [ ${#host[@]} -gt 0 ] && [ ${#vm[@]} -gt 0 ]; then
	begin "${vm[@]}"
	run "${host[@]}"
elif [ ${#host[@]} -gt 0 ]; then
	run "${host[@]}"
else
	run "${vm[@]}"
fi
finish
echo "== result"
"$tmp/testsum" -total "${runs[@]}"
