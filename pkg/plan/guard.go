package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Neighbour is a permanent entry of a link's neighbour table.
type Neighbour struct {
	Addr   netip.Addr
	LLAddr vmid.LLAddr
}

// String returns the neighbour as `ip neighbour` has it.
func (n Neighbour) String() string { return fmt.Sprintf("%s lladdr %s", n.Addr, n.LLAddr) }

// addGuards holds the guest to what it is at the ingress of all its links in
// the host's namespace: each gets a guard, after the split if that stands
// there. It replaces guards of an earlier call, made when less was known.
func (s *State) addGuards(req *config.Request) error {
	if !req.Locked {
		return nil
	}
	way := filter.Alone
	if s.Gateway.Name != "" {
		way = filter.ToSwitch
		if err := s.addGuard(req, &s.Gateway, filter.ToGateway); err != nil {
			return err
		}
	}
	return s.addGuard(req, &s.HostLink, way)
}

func (s *State) addGuard(req *config.Request, l *Link, way filter.Way) error {
	g := filter.Guard{LLAddrs: []vmid.LLAddr{s.Claim.LLAddr}, Way: way}
	if req.Guard != nil {
		g.LLAddrs = append(g.LLAddrs, req.Guard.LLAddrs...)
		g.Identity = s.identity(req)
	}
	if way != filter.Alone {
		g.Gateway = s.gatewayShare()
	}
	if way != filter.ToGateway {
		for _, r := range req.VLANTrunk {
			g.VLANs = append(g.VLANs, filter.VLANRange{Min: r.Min, Max: r.Max})
		}
		g.Refused = s.refused()
	}
	program, err := g.Program()
	if err != nil {
		return config.Errorf(config.CodeInvalidConfig, "add guard to link %s: %w", l.Name, err)
	}
	others := slices.DeleteFunc(slices.Clone(l.Ingress), func(f Filter) bool { return f.Guard })
	l.Ingress = append(others, Filter{Match: program, Guard: true})
	return nil
}

// identity returns what the guest may be at layer 3. Before an IPAM plugin
// gave it addresses it has none.
func (s *State) identity(req *config.Request) *filter.Identity {
	i := filter.Identity{
		// Beside a local interface a forged link-local address, even as the
		// one that is looked for, ends a neighbour's duplicate address
		// detection, and each one that asks for the gateway takes an entry of
		// the node's neighbour table.
		AnyLinkLocal: req.Local == nil,
		Protocols:    req.Guard.Protocols,
	}
	own := []netip.Addr{s.Guest.Addrs.Guest4, s.Guest.Addrs.Guest6}
	for _, a := range s.Guest.Lease.Addrs {
		own = append(own, a.Prefix.Addr())
	}
	for _, a := range append(own, req.Guard.Addresses...) {
		if a.IsValid() && !slices.Contains(i.Addrs, a) {
			i.Addrs = append(i.Addrs, a)
		}
	}
	return &i
}

// refused returns the destinations by which a guest would speak to the stack of
// somebody else's bridge, if it must not: a local interface has its own way to
// the host, in its own rdomain. The bridge takes what is for its own address,
// and what is for its port's passes as its own, too. A bridge that vmtap made
// hears no guest at all. An interface that is not local may have the bridge as
// its gateway.
func (s *State) refused() []vmid.LLAddr {
	if !s.Bridge.Foreign || s.Bridge.LLAddr.IsZero() {
		return nil
	}
	return []vmid.LLAddr{s.Bridge.LLAddr, s.HostLink.LLAddr}
}

// pinnedAddr returns the address that somebody else's bridge is to keep, zero
// if none is counted on. By itself a bridge takes the lowest address of its
// ports, so that a guest of tomorrow would change what today's guards refuse.
// A bridge that lost all ports has none: then vmtap chooses, before its port
// does.
func pinnedAddr(req *config.Request, b *Bridge) vmid.LLAddr {
	switch {
	case !req.Locked || req.Local == nil:
		return vmid.LLAddr{}
	case b.LLAddr.IsZero():
		return vmid.BridgeAddr(b.Name)
	}
	return b.LLAddr
}

// UseSwitch gives the State the bridge that the switch turned out to have.
func (s *State) UseSwitch(req *config.Request, bridge Link) error {
	before := s.refused()
	s.Bridge, s.HostLink.Master = bridge, bridge.Name
	if slices.Equal(before, s.refused()) {
		return nil // all else of a guard is as it was
	}
	return s.addGuards(req)
}

// addNeighbours pins what the layer 3 link believes of a guest that can only
// use its own lladdr: nobody can fill its place in the node's neighbour table.
func (s *State) addNeighbours(req *config.Request) {
	l := s.Layer3()
	if req.Local == nil || !req.Locked || !l.Up { // the kernel keeps none on a link that is down
		return
	}
	for _, a := range []netip.Addr{s.Guest.Addrs.Guest4, s.Guest.Addrs.Guest6} {
		if a.IsValid() {
			l.Neighbours = append(l.Neighbours, Neighbour{Addr: a, LLAddr: s.Claim.LLAddr})
		}
	}
}

// LockedOut says, in one line if it is so, that a later plugin gave the guest
// an lladdr with which it is not heard.
func (s *State) LockedOut(req *config.Request) []string {
	given, own := s.Guest.LLAddr, s.Claim.LLAddr
	switch {
	case !req.Locked || given == own:
		return nil
	case req.Guard != nil && req.Local == nil && slices.Contains(req.Guard.LLAddrs, given):
		return nil
	}
	return []string{fmt.Sprintf("guard: the interface is locked to lladdr %s, and a later plugin gave it %s, set lladdr instead, or guard and locked to false", own, given)}
}
