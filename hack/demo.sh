#!/usr/bin/env bash
# Shows what vmtap does: gives a VM its network, boots a guest that uses it, and
# takes it down again.
#
# usage: hack/demo.sh [CONFLIST]    default: conf/20-switch.conflist
#
# Nothing touches this machine's own network. Two network namespaces are made:
# vmtap-demo-node plays the node, vmtap-demo-pod is the pod. Both are gone at the
# end, however it ends. The first run downloads QEMU and a kernel.
# shellcheck source=hack/lib.sh disable=SC2317 # traps are not understood
. "$(dirname "$0")/lib.sh"

node=vmtap-demo-node
pod=vmtap-demo-pod

bold='' plain=''
if [ -t 1 ]; then
	bold=$'\e[1m' plain=$'\e[0m'
fi
steps=0
step() { steps=$((steps + 1)); printf '\n%s%d. %s%s\n' "$bold" "$steps" "$*" "$plain"; }

# show prints a command as one would type it, and runs it.
show() { typed "$@"; "$@"; }
typed() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }
exec 3>&1

need_root
cd "$root"
tmp=$(mktemp -d)
guest=
daemon=
cleanup() {
	local status=$?
	set +e
	if [ -n "$guest" ]; then
		kill "$guest" 2>/dev/null
		wait "$guest" 2>/dev/null
	fi
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null
		wait "$daemon" 2>/dev/null
	fi
	ip netns del $pod 2>/dev/null
	ip netns del $node 2>/dev/null
	rm -rf "$tmp"
	[ $status = 0 ] || say "the demo failed"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "Prepare: install what is missing, build the plugin"
hack/deps.sh busybox cpio dhcpcd ip make ping qemu-system-x86_64
show make --no-print-directory build
hack/gotool.sh cnitool >/dev/null
go build -o "$tmp/cniresult" ./hack/cniresult
hack/guest/run.sh prepare

step "Two network namespaces: one plays the node, one is the pod"
for name in $pod $node; do # an earlier demo may have been killed
	[ ! -e "/run/netns/$name" ] || ip netns del "$name"
done
show ip netns add $node
show ip netns add $pod
show ip -n $node link set lo up

step "The network's configuration"
conf=${1:-conf/20-switch.conflist}
[ -r "$conf" ] || die "cannot read $conf"
mkdir "$tmp/net.d" "$tmp/lib"
cp "$conf" "$tmp/net.d"
network=$(sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' "$conf" | head -n 1)
show cat "$conf"
sed -n 's/.*"type": *"\([^"]*\)".*/\1/p' "$conf" | while read -r plugin; do
	[ "$plugin" = vmtap ] || hack/gotool.sh "$plugin" >/dev/null
done

# cni runs cnitool on the node. Its records go to a directory of the demo's: what
# "ip netns exec" runs has mounts of its own.
export NETCONFPATH=$tmp/net.d CNI_PATH=$root/bin:$cache/cni
cni() {
	typed ip netns exec $node cnitool "$@" >&3
	# shellcheck disable=SC2016 # expanded by the inner shell
	ip netns exec $node sh -c 'mount --bind "$0" /var/lib && exec cnitool "$@"' "$tmp/lib" "$@"
}
links() { ip -n "$1" -o link | awk '{ sub(/[@:].*/, "", $2); print $2 }' | sort; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

step "ADD: what a container runtime does when the pod starts"
links $node >"$tmp/before"
start=$(milliseconds)
cni add "$network" /var/run/netns/$pod >"$tmp/result" || { cat "$tmp/result"; die "ADD failed"; }
end=$(milliseconds)
cat "$tmp/result"
echo
echo "It took $((end - start)) ms, cnitool included."
assignments=$("$tmp/cniresult" <"$tmp/result")
lladdr='' addresses='' gateways='' tap='' where=''
eval "$assignments"

step "What was made"
show ip -d -n $node link
show ip -d -n $pod link
show ip -br -n $node address
show ip -n $node route
show ip -6 -n $node route
if grep -q '"dan": true' "$conf"; then
	show sh -c 'cat /run/kata-containers/dans/cnitool-*.json'
fi

# answer starts what tells the guest its addresses.
answer() {
	typed ip netns exec $node bin/vmtapd -conf-dir "$tmp/net.d" -cache-dir "$tmp/lib/cni"
	ip netns exec $node bin/vmtapd -conf-dir "$tmp/net.d" -cache-dir "$tmp/lib/cni" >"$tmp/daemon" 2>&1 &
	daemon=$!
	for ((i = 0; i < 50; i++)); do
		! grep -q 'msg=listening' "$tmp/daemon" || return 0
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.1
	done
	cat "$tmp/daemon"
	die "vmtapd does not listen"
}

# boot boots a guest on the tap, which is told nothing, and waits until it has
# reached its gateway.
boot() {
	local netns=$pod families=() args=("vmtap.ping=$gateways")
	[ "$where" = pod ] || netns=$node
	[[ "$addresses" != *.* ]] || families+=(4)
	[[ "$addresses" != *:* ]] || families+=(6)
	[ ${#families[@]} = 0 ] || args+=("vmtap.dhcp=$(IFS=,; echo "${families[*]}")")
	typed hack/guest/run.sh $netns "$tap" "$lladdr" "${args[@]}"
	if [ "$(hack/accel.sh)" != kvm ]; then
		echo "(without KVM: this takes some 10 seconds)"
	fi
	hack/guest/run.sh $netns "$tap" "$lladdr" "${args[@]}" </dev/null >"$tmp/guest" 2>&1 &
	guest=$!
	for ((i = 0; i < 300; i++)); do
		! grep -q '^guest: ready' "$tmp/guest" || break
		kill -0 "$guest" 2>/dev/null || break
		sleep 0.2
	done
	tr -d '\r' <"$tmp/guest"
	grep -q '^guest: ready' "$tmp/guest" || die "the guest did not get ready"
	for address in ${addresses//,/ }; do
		grep -q "^guest: eth0 was given address ${address%/*}/" "$tmp/guest" || die "the guest was not given $address"
	done
	! grep -q '^guest: .*\(no answer\|duplicate address\)' "$tmp/guest" || die "the guest cannot reach its gateway"
}

if [ -n "$tap" ]; then
	step "vmtapd listens for guests that ask for their addresses"
	answer
	step "A guest boots on the tap, is told nothing, and asks"
	boot
	typed "# what vmtapd says"
	cat "$tmp/daemon"
else
	step "The pod is no VM: it reaches its gateway itself"
	for address in ${gateways//,/ }; do
		show ip netns exec $pod ping -c 3 -i 0.2 -W 2 "$address"
	done
fi

step "The node reaches the guest"
for address in ${addresses//,/ }; do
	show ip netns exec $node ping -c 3 -i 0.2 -W 2 "${address%/*}"
done

step "CHECK: is everything as ADD left it?"
cni check "$network" /var/run/netns/$pod
echo "It is."

step "DEL: the guest is switched off and the pod goes"
if [ -n "$guest" ]; then
	kill "$guest"
	wait "$guest" 2>/dev/null || true
	guest=
fi
start=$(milliseconds)
cni del "$network" /var/run/netns/$pod
end=$(milliseconds)
echo "It took $((end - start)) ms, cnitool included."

step "What is left"
show ip -n $node link
show ip -n $pod link
links $node >"$tmp/after"
mapfile -t left < <(comm -13 "$tmp/before" "$tmp/after")
for link in "${left[@]}"; do
	if ip -d -n $node link show "$link" | grep -E '^ +(bridge|vrf) ' >/dev/null; then
		echo "$link stays: what interfaces share is kept when the last one goes."
	else
		die "$link was left behind"
	fi
done
[ "$(links $pod)" = lo ] || die "something was left behind in the pod"
echo "Of the interface nothing is left."

cat <<END

${bold}What to try next${plain}
  make demo CONF=FILE   the same with another configuration; conf/ has examples
  make install          put the plugin in /opt/cni/bin, for Kubernetes on this node;
                        a file of conf/ goes to /etc/cni/net.d
  make test             run all tests, here and in a VM with another kernel
END
