package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// A live migration as KubeVirt does it, seen from the network: the target pod is made on another node while the guest
// runs in the source pod, the guest goes on in the target, and the source pod is deleted. The guest is a test's.

// joined are two nodes whose bridges bridge0 have each other as uplink. What is on a switch must be made before.
func joined(t *testing.T, a, b *node) {
	t.Helper()
	a.Run(t, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", b.NS.Path())
	for _, n := range []*netns.NS{a.NS, b.NS} {
		n.Run(t, "ip", "link", "set", "up0", "master", "bridge0", "up")
	}
}

// migration is a VM's two pods, and a neighbour on each node's switch.
type migration struct {
	a, b         *node
	source       *attachment
	sourcePod    *pod
	config       guest.Config
	onA, onB     *guest.Guest // neighbours
	block        string
	sourceGuest  *guest.Guest
	target       *attachment
	targetPod    *pod
	targetGuest  *guest.Guest
	guestAddress netip.Addr
}

// beginMigration makes both nodes, with the VM on the first. Its NIC is a port of a switch and has an address that the guest knows itself.
func beginMigration(t *testing.T, block string) *migration {
	t.Helper()
	wantsNoVRF(t)
	m := &migration{a: newNode(t), b: newNode(t), block: block, guestAddress: netip.MustParseAddr("10.0.0.1")}
	neighbour := func(n *node, id, address string) *guest.Guest {
		p := n.newPod(t, id)
		at := p.add(t, "eth0", conf(`"switch": {"interface": "bridge0", "create": true}`))
		return guest.Open(t, p.NS, "eth0", guest.Config{LLAddr: at.guestConfig().LLAddr, Addr4: netip.MustParsePrefix(address)})
	}
	m.onA, m.onB = neighbour(m.a, "on-a", "10.0.0.2/24"), neighbour(m.b, "on-b", "10.0.0.3/24")
	joined(t, m.a, m.b)
	m.sourcePod = m.a.newPod(t, "source")
	m.source = m.launcher(t, m.sourcePod, "x7k2p")
	m.config = guest.Config{LLAddr: m.source.guestConfig().LLAddr, Addr4: netip.PrefixFrom(m.guestAddress, 24)}
	m.sourceGuest = guest.Open(t, m.sourcePod.NS, "eth0", m.config)
	return m
}

// launcher adds a virt-launcher pod's interface, as Multus calls for it.
func (m *migration) launcher(t *testing.T, p *pod, random string) *attachment {
	t.Helper()
	call := p.call("eth0", conf(m.block))
	call.Args = "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=virt-launcher-db-" + random
	return p.node.add(t, call)
}

// prepare makes the target pod. The guest goes on in the source.
func (m *migration) prepare(t *testing.T) {
	t.Helper()
	m.targetPod = m.b.newPod(t, "target")
	m.target = m.launcher(t, m.targetPod, "b4c9z")
	expect(t, "lladdr in the target", m.target.guestConfig().LLAddr, m.config.LLAddr)
}

// switchOver ends the guest in the source, and goes on with it in the target. QEMU announces it by RARP, the guest by ARP.
func (m *migration) switchOver(t *testing.T) {
	t.Helper()
	if err := m.sourceGuest.Close(); err != nil {
		t.Fatal(err)
	}
	m.targetGuest = guest.Open(t, m.targetPod.NS, "eth0", m.config)
	own := m.guestAddress
	for _, frame := range []guest.Ethernet{
		{Dst: guest.Broadcast, Src: m.config.LLAddr, Type: rarp, Payload: reverse(m.config.LLAddr)},
		{Dst: guest.Broadcast, Src: m.config.LLAddr, Type: 0x0806, Payload: guest.ARP{Op: guest.ARPRequest, SenderMAC: m.config.LLAddr, Sender: own, Target: own}.Marshal()},
	} {
		if err := m.targetGuest.Send(frame.Marshal()); err != nil {
			t.Fatal(err)
		}
	}
}

const rarp = 0x8035

// reverse is the announcement that QEMU sends after a migration: a reverse request for the guest's own lladdr.
func reverse(mac guest.MAC) []byte {
	b := guest.ARP{Op: 3, SenderMAC: mac, Sender: netip.IPv4Unspecified(), TargetMAC: mac, Target: netip.IPv4Unspecified()}.Marshal()
	return append(b, make([]byte, 18)...)
}

// reached demands that the neighbour on each node reaches the guest, or does not.
func (m *migration) reached(t *testing.T, when string, fromA, fromB bool) {
	t.Helper()
	wantReached(t, when+", from the source's node", fromA, m.onA.Ping(m.guestAddress, patience(fromA)))
	wantReached(t, when+", from the target's node", fromB, m.onB.Ping(m.guestAddress, patience(fromB)))
}

// TestKubeVirtMigrationOnSwitch: a switch that spans the nodes. The guest is reached all the while, but with a locked port
// not from the target's node before it goes there, nor from the source's node until the source is gone.
func TestKubeVirtMigrationOnSwitch(t *testing.T) {
	for name, locked := range map[string]bool{"open": false, "locked": true} {
		t.Run(name, func(t *testing.T) {
			m := beginMigration(t, fmt.Sprintf(`"switch": {"interface": "bridge0", "create": true}, "locked": %t`, locked))
			m.reached(t, "before", true, true)
			m.prepare(t)
			m.reached(t, "while it is copied", true, !locked)
			m.switchOver(t)
			m.reached(t, "in the target", !locked, true)
			m.source.del()
			m.reached(t, "without the source", true, true)
			if fault := m.b.Check(t, m.target.call); fault != nil {
				t.Errorf("CHECK of the target: %s", fault)
			}
		})
	}
}

// TestKubeVirtMigrationLocal: a local interface. If the VM's vmid is free on the target's node the guest keeps its addresses,
// and its gateways have the lladdr that it knows.
func TestKubeVirtMigrationLocal(t *testing.T) {
	m := beginMigration(t, createConf)
	m.config = m.source.guestConfig()
	m.prepare(t)
	was := m.source.identity()
	expect(t, "identity in the target", m.target.identity(), was)
	expect(t, "tap's mtu", m.targetPod.link(t, "eth0").MTU, m.sourcePod.link(t, "eth0").MTU)
	known := guest.ParseMAC(was.Gateway)
	before := m.target.dropped()
	m.switchOver(t)
	for _, dst := range []netip.Addr{m.config.Gateway4, m.config.Gateway6} {
		if err := m.targetGuest.PingVia(known, dst, answered); err != nil {
			t.Errorf("by the gateway that the guest knew: %v", err)
		}
	}
	// The guard lets no RARP through, nor somebody else's address in ARP: this guest's is 10.0.0.1 no more.
	expect(t, "dropped", m.target.dropped()-before, 2)
	m.source.del()
	m.b.ping(t, m.config.Addr4.Addr().String())
	if m.a.Command("ip", "link", "show", was.VM).Run() == nil {
		t.Error("the source's node still has the VM")
	}
}

// TestKubeVirtMigrationTaken: on the target's node another VM has the vmid. The guest keeps its lladdr, and gets other
// addresses when it asks again, as KubeVirt's link-refresh makes it do. With its old ones it is dropped.
func TestKubeVirtMigrationTaken(t *testing.T) {
	m := beginMigration(t, createConf)
	m.config = m.source.guestConfig()
	was := m.source.identity()
	other := m.b.newPod(t, "other").call("eth0", conf(createConf))
	other.Args = "VMID=" + strings.TrimPrefix(was.VM, "vm")
	m.b.add(t, other)
	m.prepare(t)
	now := m.target.identity()
	if now.VM == was.VM || now.Addr4 == was.Addr4 || now.Addr6 == was.Addr6 {
		t.Errorf("got %+v, which another VM has", now)
	}
	before := m.target.dropped()
	m.switchOver(t)
	for _, dst := range []netip.Addr{m.config.Gateway4, m.target.guestConfig().Gateway4} {
		if err := m.targetGuest.PingVia(guest.ParseMAC(now.Gateway), dst, silence); err == nil {
			t.Errorf("%v answers the guest's old address", dst)
		}
	}
	if m.target.dropped() == before {
		t.Error("the guard dropped nothing")
	}
	if err := m.targetGuest.Close(); err != nil {
		t.Fatal(err)
	}
	m.b.answers(t, confDir(t, ", "+createConf))
	m.target.askUdhcpc(m.target.bareSystem(m.targetPod))
	m.b.ping(t, m.target.guestConfig().Addr4.Addr().String())
}
