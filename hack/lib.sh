# Common part of the scripts in hack/; sourced, never run.
#
# It sets root (the top of the source tree) and cache (where all that is
# downloaded or built for development is kept, outside the tree), and puts the
# cache's bin directory in front of PATH.
# shellcheck shell=bash disable=SC2034 # what uses root and cache

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${VMTAP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vmtap}
mkdir -p "$cache/bin"
cache=$(cd "$cache" && pwd -P)
export VMTAP_CACHE=$cache
export PATH=$cache/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin

# say prints a line of progress, on stderr so that it stays out of results.
say() { printf '%s\n' "$*" >&2; }

# die says what is wrong and ends the script.
die() { say "${0##*/}: $*"; exit 1; }

# need_root ends the script unless it runs as root.
need_root() {
	[ "$(id -u)" = 0 ] || die "needs root: it makes network namespaces and links"
}

# cpu prints the processor that QEMU is to show a guest, by what hack/accel.sh prints. An
# emulated one is faster the less it can: Linux chooses the instructions that a processor
# says it is good at, and those are what QEMU does byte by byte.
cpu() {
	case $1 in
	kvm) echo max ;;
	*) echo qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt ;;
	esac
}

# What each kernel that QEMU boots is told to be quick. Without randomised addresses QEMU can
# use again what it translated once: starting programs takes two thirds of the time.
quick="random.trust_cpu=on mitigations=off nokaslr norandmaps init_on_alloc=0 clearcpuid=rep_good"
