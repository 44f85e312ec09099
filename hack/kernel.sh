#!/usr/bin/env bash
# Fetches Debian's kernel and prints the directory it was unpacked in.
#
# The directory holds vmlinuz, a file named version, and lib/modules. Nothing
# is installed: the package is unpacked in the cache, once. Test VM and demo
# guest boot this kernel. It has what many a container host lacks, VRF first
# of all. Remove the directory to get a newer kernel.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

dir=$cache/kernel
if [ ! -e "$dir/version" ]; then
	command -v apt-get >/dev/null || die "needs apt-get to fetch Debian's linux-image-amd64"
	"$root/hack/deps.sh" busybox
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
		mv "boot/vmlinuz-$version" vmlinuz
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
