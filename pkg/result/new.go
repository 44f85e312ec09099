package result

import (
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// New returns the CNI result of an attachment:
//
//	[bridge] [host link] [gateway] [CNI_IFNAME, sandbox = netns] [CNI_IFNAME, sandbox = container id]
//
// Bridge and gateway stand there if they exist; the bridge comes first, since
// the firewall plugin reads interfaces[0]. The two last entries have one name
// on purpose: runtimes find the pod's addresses by it, and VM monitors need
// the guest as a pseudo-interface whose sandbox is the container id
// (firecracker-go-sdk, vmconf), with exactly one address.
func New(req *config.Request, state *plan.State) *types100.Result {
	r := &types100.Result{CNIVersion: types100.ImplementedSpecVersion}
	for _, l := range []*plan.Link{&state.Bridge, &state.HostLink, &state.Gateway} {
		if l.Name != "" {
			r.Interfaces = append(r.Interfaces, hostInterface(req, l))
		}
	}
	tap := &types100.Interface{Name: req.IfName, Mac: state.Guest.LLAddr.String(), Mtu: mtu(req, state.Guest.MTU), Sandbox: req.Netns}
	guest := tap.Copy()
	guest.Sandbox = req.ContainerID
	r.Interfaces = append(r.Interfaces, tap, guest)

	r.IPs = ips(state, len(r.Interfaces)-1)
	r.Routes = routes(req, state)
	r.DNS = types.DNS(req.DNS)
	return r
}

// hostInterface lists a link of the host's namespace. Of somebody else's
// bridge only the name is known before it is looked at again.
func hostInterface(req *config.Request, l *plan.Link) *types100.Interface {
	i := &types100.Interface{Name: l.Name}
	if !l.LLAddr.IsZero() {
		i.Mac, i.Mtu = l.LLAddr.String(), mtu(req, l.MTU)
	}
	return i
}

// mtu returns what an interface says of its mtu, 0 before spec version 1.1.0,
// which has no place for it.
func mtu(req *config.Request, n int) int {
	if ok, err := version.GreaterThanOrEqualTo(req.CNIVersion, "1.1.0"); err != nil || !ok {
		return 0
	}
	return n
}

// ips returns the guest's addresses. Only the first belongs to the last
// entry, the guest: VM monitors want exactly one there. The others belong to
// the tap, the entry before it.
func ips(state *plan.State, guest int) []*types100.IPConfig {
	a := &state.Guest.Addrs
	if !a.Guest4.IsValid() {
		return nil
	}
	out := []*types100.IPConfig{{
		Interface: types100.Int(guest), Address: ipNet(netip.PrefixFrom(a.Guest4, 31)), Gateway: a.Host4.AsSlice(),
	}}
	if a.Guest6.IsValid() {
		out = append(out, &types100.IPConfig{
			Interface: types100.Int(guest - 1), Address: ipNet(netip.PrefixFrom(a.Guest6, 96)), Gateway: a.Host6.AsSlice(),
		})
	}
	return out
}

// routes returns the guest's routes: the defaults of a local interface, with
// the gateway always given, then the configuration's.
func routes(req *config.Request, state *plan.State) []*types.Route {
	a := &state.Guest.Addrs
	var all []config.Route
	if a.Host4.IsValid() {
		all = append(all, config.Route{Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), GW: a.Host4})
	}
	if a.Host6.IsValid() {
		all = append(all, config.Route{Dst: netip.PrefixFrom(netip.IPv6Unspecified(), 0), GW: a.Host6})
	}
	for _, r := range req.Routes {
		if !r.GW.IsValid() {
			r.GW = gatewayFor(r.Dst, state)
		}
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	out := make([]*types.Route, len(all))
	for i, r := range all {
		out[i] = &types.Route{Dst: ipNet(r.Dst), MTU: r.MTU, AdvMSS: r.AdvMSS, Priority: r.Priority}
		if r.GW.IsValid() {
			out[i].GW = r.GW.AsSlice()
		}
	}
	return out
}

// gatewayFor returns the host's address of the family of dst, invalid if the
// interface has none.
func gatewayFor(dst netip.Prefix, state *plan.State) netip.Addr {
	if dst.Addr().Is4() {
		return state.Guest.Addrs.Host4
	}
	return state.Guest.Addrs.Host6
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
