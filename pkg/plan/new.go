package plan

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// maxAlias is the length that Linux gives a link's alias, in bytes.
const maxAlias = 255

// New returns the State that a request, on this node, with this claim, aims
// at.
func New(req *config.Request, node *Node, claim Claim) (*State, error) {
	if req.Placement == config.PlacementChained {
		return newChained(req, node), nil
	}
	s := &State{Claim: claim, Guest: Guest{LLAddr: claim.LLAddr, MTU: MTU(req, node)}}
	if req.Local != nil {
		addrs, err := req.Local.Scheme.Addrs(claim.VMID, claim.Idx)
		if err != nil {
			return nil, config.Errorf(config.CodeInvalidConfig, "compute local addresses: %w", err)
		}
		s.Guest.Addrs = addrs
	}
	if req.IPAM == "" { // else its plugin gives them; see CheckLease
		if err := checkRequestedIPs(req, &s.Guest); err != nil {
			return nil, err
		}
	}
	s.addRDomains(req, node)
	s.Firewall = WithFirewall(&node.Firewall, req)
	if req.Switch != nil {
		s.Bridge = SwitchLink(req, node)
	}
	s.addHostLink(req, node)
	if req.Switch != nil && req.Local != nil {
		s.addGateway(req)
	}
	if req.Local != nil {
		s.Layer3().addLayer3(req, s.Guest)
	}
	s.addMemberships(req)
	s.addPort(req)
	if err := s.addGuards(req); err != nil {
		return nil, err
	}
	s.addNeighbours(req)
	s.addBandwidth(req)
	if err := s.checkLLAddr(); err != nil {
		return nil, err
	}
	return s, nil
}

// checkLLAddr refuses a requested lladdr that a link of vmtap's own has: the
// guest would be taken for it.
func (s *State) checkLLAddr() error {
	for _, n := range s.Links() {
		if n.Name != "" && n.Kind != KindVRF && n.Link != &s.Tap && !n.Guests && n.LLAddr == s.Guest.LLAddr {
			return config.Errorf(config.CodeTaken, "claim lladdr %s: the %s %q has it, choose another or none", s.Guest.LLAddr, n.Role, n.Name)
		}
	}
	return nil
}

// checkRequestedIPs refuses addresses, asked for by the capability "ips",
// that are not the ones the interface has.
func checkRequestedIPs(req *config.Request, guest *Guest) error {
	for _, p := range req.IPs {
		if a := p.Addr(); a != guest.Addrs.Guest4 && a != guest.Addrs.Guest6 {
			return config.Errorf(config.CodeInvalidConfig, "give address %s: the interface's own are %s, ask for these or none", a, guest.addrWords())
		}
	}
	return nil
}

func (g *Guest) addrWords() string {
	switch {
	case g.Addrs.Guest6.IsValid():
		return fmt.Sprintf("%s and %s", g.Addrs.Guest4, g.Addrs.Guest6)
	case g.Addrs.Guest4.IsValid():
		return g.Addrs.Guest4.String()
	}
	return "none"
}

// SwitchLink returns the bridge of a request's switch as it is to be. Of
// somebody else's it changes what vmd changes.
func SwitchLink(req *config.Request, node *Node) Link {
	sw, b := req.Switch, &node.Bridge
	l := Link{Name: BridgeName(req, node), Kind: KindBridge, Alias: cut(fmt.Sprintf("switch%d-%s", sw.ID, sw.Name), maxAlias), Master: switchVRFName(req, node), Up: sw.Up, VLANs: b.VLANs}
	if b.Name != "" && !b.Ours {
		l.Foreign = true
		if b.Alias != "" && !isSwitchAlias(b.Alias) {
			l.Alias = b.Alias
		}
		l.LLAddr = pinnedAddr(req, b)
		return l
	}
	if b.Name == "" {
		l.VLANs = BridgeVLANs{Filters: wantsVLANs(req), Protocol: ProtocolVLAN}
	}
	l.LLAddr = vmid.BridgeAddr(l.Name)
	l.AltNames = []string{SwitchName(l.Name)}
	l.MTU = cmp.Or(switchMTU(req, node), MTU(req, node))
	l.NoIPv6 = true
	l.Sysctls = []Sysctl{{"arp_ignore", 1}}
	// A bridge is a layer 3 interface of its own: without this every guest
	// could send frames to its address and have them routed by the host.
	l.Ingress = []Filter{{Match: filter.DropAll()}}
	return l
}

