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

// New returns the CNI result of an attachment, without an earlier plugin's:
//
//	pod, tap:  [bridge] [host link] [gateway] [CNI_IFNAME, sandbox = netns] [CNI_IFNAME, sandbox = container id]
//	pod, veth: [bridge] [host link] [gateway] [CNI_IFNAME, sandbox = netns]
//	host:      [bridge] [tap] [gateway] [CNI_IFNAME, sandbox = container id]
//	chained:   [tap, sandbox = netns] [tap, sandbox = container id]
//
// Bridge and gateway stand there if they exist; the bridge comes first, since
// the firewall plugin reads interfaces[0]. Where two entries have one name it
// is on purpose: runtimes find the pod's addresses by it, and VM monitors need
// the guest as a pseudo-interface whose sandbox is the container id
// (firecracker-go-sdk, vmconf), with exactly one address.
//
// previous is the earlier plugin's result; of an attachment in placement
// chained it holds the guest's addresses.
func New(req *config.Request, state *plan.State, previous *types100.Result) *types100.Result {
	r := &types100.Result{CNIVersion: types100.ImplementedSpecVersion}
	for _, l := range []*plan.Link{&state.Bridge, &state.HostLink, &state.Gateway} {
		if l.Name != "" {
			r.Interfaces = append(r.Interfaces, hostInterface(req, l))
		}
	}
	guest := &types100.Interface{Name: req.IfName, Mac: state.Guest.LLAddr.String(), Mtu: mtu(req, state.Guest.MTU)}
	if req.Placement == config.PlacementChained {
		guest.Name = state.Tap.Name
	}
	first, others := addEntries(r, req, guest)
	if req.Placement == config.PlacementChained {
		r.IPs = takenIP(req, previous, first)
		return r
	}
	r.IPs = ips(state.Guest.AllAddrs(), first, others)
	r.Routes = routes(req, state)
	r.DNS = types.DNS(req.DNS)
	if r.DNS.IsEmpty() {
		r.DNS = types.DNS(state.Guest.Lease.DNS)
	}
	return r
}

// addEntries adds the guest's entries: the link that it is at, if that is in
// the pod, and the guest itself, if it is a VM. It returns to which of them its
// first address belongs, and to which the others.
func addEntries(r *types100.Result, req *config.Request, guest *types100.Interface) (first, others int) {
	if req.Placement != config.PlacementHost {
		inPod := guest.Copy()
		inPod.Sandbox = req.Netns
		r.Interfaces = append(r.Interfaces, inPod)
	}
	others = len(r.Interfaces) - 1
	if req.Device == config.DeviceVeth {
		return others, others
	}
	guest.Sandbox = req.ContainerID
	r.Interfaces = append(r.Interfaces, guest)
	first = len(r.Interfaces) - 1
	if req.Placement == config.PlacementHost {
		others = first
	}
	return first, others
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

// ips lists the guest's addresses. The first, IPv4 if there is one, belongs to
// the guest's entry alone: VM monitors want exactly one there.
func ips(addrs []plan.LeaseAddr, first, others int) []*types100.IPConfig {
	guests := max(0, slices.IndexFunc(addrs, func(a plan.LeaseAddr) bool { return a.Prefix.Addr().Is4() }))
	var out []*types100.IPConfig
	for i, a := range addrs {
		c := &types100.IPConfig{Interface: types100.Int(others), Address: ipNet(a.Prefix)}
		if i == guests {
			c.Interface = types100.Int(first)
		}
		if a.Gateway.IsValid() {
			c.Gateway = a.Gateway.AsSlice()
		}
		out = append(out, c)
	}
	return out
}

// routes returns the guest's routes.
func routes(req *config.Request, state *plan.State) []*types.Route {
	all := plan.GuestRoutes(req, &state.Guest)
	out := make([]*types.Route, len(all))
	for i, r := range all {
		out[i] = &types.Route{Dst: ipNet(r.Dst), MTU: r.MTU, AdvMSS: r.AdvMSS, Priority: r.Priority}
		if r.GW.IsValid() {
			out[i].GW = r.GW.AsSlice()
		}
		if r.OnLink {
			scope := scopeLink
			out[i].Scope = &scope
		}
	}
	return out
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
