#!/usr/bin/env bash
# Measures vmtap beside other plugins and writes docs/performance.md.
#
# usage: hack/bench.sh [PATTERN]
#
# With a pattern it runs the benchmarks of all packages whose name matches, and
# writes nothing.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
cd "$root"
"$root/hack/deps.sh" ip strace sysctl
export CGO_ENABLED=0
for tool in bridge host-local ptp tap; do
	"$root/hack/gotool.sh" "$tool" >/dev/null
done
make --no-print-directory build
export VMTAP_BIN=$root/bin/vmtap

# own runs a command with a lock of its own: nobody else's call is waited for.
own() {
	mkdir -p /run/vmtap
	unshare --mount sh -c 'mount -t tmpfs -o mode=700 tmpfs /run/vmtap && exec "$@"' sh "$@"
}

if [ -n "${1:-}" ]; then
	own go test -count=1 -run '^$' -bench "$1" -benchmem ./...
	exit
fi
export VMTAP_BENCH_DOCS=$root/docs
own go test -count=1 -timeout 60m -run '^$' -bench '^BenchmarkVerbs$' -benchtime 60x ./test/bench
own go test -count=1 -timeout 60m -run '^$' -bench '^BenchmarkThroughput$' -benchtime 2x ./test/bench
own go test -count=1 -timeout 60m -run '^$' -bench '^BenchmarkPaths$' -benchtime 200x ./test/bench
