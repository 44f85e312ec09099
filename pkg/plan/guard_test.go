package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// guardAt checks that the last filter at the ingress of a link is this guard,
// and returns how many stand before it.
func guardAt(t *testing.T, l *Link, want filter.Guard) int {
	t.Helper()
	program, err := want.Program()
	if err != nil {
		t.Fatal(err)
	}
	last := len(l.Ingress) - 1
	if last < 0 {
		t.Fatalf("%s has no filter", l.Name)
	}
	f := l.Ingress[last]
	if !f.Guard || f.Redirect != "" || !slices.Equal(f.Match, program) {
		t.Errorf("%s: last filter is %s, want a guard of %d instructions", l.Name, f, len(program))
	}
	return last
}

// What each guard is told by, and what stands before it.
func TestGuards(t *testing.T) {
	own, more := first.LLAddr, lladdr("00:00:5e:00:01:07")
	g4, g6 := netip.MustParseAddr("100.64.5.3"), netip.MustParseAddr("fd00::6440:503:0:2")
	ll := netip.MustParseAddr("fe80::6440:503:0:1")
	bridge := theirs("", 1500)
	gateway := filter.Gateway{
		LLAddr: vmid.LinkAddr(vmid.RoleGateway, g4, 5, 0),
		Host4:  netip.MustParseAddr("100.64.5.2"), Host6: netip.MustParseAddr("fd00::6440:503:0:1"), LinkLocal: ll,
	}
	self := func(addrs ...netip.Addr) *filter.Identity { return &filter.Identity{Addrs: addrs} }
	refused := []vmid.LLAddr{bridge.LLAddr, vmid.LinkAddr(vmid.RoleHostLink, g4, 5, 0)}
	one := []vmid.LLAddr{own}
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		bridge  Bridge
		before  int // filters before the host link's guard
		host    *filter.Guard
		gateway *filter.Guard
	}{
		{name: "no switch", host: &filter.Guard{LLAddrs: one, Identity: self(g4, g6)}},
		{name: "no switch, in the host's namespace", request: inHost, host: &filter.Guard{LLAddrs: one, Identity: self(g4, g6)}},
		{name: "no IPv6", request: ipv4Only, host: &filter.Guard{LLAddrs: one, Identity: self(g4)}},
		{name: "locked alone", request: lockedOnly, host: &filter.Guard{LLAddrs: one}},
		{name: "no guard", request: unguarded},
		{
			name: "a bridge that vmtap makes", request: onCreatedSwitch,
			host:    &filter.Guard{LLAddrs: one, Way: filter.ToSwitch, Gateway: gateway, Identity: self(g4, g6)},
			gateway: &filter.Guard{LLAddrs: one, Way: filter.ToGateway, Gateway: gateway, Identity: self(g4, g6)},
		},
		{
			name: "somebody else's bridge", request: onSwitch, bridge: bridge,
			host:    &filter.Guard{LLAddrs: one, Way: filter.ToSwitch, Gateway: gateway, Refused: refused, Identity: self(g4, g6)},
			gateway: &filter.Guard{LLAddrs: one, Way: filter.ToGateway, Gateway: gateway, Identity: self(g4, g6)},
		},
		{
			name: "the split in the host's namespace", request: all(onSwitch, inHost), bridge: bridge, before: 1,
			host:    &filter.Guard{LLAddrs: one, Way: filter.ToSwitch, Gateway: gateway, Refused: refused, Identity: self(g4, g6)},
			gateway: &filter.Guard{LLAddrs: one, Way: filter.ToGateway, Gateway: gateway, Identity: self(g4, g6)},
		},
		{
			name: "device veth", request: all(onSwitch, veth), bridge: bridge, before: 1,
			host:    &filter.Guard{LLAddrs: one, Way: filter.ToSwitch, Gateway: gateway, Refused: refused, Identity: self(g4, g6)},
			gateway: &filter.Guard{LLAddrs: one, Way: filter.ToGateway, Gateway: gateway, Identity: self(g4, g6)},
		},
		{
			name: "locked alone on a switch", request: all(onSwitch, lockedOnly), bridge: bridge,
			host:    &filter.Guard{LLAddrs: one, Way: filter.ToSwitch, Gateway: gateway, Refused: refused},
			gateway: &filter.Guard{LLAddrs: one, Way: filter.ToGateway, Gateway: gateway},
		},
		{
			name: "not local: the bridge may be its gateway", request: all(onSwitch, notLocal, lockedOnly), bridge: bridge,
			host: &filter.Guard{LLAddrs: one},
		},
		{
			name: "more than its own", request: all(onSwitch, notLocal, moreThanItsOwn), bridge: bridge,
			host: &filter.Guard{
				LLAddrs:  []vmid.LLAddr{own, more},
				Identity: &filter.Identity{Addrs: []netip.Addr{netip.MustParseAddr("100.64.9.9")}, AnyLinkLocal: true, Protocols: []uint8{112}},
			},
		},
		{
			name: "a trunk", request: all(onCreatedSwitch, func(r *config.Request) { r.VLANTrunk = []config.VLANRange{{Min: 200, Max: 210}} }),
			host:    &filter.Guard{LLAddrs: one, VLANs: []filter.VLANRange{{Min: 200, Max: 210}}, Way: filter.ToSwitch, Gateway: gateway, Identity: self(g4, g6)},
			gateway: &filter.Guard{LLAddrs: one, Way: filter.ToGateway, Gateway: gateway, Identity: self(g4, g6)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := aCase{request: c.request, bridge: c.bridge, claim: first}.state(t)
			if c.host == nil {
				if n := len(s.HostLink.Ingress); n != 0 {
					t.Errorf("the host link has %d filters", n)
				}
				return
			}
			if before := guardAt(t, &s.HostLink, *c.host); before != c.before {
				t.Errorf("%d filters before the guard, want %d", before, c.before)
			}
			if c.gateway != nil {
				guardAt(t, &s.Gateway, *c.gateway)
			}
		})
	}
}

