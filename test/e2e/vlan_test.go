package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// newVLANNode is a node whose bridges filter VLANs.
func newVLANNode(t *testing.T) *node {
	t.Helper()
	netns.NeedsVLANFiltering(t)
	return newNodeHere(t)
}

// portVLANs are the VLANs of a port as bridge tells them, such as
// "100 PVID,Egress Untagged" and "200-210".
func (n *node) portVLANs(t *testing.T, port string) []string {
	t.Helper()
	var all []struct {
		VLANs []struct {
			ID    int      `json:"vlan"`
			End   int      `json:"vlanEnd"`
			Flags []string `json:"flags"`
		} `json:"vlans"`
	}
	text := n.Run(t, "bridge", "-j", "-compressvlans", "vlan", "show", "dev", port)
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("read VLANs: %v: %s", err, text)
	}
	lines := []string{}
	for _, p := range all {
		for _, v := range p.VLANs {
			line := fmt.Sprint(v.ID)
			if v.End != 0 {
				line += fmt.Sprintf("-%d", v.End)
			}
			lines = append(lines, strings.TrimSpace(line+" "+strings.Join(v.Flags, ",")))
		}
	}
	return lines
}

// probe is a frame that other guests receive if they are in its VLAN.
func probe(src guest.MAC, kind uint16) guest.Ethernet {
	return guest.Ethernet{Dst: guest.Broadcast, Src: src, Type: kind, Payload: make([]byte, 46)}
}

// vlanTown has two guests in VLAN 100, one in 200, and one with a trunk.
type vlanTown struct {
	*node
	a, b, c, trunk *onPort
}

func newVLANTown(t *testing.T, placement string) *vlanTown {
	t.Helper()
	n := newVLANNode(t)
	in := func(last int, vlans string) *onPort { return n.newOnPort(t, last, portConf(placement+vlans)) }
	return &vlanTown{
		n, in(1, `"vlan": 100`), in(2, `"vlan": 100, "locked": true`), in(3, `"vlan": 200`),
		in(4, `"vlanTrunk": [{"minID": 100, "maxID": 110}, {"id": 300}]`),
	}
}

// TestVLANs: guests of one VLAN reach each other, and no others; a trunk carries
// its VLANs, tagged, and no others.
func TestVLANs(t *testing.T) {
	for name, placement := range map[string]string{"pod": ``, "host": `"placement": "host", `} {
		t.Run(name, func(t *testing.T) {
			town := newVLANTown(t, placement)
			expect(t, "access port", town.portVLANs(t, town.a.link), []string{"100 PVID,Egress Untagged"})
			expect(t, "trunk", town.portVLANs(t, town.trunk.link), []string{"100-110", "300"})
			expect(t, "bridge", town.portVLANs(t, "bridge0"), []string{})
			expect(t, "table", town.fdb(t, town.b.link), []string{
				town.b.LLAddr().String() + " vlan 100 sticky master bridge0 static",
				town.b.LLAddr().String() + " sticky master bridge0 static",
			})
			town.a.wantReach(t, "same VLAN", town.b, true)
			town.b.wantReach(t, "same VLAN", town.a, true)
			town.a.wantReach(t, "another VLAN", town.c, false)
			town.c.wantReach(t, "another VLAN", town.b, false)
			town.a.wantReach(t, "a trunk, untagged", town.trunk, false)
			town.wantTrunk(t)
		})
	}
}

