#!/usr/bin/env bash
# Measures vmtap beside other plugins and writes docs/performance.md.
#
# usage: hack/bench.sh [PART | PATTERN]
#
# A part of the page is verbs, throughput, growth, many or paths; only that one is
# measured and written then. With a pattern it runs the benchmarks of all packages
# whose name matches, and writes nothing.
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

# part measures a part of the page and writes it.
part() {
	VMTAP_BENCH_DOCS=$root/docs own go test -count=1 -timeout 60m -run '^$' -bench "^Benchmark$1\$" -benchtime "$2" ./test/bench
}

run() {
	case $1 in
	verbs) part Verbs 60x ;;
	throughput) part Throughput 2x ;;
	growth) part Growth 1x ;;
	many) part Many 1x ;;
	paths) part Paths 200x ;;
	*) own go test -count=1 -run '^$' -bench "$1" -benchmem ./... ;;
	esac
}

if [ -n "${1:-}" ]; then
	run "$1"
	exit
fi
for name in verbs throughput growth many paths; do
	run "$name"
done
