#!/usr/bin/env bash
# Fetches a kernel that asks for its own address, as "ip=dhcp" on its command line
# tells it, and prints its path.
#
# Debian's kernels are built without that (CONFIG_IP_PNP) and leave it to their
# initramfs. This one is published as a Go module, and has what a VM needs built in.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/../lib.sh"

module=github.com/gokrazy/kernel.amd64@v0.0.0-20260705070735-de680abf072b
dir=$(cd / && GOFLAGS='' go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
[ -e "$dir/vmlinuz" ] || die "fetch a kernel with ip=dhcp: $module has no vmlinuz"
echo "$dir/vmlinuz"