// wantTrunk sends frames with and without tags.
func (v *vlanTown) wantTrunk(t *testing.T) {
	t.Helper()
	for i, c := range []struct {
		what   string
		from   *onPort
		frame  func(guest.Ethernet) guest.Ethernet
		to     *onPort
		tagged bool // as it arrives
		passes bool
	}{
		{"tagged 100 by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e.Tag(100) }, v.a, false, true},
		{"tagged 200 by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e.Tag(200) }, v.c, false, false},
		{"untagged by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e }, v.a, false, false},
		{"with priority only by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e.Tag(0) }, v.a, false, false},
		{"tagged 111 by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e.Tag(111) }, v.a, false, false},
		{"tagged 1 by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e.Tag(1) }, v.a, false, false},
		{"to the trunk", v.a, func(e guest.Ethernet) guest.Ethernet { return e }, v.trunk, true, true},
		{"to the trunk from another VLAN", v.c, func(e guest.Ethernet) guest.Ethernet { return e }, v.trunk, true, false},
		{"tagged 200 by an access port", v.a, func(e guest.Ethernet) guest.Ethernet { return e.Tag(200) }, v.c, false, false},
		{"tagged 300 by an access port", v.a, func(e guest.Ethernet) guest.Ethernet { return e.Tag(300) }, v.trunk, true, false},
		{"tagged twice, 100 and 200, by an access port", v.a, func(e guest.Ethernet) guest.Ethernet { return e.Tag(200).Tag(100) }, v.c, false, false},
		{"tagged twice, 100 and 200, by the trunk", v.trunk, func(e guest.Ethernet) guest.Ethernet { return e.Tag(200).Tag(100) }, v.c, false, false},
		{"tagged twice, 200 and 100, by an access port", v.a, func(e guest.Ethernet) guest.Ethernet { return e.Tag(100).Tag(200) }, v.c, false, false},
	} {
		kind := uint16(0x8900 + i)
		e := probe(c.from.LLAddr(), kind)
		arrives := func(p guest.Packet) bool {
			switch {
			case p.Src != c.from.LLAddr() || len(p.Frame) < 18:
				return false
			case p.Type == guest.TypeVLAN:
				return c.tagged && slices.Equal(p.Frame[14:18], []byte{0, 100, byte(kind >> 8), byte(kind)})
			}
			return p.Type == kind && !c.tagged
		}
		if !c.passes { // in whatever form
			arrives = func(p guest.Packet) bool {
				return p.Src == c.from.LLAddr() && strings.Contains(string(p.Frame), string([]byte{byte(kind >> 8), byte(kind)}))
			}
		}
		mark := c.to.Mark()
		if err := c.from.Send(c.frame(e).Marshal()); err != nil {
			t.Fatal(err)
		}
		if c.passes {
			c.to.Expect(t, c.what, mark, answered, arrives)
		} else {
			c.to.ExpectNone(t, c.what, mark, silence, arrives)
		}
	}
}

// TestVLANLockedTable: in VLANs, too, a locked port has its own entries only.
func TestVLANLockedTable(t *testing.T) {
	n := newVLANNode(t)
	g := n.newOnPort(t, 1, portConf(`"locked": true, "vlan": 100, "vlanTrunk": [{"id": 7}]`))
	other := n.newOnPort(t, 2, portConf(`"vlan": 100`))
	own := g.LLAddr().String()
	want := []string{own + " vlan 100 sticky master bridge0 static", own + " vlan 7 sticky master bridge0 static", own + " sticky master bridge0 static"}
	got := n.fdb(t, g.link)
	slices.Sort(got)
	slices.Sort(want)
	expect(t, "table", got, want)
	g.unguard()
	g.floodTo(t, 10_000, other)
	got = n.fdb(t, g.link)
	slices.Sort(got)
	expect(t, "table after 10,000 forged sources", got, want)
	other.wantReach(t, "after that", g, true)
}

// TestVLANForeign: on somebody else's bridge that filters VLANs a port with a
// vlan is in no other, and one without is in the bridge's default one.
func TestVLANForeign(t *testing.T) {
	n := newVLANNode(t)
	n.Run(t, "ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "5")
	block := `"switch": "br0"`
	plain := n.newOnPort(t, 1, conf(block))
	both := n.newOnPort(t, 2, conf(block+`, "locked": true`))
	in100 := n.newOnPort(t, 3, conf(block+`, "vlan": 100`))
	tagged := n.newOnPort(t, 4, conf(block+`, "vlan": 100, "vlanTrunk": [{"minID": 1, "maxID": 7}]`))
	expect(t, "plain port", n.portVLANs(t, plain.link), []string{"5 PVID,Egress Untagged"})
	expect(t, "port in VLAN 100", n.portVLANs(t, in100.link), []string{"100 PVID,Egress Untagged"})
	expect(t, "trunk over the default VLAN", n.portVLANs(t, tagged.link), []string{"1-7", "100 PVID,Egress Untagged"})
	plain.wantReach(t, "default VLAN", both, true)
	in100.wantReach(t, "VLAN 100 to the default one", plain, false)
	in100.wantReach(t, "VLAN 100", tagged, true)
	// In the default VLAN, too, a guest's tags lead to no other.
	mark := in100.Mark()
	if err := plain.Send(probe(plain.LLAddr(), 0x8901).Tag(100).Marshal()); err != nil {
		t.Fatal(err)
	}
	in100.ExpectNone(t, "tagged by a port without vlan", mark, silence, func(p guest.Packet) bool { return p.Src == plain.LLAddr() })
}

// TestVLANCheck: CHECK names each VLAN that is missing or too many.
func TestVLANCheck(t *testing.T) {
	n := newVLANNode(t)
	g := n.newOnPort(t, 1, portConf(`"locked": true, "vlan": 100, "vlanTrunk": [{"minID": 200, "maxID": 203}]`))
	for _, c := range []struct{ damage, repair, words string }{
		{"vlan del dev LINK vid 202", "vlan add dev LINK vid 202", "VLAN 200-203 is missing"},
		{"vlan add dev LINK vid 1", "vlan del dev LINK vid 1", "VLAN 1 should not be there"},
		{"vlan add dev LINK vid 100 untagged", "vlan add dev LINK vid 100 pvid untagged", "VLAN 100 pvid untagged is missing"},
		{"fdb del LLADDR dev LINK master vlan 201", "fdb add LLADDR dev LINK master static sticky vlan 201", "FDB entry LLADDR vlan 201 sticky static is missing"},
	} {
		fill := strings.NewReplacer("LINK", g.link, "LLADDR", g.LLAddr().String())
		n.Run(t, "bridge", strings.Fields(fill.Replace(c.damage))...)
		wantFault(t, n.Check(t, g.call), 101, fill.Replace(c.words))
		n.Run(t, "bridge", strings.Fields(fill.Replace(c.repair))...)
		if fault := n.Check(t, g.call); fault != nil {
			t.Fatalf("CHECK after %s: %s", c.repair, fault)
		}
	}
	n.Run(t, "ip", "link", "set", "bridge0", "type", "bridge", "vlan_filtering", "0")
	wantFault(t, n.Check(t, g.call), 7, "vlan 100", "bridge0")
}

// TestVLANRefused: a bridge on which the interface would be in other VLANs, or
// in none, is refused by ADD and by STATUS, and nothing is left.
func TestVLANRefused(t *testing.T) {
	for _, c := range []struct{ name, bridge, first, block, words string }{
		{"one that does not filter", "bridge0 type bridge", "", `"switch": "bridge0", "vlan": 100`, "ip link set bridge0 type bridge vlan_filtering 1"},
		{"one with other tags", "bridge0 type bridge vlan_filtering 1 vlan_protocol 802.1ad", "", `"switch": "bridge0", "vlan": 100`, "802.1Q"},
		{"one without a default VLAN", "bridge0 type bridge vlan_filtering 1 vlan_default_pvid 0", "", `"switch": "bridge0"`, "set vlan or vlanTrunk"},
		{"ours, made without VLANs", "", portConf(``), `"switch": {"interface": "bridge0", "create": true}, "vlan": 100`, "made it without VLANs"},
		{"ours, made with VLANs", "", portConf(`"vlan": 100`), `"switch": {"interface": "bridge0", "create": true}`, "set vlan or vlanTrunk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newVLANNode(t)
			if c.bridge != "" {
				n.Run(t, "ip", strings.Fields("link add "+c.bridge)...)
			} else {
				n.newPod(t, "first").add(t, "eth0", c.first)
			}
			before := len(links(t, n.NS))
			_, fault := n.Add(t, n.newPod(t, "p").call("eth0", conf(c.block)))
			wantFault(t, fault, 7, "bridge0", c.words)
			expect(t, "links", len(links(t, n.NS)), before)
			status := cni.Call{Conf: strings.Replace(conf(c.block), `"1.0.0"`, `"1.1.0"`, 1)}
			wantFault(t, n.Status(t, status), 50, "bridge0", c.words)
		})
	}
}

// TestVLANKernel: where the kernel's bridges know no VLANs, this is said before
// anything is done; where they do, a bridge is made that filters.
func TestVLANKernel(t *testing.T) {
	n := newNodeHere(t)
	able := n.Command("ip", "link", "add", "probe", "type", "bridge", "vlan_filtering", "1").Run() == nil
	n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	for _, block := range []string{`"switch": {"interface": "bridge0", "create": true}, "vlan": 100`, `"switch": {"interface": "br0", "create": true}, "vlanTrunk": [{"id": 5}]`} {
		before := len(links(t, n.NS))
		p := n.newPod(t, fmt.Sprint("p", before))
		status := cni.Call{Conf: strings.Replace(conf(block), `"1.0.0"`, `"1.1.0"`, 1)}
		if able {
			if strings.Contains(block, "bridge0") {
				if fault := n.Status(t, status); fault != nil {
					t.Errorf("STATUS: %s", fault)
				}
				p.add(t, "eth0", conf(block))
			}
			continue
		}
		_, fault := n.Add(t, p.call("eth0", conf(block)))
		wantFault(t, fault, 50, "this kernel's bridges do not filter VLANs")
		wantFault(t, n.Status(t, status), 50, "this kernel's bridges do not filter VLANs")
		expect(t, "links", len(links(t, n.NS)), before)
		p.onlyLoopback(t)
	}
}

// TestVLANGateway: to the gateway of a local interface only untagged frames
// come, whatever VLANs its port is in.
func TestVLANGateway(t *testing.T) {
	n := newVLANNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(createConf+`, "vlan": 100, "vlanTrunk": [{"id": 200}]`))
	c := a.guestConfig()
	g := a.boot(p)
	for _, dst := range []netip.Addr{c.Gateway4, c.Gateway6} {
		if err := g.Ping(dst, answered); err != nil {
			t.Error(err)
		}
	}
	ask := guest.Ethernet{Dst: guest.Broadcast, Src: g.LLAddr(), Type: guest.TypeARP, Payload: guest.ARP{
		Op: guest.ARPRequest, SenderMAC: g.LLAddr(), Sender: c.Addr4.Addr(), Target: c.Gateway4,
	}.Marshal()}
	mark := g.Mark()
	if err := errors.Join(g.Send(ask.Tag(100).Marshal()), g.Send(ask.Tag(200).Marshal())); err != nil {
		t.Fatal(err)
	}
	g.ExpectNone(t, "answer to a tagged frame", mark, silence, func(p guest.Packet) bool { return p.ARP != nil })
}

// TestVLANsAtOnce: first ADDs at once make one bridge that filters, and what is
// made without VLANs meanwhile is refused, or refuses them.
func TestVLANsAtOnce(t *testing.T) {
	n := newVLANNode(t)
	n.addAtOnce(t, 10, portConf(`"vlan": 100, "locked": true`))
}

// TestVLANShown: docs/switch-ports.md shows its port as bridge tells it.
func TestVLANShown(t *testing.T) {
	n := newVLANNode(t)
	page, err := os.ReadFile("../../docs/switch-ports.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(page), "```json\n")
	block, rest, ends := strings.Cut(block, "```")
	_, view, shown := strings.Cut(rest, "## See it\n\n```\n")
	view, _, closed := strings.Cut(view, "```")
	if !ok || !ends || !shown || !closed {
		t.Fatal("the page has no configuration or no view")
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(block), &members); err != nil {
		t.Fatal(err)
	}
	members["cniVersion"], members["name"] = "1.0.0", "vmnet"
	config, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "host link", n.newPod(t, "p").add(t, "eth0", string(config)).hostLink(), "vm5-if0")
	output, commands := "", 0
	for line := range strings.Lines(view) {
		line = strings.TrimSpace(line)
		if command, ok := strings.CutPrefix(line, "# "); ok {
			argv := strings.Fields(command)
			output, commands = strings.Join(strings.Fields(n.Run(t, argv[0], argv[1:]...)), " "), commands+1
			continue
		}
		at := 0
		for part := range strings.SplitSeq(line, "...") {
			i := strings.Index(output[at:], strings.TrimSpace(part))
			if i < 0 {
				t.Errorf("the page shows %q, bridge %q", line, output)
				break
			}
			at += i
		}
	}
	expect(t, "commands", commands, 3)
}
