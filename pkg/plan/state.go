package plan

import (
	"net/netip"

	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// The kinds of links that vmtap makes, in rtnetlink's words. It changes or
// deletes no other, as vmd's privileged process refuses interfaces of other
// types.
const (
	KindBridge = "bridge"
	KindVeth   = "veth"
	KindTun    = "tun"
	KindVRF    = "vrf"
)

// State is all that one attachment consists of. A Link without a name does
// not exist in this State.
//
//	host namespace                     pod namespace
//	[Bridge] - HostLink  === veth ===  HostPeer     <- all else -----.
//	[RDomain]- Gateway   === veth ===  GatewayPeer  <- its share --- Tap
type State struct {
	Claim  Claim
	Guest  Guest
	Policy Policy // what rdomains other than 0 demand of the host
	Rules  Rules  // what was read of that; of a State that is aimed at, empty

	RDomain       Link // the VRF that the layer 3 link is in
	SwitchRDomain Link // the VRF that the bridge is in, if that is another one
	Bridge        Link // the switch's

	HostLink    Link
	HostPeer    Link // the host link's end in the pod
	Gateway     Link
	GatewayPeer Link // the gateway's end in the pod
	Tap         Link
}

// Guest is what the guest is to be given.
type Guest struct {
	LLAddr vmid.LLAddr
	Addrs  vmid.Addrs // of a local interface; else invalid
	MTU    int
}

// Link is one link with everything vmtap sets on it.
type Link struct {
	Name    string
	Kind    string
	Foreign bool // a bridge that somebody else made: of it only Kind, Alias, Master and Up count

	LLAddr     vmid.LLAddr
	MTU        int
	Group      uint32   // netdev group; of pod links, 0
	PodGroup   bool     // the netdev group is the attachment's own, by which DEL deletes the pod's links
	AltNames   []string // what varies stands early in each
	Alias      string
	Peer       string // veth: the other end's name, in the other namespace
	Master     string
	Up         bool
	NoARP      bool // the pod's kernel must not speak with the guest's address
	NoAutoLL   bool // addr_gen_mode none: no link-local address of the kernel's choice
	Owner      Owner
	VnetHdr    bool // of a tap that is made; whoever opens it last changes it, so CHECK does not ask
	MultiQueue bool // of a tap: several queues
	Sysctls    []Sysctl
	Addrs      []Addr
	Routes     []netip.Prefix // on-link routes
	Ingress    []Filter       // in order, first match
	NoIPv6     bool           // disable_ipv6 1
	AcceptsRA  bool           // router advertisements from this link would be taken

	Table       uint32         // of a VRF
	Unreachable []netip.Prefix // of a VRF's table: where packets end that no other route takes
}

// Owner is who may open a tap.
type Owner struct {
	UID, GID       uint32
	HasUID, HasGID bool
}

// Sysctl is a value of net.ipv4.conf.<link>.
type Sysctl struct {
	Name  string
	Value uint32
}

// Addr is an address of a link.
type Addr struct {
	Prefix        netip.Prefix
	NoPrefixRoute bool
}

// Filter is what happens to a frame that comes in.
type Filter struct {
	Match    filter.Program // nil: every frame
	Redirect string         // link in the same namespace that sends the frame; "": drop it
}

// Named says which link of a State is meant, in the words of the design.
type Named struct {
	Role string
	Pod  bool // in the pod's namespace
	*Link
}

// Links returns the State's links, the host's first, those that do not exist
// included, in one order for all States.
func (s *State) Links() []Named {
	return []Named{
		{"rdomain", false, &s.RDomain},
		{"switch's rdomain", false, &s.SwitchRDomain},
		{"switch", false, &s.Bridge},
		{"host link", false, &s.HostLink},
		{"gateway", false, &s.Gateway},
		{"host link's pod end", true, &s.HostPeer},
		{"gateway's pod end", true, &s.GatewayPeer},
		{"tap", true, &s.Tap},
	}
}

// Layer3 returns the layer 3 link of a local interface: the gateway if there
// is one, else the host link.
func (s *State) Layer3() *Link {
	if s.Gateway.Name != "" {
		return &s.Gateway
	}
	return &s.HostLink
}

// LinkLocal returns the link-local address of the host's side, invalid
// without IPv6.
func (g Guest) LinkLocal() netip.Addr {
	if !g.Addrs.Host6.IsValid() {
		return netip.Addr{}
	}
	return vmid.GatewayLinkLocal(g.Addrs.Host6)
}
