package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/golden"
)

func TestStateGolden(t *testing.T) {
	for _, c := range states() {
		t.Run(c.name, func(t *testing.T) {
			s := c.state(t)
			golden.Compare(t, c.name, s.String())
		})
	}
}

// Names that Linux takes.
func TestLinkNamesFit(t *testing.T) {
	longest := newRequest(full, func(r *config.Request) {
		r.IfName, r.Switch.Interface = "abcdefghijklmno", "bridge-of-15-ch"
		r.Local = nil // with local addresses no vmid is as high
	})
	s, err := New(longest, &Node{}, Claim{VMID: vmid.MaxID, Idx: MaxIdx, LLAddr: lladdr("02:11:22:33:44:55")})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(allStates(t), *s) {
		for _, n := range s.Links() {
			if len(n.Name) > 15 {
				t.Errorf("%s %q has %d characters, want 15 at most", n.Role, n.Name, len(n.Name))
			}
		}
	}
}

// No two links have one address, and only one has the guest's, its own or, in
// the pod, its tap: else the pod's kernel or a bridge would take one for the
// other.
func TestLinkAddressesDiffer(t *testing.T) {
	for _, s := range allStates(t) {
		taken := map[vmid.LLAddr]string{}
		for _, n := range s.Links() {
			if n.Name == "" || n.Foreign || n.Kind == KindVRF {
				continue
			}
			if other, ok := taken[n.LLAddr]; ok {
				t.Errorf("%s: %s and %s have one address, %s", s.HostLink.Alias, n.Role, other, n.LLAddr)
			}
			taken[n.LLAddr] = n.Role
			if n.LLAddr.IsZero() || n.LLAddr[0]&1 != 0 {
				t.Errorf("%s %s has address %s, want a unicast one", n.Role, n.Name, n.LLAddr)
			}
		}
		want := s.Tap.Name != ""
		if s.HostPeer.Guests {
			want = s.HostPeer.LLAddr == s.Guest.LLAddr
		}
		if got := taken[s.Guest.LLAddr] != ""; got != want {
			t.Errorf("%s: the guest's address %s is the %q's", s.HostLink.Alias, s.Guest.LLAddr, taken[s.Guest.LLAddr])
		}
	}
}

// A requested lladdr that a link of vmtap's own has is refused.
func TestNewRefusesOwnLLAddr(t *testing.T) {
	s := aCase{request: full, claim: first}.state(t)
	for _, n := range s.Links() {
		if n.Role == "tap" || n.Kind == KindVRF || n.Name == "" {
			continue
		}
		t.Run(n.Role, func(t *testing.T) {
			claim := first
			claim.LLAddr = n.LLAddr
			_, err := New(newRequest(full), &Node{}, claim)
			wantError(t, err, config.CodeTaken, n.LLAddr.String(), n.Role, n.Name)
		})
	}
}

// The alias is cut at the kernel's 255 bytes; what tells VMs apart stands
// first.
func TestAliasIsCut(t *testing.T) {
	for _, c := range []struct {
		name         string
		length       int // of the VM's and the switch's name
		link, bridge int // of the aliases
	}{
		{"as long as fits", 247, 8 + 247, 8 + 247},
		{"one too long", 248, 255, 255},
		{"the longest", 512, 255, 255},
		{"short", 3, 8 + 3, 8 + 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := strings.Repeat("n", c.length)
			req := newRequest(onCreatedSwitch, func(r *config.Request) { r.VMName, r.Switch.Name = name, name })
			s, err := New(req, &Node{}, first)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range []struct {
				alias, whole string
				length       int
			}{
				{s.HostLink.Alias, "vm5-if0-" + name, c.link},
				{s.Bridge.Alias, "switch0-" + name, c.bridge},
			} {
				if len(a.alias) != a.length || !strings.HasPrefix(a.whole, a.alias) {
					t.Errorf("got alias %q of %d bytes, want the first %d of %q", a.alias, len(a.alias), a.length, a.whole)
				}
			}
		})
	}
}

