package e2e

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
)

// attack is one thing that a hostile guest tries, and what comes of it. Each is
// a row of docs/isolation.md, where a test reads these literals: name and
// configured are its first cells, unguarded and guarded what the guest achieves
// with guard false and with the default.
type attack struct {
	name, configured string

	// frames are what the guest sends. The mark is in each. Who gets to see it
	// is what the guest achieves.
	frames func(tn *town, mark string) [][]byte
	// does is for attacks that are known by other signs. It looks for itself.
	does func(t *testing.T, tn *town) string

	unguarded, guarded string
}

// Who sees what a hostile guest sends. Residents are called by their names.
const (
	nobody      = "nothing"               // not seen by anybody
	hostAnswers = "the host"              // an answer from, or a socket on, an address of rdomain 0
	vrfSockets  = "its rdomain's sockets" // sockets of the host in rdomain 10
	ownGateway  = "its gateway"           // an answer from the guest's own gateway
	behind      = "outside"               // arrives behind the uplink in rdomain 0
)

// guards are the settings with which each attack runs: without, and the default.
func guards() []string { return []string{`, "guard": false`, ""} }

// town is a node with a hostile guest, others, and a host behind an uplink in
// rdomain 0. Names say what another guest shares with the hostile one:
//
//	peer      its switch and its rdomain
//	stranger  its switch, not its rdomain
//	fellow    its rdomain; is on no switch
//	tenant    neither
//	plain     in rdomain 0, on no switch
type town struct {
	*node
	*resident        // the hostile one
	hostLink  string // its
	pod       *pod
	call      cni.Call // which made it
	others    []resident
	outside   *ear
	outsideLL netip.Addr           // of the host behind the uplink
	sockets   [2]*server           // of rdomain 0, and of rdomain 10
	macs      map[string]guest.MAC // of the host's links
	ports     map[string][]string  // of the host's bridges
	guarded   bool
}

// builder says what a town is like.
type builder struct {
	rdomains bool   // else all are in rdomain 0
	hostile  string // the hostile guest's own block; "": on the switch
	node     string // lines of ip for the node, before the first guest
	sysctls  string // of the node, in words of sysctl -w
	more     string // is added to each block
}

// onSwitch is a block of a created bridge in an rdomain.
func (b builder) onSwitch(bridge, ofInterface, ofSwitch string) string {
	if !b.rdomains {
		return inRDomains(bridge, "", "")
	}
	return inRDomains(bridge, ofInterface, ofSwitch)
}

// alone is a block of an interface on no switch.
func (b builder) alone(rdomain string) string {
	if !b.rdomains {
		return `"local": true`
	}
	return `"local": true, "rdomain": ` + rdomain
}

