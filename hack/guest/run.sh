#!/usr/bin/env bash
# Boots a small Linux guest on a tap, in the network namespace where the tap is.
#
# usage: hack/guest/run.sh NETNS TAP MAC [KERNEL-ARGUMENT...]
#
# NETNS is a name as "ip netns" has it, the path of a namespace, or - for the
# caller's own. hack/guest/init says which kernel arguments the guest knows and
# what it prints. Its console is this script's standard input and output. The
# script turns into QEMU: it ends when the guest does, and killing it kills the
# guest. With "prepare" as its only argument it makes what is needed beforehand.
#
# VMTAP_GUEST=debian boots a Debian instead, with systemd; hack/guest/debian-init
# says what it is told and prints. VMTAP_GUEST_FILES names a directory whose files
# replace the Debian's. VMTAP_GUEST=kernel boots the small guest with a kernel
# that knows "ip=dhcp" (hack/guest/kernel.sh), and VMTAP_GUEST=uml with User-mode Linux
# instead of QEMU (hack/uml.sh).
#
# VMTAP_MACHINE is the machine that QEMU makes: q35, or microvm, which has virtio
# devices without PCI. VMTAP_QUEUES is how many queues it opens of the tap, one or
# more, and how many CPUs it has.
#
# QEMU uses KVM where that works (hack/accel.sh).
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/../lib.sh"

"$root/hack/deps.sh" ip qemu-system-x86_64
kernel=$("$root/hack/kernel.sh")/vmlinux
guest=()
memory=256
client=()
if [ "${1:-}" = prepare ] || [[ " $* " == *" vmtap.dhcp="* ]]; then
	"$root/hack/deps.sh" dhcpcd
	client=(-f "$(command -v dhcpcd)" -f /usr/lib/dhcpcd -f /etc/dhcpcd.conf)
fi
if [[ " $* " == *" ip="* ]]; then # what Debian's initramfs has for it
	"$root/hack/deps.sh" /usr/lib/klibc/bin/ipconfig
	client+=(-f /usr/lib/klibc/bin/ipconfig -f "$(echo /lib/klibc-*.so)")
fi
queues=${VMTAP_QUEUES:-1}
machine=${VMTAP_MACHINE:-q35}
bus=virtio_pci
device=virtio-net-pci,romfile=
case $machine in
q35) ;;
microvm)
	bus=virtio_mmio
	device=virtio-net-device
	;;
*) die "VMTAP_MACHINE is $machine: want q35 or microvm" ;;
esac
[ -z "${VMTAP_GUEST:-}" ] || [ "$machine$queues" = q351 ] ||
	die "VMTAP_MACHINE and VMTAP_QUEUES are for the small guest: unset them, or VMTAP_GUEST"
several=
if [ "$queues" -gt 1 ]; then
	several=,queues=$queues
	device+=,mq=on
	[ "$machine" = microvm ] || device+=,vectors=$((2 * queues + 2))
fi
# image makes the guest's initramfs, with these files of this machine in it.
image() { "$root/hack/initramfs.sh" "$@" "$root/hack/guest/init" "$bus" virtio_net; }
if [ "${VMTAP_GUEST:-}" = debian ]; then
	initramfs=$("$root/hack/initramfs.sh" "$root/hack/guest/debian-init" virtio_pci virtio_net 9p 9pnet_virtio overlay)
	debian=$("$root/hack/guest/debian.sh")
	guest=(-virtfs "local,path=$debian,mount_tag=debian,security_model=none,multidevs=remap,readonly=on")
	memory=768
	if [ -n "${VMTAP_GUEST_FILES:-}" ]; then
		guest+=(-virtfs "local,path=$VMTAP_GUEST_FILES,mount_tag=files,security_model=none,multidevs=remap,readonly=on"
			-virtfs "local,path=$("$root/hack/kernel.sh")/lib/modules,mount_tag=modules,security_model=none,multidevs=remap,readonly=on")
	fi
elif [ "${VMTAP_GUEST:-}" = kernel ]; then
	kernel=$("$root/hack/guest/kernel.sh")
	initramfs=$("$root/hack/initramfs.sh" "$root/hack/guest/init")
elif [ "${VMTAP_GUEST:-}" = uml ]; then
	uml=$("$root/hack/uml.sh")
	initramfs=$("$root/hack/initramfs.sh" -k "$uml" "$root/hack/guest/init" ipv6)
else
	initramfs=$(image "${client[@]}")
fi
if [ "${1:-}" = prepare ]; then
	image >/dev/null # the one without a client as well
	exit
fi
[ $# -ge 3 ] || die "usage: hack/guest/run.sh NETNS TAP MAC [KERNEL-ARGUMENT...]"
netns=$1
tap=$2
mac=$3
shift 3

enter=()
case $netns in
-) ;;
*/*) enter=(nsenter "--net=$netns") ;;
*) enter=(nsenter "--net=/run/netns/$netns") ;;
esac
# QEMU would make a tap of its own if there were none of that name.
"${enter[@]}" ip -d link show dev "$tap" | grep ' tun ' >/dev/null || die "there is no tap $tap in namespace $netns"
if [ "${VMTAP_GUEST:-}" = uml ]; then
	# It is several processes, which end with their first.
	exec "${enter[@]}" unshare --pid --fork --kill-child --mount-proc "$uml/linux" \
		mem=${memory}M "initrd=$initramfs" con=null con0=fd:0,fd:1 console=tty0 quiet panic=-1 \
		"vec0:transport=tap,ifname=$tap,mac=$mac" "$@"
fi
accel=$("$root/hack/accel.sh")
if [ "$machine" = microvm ] && [ "$accel" != kvm ]; then
	# An emulated microvm has nothing by which a kernel could measure its clocks; one
	# in two or three then waits forever for the first tick. QEMU's TSC is this machine's.
	khz=$(awk '/^cpu MHz/ { printf "%d", 1000 * $4; exit }' /proc/cpuinfo)
	quick+=" tsc_early_khz=${khz:-2000000}"
fi
exec "${enter[@]}" qemu-system-x86_64 \
	-M "$machine" -accel "$accel" -cpu "$(cpu "$accel")" -smp "$queues" -m $memory \
	-nodefaults -no-user-config -display none -no-reboot -serial stdio \
	-kernel "$kernel" -initrd "$initramfs" \
	-append "console=ttyS0 quiet panic=-1 $quick $*" \
	"${guest[@]}" \
	-netdev "tap,id=net,ifname=$tap,script=no,downscript=no$several" \
	-device "$device,netdev=net,mac=$mac"
