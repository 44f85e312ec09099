#!/usr/bin/env bash
# Runs a command in a virtual machine with Debian's kernel, which has VRF.
#
# usage: hack/vm/run.sh [--] COMMAND [ARGUMENT...]
#
# The command sees this machine's files, its own working directory and the
# caller's environment, with VMTAP_VM=1 added. It runs as root, without standard
# input. Whatever it writes stays in the VM and is gone with it; /run is empty at
# the start. Standard output and error are passed on as they come, and the exit
# status is the command's, or 124 if the time is up, or 125 if the VM failed.
#
# VMTAP_VM_TIMEOUT   seconds that it may take, 1200 by default
# VMTAP_VM_MEMORY    MiB of memory, 2048 by default
# VMTAP_VM_WRITABLE  a directory where what the command writes stays
# VMTAP_VM_CONSOLE   a file for the kernel's messages
#
# QEMU uses KVM where that works (hack/accel.sh). Without it CPU-bound programs run about 8
# times slower than here.
# shellcheck source=hack/lib.sh disable=SC2317 # traps are not understood
. "$(dirname "$0")/../lib.sh"

[ "${1:-}" != -- ] || shift
[ $# -ge 1 ] || die "usage: hack/vm/run.sh [--] COMMAND [ARGUMENT...]"
"$root/hack/deps.sh" qemu-system-x86_64
kernel=$("$root/hack/kernel.sh")
initramfs=$("$root/hack/initramfs.sh" "$root/hack/vm/init" \
	virtio_pci virtio_console 9p 9pnet_virtio overlay)

job=$(mktemp -d)
console=${VMTAP_VM_CONSOLE:-$job/console}
qemu=
cleanup() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	exec 3>&- 4>&-
	wait
	rm -rf "$job"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What the VM reads: the command as a script, and where things are.
mkdir "$job/share"
{
	export -p
	echo 'export VMTAP_VM=1'
	printf 'cd %q || exit 125\n' "$PWD"
	printf 'exec'
	printf ' %q' "$@"
	echo
} >"$job/share/command"
echo "$kernel" >"$job/share/kernel"
writable=()
if [ -n "${VMTAP_VM_WRITABLE:-}" ]; then
	dir=$(cd "$VMTAP_VM_WRITABLE" && pwd)
	echo "$dir" >"$job/share/writable"
	writable=(-virtfs "local,path=$dir,mount_tag=writable,security_model=none,multidevs=remap")
fi

# Holding the pipes open here keeps the readers from waiting for a QEMU that
# never starts.
mkfifo "$job/out" "$job/err"
cat "$job/out" &
cat "$job/err" >&2 &
exec 3>"$job/out" 4>"$job/err"

accel=$("$root/hack/accel.sh")
# SELinux refuses nothing before a test loads a policy.
append="console=ttyS0 loglevel=4 panic=-1 oops=panic $quick security=selinux"
cpus=$(nproc)
timeout --foreground -k 5 "${VMTAP_VM_TIMEOUT:-1200}" qemu-system-x86_64 \
	-M q35 -accel "$accel" -cpu "$(cpu "$accel")" -smp "$((cpus > 4 ? 4 : cpus))" -m "${VMTAP_VM_MEMORY:-2048}" \
	-nodefaults -no-user-config -display none -no-reboot \
	-kernel "$kernel/vmlinux" -initrd "$initramfs" \
	-append "$append" \
	-chardev "file,id=console,path=$console" -serial chardev:console \
	-device virtio-serial-pci \
	-chardev "file,id=out,path=$job/out" -device virtserialport,nr=1,chardev=out \
	-chardev "file,id=err,path=$job/err" -device virtserialport,nr=2,chardev=err \
	-virtfs "local,path=/,mount_tag=host,security_model=none,multidevs=remap,readonly=on" \
	-virtfs "local,path=$job/share,mount_tag=job,security_model=none" \
	"${writable[@]}" \
	</dev/null >"$job/qemu" 2>&1 3>&- 4>&- &
qemu=$!
ended=0
wait "$qemu" || ended=$?
qemu=
exec 3>&- 4>&-
wait

if [ -s "$job/share/status" ]; then
	exit "$(cat "$job/share/status")"
fi
tail -n 40 "$console" "$job/qemu" >&2 || true
if [ "$ended" = 124 ] || [ "$ended" = 137 ]; then
	say "the VM did not finish in ${VMTAP_VM_TIMEOUT:-1200} seconds"
	exit 124
fi
say "the VM ended without an exit status (QEMU: $ended)"
exit 125