// build makes a town whose guests have a guard, or not.
func (b builder) build(t *testing.T, guard string) *town {
	t.Helper()
	newNode := newNode
	if b.rdomains {
		newNode = newVRFNode
	}
	n := newNode(t)
	tn := &town{node: n, guarded: guard == ""}
	n.Run(t, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
	tn.outside, tn.outsideLL = n.outsideWorld(t)
	ipBatch(t, n.Run, b.node)
	if b.sysctls != "" {
		n.Run(t, "sysctl", append([]string{"-qw"}, strings.Fields(b.sysctls)...)...)
	}
	hostile := b.hostile
	if hostile == "" {
		hostile = b.onSwitch("bridge10", "", "10")
	}
	for _, r := range []struct{ name, rdomain, block string }{
		{"hostile", "10", hostile},
		{"peer", "10", b.onSwitch("bridge10", "", "10") + inHost},
		{"stranger", "20", b.onSwitch("bridge10", "20", "10")},
		{"fellow", "10", b.alone("10")},
		{"tenant", "20", b.onSwitch("bridge20", "", "20")},
		{"plain", "0", b.alone("0")},
	} {
		p := n.newPod(t, r.name)
		a := p.add(t, "eth0", conf(r.block+guard+b.more))
		layer3 := a.hostLink()
		if strings.Contains(r.block, `"switch"`) {
			layer3 = a.gateway()
		}
		if r.name == "hostile" {
			tn.hostLink, tn.pod, tn.call = a.hostLink(), p, a.call
		}
		tn.others = append(tn.others, resident{r.name, r.rdomain, a.boot(p), a.guestConfig(), layer3})
	}
	tn.resident, tn.others = &tn.others[0], tn.others[1:]
	tn.macs, tn.ports = map[string]guest.MAC{}, map[string][]string{}
	for _, l := range links(t, n.NS) {
		if l.Name != "lo" && l.Info.Kind != "vrf" && l.Address != "" {
			tn.macs[l.Name] = macOf(l.Address)
			tn.ports[l.Master] = append(tn.ports[l.Master], l.Name)
		}
	}
	tn.sockets[0] = n.listen(t, "", 7000)
	if b.rdomains {
		tn.sockets[1] = n.listen(t, "rdomain10", 7010)
	}
	return tn
}

// outsideWorld gives the node addresses of its own, and a way out to a host
// that knows the way to guests.
func (n *node) outsideWorld(t *testing.T) (*ear, netip.Addr) {
	t.Helper()
	outside := n.newPod(t, "outside")
	n.Run(t, "ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", outside.Path())
	ipBatch(t, n.Run, "address add "+hostAddr4+"/32 dev lo\naddress add "+hostAddr6+"/128 dev lo nodad\n"+
		"address add 192.0.2.1/24 dev uplink\naddress add 2001:db8::1/64 dev uplink nodad\nlink set uplink up\n"+
		"route add default via 192.0.2.2\n-6 route add default via 2001:db8::2\n")
	ipBatch(t, outside.Run, "address add 192.0.2.2/24 dev eth0\naddress add 2001:db8::2/64 dev eth0 nodad\n"+
		"address add "+outAddr4+"/32 dev lo\naddress add "+outAddr6+"/128 dev lo nodad\nlink set eth0 up\n"+
		"route add 100.64.0.0/10 via 192.0.2.1\n-6 route add fd00::/8 via 2001:db8::1\n")
	return listenOn(t, outside.NS, "eth0"), guest.EUI64(guest.ParseMAC(outside.link(t, "eth0").Address))
}

// suffer builds the town with each setting of the guard and has it suffer all
// attacks. All frames are sent before anybody waits.
func (b builder) suffer(t *testing.T, attacks []attack) {
	t.Helper()
	for _, guard := range guards() {
		tn := b.build(t, guard)
		setting := map[bool]string{true: "guard", false: "no guard"}[tn.guarded]
		want := func(i int) string {
			if tn.guarded {
				return attacks[i].guarded
			}
			return attacks[i].unguarded
		}
		have := make([]string, len(attacks))
		mark := tn.Mark()
		for i, a := range attacks {
			if a.frames == nil {
				continue
			}
			for _, f := range a.frames(tn, markOf(i)) {
				if err := tn.Send(f); err != nil {
					t.Fatalf("%s: %v", a.name, err)
				}
			}
		}
		for end := time.Now().Add(answered); ; {
			time.Sleep(silence)
			all := true
			for i, a := range attacks {
				if a.frames != nil {
					have[i] = tn.saw(mark, markOf(i))
					all = all && have[i] == want(i)
				}
			}
			if all || time.Now().After(end) {
				break
			}
		}
		// An honest packet, later, arrives.
		for _, gateway := range gateways(tn.config) {
			if err := tn.Ping(gateway, answered); err != nil {
				t.Error(err)
			}
		}
		for i, a := range attacks {
			t.Run(setting+"/"+a.name, func(t *testing.T) {
				if a.does != nil {
					have[i] = a.does(t, tn)
				}
				if have[i] != want(i) {
					t.Errorf("%s: achieves %q, want %q", a.configured, have[i], want(i))
				}
			})
		}
	}
}

// markOf is what stands in the frames of an attack, and in no other's.
func markOf(i int) string { return fmt.Sprintf("%s%03d>", markStart, i) }

const markStart = "<attack "

// saw says who has seen a mark: guests to whom it was sent, sockets of the
// host, the host behind the uplink; and who answered the hostile guest.
func (tn *town) saw(since guest.Mark, mark string) string {
	var who []string
	add := func(name string, saw bool) {
		if saw && !slices.Contains(who, name) {
			who = append(who, name)
		}
	}
	for _, r := range tn.others {
		for _, p := range r.Received(guest.Start) {
			// What a switch floods, since nobody there has the MAC, is not for it.
			add(r.name, (p.Dst == r.LLAddr() || p.Dst.Group()) && bytes.Contains(p.Frame, []byte(mark)))
		}
	}
	for i, name := range []string{hostAnswers, vrfSockets} {
		if s := tn.sockets[i]; s != nil {
			_, ok := s.heard.Load(mark)
			add(name, ok)
		}
	}
	add(behind, tn.outside.heard(mark))
	for _, p := range tn.Received(since) {
		if p.Echo != nil && p.Echo.Reply && p.Dst == tn.LLAddr() && bytes.Contains(p.Frame, []byte(mark)) {
			add(tn.nameOf(p.IP.Src), true)
		}
	}
	if len(who) == 0 {
		return nobody
	}
	return strings.Join(who, ", ")
}

// given sends frames and says which other guests get one of a kind, for what
// has no room for a mark.
func (tn *town) given(t *testing.T, frames [][]byte, match func(guest.Packet) bool) string {
	t.Helper()
	marks := make([]guest.Mark, len(tn.others))
	for i, r := range tn.others {
		marks[i] = r.Mark()
	}
	for _, f := range frames {
		if err := tn.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(silence)
	var who []string
	for i, r := range tn.others {
		if slices.ContainsFunc(r.Received(marks[i]), match) {
			who = append(who, r.name)
		}
	}
	if len(who) == 0 {
		return nobody
	}
	return strings.Join(who, ", ")
}

// nameOf is whose an address is.
func (tn *town) nameOf(a netip.Addr) string {
	if slices.Contains(gateways(tn.config), a) || a == gatewayLinkLocal(tn.config) {
		return ownGateway
	}
	for _, r := range tn.others {
		switch {
		case slices.Contains(addrs(r.config), a) || a == r.LinkLocal():
			return r.name
		case slices.Contains(gateways(r.config), a):
			return r.name + "'s gateway"
		}
	}
	if a == netip.MustParseAddr(outAddr4) || a == netip.MustParseAddr(outAddr6) {
		return behind
	}
	return hostAnswers
}

// other returns a guest by its name.
func (tn *town) other(name string) *resident {
	return &tn.others[slices.IndexFunc(tn.others, func(r resident) bool { return r.name == name })]
}

// source is the hostile guest's own address of a destination's family.
func (tn *town) source(dst netip.Addr) netip.Addr {
	if dst.Is4() {
		return tn.config.Addr4.Addr()
	}
	return tn.config.Addr6.Addr()
}

// macOf reads a link's address, if it is a MAC.
func macOf(address string) guest.MAC {
	if len(address) != len("02:00:00:00:00:01") {
		return guest.MAC{}
	}
	return guest.ParseMAC(address)
}

// router is the MAC of the hostile guest's own gateway.
func (tn *town) router() guest.MAC { return tn.macs[tn.layer3] }