func TestNewRequestedIPs(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Request)
		ips    []string
		words  []string // of the error; none if there is none
	}{
		{"none", nil, nil, nil},
		{"both", nil, []string{"fd00::6440:503:0:2/96", "100.64.5.3/31"}, nil},
		{"one", nil, []string{"100.64.5.3/31"}, nil},
		{"the host's", nil, []string{"100.64.5.2/31"}, []string{"100.64.5.2", "100.64.5.3", "fd00::6440:503:0:2"}},
		{"one right, one wrong", nil, []string{"100.64.5.3/31", "fd00::1/96"}, []string{"fd00::1", "100.64.5.3"}},
		{"IPv6 without", func(r *config.Request) { r.Local = local("", 8) }, []string{"fd00::6440:503:0:2/96"}, []string{"fd00::6440:503:0:2", "100.64.5.3"}},
		{"not local", all(onSwitch, notLocal), []string{"100.64.5.3/31"}, []string{"100.64.5.3", "none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest()
			if c.change != nil {
				c.change(req)
			}
			for _, p := range c.ips {
				req.IPs = append(req.IPs, netip.MustParsePrefix(p))
			}
			_, err := New(req, &Node{Bridge: theirs("", 1500)}, first)
			if len(c.words) > 0 {
				wantError(t, err, config.CodeInvalidConfig, c.words...)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A claim that the address scheme does not hold is refused, never given a
// wrong address.
func TestNewRefusesClaimsOutsideTheScheme(t *testing.T) {
	for _, c := range []struct {
		name  string
		claim Claim
		word  string
	}{
		{"vmid", Claim{VMID: 16384}, "vmid 16384"},
		{"interface", Claim{VMID: 1, Idx: 127}, "interface 127"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(newRequest(), &Node{}, c.claim)
			wantError(t, err, config.CodeInvalidConfig, c.word)
		})
	}
}

// Layer 3 is the gateway's on a switch and the host link's without one.
func TestLayer3(t *testing.T) {
	for _, s := range allStates(t) {
		var with []string
		for _, n := range s.Links() {
			if len(n.Addrs) > 0 && !n.Guests {
				with = append(with, n.Name)
			}
		}
		want := []string{s.Layer3().Name}
		if !s.Guest.Addrs.Host4.IsValid() {
			want = nil
		}
		if !slices.Equal(with, want) {
			t.Errorf("%s: links with addresses %q, want %q", s.HostLink.Alias, with, want)
		}
		if onSwitch := s.Bridge.Name != ""; onSwitch == (s.Layer3() == &s.HostLink) && s.Guest.Addrs.Host4.IsValid() {
			t.Errorf("on a switch: %t, layer 3 link is %s", onSwitch, s.Layer3().Name)
		}
	}
}

func allStates(t *testing.T) []State {
	t.Helper()
	var all []State
	for _, c := range states() {
		all = append(all, c.state(t))
	}
	return all
}

// The two ends of a veth name each other.
func TestVethsArePaired(t *testing.T) {
	for _, s := range allStates(t) {
		for _, n := range s.Links() {
			paired := slices.ContainsFunc(s.Links(), func(o Named) bool {
				return o.Link != n.Link && o.Kind == KindVeth && o.Name == n.Peer && o.Peer == n.Name
			})
			if veth := n.Kind == KindVeth; veth != paired {
				t.Errorf("%s: %s %s is a veth: %t, has its other end: %t", s.HostLink.Alias, n.Role, n.Name, veth, paired)
			}
		}
	}
}

// What is for the gateway is told by the gateway's own addresses.
func TestGatewayFilter(t *testing.T) {
	host4 := netip.MustParseAddr("100.64.5.2")
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		want    filter.Gateway
	}{
		{"dual stack", onCreatedSwitch, filter.Gateway{
			LLAddr: lladdr("0a:03:64:40:05:03"), Host4: host4,
			Host6: netip.MustParseAddr("fd00::6440:503:0:1"), LinkLocal: netip.MustParseAddr("fe80::6440:503:0:1"),
		}},
		{"IPv4 alone", all(onCreatedSwitch, ipv4Only), filter.Gateway{LLAddr: lladdr("0a:03:64:40:05:03"), Host4: host4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := aCase{request: c.request, claim: first}.state(t)
			if got := s.Tap.Ingress[0]; got.Redirect != "vm5-gw0" || !slices.Equal(got.Match, c.want.Program()) {
				t.Errorf("the tap's first filter is %s, want the program for %+v", got, c.want)
			}
		})
	}
}
