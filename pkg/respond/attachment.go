package respond

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/netconf"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// attachment is what a runtime keeps of an ADD. It says what the guest's link does
// not show.
type attachment struct {
	// The guest as the result has it, without what its link says: Gateway, Server6
	// and MTU.
	answer.Guest
	gateway4, gateway6 netip.Addr // as the result has them

	links   []string // in the host's namespace
	local   bool     // its link shows its addresses
	network string
	said    answer.Network // by the configuration that ADD was called with
}

// dummyServer names a DHCPv4 server that has no address (RFC 7600).
func dummyServer() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 0, 8}) }

// readAttachment is what a runtime keeps of an ADD, nil if that gave no guest of
// vmtap's an interface. dir has the configurations.
func readAttachment(c *netconf.Cached, dir, machineID string) (*attachment, error) {
	list, err := c.Find(dir)
	if err != nil || list == nil {
		return nil, err
	}
	result, err := create.CreateFromBytes(c.Result)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	r, err := types100.GetResult(result)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	req, err := requestOf(c, list, machineID)
	if err != nil {
		return nil, err
	}
	return newAttachment(&req, r), nil
}

// requestOf is the call of ADD, as libcni made it.
func requestOf(c *netconf.Cached, list *libcni.NetworkConfigList, machineID string) (config.Request, error) {
	i := slices.IndexFunc(list.Plugins, func(p *libcni.PluginConfig) bool { return p.Network.Type == netconf.Type })
	block := list.Plugins[i] // Find returns none without
	added := map[string]any{"name": list.Name, "cniVersion": list.CNIVersion, "prevResult": c.Result}
	runtimeConfig := map[string]any{}
	for capability, supported := range block.Network.Capabilities {
		if value, ok := c.CapabilityArgs[capability]; ok && supported {
			runtimeConfig[capability] = value
		}
	}
	if len(runtimeConfig) > 0 {
		added["runtimeConfig"] = runtimeConfig
	}
	block, err := libcni.InjectConf(block, added)
	if err != nil {
		return config.Request{}, err
	}
	args := make([]string, len(c.CniArgs))
	for i, a := range c.CniArgs {
		args[i] = a[0] + "=" + a[1]
	}
	return config.Parse(config.Input{
		Stdin: block.Bytes, ContainerID: c.ContainerID, IfName: c.IfName, Netns: c.NetNS, Args: strings.Join(args, ";"),
		MachineID: func() (string, error) { return machineID, nil },
	})
}

// newAttachment is what an ADD gave a guest, nil if it made none: device veth.
func newAttachment(req *config.Request, r *types100.Result) *attachment {
	guest := slices.IndexFunc(r.Interfaces, func(i *types100.Interface) bool { return i.Sandbox == req.ContainerID })
	if guest < 0 {
		return nil
	}
	lladdr, err := vmid.ParseLLAddr(r.Interfaces[guest].Mac)
	if err != nil {
		return nil
	}
	a := &attachment{
		Guest: answer.Guest{LLAddr: lladdr, Name: hostName(req.VMName)},
		local: req.Local != nil, network: req.Network, said: settingsOf(req),
	}
	for _, i := range r.Interfaces {
		if i.Sandbox == "" {
			a.links = append(a.links, i.Name)
		}
	}
	for _, ip := range r.IPs {
		if ip.Interface == nil || isGuests(req, r, *ip.Interface) {
			a.takeAddr(ip)
		}
	}
	a.takeRoutes(r.Routes)
	a.DNS, a.Domain, a.Search = addrsOf(r.DNS.Nameservers), r.DNS.Domain, r.DNS.Search
	return a
}

// isGuests reports whether an interface of a result is the guest's: its own entry,
// or the link in the pod whose addresses it has.
func isGuests(req *config.Request, r *types100.Result, i int) bool {
	if i < 0 || i >= len(r.Interfaces) {
		return false
	}
	return r.Interfaces[i].Sandbox == req.ContainerID || r.Interfaces[i].Name == req.IfName && r.Interfaces[i].Sandbox != ""
}

// takeAddr takes an address of the guest's. It has one of each family.
func (a *attachment) takeAddr(ip *types100.IPConfig) {
	addr, ok := netip.AddrFromSlice(ip.Address.IP)
	bits, _ := ip.Address.Mask.Size()
	gateway, _ := netip.AddrFromSlice(ip.Gateway)
	switch addr, gateway = addr.Unmap(), gateway.Unmap(); {
	case !ok:
	case addr.Is4() && !a.Addr4.IsValid():
		a.Addr4, a.gateway4 = netip.PrefixFrom(addr, bits), gateway
		a.Server4 = cmp.Or(gateway, dummyServer())
	case addr.Is6() && !a.Addr6.IsValid():
		a.Addr6, a.gateway6 = netip.PrefixFrom(addr, bits), gateway
	}
}

// takeRoutes takes the result's routes. The gateway is the default router if a
// default route goes by it, or if there are no routes of its family.
func (a *attachment) takeRoutes(routes []*types.Route) {
	any4, any6 := false, false
	for _, r := range routes {
		dst, ok := netip.AddrFromSlice(r.Dst.IP)
		if !ok {
			continue
		}
		dst = dst.Unmap()
		bits, _ := r.Dst.Mask.Size()
		gateway, _ := netip.AddrFromSlice(r.GW)
		gateway = gateway.Unmap()
		any4, any6 = any4 || dst.Is4(), any6 || dst.Is6()
		switch {
		case bits > 0:
			a.Routes = append(a.Routes, answer.Route{Dst: netip.PrefixFrom(dst, bits), Gateway: gateway})
		case dst.Is4() && !a.Router4.IsValid():
			a.Router4 = cmp.Or(gateway, a.gateway4)
		case dst.Is6() && !a.Router6.IsValid():
			a.Router6 = cmp.Or(gateway, a.gateway6)
		}
	}
	if !any4 {
		a.Router4 = a.gateway4
	}
	if !any6 {
		a.Router6 = a.gateway6
	}
}

// settings are what the guest is told besides its addresses: what its network's
// configuration says now, else what it said, and where that says nothing of name
// servers what the result says. Its routes are the result's.
func (a *attachment) settings(now answer.Network, configured bool) answer.Network {
	n := a.said
	if configured {
		n = now
	}
	if len(n.DNS) == 0 && n.Domain == "" && len(n.Search) == 0 {
		n.DNS, n.Domain, n.Search = a.DNS, a.Domain, a.Search
	}
	n.Routes = a.Routes
	return n
}
