package plan

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
)

// Lease is what an IPAM plugin gave an interface. The zero Lease is none.
type Lease struct {
	Addrs  []LeaseAddr
	Routes []config.Route // GW is valid if the interface has a gateway of the family
	DNS    config.DNS
}

// LeaseAddr is an address of the guest's with the length of its network's
// prefix, and the gateway there, invalid if there is none.
type LeaseAddr struct {
	Prefix  netip.Prefix
	Gateway netip.Addr
}

// AllAddrs returns the guest's addresses: a local interface's, or those of its
// lease, in the order of the IPAM plugin.
func (g *Guest) AllAddrs() []LeaseAddr {
	addrs := slices.Clone(g.Lease.Addrs)
	if g.Addrs.Guest4.IsValid() {
		addrs = append(addrs, LeaseAddr{Prefix: netip.PrefixFrom(g.Addrs.Guest4, 31), Gateway: g.Addrs.Host4})
	}
	if g.Addrs.Guest6.IsValid() {
		addrs = append(addrs, LeaseAddr{Prefix: netip.PrefixFrom(g.Addrs.Guest6, 96), Gateway: g.Addrs.Host6})
	}
	return addrs
}

// Gateway returns the gateway of the first address of dst's family that has
// one, invalid if there is none.
func (l *Lease) Gateway(dst netip.Prefix) netip.Addr {
	for _, a := range l.Addrs {
		if a.Gateway.IsValid() && a.Prefix.Addr().Is4() == dst.Addr().Is4() {
			return a.Gateway
		}
	}
	return netip.Addr{}
}

// has reports whether an address is among the lease's.
func (l *Lease) has(a netip.Addr) bool {
	return slices.ContainsFunc(l.Addrs, func(b LeaseAddr) bool { return b.Prefix.Addr() == a })
}

// Check refuses an address that no guest can have, with the cause.
func (a LeaseAddr) Check() error {
	addr := a.Prefix.Addr()
	switch {
	case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errors.New("no guest can have it")
	case a.Prefix.Bits() == 0:
		return errors.New("the prefix length is 0")
	case a.Gateway.IsValid() && a.Gateway.Is4() != addr.Is4():
		return errors.New("the gateway is of the other family")
	case a.Gateway == addr:
		return errors.New("it is its own gateway")
	}
	return nil
}

// CheckLease refuses a lease that does not hold what was asked for.
func CheckLease(req *config.Request, s *State, lease *Lease) error {
	for _, p := range req.IPs {
		if !lease.has(p.Addr()) {
			return config.Errorf(config.CodeInvalidConfig, "give address %s: %s gave others, ask for one that it can give", p.Addr(), req.IPAM)
		}
	}
	for _, r := range req.Routes {
		if !r.GW.IsValid() && !lease.Gateway(r.Dst).IsValid() {
			return config.Errorf(config.CodeInvalidConfig, "give route to %s: %s gave no gateway of its family, give gw", r.Dst, req.IPAM)
		}
	}
	for _, a := range lease.Addrs {
		if a.Prefix.Addr().Is6() && s.Guest.MTU < MinMTU6 {
			return config.Errorf(config.CodeInvalidConfig, "give address %s: IPv6 needs an mtu of %d, and this one is %d, raise it", a.Prefix.Addr(), MinMTU6, s.Guest.MTU)
		}
	}
	return nil
}

// AddLease gives the guest a lease, to which its guard holds it from then on,
// and returns the host link's altnames that claim its addresses on the switch.
func (s *State) AddLease(req *config.Request, lease Lease) (claims []string, err error) {
	s.Guest.Lease = lease
	if s.HostPeer.Leased {
		for _, a := range lease.Addrs {
			s.HostPeer.Addrs = append(s.HostPeer.Addrs, Addr{Prefix: a.Prefix})
		}
		s.Guest.Routes = GuestRoutes(req, &s.Guest)
	}
	for _, a := range lease.Addrs {
		claims = append(claims, leaseName(a.Prefix.Addr(), s.Bridge.Name))
	}
	s.HostLink.AltNames = append(s.HostLink.AltNames, claims...)
	return claims, s.addGuards(req)
}
