package config

import (
	"net/netip"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Request is one checked call of ADD or CHECK: all that the caller asked for,
// with defaults filled in and contradictions refused. What only the kernel
// can tell (the bridge's mtu, which vmids are free) is left to pkg/plan.
type Request struct {
	CNIVersion  string // of the configuration, and so of the result
	Network     string // network name, 100 characters at most
	ContainerID string // 96 characters at most
	IfName      string // CNI_IFNAME, 15 characters at most
	Netns       string // CNI_NETNS, a path

	VMName string      // what the VM is known by; see DESIGN's "VM name"
	VMID   VMID        // which number it may have
	LLAddr vmid.LLAddr // requested lladdr, zero for the derived one

	Placement Placement
	Device    Device

	Switch *Switch // nil: no switch
	Local  *Local  // nil: not a local interface
	IPAM   string  // the plugin that gives it addresses, with a switch and not local; "" for none

	RDomain  uint32   // of layer 3: the interface's own, else the switch's; 0 is the default one
	RDomains RDomains // how rdomains stand on this node

	Groups    []string // the interface's own in order, then the switch's; no doubles
	LinkGroup uint32   // netdev group: number of the first of Groups that the configuration numbers, else 0
	Up        bool
	MTU       int  // 0: the bridge's, else DefaultMTU
	Forward   bool // make the host forward, for local interfaces

	Locked bool   // the guest can only use its own lladdr
	Guard  *Guard // the guest can only use its own addresses, too, and what this adds; nil: no guard

	PortIsolation bool        // of the switch's port: isolated ports do not reach each other
	VLAN          uint16      // of the switch's port: untagged; 0 is none
	VLANTrunk     []VLANRange // of the switch's port: tagged, in order, none twice

	GroupSets bool // keep nftables sets of interface names for the groups

	IPMasq     bool       // translate the sources of local interfaces where packets leave the node
	HostAccess HostAccess // what guests in rdomain 0 may open on the host itself

	Tap    Tap
	DANDir string // where Kata's runtime looks for the sandbox's file, which is to list the interface; "" for none
	Routes []Route
	DNS    DNS
	NTP    []netip.Addr   // time servers that vmtapd tells the guest
	IPs    []netip.Prefix // requested by the capability "ips"; must turn out to be the guest's own

	Bandwidth Bandwidth

	PrevResult []byte // the raw prevResult, nil if there is none
}

// VMID says which VM ids may be taken.
type VMID struct {
	Requested uint32 // 0: none
	Min, Max  uint32 // range, both ends included, within the scheme
	Probe     bool   // take another one if the preferred one is taken
}

// Switch is vmd's switch: a bridge and what all its ports share.
type Switch struct {
	Interface string // the bridge's name
	Name      string // for the description; the interface if not given
	ID        uint32 // for the description
	Create    bool   // make the bridge if it is missing
	Group     string // "" for none; also the last of Request.Groups
	Up        bool
	MTU       int    // of a bridge that is made; 0: the interface's, else DefaultMTU
	RDomain   uint32 // that the bridge is in; 0 is the default one
}

// RDomains says what all routing domains have in common. vmd's are OpenBSD's;
// here each is a VRF with a routing table.
type RDomains struct {
	TableBase     uint32 // Table is TableBase + rdomain
	MoveLocalRule bool   // let guests in rdomains not reach the host's addresses in the default one
}

// Table returns the routing table of an rdomain other than 0.
func (r RDomains) Table(rdomain uint32) uint32 { return r.TableBase + rdomain }

// Local says how a local interface's addresses follow from its VM id.
type Local struct {
	Scheme vmid.Scheme // without IPv6 if local.inet6 is false
}

// Tap is how the VMM finds its tap.
type Tap struct {
	Name    string // of the tap in placement chained; elsewhere ""
	UID     uint32 // owner; unused if HasUID is false
	GID     uint32 // owning group; unused if HasGID is false
	HasUID  bool
	HasGID  bool
	VnetHdr bool // virtio-net headers before each frame

	MultiQueue bool // several queues; every opener must want that, too

	SELinuxContext string // of the tap; "" for the plugin's own
}

// Route is a route of the guest's. GW is invalid if none was given: then the
// gateway's address of the same family is meant.
type Route struct {
	Dst      netip.Prefix
	GW       netip.Addr
	OnLink   bool // all of Dst is on the link, whatever gateways there are; an IPAM plugin's
	MTU      int  // 0: not given
	AdvMSS   int  // 0: not given
	Priority int  // 0: not given
}

// DNS is what the guest is told about name servers, passed through.
type DNS struct {
	Nameservers []string
	Domain      string
	Search      []string
	Options     []string
}

// DefaultMTU is the mtu without a bridge that says otherwise, in bytes.
const DefaultMTU = 1500

// MaxMTU is the largest mtu that Linux gives a tap, in bytes: 64 KiB less an
// Ethernet header.
const MaxMTU = 65521

// Attachment is what DEL reads of a call: the rest of its configuration is
// not looked at, so that a changed or broken one does not stop it.
type Attachment struct {
	Network     string
	ContainerID string
	IfName      string
	Netns       string // CNI_NETNS of this call, "" if it is gone
	IPAM        string // the plugin to delegate to, "" for none
	DANDir      string // Request.DANDir of the configuration as it is now, "" for none
}
