package snapshot

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/netns"
)

const world = `
link add sw address 0a:00:00:00:00:01 type bridge mcast_snooping 1
link set sw addrgenmode none
link add va address 0a:00:00:00:00:02 type veth peer name vb address 0a:00:00:00:00:03
link set va addrgenmode none
link set vb addrgenmode none
link add vc address 0a:00:00:00:00:04 type veth peer name vd address 0a:00:00:00:00:05
link set vc addrgenmode none
link set vd addrgenmode none
link set vc master sw
link set va master sw
link set va up
link set vb up
link set sw up
addr add 100.64.1.2/31 dev vb
addr add fd00::1/96 dev vb nodad
`

func newWorld(t testing.TB) *netns.NS {
	ns := netns.New(t)
	makeWorld(t, ns)
	return ns
}

// makeWorld makes the links, and waits for the route that the kernel adds in its
// own time, when vb has a carrier.
func makeWorld(t testing.TB, ns *netns.NS) {
	t.Helper()
	ns.RunInput(t, world, "ip", "-batch", "-")
	for end := time.Now().Add(10 * time.Second); !strings.Contains(ns.Run(t, "ip", "-6", "route", "show", "table", "local"), "local fd00::1 "); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited 10 s for the route to vb's address")
		}
	}
}

// shell runs commands that are separated by semicolons.
func shell(t testing.TB, ns *netns.NS, commands string) {
	t.Helper()
	ns.Run(t, "sh", "-ec", commands)
}

func TestNothingDiffersWhenNothingWasDone(t *testing.T) {
	ns := newWorld(t)
	before := Take(t, ns)
	for range 5 {
		time.Sleep(50 * time.Millisecond)
		if diff := Diff(before, Take(t, ns)); len(diff) > 0 {
			t.Fatalf("differences:\n%s", strings.Join(diff, "\n"))
		}
	}
}