func (s *State) addHostLink(req *config.Request, node *Node) {
	c := &s.Claim
	s.HostLink = Link{
		Name:     vmid.HostLink(c.VMID, c.Idx),
		Kind:     KindVeth,
		Peer:     vmid.HostLink(c.VMID, c.Idx),
		LLAddr:   s.linkAddr(vmid.RoleHostLink),
		MTU:      s.Guest.MTU,
		Group:    req.LinkGroup,
		Alias:    cut(fmt.Sprintf("vm%d-if%d-%s", c.VMID, c.Idx, req.VMName), maxAlias),
		Master:   cmp.Or(s.Bridge.Name, s.RDomain.Name),
		Up:       req.Up,
		NoAutoLL: true,
	}
	s.HostLink.AltNames = s.hostLinkNames(req)
	s.HostLink.Port = SwitchPort(req, node, c.LLAddr)
}

func (s *State) hostLinkNames(req *config.Request) []string {
	c, link := &s.Claim, s.HostLink.Name
	var names []string
	if c.Holder {
		names = append(names, vmid.VM(c.VMID), PodName(req.ContainerID))
	}
	names = append(names, AttachmentName(req.ContainerID, req.IfName), NetworkName(link, req.Network))
	if req.DANDir != "" {
		names = append(names, danName(link, req.DANDir))
	}
	if s.Guest.Addrs.Guest4.IsValid() {
		names = append(names, addrName(s.Guest.Addrs.Guest4))
	}
	if s.Bridge.Name != "" {
		names = append(names, lladdrName(c.LLAddr, s.Bridge.Name))
	}
	for _, g := range req.Groups {
		names = append(names, groupName(link, g))
	}
	if req.GroupSets && len(req.Groups) > 0 {
		names = append(names, groupSetsName(link))
	}
	return names
}

func (s *State) addGateway(req *config.Request) {
	name := vmid.Gateway(s.Claim.VMID, s.Claim.Idx)
	s.Gateway = Link{
		Name:     name,
		Kind:     KindVeth,
		Peer:     name,
		LLAddr:   s.linkAddr(vmid.RoleGateway),
		MTU:      s.Guest.MTU,
		Group:    req.LinkGroup,
		AltNames: []string{GatewayName(req.ContainerID, req.IfName)},
		Master:   s.RDomain.Name,
		Up:       req.Up,
		NoAutoLL: true,
	}
	s.GatewayPeer = s.silentLink(name, KindVeth, s.linkAddr(vmid.RoleGatewayPod))
	s.GatewayPeer.Peer = name
	if gatewayInHost(req) {
		s.GatewayPeer.Name = vmid.GatewayPeer(s.Claim.VMID, s.Claim.Idx)
		s.Gateway.Peer = s.GatewayPeer.Name
		s.GatewayPeer.Pod, s.GatewayPeer.PodGroup = false, false
	}
}

// gatewayInHost reports whether both ends of the gateway are in the host's
// namespace: there the guest's frames come in.
func gatewayInHost(req *config.Request) bool {
	return req.Placement == config.PlacementHost || req.Device == config.DeviceVeth
}

// addLayer3 makes a link the host's side of a local interface.
func (l *Link) addLayer3(req *config.Request, guest Guest) {
	a := &guest.Addrs
	l.Addrs = []Addr{{Prefix: netip.PrefixFrom(a.Host4, 31)}}
	l.Sysctls = Layer3Sysctls(req.Forward)
	if !a.Host6.IsValid() {
		return
	}
	// On-link is only the guest: an on-link /96 would let one guest fill the
	// node's neighbour table. Without a link-local address the kernel would
	// send no solicitations for what it forwards.
	l.Addrs = append(l.Addrs,
		Addr{Prefix: netip.PrefixFrom(a.Host6, 96), NoPrefixRoute: true},
		Addr{Prefix: netip.PrefixFrom(guest.LinkLocal(), 128), NoPrefixRoute: true})
	if l.Up {
		l.Routes = []netip.Prefix{
			netip.PrefixFrom(a.Guest6, 128),
			netip.PrefixFrom(guest.LLAddr.LinkLocal(), 128),
		}
	}
}

// Layer3Sysctls returns what vmtap sets on a layer 3 link.
func Layer3Sysctls(forward bool) []Sysctl {
	return []Sysctl{
		{"forwarding", boolValue(forward)},
		{ClosedTag, boolValue(!forward)},
		{"rp_filter", 1},
		{"arp_ignore", 1},
		{"arp_announce", 2},
		{"send_redirects", 0},
		{"accept_redirects", 0},
		{"accept_source_route", 0},
		{"proxy_arp", 0},
		{"accept_local", 0},
	}
}

func (s *State) linkAddr(role vmid.Role) vmid.LLAddr {
	return vmid.LinkAddr(role, s.Guest.Addrs.Guest4, s.Claim.VMID, s.Claim.Idx)
}

// cut shortens s to n bytes, as vmd's descriptions can be truncated.
func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func boolValue(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
