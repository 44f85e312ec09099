package plan

import (
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
)

// Node is what was observed of the node before anything is decided.
type Node struct {
	Bridge Bridge // the switch's; without a name if there is none
}

// Bridge is an observed bridge, or what stands in its place.
type Bridge struct {
	Name  string // its real name; the configuration's may be an altname
	Kind  string
	MTU   int
	Alias string
	Ours  bool // carries the mark of a bridge that vmtap made
}

// CheckNode refuses a request that this node cannot serve, before the first
// change to the kernel.
func CheckNode(req *config.Request, node *Node) error {
	if req.Switch == nil {
		return nil
	}
	b := &node.Bridge
	switch {
	case b.Name == "" && !req.Switch.Create:
		return config.Errorf(config.CodeInvalidConfig, "find switch %q: no such bridge, make it or set switch.create", req.Switch.Interface)
	case b.Name == "":
		return checkNewBridge(req)
	case b.Kind != KindBridge:
		return config.Errorf(config.CodeInvalidConfig, "use switch %q: it is a %s, not a bridge", b.Name, kindWord(b.Kind))
	}
	if mtu := MTU(req, node); mtu < b.MTU {
		return config.Errorf(config.CodeInvalidConfig, "set mtu %d: below the %d of switch %q, it would shrink the switch", mtu, b.MTU, b.Name)
	}
	return checkMTU6(req, MTU(req, node))
}

// checkNewBridge refuses a new bridge that its first port would shrink.
func checkNewBridge(req *config.Request) error {
	mtu := MTU(req, &Node{})
	if mtu < req.Switch.MTU {
		return config.Errorf(config.CodeInvalidConfig, "set mtu %d: below switch.mtu %d, it would shrink the switch", mtu, req.Switch.MTU)
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
// else the bridge's, else that of the bridge to be made, else the default.
func MTU(req *config.Request, node *Node) int {
	switch {
	case req.MTU != 0:
		return req.MTU
	case node.Bridge.Name != "":
		return node.Bridge.MTU
	case req.Switch != nil && req.Switch.MTU != 0:
		return req.Switch.MTU
	}
	return config.DefaultMTU
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
