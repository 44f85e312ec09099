#!/usr/bin/env bash
# Fetches Debian's User-mode Linux and prints the directory it was unpacked in.
#
# The directory holds linux, a file named version, and lib/modules, as that of
# hack/kernel.sh does for vmlinux. It is a kernel that runs as a process, and so a
# guest that is fast where QEMU would emulate a processor inside an emulated one.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

dir=$cache/uml
if [ ! -e "$dir/linux" ]; then
	command -v apt-get >/dev/null || die "needs apt-get to fetch Debian's user-mode-linux"
	"$root/hack/deps.sh" busybox
	new=$(mktemp -d "$cache/uml.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	say "fetching User-mode Linux"
	(
		cd "$new"
		get() { apt-get -q download user-mode-linux >log 2>&1; }
		get || { apt-get -q update >log 2>&1 && get; } || { cat log >&2; exit 1; } # the package lists may be too old
		dpkg-deb -x ./*.deb .
		version=$(ls usr/lib/uml/modules)
		mkdir lib
		mv usr/lib/uml/modules lib/modules
		mv usr/bin/linux.uml linux
		rm -rf ./*.deb log usr etc
		busybox depmod -b . "$version"
		echo "$version" >version
	)
	chmod 755 "$new"
	rm -rf "$dir"
	mv "$new" "$dir"
	trap - EXIT
fi
echo "$dir"
