#!/usr/bin/env bash
# Shows a VM as a pod: containerd runs a pod on vmtap's network, in it a container
# whose process is QEMU, and the guest answers on the pod's addresses.
#
# usage: hack/demo-pod.sh [debian|2]    default: debian, that release's containerd
#
# This machine is not touched. All happens on a machine of its own: namespaces for
# network, mounts and processes, with /etc, /opt, /run, /var/lib and /var/log that
# only it sees. It is gone at the end, however it ends. What the steps show is what
# one types on a node; docs/vm-pod.md explains it. The first run downloads QEMU, a
# kernel and containerd, and builds crictl.
# shellcheck source=hack/lib.sh disable=SC2317 # traps are not understood
. "$(dirname "$0")/lib.sh"

bold='' plain=''
if [ -t 1 ]; then
	bold=$'\e[1m' plain=$'\e[0m'
fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# show prints a command as one would type it, and runs it.
show() {
	local line='' word
	for word; do
		[[ $word =~ ^[A-Za-z0-9_./:=@-]+$ ]] || word="'$word'"
		line+=" $word"
	done
	printf '\n%s$%s%s\n' "$bold" "$line" "$plain"
	"$@"
}
cgroup=/vmtap-demo-pod

need_root
cd "$root"
if [ "${1:-}" != on-the-machine ]; then
	release=${1:-debian}
	step "Prepare: install and build what is missing"
	hack/deps.sh busybox cpio curl ip ping qemu-system-x86_64
	make --no-print-directory build
	containerd=$(hack/containerd.sh "$release")
	hack/gotool.sh crictl >/dev/null
	hack/gotool.sh loopback >/dev/null
	hack/accel.sh >/dev/null
	hack/pause-image.sh >/dev/null
	image=$(hack/vm-image.sh)
	echo "The VM's image is $image."
	status=0
	PATH="$containerd:$PATH" unshare --net --mount --pid --fork --kill-child -- "$0" on-the-machine "$image" || status=$?
	# Control groups are not the machine's own.
	for dir in "/sys/fs/cgroup$cgroup" /sys/fs/cgroup/*"$cgroup"; do
		[ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \;
	done
	exit $status
fi

# From here on, this is process 1 of the machine: all others end with it.
[ $$ = 1 ] || die "usage: hack/demo-pod.sh [debian|2]"
image=$2
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /var/log
for dir in etc opt; do
	mkdir -p /run/machine/$dir/{upper,work}
	mount -t overlay -o "lowerdir=/$dir,upperdir=/run/machine/$dir/upper,workdir=/run/machine/$dir/work" overlay /$dir
done
for device in net/tun kvm; do # as udev has them on most nodes
	[ -e /dev/$device ] || continue
	file=/run/machine/${device#*/}
	mknod -m 666 "$file" c 0x"$(stat -c %t /dev/$device)" 0x"$(stat -c %T /dev/$device)"
	mount --bind "$file" /dev/$device
done
ip link set lo up

failed() {
	local status=$?
	[ $status != 0 ] || return
	tail -n 20 /var/log/containerd.log >&2
	say "the demo failed"
}
trap failed EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "1. The node: the plugin, the network, containerd"
rm -rf /etc/cni /opt/cni
show install -D -m 755 bin/vmtap /opt/cni/bin/vmtap
install -m 755 "$(hack/gotool.sh loopback)" /opt/cni/bin/loopback # containerd calls it for each pod
show install -D -m 644 conf/21-vm-pod.conflist /etc/cni/net.d/21-vm-pod.conflist
show cat /etc/cni/net.d/21-vm-pod.conflist
mkdir -p /etc/containerd
# The sandboxes' image, on machines that can pull images registry.k8s.io/pause,
# and settings without which containerd does not run in a container.
settings='
restrict_oom_score_adj = true
disable_apparmor = true'
case $(containerd --version) in
*" v2."*)
	cat >/etc/containerd/config.toml <<-END
		version = 3
		[plugins."io.containerd.cri.v1.images".pinned_images]
		sandbox = "vmtap.test/pause:1"
		[plugins."io.containerd.cri.v1.runtime"]$settings
	END
	;;
