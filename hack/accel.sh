#!/usr/bin/env bash
# Prints how QEMU is to run guests here: "kvm" where that boots a Linux kernel,
# else "tcg,thread=multi".
#
# usage: hack/accel.sh
#
# That /dev/kvm is there says little: nested in some clouds' VMs QEMU cannot set
# the CPU up, or the kernel never starts. So a kernel is booted, once per boot of
# this machine, until it misses its root file system.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

slow="tcg,thread=multi"
[ -w /dev/kvm ] || { echo "$slow"; exit 0; }
answer=$cache/accel-$(cat /proc/sys/kernel/random/boot_id)
if [ ! -s "$answer" ]; then
	"$root/hack/deps.sh" qemu-system-x86_64
	kernel=$("$root/hack/kernel.sh")
	output=$(timeout 20 qemu-system-x86_64 \
		-M q35 -accel kvm -cpu max -m 256 \
		-nodefaults -no-user-config -display none -no-reboot -serial stdio \
		-kernel "$kernel/vmlinux" -append "console=ttyS0 panic=-1" </dev/null 2>&1) || true
	accel=$slow
	[[ $output != *"nable to mount root fs"* ]] || accel=kvm
	rm -f "$cache"/accel-*
	echo "$accel" >"$answer.$$"
	mv "$answer.$$" "$answer"
fi
cat "$answer"
