#!/usr/bin/env bash
# Runs what has goroutines with Go's race detector: the packages, and the plugin
# in the tests that run many at once.
#
# usage: hack/race.sh
#
# The detector needs cgo and a C compiler, and a plugin that was built with cgo
# cannot give up its rights (docs/adr/0024). So this one keeps them: its build
# takes another onAllThreads, which does nothing. pkg/confine is left out.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
cd "$root"
"$root/hack/deps.sh"
"$root/hack/deps.sh" gcc
"$root/hack/gotool.sh" host-local >/dev/null

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
confine=$root/pkg/confine/confine.go
sed 's/syscall\.AllThreadsSyscall6(.*)$/uintptr(0), uintptr(0), syscall.Errno(0)/' "$confine" >"$tmp/confine.go"
! cmp -s "$confine" "$tmp/confine.go" || die "$confine calls no AllThreadsSyscall6"
printf '{"Replace": {"%s": "%s"}}\n' "$confine" "$tmp/confine.go" >"$tmp/overlay.json"

export CGO_ENABLED=1
# Words on stderr fail a test. Without the first the plugin takes a second to end.
export GORACE='atexit_sleep_ms=0 halt_on_error=1'
go build -race -overlay "$tmp/overlay.json" -o "$tmp/vmtap" ./plugins/vmtap
export VMTAP_BIN=$tmp/vmtap

say "the packages with the race detector"
go test -race -count=1 ./pkg/delegate ./pkg/kernel ./pkg/respond ./test/cni ./test/guest ./test/netns ./test/snapshot
say "the plugin with the race detector"
mkdir -p /run/vmtap
unshare --mount sh -c 'mount -t tmpfs -o mode=700 tmpfs /run/vmtap && exec "$@"' sh \
	go test -race -count=1 ./test/e2e -run '^Test(ManyAtOnce|Random|ADDMeetsLastDEL|CrashBlocked|CrashDelMeetsAdd|FirstADDsAtOnce|FirewallAtOnce|GroupSetsAtOnce|IPAMAtOnce|IPAMPluginSlow)$'
