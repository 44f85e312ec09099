package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// portConf is an interface that is only a port of a switch that vmtap makes.
func portConf(more string) string {
	return conf(strings.TrimSuffix(`"switch": {"interface": "bridge0", "create": true}, `+more, ", "))
}

// onPort is a guest that is only on a switch, with an address of the test's.
type onPort struct {
	*guest.Guest
	*attachment
	link string // its host link
	addr netip.Addr
}

// newOnPort adds an interface and boots a guest with 192.0.2.<last>.
func (n *node) newOnPort(t *testing.T, last int, config string) *onPort {
	t.Helper()
	p := n.newPod(t, fmt.Sprint("p", last))
	a := p.add(t, "eth0", config)
	c := a.guestConfig()
	c.Addr4 = netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/24", last))
	return &onPort{a.open(p, c), a, a.hostLink(), c.Addr4.Addr()}
}

// unguard takes away what filters a guest's frames before they come to its
// port, so that the port is alone.
func (g *onPort) unguard() {
	_ = g.node.Command("tc", "filter", "del", "dev", g.link, "ingress").Run() // there may be none
}

// wantReach demands that a guest reaches another on both families, or not.
func (g *onPort) wantReach(t *testing.T, what string, other *onPort, reached bool) {
	t.Helper()
	for _, dst := range []netip.Addr{other.addr, other.LinkLocal()} {
		wantReached(t, fmt.Sprintf("%s, %s", what, dst), reached, g.Ping(dst, patience(reached)))
	}
}

// fdb are the entries of a bridge's table that lead to a port, but for the
// port's own address, as bridge tells them.
func (n *node) fdb(t *testing.T, port string) []string {
	t.Helper()
	own := n.link(t, port).Address
	var lines []string
	for line := range strings.Lines(n.Run(t, "bridge", "fdb", "show", "brport", port)) {
		if !strings.Contains(line, " self") && !strings.HasPrefix(line, own+" ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// portState is the state of a port as bridge tells it.
func (n *node) portState(t *testing.T, port string) string {
	t.Helper()
	var all []struct{ State string }
	text := n.Run(t, "bridge", "-j", "link", "show", "dev", port)
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 {
		t.Fatalf("read the port: %v: %s", err, text)
	}
	return all[0].State
}

// TestPortIsolated: isolated ports do not reach each other, but those that are
// not, and are reached by them.
func TestPortIsolated(t *testing.T) {
	for name, more := range map[string]string{"pod": ``, "host": `"placement": "host", `} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			a := n.newOnPort(t, 1, portConf(more+`"portIsolation": true`))
			b := n.newOnPort(t, 2, portConf(more+`"portIsolation": true`))
			c := n.newOnPort(t, 3, portConf(more))
			mark := b.Mark()
			a.wantReach(t, "isolated to isolated", b, false)
			b.wantReach(t, "isolated to isolated", a, false)
			wantNothing(t, b.Guest, mark, a.addr, a.LinkLocal())
			for _, g := range []*onPort{a, b} {
				g.wantReach(t, "isolated to open", c, true)
				c.wantReach(t, "open to isolated", g, true)
			}
		})
	}
}

// TestPortIsolatedVeth: the port of a pod that is no VM is isolated, too.
func TestPortIsolatedVeth(t *testing.T) {
	n := newNode(t)
	ping := func(last, other int, more string) bool {
		p := n.newPod(t, fmt.Sprint("p", last))
		p.add(t, "eth0", portConf(`"device": "veth"`+more))
		p.Run(t, "ip", "address", "add", fmt.Sprintf("192.0.2.%d/24", last), "dev", "eth0")
		return p.Command("ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", fmt.Sprint("192.0.2.", other)).Run() == nil
	}
	ping(1, 1, `, "portIsolation": true`)
	expect(t, "isolated reaches isolated", ping(2, 1, `, "portIsolation": true`), false)
	expect(t, "open reaches isolated", ping(3, 1, ``), true)
}

// flood sends frames from so many sources that are not the guest's.
func (g *onPort) flood(t *testing.T, frames int) {
	t.Helper()
	e := guest.Ethernet{Dst: guest.Broadcast, Type: 0x88b5, Payload: make([]byte, 46)} // for local experiments
	for i := range frames {
		e.Src = guest.MAC{0: 0x06}
		binary.BigEndian.PutUint32(e.Src[2:], uint32(i))
		if err := g.Send(e.Marshal()); err != nil {
			t.Fatal(err)
		}
	}
}

