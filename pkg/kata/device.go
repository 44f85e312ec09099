package kata

import (
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// scopeLink is RT_SCOPE_LINK of include/uapi/linux/rtnetlink.h.
const scopeLink = 253

// NewDevice returns the interface of an attachment in placement host as Kata is to
// have it. It refuses a route of an IPAM plugin's that the file cannot say.
func NewDevice(req *config.Request, state *plan.State) (Device, error) {
	d := Device{
		Name:     req.IfName,
		GuestMAC: state.Guest.LLAddr.String(),
		Tap:      Tap{Type: hostTap, Name: state.HostLink.Name},
		NetworkInfo: NetworkInfo{
			Interface: Interface{IPAddresses: []string{}, MTU: state.Guest.MTU},
			Routes:    []Route{},
		},
	}
	if !state.HostLink.MultiQueue {
		// Whatever Kata's network_queues says: the kernel refuses this tap to who
		// wants several.
		d.Tap.QueueNum = 1
	}
	info := &d.NetworkInfo
	for _, a := range state.Guest.AllAddrs() {
		info.Interface.IPAddresses = append(info.Interface.IPAddresses, a.Prefix.String())
	}
	for _, r := range plan.GuestRoutes(req, &state.Guest) {
		route, err := newRoute(req, r)
		if err != nil {
			return Device{}, err
		}
		info.Routes = append(info.Routes, route)
	}
	return d, nil
}

// HasPlace reports whether a file can say all of a route.
func HasPlace(r config.Route) bool { return r.AdvMSS == 0 && r.Priority == 0 }

func newRoute(req *config.Request, r config.Route) (Route, error) {
	if !HasPlace(r) {
		return Route{}, config.Errorf(config.CodeInvalidConfig, "list route to %s for Kata: its file has no place for the advmss and priority that %s gave", r.Dst, req.IPAM)
	}
	out := Route{MTU: r.MTU}
	if r.Dst.Bits() > 0 || !r.GW.IsValid() {
		out.Dest = r.Dst.String()
	}
	if r.GW.IsValid() {
		out.Gateway = r.GW.String()
	}
	if r.OnLink || !r.GW.IsValid() {
		out.Scope = scopeLink
	}
	return out, nil
}
