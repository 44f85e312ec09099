#!/usr/bin/env bash
# Makes a container image that is a VM, and prints the path of its archive.
#
# usage: hack/vm-image.sh
#
# Its process is QEMU, which boots a small Linux guest on the pod's tap;
# hack/vm-image/start says how it is told what to do, docs/vm-pod.md how to run
# it. It holds QEMU with its libraries and firmware, Debian's kernel, the guest's
# initramfs and a static busybox. The archive is one that "docker load" and "ctr
# images import" take. The image's name is vmtap.test/vm:1; VM_IMAGE chooses
# another. Neither docker nor root is needed. It is made once for each content and
# kept in the cache.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

name=${VM_IMAGE:-vmtap.test/vm:1}
start=$root/hack/vm-image/start
"$root/hack/deps.sh" busybox qemu-system-x86_64
qemu=$(command -v qemu-system-x86_64)
busybox=$(command -v busybox)
kernel=$("$root/hack/kernel.sh")
initramfs=$("$root/hack/initramfs.sh" "$root/hack/guest/init" virtio_pci virtio_net)

# Of the libraries ldd prints "name => path (address)", and of what loads them
# "path (address)".
mapfile -t libraries < <(ldd "$qemu" | sed -nE 's/^.*[[:space:]](\/[^ ]+) \(.*$/\1/p')
[ ${#libraries[@]} -gt 0 ] || die "ldd shows no libraries of $qemu"
# Debian's QEMU loads what runs code without KVM when that is asked for.
for module in /usr/lib/*/qemu/accel-tcg-x86_64.so; do
	[ ! -e "$module" ] || libraries+=("$module")
done
# What "-M q35 -kernel" reads.
firmware=()
for file in bios-256k.bin kvmvapic.bin linuxboot_dma.bin pvh.bin; do
	for dir in /usr/share/qemu /usr/share/seabios; do
		[ ! -e "$dir/$file" ] || { firmware+=("$dir/$file"); continue 2; }
	done
	die "QEMU's firmware $file is neither in /usr/share/qemu nor in /usr/share/seabios"
done

key=$({
	cat "$0" "$root/hack/image.sh" "$start"
	echo "$name $initramfs"
	stat -L -c '%n %s %Y' "$qemu" "$busybox" "$kernel/vmlinux" "${libraries[@]}" "${firmware[@]}"
} | sha256sum | head -c 16)
image=$cache/vm-image-$key.tar
if [ ! -e "$image" ]; then
	say "making the image $name"
	new=$(mktemp -d "$cache/vm-image.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	layer=$new/layer
	mkdir -p "$layer"/{bin,boot,dev,etc,proc,run,sys,tmp,usr/bin,usr/share/qemu}
	cp -L "$qemu" "$layer/usr/bin/qemu-system-x86_64"
	for library in "${libraries[@]}"; do
		mkdir -p "$layer$(dirname "$library")"
		cp -L "$library" "$layer$library"
	done
	cp -L "${firmware[@]}" "$layer/usr/share/qemu"
	cp "$kernel/vmlinux" "$layer/boot/vmlinux"
	cp "$initramfs" "$layer/boot/initramfs"
	cp "$busybox" "$layer/bin/busybox"
	while read -r command; do
		[ "$command" = busybox ] || ln -s busybox "$layer/bin/$command"
	done < <("$busybox" --list)
	cp "$start" "$layer/start"
	chmod -R u=rwX,go=rX "$layer"
	chmod 755 "$layer"/{start,bin/busybox}

	"$root/hack/image.sh" "$layer" "$name" \
		'{"User": "107:107", "Env": ["PATH=/bin:/usr/bin"], "Entrypoint": ["/start"]}' "$new/image.tar"
	mv "$new/image.tar" "$image"
	rm -rf "$new"
	trap - EXIT
	# Each is some 120 MB. One that is a day old may still be in use.
	find "$cache" -maxdepth 1 -name 'vm-image-*.tar' -mtime +1 ! -name "$(basename "$image")" -delete
fi
echo "$image"
