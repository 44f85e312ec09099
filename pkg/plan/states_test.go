package plan

import (
	"net/netip"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// aCase is a State of the golden tests, and of those that hold for all States.
type aCase struct {
	name    string
	request func(*config.Request)
	bridge  Bridge // as it is observed
	claim   Claim
}

// first is the claim of a VM's first interface.
var first = Claim{VMID: 5, Holder: true, LLAddr: lladdr("02:11:22:33:44:55")}

// inGroups puts the interface into groups, of which the switch's has a number.
func inGroups(r *config.Request) {
	r.Groups, r.LinkGroup = []string{"web", "db", "vms"}, 100
	if r.Switch != nil {
		r.Switch.Group = "vms"
	}
}

// in puts the interface into an rdomain, and the switch, if there is one, into
// another.
func in(ofInterface, ofSwitch uint32) func(*config.Request) {
	return func(r *config.Request) {
		r.RDomain = ofInterface
		if r.Switch != nil {
			r.Switch.RDomain = ofSwitch
		}
	}
}

func masqueraded(r *config.Request) { r.IPMasq = true }

// limited lets guests open little on the host.
func limited(r *config.Request) {
	r.HostAccess = config.HostAccess{Limited: true, ICMP: true, Ports: []config.Port{{Protocol: "tcp", Number: 10250}, {Protocol: "udp", Number: 53}}}
}

// full has everything that an interface can have.
func full(r *config.Request) {
	onCreatedSwitch(r)
	in(20, 10)(r)
	r.RDomains.MoveLocalRule = true
	inGroups(r)
	r.Tap.GID, r.Tap.HasGID = 107, true
	throttled(r)
}

// throttled has 10 Mbit/s into the guest and 20 from it.
func throttled(r *config.Request) {
	r.Bandwidth = config.Bandwidth{Ingress: config.Rate{Bits: 10_000_000, Burst: 1 << 20}, Egress: config.Rate{Bits: 20_000_000, Burst: 1 << 21}}
}

// moreThanItsOwn lets the guest use what is not its own.
func moreThanItsOwn(r *config.Request) {
	r.Locked = true
	r.Guard = &config.Guard{
		Addresses: []netip.Addr{netip.MustParseAddr("100.64.9.9")},
		LLAddrs:   []vmid.LLAddr{lladdr("00:00:5e:00:01:07")},
		Protocols: []uint8{112},
	}
}

func all(changes ...func(*config.Request)) func(*config.Request) {
	return func(r *config.Request) {
		for _, change := range changes {
			change(r)
		}
	}
}

// theirs is somebody else's bridge.
func theirs(alias string, mtu int) Bridge {
	return Bridge{Name: "bridge0", Kind: KindBridge, MTU: mtu, Alias: alias, LLAddr: lladdr("52:54:00:00:00:01")}
}

// ours is a bridge that vmtap made.
func ours(mtu int) Bridge {
	return Bridge{Name: "bridge0", Kind: KindBridge, MTU: mtu, Alias: "switch0-uplink", Ours: true}
}

// inHost puts the tap into the host's namespace.
func inHost(r *config.Request) { r.Placement = config.PlacementHost }

// veth gives the pod an interface of its own.
func veth(r *config.Request) { r.Device, r.Tap = config.DeviceVeth, config.Tap{} }

// chained joins the tap to an earlier plugin's interface.
func chained(r *config.Request) {
	notLocal(r)
	r.Placement, r.Tap.Name = config.PlacementChained, "tap0"
}

// placements are the placements and devices but the usual ones.
func placements() []aCase {
	return []aCase{
		{name: "host", request: inHost, claim: first},
		{name: "host-with-groups", request: all(inHost, inGroups), claim: first},
		{name: "host-on-switch", request: all(full, inHost), claim: first},
		{name: "host-not-local", request: all(inHost, onSwitch, notLocal), bridge: theirs("", 1500), claim: first},
		{name: "veth", request: veth, claim: first},
		{name: "veth-without-ipv6", request: all(veth, ipv4Only), claim: first},
		{name: "veth-on-switch", request: all(full, veth), claim: first},
		{name: "veth-not-local", request: all(veth, onSwitch, notLocal), bridge: theirs("", 1500), claim: first},
		{name: "veth-with-routes", request: all(veth, func(r *config.Request) {
			r.Routes = []config.Route{
				{Dst: netip.MustParsePrefix("10.0.0.0/8"), Priority: 50},
				{Dst: netip.MustParsePrefix("2001:db8::/32"), MTU: 1400, AdvMSS: 1000},
				{Dst: netip.MustParsePrefix("192.0.2.0/24"), GW: netip.MustParseAddr("192.0.2.1")},
			}
		}), claim: first},
		{name: "chained", request: chained},
		{name: "chained-with-another-name", request: all(chained, func(r *config.Request) { r.Tap.Name, r.Tap.MultiQueue = "tap7", true })},
	}
}

func states() []aCase {
	return append(append(placements(), ports()...), []aCase{
		{name: "local", claim: first},
		{name: "local-without-ipv6", request: func(r *config.Request) { r.Local = local("", 8) }, claim: first},
		{name: "local-4-bits", request: func(r *config.Request) { r.Local = local("fd00::/8", 4) }, claim: Claim{VMID: 15, Idx: 6, LLAddr: first.LLAddr}},
		{name: "local-with-groups", request: inGroups, claim: first},

		{name: "switch-created", request: full, claim: first},
		{name: "switch-created-before", request: full, bridge: ours(1500), claim: first},
		{name: "switch-without-alias", request: onSwitch, bridge: theirs("", 1500), claim: first},
		{name: "switch-with-our-alias", request: onSwitch, bridge: theirs("switch7-old", 1500), claim: first},
		{name: "switch-with-their-alias", request: onSwitch, bridge: theirs("the uplink", 1500), claim: first},
		{name: "switch-by-altname", request: onSwitch, bridge: Bridge{Name: "br-enp1s0", Kind: KindBridge, MTU: 1500}, claim: first},
		{name: "switch-not-local", request: all(onSwitch, notLocal), bridge: theirs("", 1500), claim: first},

		{name: "unguarded", request: unguarded, claim: first},
		{name: "unguarded-on-switch", request: all(onSwitch, unguarded), bridge: theirs("", 1500), claim: first},
		{name: "locked", request: all(onSwitch, notLocal, lockedOnly), bridge: theirs("", 1500), claim: first},
		{name: "locked-and-local", request: all(onSwitch, lockedOnly), bridge: theirs("", 1500), claim: first},
		{name: "guard-of-more", request: all(onSwitch, moreThanItsOwn), bridge: theirs("", 1500), claim: first},
		{name: "guard-of-what-is-not-local", request: all(onSwitch, notLocal, moreThanItsOwn), bridge: theirs("", 1500), claim: first},
		{name: "switch-without-address", request: onSwitch, bridge: Bridge{Name: "bridge0", Kind: KindBridge, MTU: 1500}, claim: first},

		{name: "rdomain", request: in(10, 0), claim: first},
		{name: "rdomain-with-another-table", request: all(in(10, 0), func(r *config.Request) { r.RDomains.TableBase = 5000 }), claim: first},
		{name: "rdomain-of-switch", request: all(onCreatedSwitch, in(10, 10)), claim: first},
		{name: "rdomain-of-switch-only", request: all(onCreatedSwitch, in(0, 10)), claim: first},
		{name: "rdomain-of-interface-only", request: all(onCreatedSwitch, in(10, 0)), claim: first},
		{name: "rdomains-differ", request: all(onCreatedSwitch, in(20, 10)), claim: first},
		{name: "rdomain-of-foreign-switch", request: all(onSwitch, in(10, 10)), bridge: theirs("", 1500), claim: first},
		{name: "rdomain-not-local", request: all(onCreatedSwitch, notLocal, in(10, 10)), claim: first},
		{name: "rdomain-without-ipv6", request: all(ipv4Only, in(10, 0)), claim: first},
		{name: "local-rule-moved", request: all(in(10, 0), func(r *config.Request) { r.RDomains.MoveLocalRule = true }), claim: first},

		{name: "ip-masq", request: masqueraded, claim: first},
		{name: "ip-masq-in-rdomain", request: all(masqueraded, in(10, 0)), claim: first},
		{name: "host-access", request: all(onCreatedSwitch, limited), claim: first},
		{name: "host-access-and-ip-masq-without-ipv6", request: all(ipv4Only, limited, masqueraded), claim: first},

		{name: "down", request: all(onSwitch, func(r *config.Request) { r.Up = false }), bridge: theirs("", 1500), claim: first},
		{name: "down-without-switch", request: func(r *config.Request) { r.Up = false }, claim: first},
		{name: "switch-down", request: all(onCreatedSwitch, func(r *config.Request) { r.Switch.Up = false }), claim: first},
		{name: "no-forwarding", request: func(r *config.Request) { r.Forward = false }, claim: first},
		{name: "second-interface", request: func(r *config.Request) { r.IfName = "net1" }, claim: Claim{VMID: 5, Idx: 1, LLAddr: first.LLAddr}},

		{name: "mtu", request: func(r *config.Request) { r.MTU = 9000 }, claim: first},
		{name: "mtu-of-bridge", request: onSwitch, bridge: theirs("", 9000), claim: first},
		{name: "mtu-of-switch", request: all(onCreatedSwitch, func(r *config.Request) { r.Switch.MTU = 9000 }), claim: first},
		{name: "mtu-of-switch-that-was-made", request: all(onCreatedSwitch, func(r *config.Request) { r.Switch.MTU = 9000 }), bridge: ours(1500), claim: first},
		{name: "mtu-above-bridge", request: all(onCreatedSwitch, func(r *config.Request) { r.MTU = 9000 }), bridge: ours(1500), claim: first},

		{name: "bandwidth", request: throttled, claim: first},
		{name: "bandwidth-of-switch", request: all(onSwitch, notLocal, throttled), bridge: theirs("", 9000), claim: first},
		{name: "bandwidth-with-gateway", request: all(onSwitch, throttled), bridge: theirs("", 1500), claim: first},
		{name: "bandwidth-of-veth", request: all(onSwitch, throttled, func(r *config.Request) { r.Device = config.DeviceVeth }), bridge: theirs("", 1500), claim: first},
		{name: "bandwidth-into-guest", request: all(onSwitch, throttled, func(r *config.Request) { r.Bandwidth.Egress = config.Rate{} }), bridge: theirs("", 1500), claim: first},
		{name: "bandwidth-from-guest", request: all(onSwitch, throttled, func(r *config.Request) { r.Bandwidth.Ingress = config.Rate{} }), bridge: theirs("", 1500), claim: first},
		{name: "tap-with-queues", request: func(r *config.Request) { r.Tap.MultiQueue = true }, claim: first},
		{name: "tap-with-context", request: func(r *config.Request) { r.Tap.SELinuxContext = "system_u:system_r:x_t:s0" }, claim: first},
		{name: "tap-of-group", request: func(r *config.Request) { r.Tap = config.Tap{GID: 107, HasGID: true} }, claim: first},
		{name: "lladdr", request: all(onSwitch, func(r *config.Request) { r.LLAddr = lladdr("02:00:00:00:00:01") }), bridge: theirs("", 1500), claim: Claim{VMID: 5, Holder: true, LLAddr: lladdr("02:00:00:00:00:01")}},
	}...)
}

// state is the State of a case.
func (c aCase) state(t *testing.T) State {
	t.Helper()
	req, node := newRequest(), &Node{Bridge: c.bridge, Taken: Taken{Name: "eth0", LLAddr: first.LLAddr, MTU: 1400}}
	if c.request != nil {
		c.request(req)
	}
	if err := CheckNode(req, node); err != nil {
		t.Fatal(err)
	}
	s, err := New(req, node, c.claim)
	if err != nil {
		t.Fatal(err)
	}
	s.Rules = Rules{IPv4: rules(movedRules), IPv6: rules(movedRules)} // as if it were read
	return *s
}
