#!/usr/bin/env bash
# Fetches Debian's kernel and prints the directory it was unpacked in.
#
# The directory holds vmlinux, a file named version, and lib/modules. Nothing
# is installed: the package is unpacked in the cache, once. Test VM and demo
# guest boot this kernel. It has what many a container host lacks, VRF first
# of all. Remove the directory to get a newer kernel.
#
# vmlinux is the kernel without its compression: without KVM that takes as long to
# undo as all the rest of booting.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

dir=$cache/kernel
# uncompress writes the kernel that is in a vmlinuz, or the vmlinuz itself if it
# is not compressed by xz.
uncompress() {
	local at
	at=$(LC_ALL=C grep -abo -m 1 $'\xfd7zXZ' "$1" | head -n 1 | cut -d : -f 1) || true
	# What follows the compressed part is of no interest to xz.
	if [ -z "$at" ] || ! xz -dc --single-stream <(tail -c "+$((at + 1))" "$1") >"$2" 2>/dev/null ||
		[ "$(head -c 4 "$2")" != $'\x7fELF' ]; then
		cp "$1" "$2"
	fi
}

if [ ! -e "$dir/vmlinux" ]; then
	command -v apt-get >/dev/null || die "needs apt-get to fetch Debian's linux-image-amd64"
	"$root/hack/deps.sh" busybox xz
	new=$(mktemp -d "$cache/kernel.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	say "fetching Debian's kernel"
	(
		cd "$new"
		image() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1; }
		name=$(image)
		if [ -z "$name" ] || ! apt-get -q download "$name" >download.log 2>&1; then
			# The package lists are missing or too old.
			apt-get -q update >download.log 2>&1
			name=$(image)
			[ -n "$name" ] || die "apt knows no linux-image-amd64"
			apt-get -q download "$name" >download.log 2>&1 || { cat download.log >&2; exit 1; }
		fi
		dpkg-deb -x ./*.deb .
		rm -f ./*.deb download.log
		version=$(ls lib/modules)
		uncompress "boot/vmlinuz-$version" vmlinux
		rm -rf boot usr
		busybox depmod -b . "$version"
		echo "$version" >version
	)
	chmod 755 "$new"
	rm -rf "$dir"
	mv "$new" "$dir"
	trap - EXIT
fi
echo "$dir"