*)
	cat >/etc/containerd/config.toml <<-END
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "vmtap.test/pause:1"$settings
	END
	;;
esac
echo 'runtime-endpoint: unix:///run/containerd/containerd.sock' >/etc/crictl.yaml
show containerd --version
containerd >/var/log/containerd.log 2>&1 &
disown
for ((i = 0; i < 100; i++)); do
	! crictl version >/dev/null 2>&1 || break
	sleep 0.1
done
ctr -n k8s.io images import "$(hack/pause-image.sh)" >/dev/null

step "2. The VM's image"
show ctr -n k8s.io images import "$image"
show crictl images

step "3. The pod's sandbox, with its network"
sed 's|"linux": {|"linux": {"cgroup_parent": "'$cgroup'", |' hack/vm-image/sandbox.json >/run/sandbox.json
show cat hack/vm-image/sandbox.json
show crictl runp /run/sandbox.json >/run/out
cat /run/out
pod=$(tail -n 1 /run/out)
show crictl pods
# A kubelet reads the pod's addresses like this, and puts them into POD_IPS.
ips=$(crictl inspectp -o go-template --template '{{.status.network.ip}}{{range .status.network.additionalIps}},{{.ip}}{{end}}' "$pod")
echo
echo "The pod has $ips."

# boot runs the VM's container and waits for its guest.
boot() {
	show crictl create "$pod" /run/container.json /run/sandbox.json >/run/out
	cat /run/out
	vm=$(tail -n 1 /run/out)
	show crictl start "$vm"
	for ((i = 0; i < 300; i++)); do
		crictl logs "$vm" >/run/out 2>&1
		! grep -q '^guest: ready' /run/out || break
		[ -n "$(crictl ps -q --id "$vm")" ] || break
		sleep 0.2
	done
	show crictl logs "$vm"
	grep -q '^guest: ready' /run/out || die "the guest did not get ready"
}
ask() {
	local ip
	for ip in ${ips//,/ }; do
		[[ $ip != *:* ]] || ip="[$ip]"
		show curl -sS "http://$ip/"
	done
}

step "4. The container: QEMU, without a right, and the guest in it"
accel=$(hack/accel.sh)
devices=
[ "$accel" != kvm ] || devices='{"host_path": "/dev/kvm", "container_path": "/dev/kvm", "permissions": "rw"}, '
sed "s|@POD_IPS@|$ips|; s|\"devices\": \[|&$devices|" hack/vm-image/container.json >/run/container.json
show cat /run/container.json
[ "$accel" = kvm ] || echo "(without KVM: the guest takes some 10 seconds)"
boot
show crictl ps

step "5. The node reaches the guest"
ask

step "6. What QEMU may do: it is user 107, and has no capability"
pid=$(crictl inspect -o go-template --template '{{.info.pid}}' "$vm")
show grep -E '^(Name|Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status"

step "7. Killed, and run again in the same sandbox, as a kubelet does"
show kill -KILL "$pid"
for ((i = 0; i < 100; i++)); do
	[ -z "$(crictl ps -q --id "$vm")" ] && break
	sleep 0.1
done
show crictl ps -a
show crictl rm "$vm"
boot
ask

step "8. The end"
show crictl stop "$vm"
show crictl stopp "$pod"
show crictl rmp "$pod"
show ip -br link
echo
echo "bridge0 stays: what pods share is kept when the last one goes."
ip -o link | grep -E ': vm[0-9]' && die "something was left behind"

cat <<END

${bold}What to try next${plain}
  docs/vm-pod.md        the same with Kubernetes
  make demo-pod CONTAINERD=2
                        with containerd 2
  make demo             the network alone, step by step
END
