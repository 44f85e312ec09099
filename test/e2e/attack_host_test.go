package e2e

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
)

// Tunnels of the host in rdomain 0, of all kinds that take what they get from
// anybody: with an address of its own, on one link, and without either.
const (
	ownTunnels = "link add t4 type ipip local 198.51.100.1 remote any\nlink set t4 up\n" +
		"link add tg type gre local 198.51.100.1 remote any\nlink set tg up\n" +
		"link add ts type sit local 198.51.100.1 remote any\nlink set ts up\n" +
		"link add t6 type ip6tnl mode any local 2001:db8:1::1 remote ::\nlink set t6 up\n"
	linkTunnels = "link add t4 type ipip local any remote any dev uplink\nlink set t4 up\n" +
		"link add tg type gre local any remote any dev uplink\nlink set tg up\n" +
		"link add ts type sit local any remote any dev uplink\nlink set ts up\n"
	anyTunnels = "link add t4 type ipip local any remote any\nlink set t4 up\n" +
		"link add tg type gre local any remote any\nlink set tg up\n" +
		"link add ts type sit local any remote any\nlink set ts up\n"
)

// TestAttackTunnels: a tunnel of the host's in rdomain 0 takes packets of
// guests in another one, if these may reach an address where it listens, and
// what comes out of it is in rdomain 0. No setting limits tunnels to rdomain 0,
// as *_l3mdev_accept does sockets.
func TestAttackTunnels(t *testing.T) {
	builder{rdomains: true, node: ownTunnels}.suffer(t, []attack{
		{"IPIP, GRE and 6in4 to a tunnel of the host's", "rdomains, tunnels with an address in rdomain 0", (*town).intoHostTunnels, nil, "plain, the host, outside", "plain, the host, outside"},
		{"IPv6 tunnel packets to a tunnel of the host's", "rdomains, tunnels with an address in rdomain 0", (*town).intoHostTunnels6, nil, "plain, the host, outside", "nothing"},
	})
	builder{rdomains: true, node: ownTunnels, more: hidden}.suffer(t, []attack{
		{"IPIP, GRE and 6in4 to a tunnel of the host's", "rdomains, tunnels with an address in rdomain 0, `moveLocalRule`", (*town).intoHostTunnels, nil, "nothing", "nothing"},
		{"IPv6 tunnel packets to a tunnel of the host's", "rdomains, tunnels with an address in rdomain 0, `moveLocalRule`", (*town).intoHostTunnels6, nil, "nothing", "nothing"},
		{"the same to its own gateway's addresses", "rdomains, tunnels with an address in rdomain 0, `moveLocalRule`", (*town).intoGatewayTunnels, nil, "nothing", "nothing"},
	})
	builder{rdomains: true, node: linkTunnels, more: hidden}.suffer(t, []attack{
		{"IPIP, GRE and 6in4 to its own gateway's address", "rdomains, tunnels of the uplink, `moveLocalRule`", (*town).intoGatewayTunnels, nil, "plain, the host, outside", "plain, the host, outside"},
	})
	builder{rdomains: true, node: anyTunnels, more: hidden}.suffer(t, []attack{
		{"IPIP, GRE and 6in4 to its own gateway's address", "rdomains, tunnels with neither address nor link, `moveLocalRule`", (*town).intoGatewayTunnels, nil, "plain, the host, outside", "plain, the host, outside"},
	})
}

func (tn *town) intoHostTunnels(mark string) [][]byte {
	return tn.into(netip.MustParseAddr(hostAddr4), mark)
}

func (tn *town) intoHostTunnels6(mark string) [][]byte {
	return tn.into(netip.MustParseAddr(hostAddr6), mark)
}

func (tn *town) intoGatewayTunnels(mark string) [][]byte {
	return append(tn.into(tn.config.Gateway4, mark), tn.into(tn.config.Gateway6, mark)...)
}

// into are packets to everybody, within others to one address.
func (tn *town) into(tunnel netip.Addr, mark string) [][]byte {
	var all [][]byte
	for _, dst := range tn.everybody() {
		for _, p := range volley(tn.source(dst), dst, mark) {
			inner := p.Marshal()
			kind := map[bool]uint8{true: unix.IPPROTO_IPIP, false: unix.IPPROTO_IPV6}[dst.Is4()]
			gre := append([]byte{0, 0, byte(p.EtherType() >> 8), byte(p.EtherType() & 0xff)}, inner...)
			for _, outer := range []guest.IP{
				{Src: tn.source(tunnel), Dst: tunnel, TTL: 64, Protocol: kind, Payload: inner},
				{Src: tn.source(tunnel), Dst: tunnel, TTL: 64, Protocol: unix.IPPROTO_GRE, Payload: gre},
			} {
				all = append(all, tn.frame(tn.router(), outer))
			}
		}
	}
	return all
}

// TestAttackHost: what else the host has in rdomain 0, sent to as TestHostReach
// does: from a guest on a switch of another rdomain, and of rdomain 0 with
// hostAccess.
func TestAttackHost(t *testing.T) {
	builder{more: `, "hostAccess": "icmp"`}.suffer(t, []attack{
		{"UDP and a raw socket's protocol to the host's addresses", "one rdomain, `hostAccess` icmp", (*town).toHostSockets, nil, "nothing", "nothing"},
	})
	builder{}.suffer(t, []attack{
		{"UDP and a raw socket's protocol to the host's addresses", "one rdomain", (*town).toHostSockets, nil, "the host", "the host"},
	})
}

// TestAttackHostInRDomains: the same from another rdomain.
func TestAttackHostInRDomains(t *testing.T) {
	builder{rdomains: true}.suffer(t, []attack{
		{"UDP and a raw socket's protocol to the host's addresses", "rdomains", (*town).toHostSockets, nil, "its rdomain's sockets", "its rdomain's sockets"},
		{"ping the host's IPv4 address", "rdomains", (*town).pingHost4, nil, "the host", "the host"},
		{"ping the host's IPv6 address", "rdomains", (*town).pingHost6, nil, "outside", "outside"},
	})
	builder{rdomains: true, more: hidden}.suffer(t, []attack{
		{"UDP and a raw socket's protocol to the host's addresses", "rdomains, `moveLocalRule`", (*town).toHostSockets, nil, "nothing", "nothing"},
		{"ping the host's IPv4 address", "rdomains, `moveLocalRule`", (*town).pingHost4, nil, "nothing", "nothing"},
		{"ping the host's IPv6 address", "rdomains, `moveLocalRule`", (*town).pingHost6, nil, "nothing", "nothing"},
	})
}

// toHostSockets are volleys without the echo request.
func (tn *town) toHostSockets(mark string) [][]byte {
	var all [][]byte
	for _, dst := range hostPlaces() {
		all = append(all, tn.frames(tn.router(), volley(tn.source(dst), dst, mark)[1:]...)...)
	}
	return all
}

func (tn *town) pingHost4(mark string) [][]byte { return tn.pingHost(hostPlaces()[0], mark) }

func (tn *town) pingHost6(mark string) [][]byte { return tn.pingHost(hostPlaces()[1], mark) }

func (tn *town) pingHost(dst netip.Addr, mark string) [][]byte {
	return tn.frames(tn.router(), volley(tn.source(dst), dst, mark)[0])
}
