package e2e

import (
	"net/netip"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// hidden is what an rdomain needs to know nothing of the host.
const hidden = `, "rdomains": {"moveLocalRule": true}`

// TestAttackByMAC: packets to everybody by MACs that are no guest's: whoever
// takes such a frame routes between guests that should not meet. Guests on one
// switch share its layer 2, and so its groups.
func TestAttackByMAC(t *testing.T) {
	builder{}.suffer(t, []attack{
		{"packets to all by the bridge's MAC", "one rdomain, switch", (*town).byBridge, nil, "nothing", "nothing"},
		{"packets to all by the MAC of each other VM's gateway", "one rdomain, switch", (*town).byGateways, nil, "nothing", "nothing"},
		{"packets to all by the MAC of each port of the switch", "one rdomain, switch", (*town).byPorts, nil, "nothing", "nothing"},
		{"packets to all in broadcast frames", "one rdomain, switch", (*town).byBroadcast, nil, "peer, stranger", "peer, stranger"},
		{"packets to all in multicast frames", "one rdomain, switch", (*town).byMulticast, nil, "peer, stranger", "peer, stranger"},
	})
}

// TestAttackByMACInRDomains is the same where rdomains are apart.
func TestAttackByMACInRDomains(t *testing.T) {
	builder{rdomains: true, more: hidden}.suffer(t, []attack{
		{"packets to all by the bridge's MAC", "rdomains, switch, `moveLocalRule`", (*town).byBridge, nil, "nothing", "nothing"},
		{"packets to all by the MAC of each other VM's gateway", "rdomains, switch, `moveLocalRule`", (*town).byGateways, nil, "nothing", "nothing"},
		{"packets to all by the MAC of each port of the switch", "rdomains, switch, `moveLocalRule`", (*town).byPorts, nil, "nothing", "nothing"},
		{"packets to all in broadcast frames", "rdomains, switch, `moveLocalRule`", (*town).byBroadcast, nil, "peer, stranger", "peer, stranger"},
		{"packets to all by its own gateway's MAC", "rdomains, switch, `moveLocalRule`", (*town).byOwnGateway, nil, "peer, fellow, its rdomain's sockets, peer's gateway, fellow's gateway", "peer, fellow, its rdomain's sockets, peer's gateway, fellow's gateway"},
	})
	builder{rdomains: true, more: hidden, hostile: `"local": true, "rdomain": 10`}.suffer(t, []attack{
		{"packets to all in broadcast frames", "rdomains, no switch, `moveLocalRule`", (*town).byBroadcast, nil, "its rdomain's sockets, peer's gateway, fellow's gateway", "its rdomain's sockets, peer's gateway, fellow's gateway"},
		{"packets to all by the MAC of each other VM's gateway", "rdomains, no switch, `moveLocalRule`", (*town).byGateways, nil, "nothing", "nothing"},
	})
}

// TestAttackByMACOnForeignBridge: somebody else's bridge is a router for its
// rdomain, as the host's own bridges are.
func TestAttackByMACOnForeignBridge(t *testing.T) {
	builder{
		hostile: `"switch": "vmbr0", "local": true`,
		node:    "link add vmbr0 type bridge\naddress add 10.1.1.1/24 dev vmbr0\nlink set vmbr0 up\n",
	}.suffer(t, []attack{
		{"packets to all by the bridge's MAC", "one rdomain, somebody else's bridge", (*town).byBridge, nil, "peer, stranger, fellow, tenant, plain, the host, outside, peer's gateway, stranger's gateway, fellow's gateway, tenant's gateway, plain's gateway", "nothing"},
		{"packets to all by the MAC of its own port", "one rdomain, somebody else's bridge", (*town).byPorts, nil, "peer, stranger, fellow, tenant, plain, the host, outside, peer's gateway, stranger's gateway, fellow's gateway, tenant's gateway, plain's gateway", "nothing"},
		{"forged IPv4 source, by the MAC of its own port", "one rdomain, somebody else's bridge", (*town).forgedByPorts, nil, "peer, plain", "nothing"},
	})
}

func (tn *town) byOwnGateway(mark string) [][]byte {
	return tn.toAll(tn.router(), tn.everybody(), mark)
}

func (tn *town) byBroadcast(mark string) [][]byte {
	return tn.toAll(guest.Broadcast, tn.everybody(), mark)
}

// byMulticast uses the MAC of 224.0.0.1.
func (tn *town) byMulticast(mark string) [][]byte {
	return tn.toAll(groupMAC(netip.MustParseAddr("224.0.0.1")), tn.everybody(), mark)
}

// bridge is the one that the hostile guest is on.
func (tn *town) bridge() string {
	for bridge, ports := range tn.ports {
		for _, p := range ports {
			if p == tn.hostLink {
				return bridge
			}
		}
	}
	return ""
}

func (tn *town) byBridge(mark string) [][]byte {
	return tn.toAll(tn.macs[tn.bridge()], tn.everybody(), mark)
}

// byGateways uses the layer 3 links of all others.
func (tn *town) byGateways(mark string) [][]byte {
	var all [][]byte
	for _, r := range tn.others {
		all = append(all, tn.toAll(tn.macs[r.layer3], tn.everybody(), mark)...)
	}
	return all
}

func (tn *town) byPorts(mark string) [][]byte {
	var all [][]byte
	for _, port := range tn.ports[tn.bridge()] {
		all = append(all, tn.toAll(tn.macs[port], tn.everybody(), mark)...)
	}
	return all
}

// forgedByPorts are packets from a peer's address.
func (tn *town) forgedByPorts(mark string) [][]byte {
	var all [][]byte
	src := tn.other("peer").config.Addr4.Addr()
	for _, port := range tn.ports[tn.bridge()] {
		for _, p := range volley(src, tn.other("plain").config.Addr4.Addr(), mark) {
			all = append(all, tn.frame(tn.macs[port], p))
		}
	}
	return all
}
