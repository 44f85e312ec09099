package e2e

import (
	"net/netip"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// acceptAll are the node's settings for all links that let guests choose the
// way of a packet, where the settings of a link do not say no.
const acceptAll = "net.ipv4.conf.all.accept_source_route=1 net.ipv6.conf.all.accept_source_route=1 " +
	"net.ipv4.conf.default.accept_source_route=1 net.ipv6.conf.default.accept_source_route=1"

// TestAttackSourceRoute: packets that ask their way to be chosen by the guest:
// to its gateway, and from there to everybody.
func TestAttackSourceRoute(t *testing.T) {
	for _, b := range []builder{{sysctls: acceptAll}, {sysctls: acceptAll, hostile: `"local": true`}} {
		b.suffer(t, []attack{
			{"loose source route (LSRR) from its gateway to all", "one rdomain, all links accept source routes", (*town).looseRoutes, nil, "nothing", "nothing"},
			{"strict source route (SSRR) from its gateway to all", "one rdomain, all links accept source routes", (*town).strictRoutes, nil, "nothing", "nothing"},
			{"IPv6 routing headers of types 0, 2, 3 and 4 from its gateway to all", "one rdomain, all links accept source routes", (*town).routingHeaders, nil, "nothing", "nothing"},
		})
	}
}

// TestAttackSourceRouteInRDomains is the same where rdomains are apart.
func TestAttackSourceRouteInRDomains(t *testing.T) {
	builder{rdomains: true, sysctls: acceptAll}.suffer(t, []attack{
		{"loose source route (LSRR) from its gateway to all", "rdomains, all links accept source routes", (*town).looseRoutes, nil, "nothing", "nothing"},
		{"strict source route (SSRR) from its gateway to all", "rdomains, all links accept source routes", (*town).strictRoutes, nil, "nothing", "nothing"},
		{"IPv6 routing headers of types 0, 2, 3 and 4 from its gateway to all", "rdomains, all links accept source routes", (*town).routingHeaders, nil, "nothing", "nothing"},
	})
}

func (tn *town) looseRoutes(mark string) [][]byte { return tn.sourceRoutes(looseRoute, mark) }

func (tn *town) strictRoutes(mark string) [][]byte { return tn.sourceRoutes(strictRoute, mark) }

// sourceRoutes go to everybody from the guest's own gateway and from the
// gateways of guests in its rdomain.
func (tn *town) sourceRoutes(kind byte, mark string) [][]byte {
	var all [][]byte
	for _, via := range []netip.Addr{tn.config.Gateway4, tn.other("fellow").config.Gateway4} {
		for _, dst := range tn.everybody() {
			if dst.Is6() {
				continue
			}
			for _, p := range volley(tn.source(dst), via, mark) {
				packet := withOptions(p, sourceRoute(kind, dst))
				all = append(all, guest.Ethernet{Dst: tn.router(), Src: tn.LLAddr(), Type: guest.TypeIPv4, Payload: packet}.Marshal())
			}
		}
	}
	return all
}

// routingHeaders go the same ways.
func (tn *town) routingHeaders(mark string) [][]byte {
	var all [][]byte
	for _, kind := range []byte{0, 2, 3, 4} {
		for _, via := range []netip.Addr{tn.config.Gateway6, tn.other("fellow").config.Gateway6} {
			for _, dst := range tn.everybody() {
				if dst.Is4() {
					continue
				}
				for _, p := range volley(tn.source(dst), dst, mark) {
					all = append(all, tn.frame(tn.router(), routed6(p, via, kind)))
				}
			}
		}
	}
	return all
}