// Each kind of change is seen, and none when all are undone.
func TestChangesAreSeen(t *testing.T) {
	ns := newWorld(t)
	before := Take(t, ns)
	var dos, undos, lines []string
	for _, c := range []struct{ do, undo, line string }{
		{"ip link add x type bridge", "ip link del x", "+ link x linkinfo.info_kind: bridge"},
		{"ip link set vb mtu 1400", "ip link set vb mtu 1500", "+ link vb mtu: 1400"},
		{"ip link set vb alias hello", "ip link set vb alias ''", "+ link vb ifalias: hello"},
		{"ip link set vb group 7", "ip link set vb group default", "+ link vb group: 7"},
		{"ip link property add dev vb altname other", "ip link property del dev vb altname other", "+ link vb altname: other"},
		{"ip link set vc nomaster", "ip link set vc master sw", "- link vc master: sw"},
		{"ip link set vb addrgenmode eui64", "ip link set vb addrgenmode none; ip -6 addr flush dev vb scope link", "+ link vb inet6_addr_gen_mode: eui64"},
		{"ip link set vd arp off", "ip link set vd arp on", "+ link vd flags: BROADCAST,MULTICAST,NOARP"},
		{"ip link set vd address 0a:00:00:00:00:09", "ip link set vd address 0a:00:00:00:00:05", "+ link vd address: 0a:00:00:00:00:09"},
		{"ip link set vb promisc on", "ip link set vb promisc off", "+ link vb promiscuity: 1"},
		{"bridge link set dev va learning off", "bridge link set dev va learning on", "+ link va linkinfo.info_slave_data.learning: false"},
		{"bridge link set dev va isolated on", "bridge link set dev va isolated off", "+ link va linkinfo.info_slave_data.isolated: true"},
		{"ip tuntap add mode tap name tap0", "ip link del tap0", "+ link tap0 linkinfo.info_data.type: tap"},
		{"ip addr add 192.0.2.1/32 dev vb", "ip addr del 192.0.2.1/32 dev vb", "+ addr vb inet 192.0.2.1/32 "},
		{"ip addr add 192.0.2.2/32 dev vb valid_lft 1000 preferred_lft 900", "ip addr del 192.0.2.2/32 dev vb", "+ addr vb inet 192.0.2.2/32 dynamic=true label=vb preferred_life_time=some scope=global valid_life_time=some"},
		{"ip addr add 2001:db8::1/64 dev vb nodad noprefixroute", "ip addr del 2001:db8::1/64 dev vb", "+ addr vb inet6 2001:db8::1/64 nodad=true noprefixroute=true"},
		{"ip route add 198.51.100.0/24 via 100.64.1.3", "ip route del 198.51.100.0/24", "+ route main unicast 198.51.100.0/24 dev=vb"},
		{"ip route add unreachable default metric 4278198272 table 1000", "ip route flush table 1000", "+ route 1000 unreachable default "},
		{"ip route add 2001:db8::/64 dev vb table 1000", "ip -6 route flush table 1000", "+ route 1000 unicast 2001:db8::/64 dev=vb"},
		{"ip rule add fwmark 1 table 77 pref 5", "ip rule del pref 5", "+ rule inet 5 fwmark=0x1"},
		{"ip -6 rule add fwmark 1 table 77 pref 5", "ip -6 rule del pref 5", "+ rule inet6 5 fwmark=0x1"},
		{"ip neigh add 100.64.1.3 lladdr 02:00:00:00:00:01 dev vb", "ip neigh del 100.64.1.3 dev vb", "+ neigh vb 100.64.1.3 lladdr=02:00:00:00:00:01"},
		{"ip neigh add fd00::2 lladdr 02:00:00:00:00:01 dev vb", "ip neigh del fd00::2 dev vb", "+ neigh vb fd00::2 lladdr=02:00:00:00:00:01"},
		{"ip neigh add proxy 100.64.1.9 dev vb", "ip neigh del proxy 100.64.1.9 dev vb", "+ neigh proxy vb 100.64.1.9"},
		{"bridge fdb add 02:00:00:00:00:09 dev va master static", "bridge fdb del 02:00:00:00:00:09 dev va master", "+ fdb va 02:00:00:00:00:09 "},
		{"bridge mdb add dev sw port va grp 239.1.1.1 permanent", "bridge mdb del dev sw port va grp 239.1.1.1", "+ mdb sw va 239.1.1.1 "},
		{"tc qdisc add dev vb clsact", "tc qdisc del dev vb clsact", "+ qdisc vb clsact ffff:"},
		{"nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; }'; nft add rule inet t c tcp dport '{ 80, 443 }' counter drop", "nft delete table inet t", "+ nft table inet t chain c 2: tcp dport { 80, 443 } counter drop"},
		{"nft add table inet u; nft add set inet u s '{ type ifname; elements = { va, vb, sw, x, longer-name, longer2-name, y } ; }'", "nft delete table inet u", `+ nft table inet u set s element: "longer2-name"`},
		{"sysctl -qw net.ipv4.conf.vb.rp_filter=2", "sysctl -qw net.ipv4.conf.vb.rp_filter=0", "+ sysctl net/ipv4/conf/vb/rp_filter: 2"},
		{"sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv4.ip_forward=0", "+ sysctl net/ipv4/ip_forward: 1"},
		{"sysctl -qw net.ipv6.conf.all.forwarding=1", "sysctl -qw net.ipv6.conf.all.forwarding=0", "+ sysctl net/ipv6/conf/default/forwarding: 1"},
		{"ip maddr add 33:33:00:00:00:98 dev vb", "ip maddr del 33:33:00:00:00:98 dev vb", "+ mcast vb lladdr 333300000098 users=1"},
		{"ip addr add 239.1.1.1/32 dev vb autojoin", "ip addr del 239.1.1.1/32 dev vb", "+ mcast vb inet 239.1.1.1 users=1"},
		{"ip link add vm65535-gw0 up type bridge", "ip link del vm65535-gw0", "+ mcast vm65535-gw0 inet 224.0.0.1 users=1"},
		{"ip addr add ff02::99/128 dev vb autojoin", "ip addr del ff02::99/128 dev vb", "+ mcast vb inet6 ff02::99 users=1"},
	} {
		dos, undos, lines = append(dos, c.do), append(undos, c.undo), append(lines, c.line)
	}
	slices.Reverse(undos)
	shell(t, ns, strings.Join(dos, "\n"))
	diff := Diff(before, Take(t, ns))
	for _, line := range lines {
		expect(t, diff, line)
	}
	shell(t, ns, strings.Join(undos, "\n"))
	if diff := Diff(before, Take(t, ns)); len(diff) > 0 {
		t.Errorf("after all were undone:\n%s", strings.Join(diff, "\n"))
	}
}

// expect fails the test if no difference begins so.
func expect(t *testing.T, diff []string, prefix string) {
	t.Helper()
	if !slices.ContainsFunc(diff, func(line string) bool { return strings.HasPrefix(line, prefix) }) {
		t.Errorf("no %q in\n%s", prefix, strings.Join(diff, "\n"))
	}
}

func TestFiltersAreSeen(t *testing.T) {
	ns := newWorld(t)
	shell(t, ns, "tc qdisc add dev vb clsact; tc qdisc add dev va ingress; tc qdisc add dev sw root handle 1: htb")
	before := Take(t, ns)
	var dos, lines []string
	for _, c := range []struct{ do, line string }{
		{
			"tc filter add dev vb ingress protocol all u32 match u32 0 0 action mirred egress redirect dev va",
			"+ filter vb ingress: protocol all pref 49152 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 terminal flowid not_in_hw" +
				" match 00000000/00000000 at 0 action order 1: mirred (Egress Redirect to device va) stolen ref 1 bind 1",
		},
		{
			"tc filter add dev vb egress bpf da bytecode '1,6 0 0 2'",
			"+ filter vb egress: protocol all pref 49152 bpf chain 0 handle 0x1 direct-action not_in_hw bytecode '1,6 0 0 2'",
		},
		{
			"tc filter add dev va ingress bpf da bytecode '1,6 0 0 4294967295'",
			"+ filter va ingress: protocol all pref 49152 bpf chain 0 handle 0x1 direct-action not_in_hw bytecode '1,6 0 0 4294967295'",
		},
		{"tc class add dev sw parent 1: classid 1:1 htb rate 1mbit", "+ class sw parent 1:: htb 1:1 root"},
		{"tc filter add dev sw parent 1: protocol all u32 match u32 0 0 classid 1:1", "+ filter sw parent 1:: protocol all pref 49152 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 *flowid 1:1 "},
	} {
		dos, lines = append(dos, c.do), append(lines, c.line)
	}
	shell(t, ns, strings.Join(dos, "\n"))
	diff := Diff(before, Take(t, ns))
	for _, line := range lines {
		expect(t, diff, line)
	}
	shell(t, ns, `tc filter del dev vb ingress; tc filter del dev vb egress; tc filter del dev va ingress
		tc filter del dev sw parent 1:; tc class del dev sw classid 1:1`)
	if diff := Diff(before, Take(t, ns)); len(diff) > 0 {
		t.Errorf("after all were deleted:\n%s", strings.Join(diff, "\n"))
	}
}

