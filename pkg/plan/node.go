package plan

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Node is what was observed of the node before anything is decided.
type Node struct {
	Bridge Bridge // the switch's; without a name if there is none
	NoIPv6 bool   // the kernel lacks IPv6
	Taken  Taken  // the interface to take over, in placement chained

	Firewall Firewall // the nftables table that is there

	// Looked at only for an attachment in an rdomain other than 0.
	RDomain       VRF // of the interface's rdomain
	SwitchRDomain VRF // of the switch's, maybe the same
	Rules         Rules
}

// Bridge is an observed bridge, or what stands in its place.
type Bridge struct {
	Name   string // its real name; the configuration's may be an altname
	Kind   string
	MTU    int
	Alias  string
	LLAddr vmid.LLAddr // zero of one that lost its last port
	Ours   bool        // carries the mark of a bridge that vmtap made
	VLANs  BridgeVLANs

	Master string         // the link that it is in, "" for none
	Addrs  []netip.Prefix // but link-local ones; looked at only if it is to be moved into a VRF
}

// CheckNode refuses a request that this node cannot serve, before the first
// change to the kernel.
func CheckNode(req *config.Request, node *Node) error {
	if node.NoIPv6 && hasIPv6(req) {
		return config.Errorf(config.CodeInvalidConfig, "use local.prefix6 %s: this kernel has no IPv6, set local.inet6 to false", req.Local.Scheme.Prefix6())
	}
	if req.Switch == nil {
		return nil
	}
	b := &node.Bridge
	switch {
	case b.Name == "" && !req.Switch.Create:
		return config.Errorf(config.CodeInvalidConfig, "find switch %q: no such bridge, make it or set switch.create", req.Switch.Interface)
	case b.Name != "" && b.Kind != KindBridge:
		return config.Errorf(config.CodeInvalidConfig, "use switch %q: it is a %s, not a bridge", b.Name, kindWord(b.Kind))
	}
	mtu := MTU(req, node)
	if of := max(b.MTU, switchMTU(req, node)); mtu < of {
		return config.Errorf(config.CodeInvalidConfig, "set mtu %d: below the %d of switch %q, it would shrink the switch", mtu, of, req.Switch.Interface)
	}
	if mtu > config.MaxMTU {
		return config.Errorf(config.CodeInvalidConfig, "set mtu %d, that of switch %q: a tap has %d at most, lower the switch's", mtu, req.Switch.Interface, config.MaxMTU)
	}
	if err := checkBridgeAccess(req, b); err != nil {
		return err
	}
	if err := checkBridgeVLANs(req, b); err != nil {
		return err
	}
	return checkMTU6(req, mtu)
}

// checkMTU6 refuses an mtu with which Linux takes IPv6 off a link.
func checkMTU6(req *config.Request, mtu int) error {
	if hasIPv6(req) && mtu < MinMTU6 {
		return config.Errorf(config.CodeInvalidConfig, "set mtu %d: IPv6 needs %d, raise it or set local.inet6 to false", mtu, MinMTU6)
	}
	return nil
}

// MinMTU6 is the smallest mtu of a link with IPv6 (RFC 8200, section 5).
const MinMTU6 = 1280

func hasIPv6(req *config.Request) bool {
	return req.Local != nil && req.Local.Scheme.Prefix6().IsValid()
}

func kindWord(kind string) string {
	if kind == "" {
		return "physical or loopback interface"
	}
	return kind
}

// MTU returns the mtu that all links of the interface get: the requested one,
// else the switch's, else the default.
func MTU(req *config.Request, node *Node) int {
	return cmp.Or(req.MTU, switchMTU(req, node), config.DefaultMTU)
}

// switchMTU returns the mtu that the bridge is to have: of one that vmtap
// makes or made the configured one, else the one it has; 0 if neither is
// known.
func switchMTU(req *config.Request, node *Node) int {
	b := &node.Bridge
	if sw := req.Switch; sw != nil && sw.MTU != 0 && (b.Name == "" || b.Ours) {
		return sw.MTU
	}
	return b.MTU
}

// BridgeName returns the real name of the switch's bridge, also of one that is
// yet to be made; "" without a switch.
func BridgeName(req *config.Request, node *Node) string {
	switch {
	case req.Switch == nil:
		return ""
	case node.Bridge.Name != "":
		return node.Bridge.Name
	}
	return req.Switch.Interface
}

// isSwitchAlias reports whether an alias is a description that vmtap, as vmd,
// writes on a switch.
func isSwitchAlias(alias string) bool {
	rest, ok := strings.CutPrefix(alias, "switch")
	digits, _, found := strings.Cut(rest, "-")
	if !ok || !found || digits == "" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}
