package plan

import (
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// HostSide is a link of the host's namespace, as far as it says what guest is
// behind it.
type HostSide struct {
	Name     string
	AltNames []string
	Master   int32 // ifindex of the bridge or VRF that it is in, 0 for none
}

// tenant is a local interface that exists.
type tenant struct {
	network  string
	hostLink string
	addr     netip.Addr // IPv4
	rdomain0 bool
}

// CheckFirewall refuses to change how guests of other networks are treated:
// their configuration says otherwise. links are those of the host's namespace
// that vmtap makes.
func CheckFirewall(before, after *Firewall, req *config.Request, links []HostSide) error {
	for _, t := range tenants(links) {
		if t.network == req.Network {
			continue
		}
		const separate = "networks that differ in it need prefixes of their own, set local.prefix"
		switch p := req.Local.Scheme.Prefix4(); {
		case covers(before.Masq, netip.PrefixFrom(t.addr, 32)) != covers(after.Masq, netip.PrefixFrom(t.addr, 32)):
			return config.Errorf(config.CodeInvalidConfig, "use ipMasq %t with local.prefix %s: guest %s of network %.64q, on %s, has it otherwise, %s", req.IPMasq, p, t.addr, t.network, t.hostLink, separate)
		case t.rdomain0 && !sameLimit(before, after, t.addr):
			return config.Errorf(config.CodeInvalidConfig, "use hostAccess %.64q with local.prefix %s: guest %s of network %.64q, on %s, has it otherwise, %s", req.HostAccess.String(), p, t.addr, t.network, t.hostLink, separate)
		}
	}
	return nil
}

func sameLimit(a, b *Firewall, guest netip.Addr) bool {
	closedA, openA := a.limitOf(guest)
	closedB, openB := b.limitOf(guest)
	return closedA == closedB && slices.Equal(openA, openB)
}

// limitOf returns what a guest may open, without whose prefix says so.
func (f *Firewall) limitOf(guest netip.Addr) (closed bool, open []Opening) {
	i := slices.IndexFunc(f.Closed, func(p netip.Prefix) bool { return p.Contains(guest) })
	if i < 0 {
		return false, nil
	}
	open = f.openingsOf(f.Closed[i])
	for i := range open {
		open[i].From = netip.Prefix{}
	}
	return true, open
}

// tenants returns the local interfaces that links belong to. Layer 3 is the
// gateway if there is one, else the host link.
func tenants(links []HostSide) []tenant {
	masters := map[string]int32{}
	for _, l := range links {
		masters[l.Name] = l.Master
	}
	var all []tenant
	for _, l := range links {
		id, idx, ok := vmid.ParseHostLink(l.Name)
		if !ok {
			continue
		}
		t := tenant{hostLink: l.Name}
		for _, a := range l.AltNames {
			if network, ok := networkOf(a); ok {
				t.network = network
			}
			if addr, err := netip.ParseAddr(a); err == nil && addr.Is4() {
				t.addr = addr
			}
		}
		if t.network == "" || !t.addr.IsValid() {
			continue
		}
		master, hasGateway := masters[vmid.Gateway(id, idx)]
		if !hasGateway {
			master = l.Master
		}
		t.rdomain0 = master == 0
		all = append(all, t)
	}
	return all
}
