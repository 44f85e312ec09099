#!/usr/bin/env bash
# Makes an initramfs and prints its path.
#
# usage: hack/initramfs.sh [-k KERNEL] [-f FILE]... INIT [MODULE...]
#
# It holds a static busybox with all its commands, INIT as /init, and the
# modules with all that they depend on, which /load-modules loads in order; and
# each FILE or directory of this machine, where it is here, with the libraries of
# programs. KERNEL is a directory as hack/kernel.sh prints it, and that one by default.
# It is made once for each content and kept in the cache.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

usage="usage: hack/initramfs.sh [-k KERNEL] [-f FILE]... INIT [MODULE...]"
files=()
kernel=
while getopts f:k: option; do
	case $option in
	f) files+=("$OPTARG") ;;
	k) kernel=$OPTARG ;;
	*) die "$usage" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || die "$usage"
init=$1
shift
"$root/hack/deps.sh" busybox cpio
[ -n "$kernel" ] || kernel=$("$root/hack/kernel.sh")
version=$(cat "$kernel/version")
modules=lib/modules/$version

# contents are the FILEs, and the libraries that the programs among them name.
contents() {
	local file
	for file in "${files[@]}"; do
		find "$file" -type f
		# One without libraries that ldd knows, as klibc's programs are, is no fault.
		[ ! -x "$file" ] || ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true
	done | sort -u
}
mapfile -t all < <(contents)
key=$({ cat "$0" "$init" "${all[@]}"; echo "$version $*"; } | sha256sum | head -c 16)
image=$cache/initramfs-$(basename "$(dirname "$init")")-$key.gz
if [ ! -e "$image" ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir -p "$dir"/{bin,sbin,dev,proc,sys,run,tmp,mnt,modules}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$init" "$dir/init"
	chmod 755 "$dir/bin/busybox" "$dir/init"
	for file in "${all[@]}"; do
		install -D "$file" "$dir$file"
	done

	# modules.dep has a line "path: paths it depends on, nearest first".
	{
		echo '#!/bin/busybox sh'
		for module in "$@"; do
			line=$(grep -m 1 "/$module\.ko:" "$kernel/$modules/modules.dep") || continue # built in
			read -ra files <<<"${line/:/}"
			for ((i = ${#files[@]} - 1; i >= 0; i--)); do
				name=$(basename "${files[i]}")
				[ -e "$dir/modules/$name" ] && continue
				cp "$kernel/$modules/${files[i]}" "$dir/modules/$name"
				echo "insmod /modules/$name"
			done
		done
	} >"$dir/load-modules"
	chmod 755 "$dir/load-modules"
	(cd "$dir" && find . | cpio --quiet -o -H newc | gzip -1) >"$image.$$"
	mv "$image.$$" "$image"
fi
echo "$image"
