package plan

import (
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
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
// Placement pod, a tap:
//
//	host namespace                     pod namespace
//	[Bridge] - HostLink  === veth ===  HostPeer     <- all else -----.
//	[RDomain]- Gateway   === veth ===  GatewayPeer  <- its share --- Tap
//
// Placement pod, device veth. GatewayPeer is in the host's namespace, too:
//
//	[Bridge] - HostLink  === veth ===  HostPeer, the guest's interface
//	              '-- its share -> GatewayPeer === veth === Gateway -[RDomain]
//
// Placement host, where HostLink is the tap:
//
//	[Bridge] - HostLink, opened by the VMM
//	              '-- its share -> GatewayPeer === veth === Gateway -[RDomain]
//
// Placement chained, where Taken is an earlier plugin's:
//
//	Taken <- all ----- all -> Tap
type State struct {
	Claim  Claim
	Guest  Guest
	Policy Policy // what rdomains other than 0 demand of the host
	Rules  Rules  // what was read of that; of a State that is aimed at, empty

	Firewall Firewall // the node's nftables table

	Memberships []Membership // in the sets of groups, in order

	RDomain       Link // the VRF that the layer 3 link is in
	SwitchRDomain Link // the VRF that the bridge is in, if that is another one
	Bridge        Link // the switch's

	HostLink    Link
	HostPeer    Link // the host link's end in the pod
	Gateway     Link
	GatewayPeer Link // the gateway's other end
	Taken       Link // the earlier plugin's interface, which the guest takes over
	Tap         Link // in the pod
	Limiter     Link // in the pod: where what leaves by two links meets one rate
}

// Guest is what the guest is to be given.
type Guest struct {
	LLAddr vmid.LLAddr
	Addrs  vmid.Addrs // of a local interface; else invalid
	Lease  Lease      // of an IPAM plugin
	MTU    int

	Routes []config.Route // of a guest that is no VM and gets them here; else nil
}

// Link is one link with everything vmtap sets on it.
type Link struct {
	Name    string
	Kind    string
	Pod     bool // in the pod's namespace, else in the host's
	Foreign bool // somebody else made it: of a bridge only Kind, Alias, Master and Up count, of another link only LLAddr and Ingress

	// Of somebody else's bridge LLAddr is the one that it has and is to keep, if
	// a guard counts on it; else zero.
	LLAddr vmid.LLAddr

	// Guests says that it is the guest's own interface in a pod: more addresses
	// and filters on it are the pod's or a later plugin's.
	Guests bool
	Leased bool // its addresses are an IPAM plugin's, who gives them when it is up

	MTU        int
	Group      uint32   // netdev group; of pod links, 0
	PodGroup   bool     // the netdev group is the attachment's own, by which DEL deletes the pod's links
	AltNames   []string // what varies stands early in each
	Alias      string
	Peer       string // veth: the other end's name
	Master     string
	Port       BridgePort  // of the bridge that is its master
	VLANs      BridgeVLANs // of a bridge
	Up         bool
	NoARP      bool // the pod's kernel must not speak with the guest's address
	NoAutoLL   bool // addr_gen_mode none: no link-local address of the kernel's choice
	Owner      Owner
	VnetHdr    bool // of a tap that is made; whoever opens it last changes it, so CHECK does not ask
	MultiQueue bool // of a tap: several queues
	Sysctls    []Sysctl
	Addrs      []Addr
	Routes     []netip.Prefix // on-link routes
	Neighbours []Neighbour    // of what a guard holds the guest to
	Ingress    []Filter       // in order, first match
	Egress     []Filter       // the same for what the link is to send
	Shaper     Shaper         // of what the link sends
	NoIPv6     bool           // disable_ipv6 1
	AcceptsRA  bool           // router advertisements from this link would be taken

	Table       uint32         // of a VRF
	Unreachable []netip.Prefix // of a VRF's table: where packets end that no other route takes

	// SELinuxContext is that of a tap that is made, "" for the plugin's own. The
	// kernel tells nobody, so CHECK does not ask.
	SELinuxContext string
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

// ClosedTag is the Sysctl by which a later ADD knows a link that shall not
// forward: net.ipv4.conf.<link>.tag, to which the kernel gives no meaning.
const ClosedTag = "tag"

// Addr is an address of a link.
type Addr struct {
	Prefix        netip.Prefix
	NoPrefixRoute bool
}

// Filter is what happens to a frame that comes in.
type Filter struct {
	Match    filter.Program // nil: every frame
	Redirect string         // link in the same namespace that sends the frame; "": drop it

	Guard bool // Match is a guard's, which matches what is to be dropped; the kernel does not know
	Void  bool // of what was read: it is not asked about all frames, or its answer is not heard
}

// Named says which link of a State is meant, in the words of the design.
type Named struct {
	Role string
	*Link
}

// Links returns the State's links, the host's first, those that do not exist
// included, in one order for all States.
func (s *State) Links() []Named {
	return []Named{
		{"rdomain", &s.RDomain},
		{"switch's rdomain", &s.SwitchRDomain},
		{"switch", &s.Bridge},
		{"host link", &s.HostLink},
		{"gateway", &s.Gateway},
		{"host link's pod end", &s.HostPeer},
		{s.gatewayPeerRole(), &s.GatewayPeer},
		{"interface", &s.Taken},
		{"tap", &s.Tap},
		{"limiter", &s.Limiter},
	}
}

func (s *State) gatewayPeerRole() string {
	if s.GatewayPeer.Pod {
		return "gateway's pod end"
	}
	return "gateway's other end"
}

// Port returns the link on which the guest's frames come in: the tap, or the
// host's end of the veth that the guest is at.
func (s *State) Port() *Link {
	if s.Tap.Name != "" {
		return &s.Tap
	}
	return &s.HostLink
}

// Layer3 returns the layer 3 link of a local interface: the gateway if there
// is one, else the host link.
func (s *State) Layer3() *Link {
	if s.Gateway.Name != "" {
		return &s.Gateway
	}
	return &s.HostLink
}

// HasGivenAddrs reports whether all addresses of a link are given, by vmtap or
// by an IPAM plugin: it takes none by router advertisements.
func (l *Link) HasGivenAddrs() bool { return len(l.Addrs) > 0 || l.Leased }

// HasIPv6Addr reports whether a link has an IPv6 address of its own.
func (l *Link) HasIPv6Addr() bool {
	return slices.ContainsFunc(l.Addrs, func(a Addr) bool { return a.Prefix.Addr().Is6() })
}

// LinkLocal returns the link-local address of the host's side, invalid
// without IPv6.
func (g Guest) LinkLocal() netip.Addr {
	if !g.Addrs.Host6.IsValid() {
		return netip.Addr{}
	}
	return vmid.GatewayLinkLocal(g.Addrs.Host6)
}