// Before the lease the guest can be nobody; then it can be what it was given,
// and no second guard is left.
func TestGuardHoldsToLease(t *testing.T) {
	req := newRequest(leased)
	s, err := New(req, &Node{Bridge: theirs("", 1500)}, first)
	if err != nil {
		t.Fatal(err)
	}
	one := []vmid.LLAddr{first.LLAddr}
	guardAt(t, &s.HostLink, filter.Guard{LLAddrs: one, Identity: &filter.Identity{AnyLinkLocal: true}})
	if _, err := s.AddLease(req, dual()); err != nil {
		t.Fatal(err)
	}
	before := guardAt(t, &s.HostLink, filter.Guard{LLAddrs: one, Identity: &filter.Identity{
		AnyLinkLocal: true, Addrs: []netip.Addr{netip.MustParseAddr("10.1.0.5"), netip.MustParseAddr("2001:db8::5")},
	}})
	if before != 0 {
		t.Errorf("%d filters before the guard, want none", before)
	}
}

// More addresses than a guard can hold are refused, not cut.
func TestGuardRefusesLease(t *testing.T) {
	req := newRequest(leased)
	s, err := New(req, &Node{Bridge: theirs("", 1500)}, first)
	if err != nil {
		t.Fatal(err)
	}
	var many Lease
	for i := range 65 {
		many.Addrs = append(many.Addrs, LeaseAddr{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), 24)})
	}
	_, err = s.AddLease(req, many)
	if err == nil || !strings.Contains(err.Error(), "add guard to link vm5-if0: guard: 65 addresses, want at most 64") {
		t.Errorf("got %v", err)
	}
}

// A switch that turns out to be another one is the one that is refused.
func TestUseSwitch(t *testing.T) {
	req, node := newRequest(onSwitch), &Node{Bridge: theirs("", 1500)}
	s, err := New(req, node, first)
	if err != nil {
		t.Fatal(err)
	}
	node.Bridge.LLAddr = lladdr("52:54:00:00:00:02")
	want, err := New(req, node, first)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(s.HostLink.Ingress[0].Match, want.HostLink.Ingress[0].Match) {
		t.Fatal("the bridge's address makes no difference")
	}
	if err := s.UseSwitch(req, SwitchLink(req, node)); err != nil {
		t.Fatal(err)
	}
	if lines := Diff(want, s); len(lines) > 0 {
		t.Errorf("got %q", lines)
	}
}

// Whoever may only use its own lladdr is a neighbour for good, where the link
// is up.
func TestNeighbours(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		want    []string
	}{
		{"both families", nil, []string{"100.64.5.3 lladdr 02:11:22:33:44:55", "fd00::6440:503:0:2 lladdr 02:11:22:33:44:55"}},
		{"no IPv6", ipv4Only, []string{"100.64.5.3 lladdr 02:11:22:33:44:55"}},
		{"on a switch", onCreatedSwitch, []string{"100.64.5.3 lladdr 02:11:22:33:44:55", "fd00::6440:503:0:2 lladdr 02:11:22:33:44:55"}},
		{"locked alone", lockedOnly, []string{"100.64.5.3 lladdr 02:11:22:33:44:55", "fd00::6440:503:0:2 lladdr 02:11:22:33:44:55"}},
		{"not locked", unguarded, nil},
		{"not local", all(onCreatedSwitch, notLocal, lockedOnly), nil},
		{"down", func(r *config.Request) { r.Up = false }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := aCase{request: c.request, claim: first}.state(t)
			if got := texts(s.Layer3().Neighbours, Neighbour.String); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A later plugin that gives the guest another lladdr cuts it off.
func TestLockedOut(t *testing.T) {
	own, other := first.LLAddr, lladdr("00:00:5e:00:01:07")
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		given   vmid.LLAddr
		out     bool
	}{
		{"its own", nil, own, false},
		{"another", nil, other, true},
		{"another, not locked", unguarded, other, false},
		{"one that the guard lets pass", all(onCreatedSwitch, notLocal, moreThanItsOwn), other, false},
		{"one that the guard lets pass, and the neighbours are not", moreThanItsOwn, other, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest()
			if c.request != nil {
				c.request(req)
			}
			s, err := New(req, &Node{}, first)
			if err != nil {
				t.Fatal(err)
			}
			s.HoldTo(c.given)
			if out := len(s.LockedOut(req)) > 0; out != c.out {
				t.Errorf("locked out: %v, want %v", out, c.out)
			}
		})
	}
}