// floodTo is flood until the port has seen so many frames and another guest has
// received one of them: that is not as fast, and loses some at its tap.
func (g *onPort) floodTo(t *testing.T, frames int, other *onPort) {
	t.Helper()
	before := g.node.received(t, g.link)
	g.flood(t, frames)
	mark := other.Mark()
	waitFor(t, "the port to see all frames", func() bool {
		missing := frames - (g.node.received(t, g.link) - before)
		g.flood(t, max(missing, 0)) // those that the kernel dropped on the way
		return missing <= 0
	})
	waitFor(t, "one of many frames", func() bool {
		g.flood(t, 1)
		_, ok := other.Wait(mark, silence, func(p guest.Packet) bool { return p.Src == guest.MAC{0x06} })
		return ok
	})
}

// received is how many frames a link has received.
func (n *node) received(t *testing.T, link string) int {
	t.Helper()
	received, _ := trafficOf(t, n.NS, link)
	return received.Packets
}

// TestPortLockedTable: whatever a guest sends, the switch's table has its own
// entry for a locked port and no other, even if nothing filters its frames.
func TestPortLockedTable(t *testing.T) {
	const forged = 100_000
	n := newNode(t)
	locked := n.newOnPort(t, 1, portConf(`"locked": true`))
	open := n.newOnPort(t, 2, portConf(``))
	want := []string{locked.LLAddr().String() + " sticky master bridge0 static"}
	expect(t, "table", n.fdb(t, locked.link), want)
	locked.flood(t, 1000)
	expect(t, "table after forged sources", n.fdb(t, locked.link), want)

	locked.unguard()
	locked.floodTo(t, forged, open)
	expect(t, "table after forged sources, unfiltered", n.fdb(t, locked.link), want)
	t.Logf("after %d forged sources: %q", forged, n.fdb(t, locked.link))
	open.wantReach(t, "after that", locked, true)

	// An open port is what the test would find.
	open.floodTo(t, 1000, locked)
	if got := len(n.fdb(t, open.link)); got < 1000 {
		t.Errorf("%d entries of an open port, want 1000 at least: does the test flood?", got)
	}
}

// TestPortLockedHolds: what is for a locked guest comes to it, whoever claims
// its lladdr. An open guest's can be taken.
func TestPortLockedHolds(t *testing.T) {
	for name, locked := range map[string]bool{"locked": true, "open": false} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			victim := n.newOnPort(t, 1, portConf(fmt.Sprintf(`"locked": %t`, locked)))
			thief := n.newOnPort(t, 2, portConf(``))
			asker := n.newOnPort(t, 3, portConf(``))
			asker.wantReach(t, "before", victim, true)
			forged := guest.Ethernet{Dst: guest.Broadcast, Src: victim.LLAddr(), Type: 0x88b5, Payload: make([]byte, 46)}
			mark := asker.Mark()
			if err := thief.Send(forged.Marshal()); err != nil {
				t.Fatal(err)
			}
			asker.Expect(t, "forged frame", mark, answered, func(p guest.Packet) bool { return p.Type == 0x88b5 })
			mine, stolen := victim.Mark(), thief.Mark()
			if err := asker.Send(guest.Ethernet{Dst: victim.LLAddr(), Src: asker.LLAddr(), Type: 0x88b6, Payload: make([]byte, 46)}.Marshal()); err != nil {
				t.Fatal(err)
			}
			owner, since := victim.Guest, mine
			if !locked {
				owner, since = thief.Guest, stolen
			}
			owner.Expect(t, "frame to the victim's lladdr", since, answered, func(p guest.Packet) bool { return p.Type == 0x88b6 })
			if locked {
				expect(t, "thief's table", slices.Contains(n.fdb(t, thief.link), victim.LLAddr().String()+" master bridge0"), false)
			}
		})
	}
}

