package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
)

// GuestRoutes returns the guest's routes: the defaults of a local interface,
// with the gateway always given, or its lease's; then the configuration's, each
// once. A route of the configuration without a gateway gets the host's address
// of its family, or the lease's gateway.
func GuestRoutes(req *config.Request, guest *Guest) []config.Route {
	a := &guest.Addrs
	all := slices.Clone(guest.Lease.Routes)
	if a.Host4.IsValid() {
		all = append(all, config.Route{Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), GW: a.Host4})
	}
	if a.Host6.IsValid() {
		all = append(all, config.Route{Dst: netip.PrefixFrom(netip.IPv6Unspecified(), 0), GW: a.Host6})
	}
	for _, r := range req.Routes {
		lease := guest.Lease.Gateway(r.Dst)
		switch {
		case r.GW.IsValid():
		case lease.IsValid():
			r.GW = lease
		case r.Dst.Addr().Is4():
			r.GW = a.Host4
		default:
			r.GW = a.Host6
		}
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// RouteLines names routes that a guest lacks, one line each.
func RouteLines(missing []config.Route) []string {
	lines := make([]string, len(missing))
	for i, r := range missing {
		lines[i] = fmt.Sprintf("route %s: missing in the pod's namespace", RouteWord(r))
	}
	return lines
}

// RouteWord returns a route as `ip route` has it, as far as that is the same
// everywhere.
func RouteWord(r config.Route) string {
	if !r.GW.IsValid() {
		return r.Dst.String()
	}
	return fmt.Sprintf("%s via %s", r.Dst, r.GW)
}
