package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// GuestRoutes returns the guest's routes: the defaults of a local interface,
// with the gateway always given, then the configuration's, each once. A route
// of the configuration without a gateway gets the host's address of its
// family.
func GuestRoutes(req *config.Request, a *vmid.Addrs) []config.Route {
	var all []config.Route
	if a.Host4.IsValid() {
		all = append(all, config.Route{Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), GW: a.Host4})
	}
	if a.Host6.IsValid() {
		all = append(all, config.Route{Dst: netip.PrefixFrom(netip.IPv6Unspecified(), 0), GW: a.Host6})
	}
	for _, r := range req.Routes {
		switch {
		case r.GW.IsValid():
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
		lines[i] = fmt.Sprintf("route %s via %s: missing in the pod's namespace", r.Dst, r.GW)
	}
	return lines
}