// TestPortLockedTakesOver: an lladdr that the switch learned elsewhere is the
// guest's when it comes; the switch's own is nobody's.
func TestPortLockedTakesOver(t *testing.T) {
	n := newNode(t)
	other := n.newOnPort(t, 1, portConf(``))
	const lladdr = "02:00:00:00:00:77"
	if err := other.Send(guest.Ethernet{Dst: guest.Broadcast, Src: guest.ParseMAC(lladdr), Type: 0x88b5, Payload: make([]byte, 46)}.Marshal()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the switch to learn", func() bool { return slices.Contains(n.fdb(t, other.link), lladdr+" master bridge0") })
	g := n.newOnPort(t, 2, portConf(`"locked": true, "lladdr": "`+lladdr+`"`))
	expect(t, "table", n.fdb(t, g.link), []string{lladdr + " sticky master bridge0 static"})
	other.wantReach(t, "where it was learned", g, true)

	for _, taken := range []string{"bridge0", other.link} {
		address := n.link(t, taken).Address
		_, fault := n.Add(t, n.newPod(t, "q").call("eth0", portConf(`"locked": true, "lladdr": "`+address+`"`)))
		wantFault(t, fault, 100, address, "bridge0", taken)
	}
	n.Run(t, "bridge", "fdb", "add", "02:00:00:00:00:78", "dev", other.link, "master", "static")
	_, fault := n.Add(t, n.newPod(t, "r").call("eth0", portConf(`"locked": true, "lladdr": "02:00:00:00:00:78"`)))
	wantFault(t, fault, 100, "02:00:00:00:00:78", other.link)
}

// TestPortCheck: CHECK names what a port is not as it was made.
func TestPortCheck(t *testing.T) {
	n := newNode(t)
	g := n.newOnPort(t, 1, portConf(`"locked": true, "portIsolation": true`))
	for _, c := range []struct{ damage, repair, words string }{
		{"link set dev LINK isolated off", "link set dev LINK isolated on", "isolated is off, want on"},
		{"link set dev LINK learning on", "link set dev LINK learning off", "learning is on, want off"},
		{"link set dev LINK guard off", "link set dev LINK guard on", "BPDU guard is off, want on"},
		{"link set dev LINK root_block off", "link set dev LINK root_block on", "root block is off, want on"},
		{"fdb del LLADDR dev LINK master", "fdb add LLADDR dev LINK master static sticky", "FDB entry LLADDR sticky static is missing"},
		{"fdb replace LLADDR dev LINK master static", "fdb replace LLADDR dev LINK master static sticky", "FDB entry LLADDR static should not be there"},
		{"fdb add 02:00:00:00:00:99 dev LINK master static", "fdb del 02:00:00:00:00:99 dev LINK master", "FDB entry 02:00:00:00:00:99 static should not be there"},
		{"fdb add 02:00:00:00:00:99 dev LINK master dynamic", "fdb del 02:00:00:00:00:99 dev LINK master", "number of learned FDB entries is 1, want 0"},
	} {
		fill := strings.NewReplacer("LINK", g.link, "LLADDR", g.LLAddr().String())
		n.Run(t, "bridge", strings.Fields(fill.Replace(c.damage))...)
		wantFault(t, n.Check(t, g.call), 101, "host link "+g.link+": "+fill.Replace(c.words))
		n.Run(t, "bridge", strings.Fields(fill.Replace(c.repair))...)
		if fault := n.Check(t, g.call); fault != nil {
			t.Fatalf("CHECK after %s: %s", c.repair, fault)
		}
	}
}

// bpdu is a bridge's claim to be the root of the spanning tree (IEEE 802.1D,
// 9.3.1), better than any other's.
func bpdu(src guest.MAC) []byte {
	b := []byte{0x42, 0x42, 0x03, 0, 0, 0, 0, 0} // LLC; configuration BPDU, no flags
	id := append([]byte{0, 0}, src[:]...)
	b = append(b, id...)                                // root
	b = append(b, 0, 0, 0, 0)                           // at no cost
	b = append(b, id...)                                // by itself
	b = append(b, 0x80, 0x01, 0, 0, 20, 0, 2, 0, 15, 0) // port, age, maximum age, hello time, forward delay
	frame := guest.Ethernet{Dst: guest.ParseMAC("01:80:c2:00:00:00"), Src: src, Type: uint16(len(b)), Payload: b}
	return append(frame.Marshal(), make([]byte, 8)...) // padding
}

// TestPortSpanningTree: on a bridge that speaks STP a guest's BPDU disables its
// own port, until it is set up again, and no guest becomes the root.
func TestPortSpanningTree(t *testing.T) {
	n := newNode(t)
	n.Run(t, "ip", "link", "add", "br0", "type", "bridge", "stp_state", "1")
	n.Run(t, "ip", "link", "set", "br0", "up")
	g := n.newOnPort(t, 1, conf(`"switch": "br0", "locked": true`))
	other := n.newOnPort(t, 2, conf(`"switch": "br0"`))
	g.unguard()
	running := func(port string) func() bool { return func() bool { return n.portState(t, port) != "disabled" } }
	waitFor(t, "the guest's port", running(g.link))
	waitFor(t, "another's port", running(other.link))
	root := func() int { // 0: the bridge itself is the root
		var all []struct {
			Info struct {
				Data struct {
					Port int `json:"root_port"`
				} `json:"info_data"`
			} `json:"linkinfo"`
		}
		if err := json.Unmarshal([]byte(n.Run(t, "ip", "-d", "-j", "link", "show", "br0")), &all); err != nil {
			t.Fatal(err)
		}
		return all[0].Info.Data.Port
	}
	send := func() {
		t.Helper()
		if err := g.Send(bpdu(g.LLAddr())); err != nil {
			t.Fatal(err)
		}
	}

	send()
	waitFor(t, "BPDU guard", func() bool { return n.portState(t, g.link) == "disabled" })
	expect(t, "another's port is disabled", n.portState(t, other.link) == "disabled", false)
	expect(t, "port to the root", root(), 0)
	n.Run(t, "ip", "link", "set", g.link, "down")
	n.Run(t, "ip", "link", "set", g.link, "up")
	waitFor(t, "the port to come back", running(g.link))

	n.Run(t, "bridge", "link", "set", "dev", g.link, "guard", "off")
	send()
	waitFor(t, "root block", func() bool {
		return strings.Contains(n.Run(t, "bridge", "-d", "link", "show", "dev", g.link), "state listening")
	})
	expect(t, "port to the root with root block", root(), 0)
	n.Run(t, "bridge", "link", "set", "dev", g.link, "root_block", "off")
	send() // or the test could not fail
	waitFor(t, "an unblocked guest to be the way to the root", func() bool { return root() != 0 })
}

// TestPortBPDUWithoutSTP: a bridge that does not speak STP passes BPDUs on, as
// the port alone cannot hold: only what filters the guest's frames does.
func TestPortBPDUWithoutSTP(t *testing.T) {
	n := newNode(t)
	g := n.newOnPort(t, 1, portConf(`"locked": true`))
	other := n.newOnPort(t, 2, portConf(``))
	g.unguard()
	mark := other.Mark()
	if err := g.Send(bpdu(g.LLAddr())); err != nil {
		t.Fatal(err)
	}
	other.Expect(t, "BPDU", mark, answered, func(p guest.Packet) bool { return p.Dst == guest.ParseMAC("01:80:c2:00:00:00") })
	expect(t, "state", n.portState(t, g.link), "forwarding")
}

// TestPortBridgeClosed: a bridge that vmtap made serves no guest at its own
// address, even if somebody gives it one, and routes nobody's packets.
func TestPortBridgeClosed(t *testing.T) {
	n := newNode(t)
	g := n.newOnPort(t, 7, portConf(``))
	p := n.newPod(t, "elsewhere")
	a := p.add(t, "eth0", localConf)
	a.boot(p)
	elsewhere := a.guestConfig().Addr4.Addr()
	own := netip.MustParseAddr("192.0.2.200")
	n.Run(t, "ip", "address", "add", "192.0.2.200/24", "dev", "bridge0")
	bridge := guest.ParseMAC(n.link(t, "bridge0").Address)
	wantClaimants(t, g.Guest, own)
	for _, dst := range []netip.Addr{own, elsewhere} {
		if err := g.PingVia(bridge, dst, silence); !errors.Is(err, guest.ErrNoAnswer) {
			t.Errorf("by the bridge's MAC to %s: %v, want no answer", dst, err)
		}
	}
	n.Run(t, "tc", "filter", "del", "dev", "bridge0", "ingress") // or the test could not fail
	for _, dst := range []netip.Addr{own, elsewhere} {
		if err := g.PingVia(bridge, dst, answered); err != nil {
			t.Errorf("by the MAC of a bridge that was opened: %v", err)
		}
	}
}