func TestVLANsAreSeen(t *testing.T) {
	netns.NeedsVLANFiltering(t)
	ns := newWorld(t)
	shell(t, ns, "ip link set sw type bridge vlan_filtering 1")
	before := Take(t, ns)
	shell(t, ns, "bridge vlan add dev va vid 100 pvid untagged")
	expect(t, Diff(before, Take(t, ns)), "+ vlan va 100 ")
	shell(t, ns, "bridge vlan del dev va vid 100; bridge vlan add dev va vid 1 pvid untagged")
	if diff := Diff(before, Take(t, ns)); len(diff) > 0 {
		t.Errorf("after it was undone:\n%s", strings.Join(diff, "\n"))
	}
}

func TestVRFIsSeen(t *testing.T) {
	netns.NeedsVRF(t)
	ns := newWorld(t)
	before := Take(t, ns)
	shell(t, ns, "ip link add rdomain5 type vrf table 1005; ip link set rdomain5 up")
	diff := Diff(before, Take(t, ns))
	for _, line := range []string{"+ link rdomain5 linkinfo.info_data.table: 1005", "+ rule inet 1000 ", "+ rule inet6 1000 "} {
		expect(t, diff, line)
	}
}

// Numbers that the kernel gives make no difference.
func TestTheSameMadeAgainIsTheSame(t *testing.T) {
	ns := newWorld(t)
	filter := "tc qdisc add dev vb clsact; tc filter add dev vb ingress protocol all u32 match u32 0 0 action mirred egress redirect dev va"
	shell(t, ns, filter)
	before := Take(t, ns)
	shell(t, ns, "ip link del va; ip link del vc; ip link del sw")
	makeWorld(t, ns)
	shell(t, ns, filter)
	if diff := Diff(before, Take(t, ns)); len(diff) > 0 {
		t.Errorf("differences:\n%s", strings.Join(diff, "\n"))
	}
}

func TestPeersInOtherNamespaces(t *testing.T) {
	ns := newWorld(t)
	take := func() string {
		pod := netns.New(t)
		ns.Run(t, "ip", "link", "add", "vx", "address", "0a:00:00:00:00:05", "type", "veth", "peer", "name", "vx", "netns", pod.Path())
		text := Take(t, ns)
		ns.Run(t, "ip", "link", "del", "vx")
		return text
	}
	if diff := Diff(take(), take()); len(diff) > 0 {
		t.Errorf("differences:\n%s", strings.Join(diff, "\n"))
	}
}

func TestSettledWaits(t *testing.T) {
	ns := newWorld(t)
	before := Take(t, ns)
	pod := netns.New(t)
	ns.Run(t, "ip", "link", "add", "vx", "type", "veth", "peer", "name", "vx", "netns", pod.Path())
	if diff := Settled(t, ns, before, 0); len(diff) == 0 {
		t.Error("no difference with a new link")
	}
	if err := pod.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := Settled(t, ns, before, 30*time.Second); len(diff) > 0 {
		t.Errorf("after the peer's namespace went:\n%s", strings.Join(diff, "\n"))
	}
}

func TestDiff(t *testing.T) {
	before := "a: 1\nb: 1\nsame\ntwice\ntwice\n"
	after := "a: 2\nc: 1\nsame\ntwice\n"
	if got, want := Diff(before, after), []string{"- a: 1", "+ a: 2", "- b: 1", "+ c: 1", "- twice"}; !slices.Equal(got, want) {
		t.Errorf("Diff: %q, want %q", got, want)
	}
	if got, want := Diff(before, after, Prefix("a"), Containing("wic")), []string{"- b: 1", "+ c: 1"}; !slices.Equal(got, want) {
		t.Errorf("Diff with allowed lines: %q, want %q", got, want)
	}
	if got := Diff(after, after); len(got) != 0 {
		t.Errorf("Diff of the same: %q", got)
	}
}

func BenchmarkTake(b *testing.B) {
	ns := newWorld(b)
	for b.Loop() {
		Take(b, ns)
	}
}
