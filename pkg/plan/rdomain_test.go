package plan

import (
	"cmp"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

// withVRFs says what stands for the interface's rdomain and for the switch's.
func withVRFs(ofInterface, ofSwitch VRF) func(*Node) {
	return func(n *Node) { n.RDomain, n.SwitchRDomain = ofInterface, ofSwitch }
}

// vrf is an observed VRF.
func vrf(name string, table uint32) VRF { return VRF{Name: name, Kind: KindVRF, Table: table} }

// rival is no VRF, and another one that has its table.
func rival(name string) VRF { return VRF{Rival: name} }

// withBridge puts the switch's bridge into another link, "" for none, and
// gives it addresses.
func withBridge(b Bridge, master string, addrs ...string) func(*Node) {
	b.Master = master
	for _, a := range addrs {
		b.Addrs = append(b.Addrs, netip.MustParsePrefix(a))
	}
	return func(n *Node) { n.Bridge = b }
}

func tableBase(base uint32) func(*config.Request) {
	return func(r *config.Request) { r.RDomains.TableBase = base }
}

func TestUsesRDomains(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		want    bool
	}{
		{"none", in(0, 0), false},
		{"the interface's", in(10, 0), true},
		{"none, on a switch", all(onSwitch, in(0, 0)), false},
		{"the interface's, on a switch", all(onSwitch, in(10, 0)), true},
		{"the switch's", all(onSwitch, in(0, 10)), true},
		{"both", all(onSwitch, in(10, 10)), true},
		{"none, not local", all(onSwitch, notLocal, in(0, 0)), false},
		{"the switch's, not local", all(onSwitch, notLocal, in(10, 10)), true},
		{"one that nothing is in", all(onSwitch, notLocal, in(10, 0)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := UsesRDomains(newRequest(c.request)); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestCheckRDomains(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		node    func(*Node)
	}{
		{"none", in(0, 0), withVRFs(VRF{}, VRF{})},
		{"VRF to be made", in(10, 0), withVRFs(VRF{}, VRF{})},
		{"VRF there", in(10, 0), withVRFs(vrf("rdomain10", 1010), VRF{})},
		{"VRF there under another name", in(10, 0), withVRFs(vrf("red", 1010), VRF{})},
		{"VRF there with a rival", in(10, 0), withVRFs(VRF{Name: "rdomain10", Kind: KindVRF, Table: 1010, Rival: "red"}, VRF{})},
		{"table of another base", all(in(10, 0), tableBase(5000)), withVRFs(vrf("rdomain10", 5010), VRF{})},
		{"both VRFs there", all(onCreatedSwitch, in(20, 10)), withVRFs(vrf("rdomain20", 1020), vrf("rdomain10", 1010))},
		{"one VRF there", all(onCreatedSwitch, in(20, 10)), withVRFs(vrf("rdomain20", 1020), VRF{})},

		{"bridge to be made", all(onCreatedSwitch, in(10, 10)), withBridge(Bridge{}, "")},
		{"bridge that was made", all(onCreatedSwitch, in(10, 10)), withBridge(ours(1500), "")},
		{"bridge that was made, in the VRF", all(onCreatedSwitch, in(10, 10)), withBridge(ours(1500), "rdomain10")},
		{"bridge that was made, other rdomain", all(onCreatedSwitch, in(20, 10)), withBridge(ours(1500), "rdomain10")},
		{"bridge that was made, only the interface's", all(onCreatedSwitch, in(10, 0)), withBridge(ours(1500), "")},
		{"bridge that was made, only the switch's", all(onCreatedSwitch, in(0, 10)), withBridge(ours(1500), "")},
		{"their bridge", all(onSwitch, in(10, 10)), withBridge(theirs("", 1500), "")},
		{"their bridge, in the VRF", all(onSwitch, in(10, 10)), withBridge(theirs("", 1500), "rdomain10")},
		{"their bridge, in the VRF, with addresses", all(onSwitch, in(10, 10)), withBridge(theirs("", 1500), "rdomain10", "192.0.2.1/24")},
		{"their bridge in the VRF under its real name", all(onSwitch, in(10, 10)), func(n *Node) {
			withVRFs(vrf("red", 1010), vrf("red", 1010))(n)
			withBridge(theirs("", 1500), "red")(n)
		}},
		{"their bridge, no rdomain", all(onSwitch, in(0, 0)), withBridge(theirs("", 1500), "")},
		{"their bridge with addresses, no rdomain", all(onSwitch, in(0, 0)), withBridge(theirs("", 1500), "", "192.0.2.1/24")},
		{"their bridge, not local", all(onSwitch, notLocal, in(10, 10)), withBridge(theirs("", 1500), "")},
		{"their bridge, not local, no rdomain", all(onSwitch, notLocal, in(0, 0)), withBridge(theirs("", 1500), "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckRDomains(newRequest(c.request), nodeWith(vrfRules, vrfRules, c.node)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckRDomainsRefuses(t *testing.T) {
	onOurs, onTheirs := all(onCreatedSwitch, in(10, 10)), all(onSwitch, in(10, 10))
	differing := []string{"rdomain 20", `"bridge0"`, "rdomain 10", "not vmtap's", "switch.create"}
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		node    func(*Node)
		words   []string
	}{
		{"rival", in(10, 0), withVRFs(rival("red"), VRF{}), []string{"rdomain 10", `"red"`, "table 1010", "another rdomain", "rdomains.tableBase"}},
		{"rival of the switch's", all(onCreatedSwitch, in(0, 10)), withVRFs(VRF{}, rival("red")), []string{"rdomain 10", `"red"`, "table 1010"}},
		{"rival with another base", all(in(10, 0), tableBase(5000)), withVRFs(rival("red"), VRF{}), []string{"rdomain 10", `"red"`, "table 5010"}},
		{"bridge in its place", in(10, 0), withVRFs(VRF{Name: "rdomain10", Kind: KindBridge}, VRF{}), []string{"rdomain 10", `"rdomain10" is a bridge`, "not a VRF", "rename"}},
		{"NIC in its place", in(10, 0), withVRFs(VRF{Name: "eth7"}, VRF{}), []string{"rdomain 10", `"eth7" is a physical`, "not a VRF"}},
		{"bridge with the VRF's table in its place", in(10, 0), withVRFs(VRF{Name: "rdomain10", Kind: KindBridge, Table: 1010}, VRF{}), []string{"not a VRF"}},
		{"veth in the place of the switch's", all(onCreatedSwitch, in(0, 10)), withVRFs(VRF{}, VRF{Name: "rdomain10", Kind: KindVeth}), []string{"rdomain 10", "veth"}},
		{"another table", in(10, 0), withVRFs(vrf("rdomain10", 10), VRF{}), []string{"rdomain 10", `"rdomain10" has table 10,`, "want 1010", "make it anew", "rdomains.tableBase"}},
		{"another table, under another name", in(10, 0), withVRFs(vrf("red", 10), VRF{}), []string{`"red" has table 10,`, "want 1010"}},
		{"another table of the switch's", all(onCreatedSwitch, in(20, 10)), withVRFs(vrf("rdomain20", 1020), vrf("rdomain10", 1020)), []string{"rdomain 10", "has table 1020", "want 1010"}},
		{"another table of the interface's", all(onCreatedSwitch, in(20, 10)), withVRFs(vrf("rdomain20", 1010), vrf("rdomain10", 1010)), []string{"rdomain 20", "has table 1010", "want 1020"}},
		{"another table of the switch's, not local", all(onCreatedSwitch, notLocal, in(10, 10)), withVRFs(VRF{}, vrf("rdomain10", 1)), []string{"rdomain 10", "has table 1,"}},

		{"their bridge, other rdomain", all(onSwitch, in(20, 10)), withBridge(theirs("", 1500), ""), differing},
		{"their bridge in the VRF, other rdomain", all(onSwitch, in(20, 10)), withBridge(theirs("", 1500), "rdomain10"), differing},
		{"their bridge, that was to be made, other rdomain", all(onCreatedSwitch, in(20, 10)), withBridge(theirs("", 1500), ""), differing},
		{"their bridge, only the interface's", all(onSwitch, in(20, 0)), withBridge(theirs("", 1500), ""), []string{"rdomain 20", "rdomain 0", "switch.create"}},
		{"their bridge, only the switch's", all(onSwitch, in(0, 10)), withBridge(theirs("", 1500), ""), []string{"rdomain 0", "rdomain 10", "switch.create"}},

		{"bridge with an address", onTheirs, withBridge(theirs("", 1500), "", "192.0.2.1/24", "2001:db8::1/64"), []string{`"bridge0"`, "rdomain 10", "192.0.2.1/24", "remove it", "by hand"}},
		{"bridge that was made, with an address", onOurs, withBridge(ours(1500), "", "2001:db8::1/64"), []string{`"bridge0"`, "rdomain 10", "2001:db8::1/64"}},
		{"bridge with an address, not local", all(onSwitch, notLocal, in(10, 10)), withBridge(theirs("", 1500), "", "192.0.2.1/24"), []string{"192.0.2.1/24"}},
		{"bridge in another VRF", onTheirs, withBridge(theirs("", 1500), "red"), []string{`"bridge0"`, "rdomain 10", `"red"`, "take it out", "switch.rdomain"}},
		{"bridge that was made, in another VRF", onOurs, withBridge(ours(1500), "rdomain20"), []string{`"bridge0"`, "rdomain 10", `"rdomain20"`}},
		{"bridge in another VRF with an address", onTheirs, withBridge(theirs("", 1500), "red", "192.0.2.1/24"), []string{`in "red"`}},
		{"bridge in a link with the VRF's altname", onTheirs, func(n *Node) {
			withVRFs(vrf("red", 1010), vrf("red", 1010))(n)
			withBridge(theirs("", 1500), "rdomain10")(n)
		}, []string{`in "rdomain10"`}},
		{"bridge in a VRF, no rdomain", onSwitch, withBridge(theirs("", 1500), "rdomain10"), []string{`"bridge0"`, `in "rdomain10"`, "switch.rdomain is 0", "set switch.rdomain", "take it out"}},
		{"bridge that was made, in a VRF, no rdomain", onCreatedSwitch, withBridge(ours(1500), "rdomain10"), []string{`in "rdomain10"`, "switch.rdomain is 0"}},
		{"bridge that was made, in a VRF, only the interface's", all(onCreatedSwitch, in(10, 0)), withBridge(ours(1500), "rdomain10"), []string{`in "rdomain10"`, "switch.rdomain is 0"}},
		{"bridge in a VRF, no rdomain, not local", all(onSwitch, notLocal), withBridge(theirs("", 1500), "rdomain10"), []string{`in "rdomain10"`, "switch.rdomain is 0"}},

		{"policy", in(10, 0), func(n *Node) { vrf10(n); n.Rules.IPv6 = rules(freshRules) }, []string{noL3mdev6}},
		{"policy of the switch's", all(onCreatedSwitch, in(0, 10)), func(n *Node) { switchVRF10(n); n.Rules.IPv4 = rules(freshRules) }, []string{noL3mdev4}},
		{"policy before there is a VRF", in(10, 0), func(n *Node) { n.Rules.IPv4 = rules("0:local 5:7? 32766:main") }, before("IPv4", "5:7")},
		{"local rules", all(in(10, 0), moveLocalRule), func(n *Node) { n.Rules.IPv4 = rules("100:local 32766:main") }, before("IPv4", "100:local")},
		{"local rules of the switch's", all(onCreatedSwitch, in(0, 10), moveLocalRule), func(n *Node) { n.Rules.IPv6 = rules("100:local 32766:main") }, before("IPv6", "100:local")},
		{"sockets", in(10, 0), accepting("raw", "udp"), []string{acceptsUDP}},
		{"policy before bridges", all(onSwitch, in(20, 10)), func(n *Node) { withBridge(theirs("", 1500), "")(n); accepting("tcp")(n) }, []string{acceptsTCP}},
		{"VRFs before the policy", in(10, 0), func(n *Node) { n.RDomain = rival("red"); accepting("tcp")(n) }, []string{"table 1010"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckRDomains(newRequest(c.request), nodeWith(vrfRules, vrfRules, c.node))
			wantError(t, err, config.CodeInvalidConfig, c.words...)
		})
	}
}

// Rules and settings are nobody's business where there is no rdomain.
func TestCheckRDomainsWithoutAny(t *testing.T) {
	bad := nodeWith("5:7 100:local 32766:main", "5:7 100:local 32766:main", vrf10, switchVRF10, accepting("tcp"))
	for _, c := range []struct {
		name    string
		request func(*config.Request)
	}{
		{"no switch", moveLocalRule},
		{"on a switch", all(onCreatedSwitch, moveLocalRule)},
		{"not local", all(onCreatedSwitch, notLocal, moveLocalRule)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckRDomains(newRequest(c.request), bad); err != nil {
				t.Error(err)
			}
		})
	}
}

// Which VRFs a State has, and what is in them.
func TestRDomainsOfState(t *testing.T) {
	type inVRF struct{ hostLink, gateway, bridge string } // masters
	red, blue := vrf("red", 1010), vrf("blue", 1020)
	for _, c := range []struct {
		name               string
		request            func(*config.Request)
		node               func(*Node)
		rdomain, ofSwitch  string // VRFs
		tables             [2]uint32
		want               inVRF
		withoutIPv6, moved bool
	}{
		{name: "none", request: in(0, 0)},
		{name: "none on a switch", request: all(onCreatedSwitch, in(0, 0)), want: inVRF{hostLink: "bridge0"}},
		{name: "none, rules to be moved", request: moveLocalRule},
		{
			name: "without a switch", request: in(10, 0),
			rdomain: "rdomain10", tables: [2]uint32{1010, 0}, want: inVRF{hostLink: "rdomain10"},
		},
		{
			name: "equal", request: all(onCreatedSwitch, in(10, 10)),
			rdomain: "rdomain10", tables: [2]uint32{1010, 0}, want: inVRF{"bridge0", "rdomain10", "rdomain10"},
		},
		{
			name: "different", request: all(onCreatedSwitch, in(20, 10)),
			rdomain: "rdomain20", ofSwitch: "rdomain10", tables: [2]uint32{1020, 1010}, want: inVRF{"bridge0", "rdomain20", "rdomain10"},
		},
		{
			name: "the interface's", request: all(onCreatedSwitch, in(10, 0)),
			rdomain: "rdomain10", tables: [2]uint32{1010, 0}, want: inVRF{"bridge0", "rdomain10", ""},
		},
		{
			name: "the switch's", request: all(onCreatedSwitch, in(0, 10)),
			ofSwitch: "rdomain10", tables: [2]uint32{0, 1010}, want: inVRF{"bridge0", "", "rdomain10"},
		},
		{
			name: "the switch's, not local", request: all(onCreatedSwitch, notLocal, in(10, 10)),
			ofSwitch: "rdomain10", tables: [2]uint32{0, 1010}, want: inVRF{"bridge0", "", "rdomain10"},
		},
		{
			name: "their bridge", request: all(onSwitch, in(10, 10)), node: withBridge(theirs("", 1500), ""),
			rdomain: "rdomain10", tables: [2]uint32{1010, 0}, want: inVRF{"bridge0", "rdomain10", "rdomain10"},
		},
		{
			name: "another name", request: in(10, 0), node: withVRFs(red, VRF{}),
			rdomain: "red", tables: [2]uint32{1010, 0}, want: inVRF{hostLink: "red"},
		},
		{
			name: "another name of both", request: all(onCreatedSwitch, in(10, 10)), node: withVRFs(red, red),
			rdomain: "red", tables: [2]uint32{1010, 0}, want: inVRF{"bridge0", "red", "red"},
		},
		{
			name: "other names", request: all(onCreatedSwitch, in(20, 10)), node: withVRFs(blue, red),
			rdomain: "blue", ofSwitch: "red", tables: [2]uint32{1020, 1010}, want: inVRF{"bridge0", "blue", "red"},
		},
		{
			name: "another table", request: all(onCreatedSwitch, in(20, 10), tableBase(5000)),
			rdomain: "rdomain20", ofSwitch: "rdomain10", tables: [2]uint32{5020, 5010}, want: inVRF{"bridge0", "rdomain20", "rdomain10"},
		},
		{
			name: "without IPv6", request: all(onCreatedSwitch, ipv4Only, in(20, 10)), node: withoutIPv6, withoutIPv6: true,
			rdomain: "rdomain20", ofSwitch: "rdomain10", tables: [2]uint32{1020, 1010}, want: inVRF{"bridge0", "rdomain20", "rdomain10"},
		},
		{
			name: "local rules to be moved", request: all(in(10, 0), moveLocalRule), moved: true,
			rdomain: "rdomain10", tables: [2]uint32{1010, 0}, want: inVRF{hostLink: "rdomain10"},
		},
		{
			name: "local rules to be moved, without IPv6", request: all(ipv4Only, in(10, 0), moveLocalRule), node: withoutIPv6, withoutIPv6: true, moved: true,
			rdomain: "rdomain10", tables: [2]uint32{1010, 0}, want: inVRF{hostLink: "rdomain10"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, node := newRequest(c.request), nodeWith(vrfRules, vrfRules)
			if c.node != nil {
				c.node(node)
			}
			s, err := New(req, node, first)
			if err != nil {
				t.Fatal(err)
			}
			checkVRF(t, "the interface's", s.RDomain, c.rdomain, c.tables[0], !c.withoutIPv6)
			checkVRF(t, "the switch's", s.SwitchRDomain, c.ofSwitch, c.tables[1], !c.withoutIPv6)
			if got := (inVRF{s.HostLink.Master, s.Gateway.Master, s.Bridge.Master}); got != c.want {
				t.Errorf("masters are %+v, want %+v", got, c.want)
			}
			used := c.rdomain != "" || c.ofSwitch != ""
			if want := (Policy{IPv4: used, IPv6: used && !c.withoutIPv6, MovedLocal: c.moved}); s.Policy != want {
				t.Errorf("policy is %+v, want %+v", s.Policy, want)
			}
			if !reflect.DeepEqual(s.Rules, Rules{}) {
				t.Errorf("rules are %+v, want none", s.Rules)
			}
		})
	}
}

// checkVRF fails unless a link is all that vmtap makes of a VRF, no link for
// no name.
func checkVRF(t *testing.T, whose string, got Link, name string, table uint32, ipv6 bool) {
	t.Helper()
	want := Link{}
	if name != "" {
		want = Link{Name: name, Kind: KindVRF, Table: table, Up: true}
		want.Unreachable = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		if ipv6 {
			want.Unreachable = append(want.Unreachable, netip.MustParsePrefix("::/0"))
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s VRF is %+v, want %+v", whose, got, want)
	}
}

// asMade returns a node as ADD leaves it behind.
func asMade(req *config.Request, s *State) *Node {
	n := nodeWith(vrfRules, vrfRules)
	if req.RDomains.MoveLocalRule {
		n = nodeWith(movedRules, movedRules)
	}
	observed := map[string]VRF{}
	for _, l := range []*Link{&s.RDomain, &s.SwitchRDomain} {
		if l.Name != "" {
			observed[l.Name] = vrf(l.Name, l.Table)
		}
	}
	n.RDomain = observed[RDomainName(req.RDomain)]
	if b := &s.Bridge; b.Name != "" {
		n.SwitchRDomain = observed[RDomainName(req.Switch.RDomain)]
		n.Bridge = Bridge{Name: b.Name, Kind: b.Kind, MTU: cmp.Or(b.MTU, s.Guest.MTU), Alias: b.Alias, LLAddr: b.LLAddr, Ours: !b.Foreign, Master: b.Master}
	}
	return n
}

// The next ADD finds what one made, takes it and aims at the same; so does
// CHECK.
func TestRDomainsOfTheNextAdd(t *testing.T) {
	for _, c := range states() {
		if c.claim == (Claim{}) {
			continue // placement chained, which has no rdomain
		}
		t.Run(c.name, func(t *testing.T) {
			req := newRequest()
			if c.request != nil {
				c.request(req)
			}
			if err := CheckRDomains(req, &Node{Bridge: c.bridge}); err != nil {
				t.Fatalf("on a fresh node: %v", err)
			}
			s := c.state(t)
			node := asMade(req, &s)
			node.Bridge.VLANs = c.bridge.VLANs
			if err := CheckRDomains(req, node); err != nil {
				t.Fatal(err)
			}
			again, err := New(req, node, c.claim)
			if err != nil {
				t.Fatal(err)
			}
			have := s
			have.Policy, have.Rules = Policy{}, node.Rules // as the kernel is read
			if lines := Diff(again, &have); len(lines) > 0 {
				t.Errorf("the next aims at something else:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// What the lines say of rdomains.
func TestDiffLinesOfRDomains(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *State)
		lines  []string
	}{
		{"table", func(s *State) { s.RDomain.Table = 10 }, []string{"rdomain rdomain20: table is 10, want 1020"}},
		{"kind", func(s *State) { s.RDomain.Kind = KindBridge }, []string{`rdomain rdomain20: kind is "bridge", want "vrf"`}},
		{"down", func(s *State) { s.SwitchRDomain.Up = false }, []string{"switch's rdomain rdomain10: up is off, want on"}},
		{"unreachable routes", func(s *State) { s.RDomain.Unreachable = nil }, []string{
			"rdomain rdomain20: unreachable route 0.0.0.0/0 is missing", "rdomain rdomain20: unreachable route ::/0 is missing",
		}},
		{"unreachable route of IPv6", func(s *State) { s.SwitchRDomain.Unreachable = s.SwitchRDomain.Unreachable[:1] }, []string{
			"switch's rdomain rdomain10: unreachable route ::/0 is missing",
		}},
		{"what others do with a VRF", func(s *State) {
			s.RDomain.Alias, s.RDomain.MTU, s.RDomain.AltNames, s.RDomain.LLAddr = "red", 65575, []string{"red"}, lladdr("02:00:00:00:00:01")
		}, nil},
		{"VRFs gone", func(s *State) { s.RDomain, s.SwitchRDomain = Link{}, Link{} }, []string{
			"rdomain rdomain20: missing", "switch's rdomain rdomain10: missing",
		}},
		{"bridge taken out", func(s *State) { s.Bridge.Master = "" }, []string{`switch bridge0: master is "", want "rdomain10"`}},
		{"bridge in another", func(s *State) { s.Bridge.Master = "red" }, []string{`switch bridge0: master is "red", want "rdomain10"`}},
		{"gateway in another", func(s *State) { s.Gateway.Master = "rdomain10" }, []string{`gateway vm5-gw0: master is "rdomain10", want "rdomain20"`}},
		{"l3mdev rule", func(s *State) { s.Rules.IPv6 = rules("1001:local 32766:main") }, []string{"policy: " + noL3mdev6}},
		{"local rule", func(s *State) { s.Rules.IPv4 = rules(vrfRules) }, []string{"policy: " + before("IPv4", "0:local")[0]}},
		{"another rule", func(s *State) { s.Rules.IPv6 = rules("5:7? 6:8! 1000:l3mdev 1000:local") }, []string{"policy: " + before("IPv6", "5:7")[0]}},
		{"sockets", func(s *State) { s.Rules.Accepts = []string{"raw", "udp"} }, []string{"policy: " + acceptsRaw, "policy: " + acceptsUDP}},
		{"no rules", func(s *State) { s.Rules = Rules{} }, []string{"policy: " + noL3mdev4, "policy: " + noL3mdev6}},
		{"a link and the policy", func(s *State) { s.HostPeer.MTU, s.Rules.IPv4 = 1400, rules(freshRules) }, []string{
			"host link's pod end vm5-if0: mtu is 1400, want 1500", "policy: " + noL3mdev4, "policy: " + before("IPv4", "0:local")[0],
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, have := aCase{request: full, claim: first}.state(t), aCase{request: full, claim: first}.state(t)
			have.Policy, have.Rules = Policy{}, Rules{IPv4: rules(movedRules), IPv6: rules(movedRules)}
			c.change(&have)
			checkFaults(t, Diff(&want, &have), c.lines)
		})
	}
}

// Of somebody else's bridge its master counts, too.
func TestDiffOfForeignBridgesMaster(t *testing.T) {
	made := func() State {
		return aCase{request: all(onSwitch, in(10, 10)), bridge: theirs("", 1500), claim: first}.state(t)
	}
	want, have := made(), made()
	have.Bridge.Master, have.Rules = "", Rules{IPv4: rules(vrfRules), IPv6: rules(vrfRules)}
	checkFaults(t, Diff(&want, &have), []string{`switch bridge0: master is "", want "rdomain10"`})
}
