package plan

import (
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Taken is the interface of an earlier plugin that a guest takes over, as it
// was observed.
type Taken struct {
	Name    string
	LLAddr  vmid.LLAddr
	MTU     int
	Ingress bool // it has a qdisc at its ingress
}

// CheckTaken refuses an interface that the guest cannot take over, before the
// first change to the kernel.
func CheckTaken(req *config.Request, t *Taken) error {
	switch {
	case t.Name == "":
		return config.Errorf(config.CodeInvalidConfig, "take over interface %q: the pod's namespace has none of this name, put vmtap after the plugin that makes it", req.IfName)
	case t.LLAddr.IsZero():
		return config.Errorf(config.CodeInvalidConfig, "take over interface %q: it has no Ethernet address, which the guest would get", t.Name)
	case !req.LLAddr.IsZero() && req.LLAddr != t.LLAddr:
		return config.Errorf(config.CodeInvalidConfig, "use lladdr %s: interface %q has %s, which the guest takes over, choose that or none", req.LLAddr, t.Name, t.LLAddr)
	case t.Ingress:
		return config.Errorf(config.CodeInvalidConfig, "take over interface %q: its ingress has a qdisc already, drop the plugin that filters there, or placement chained", t.Name)
	case t.MTU > config.MaxMTU:
		return config.Errorf(config.CodeInvalidConfig, "take over interface %q with mtu %d: a tap has %d at most, lower the interface's", t.Name, t.MTU, config.MaxMTU)
	}
	return nil
}

// newChained returns the State of placement chained: a tap, joined to the
// interface that an earlier plugin made. The guest gets that one's lladdr:
// whoever is at its other end may know it by that alone.
func newChained(req *config.Request, node *Node) *State {
	t := &node.Taken
	s := &State{Guest: Guest{LLAddr: t.LLAddr, MTU: t.MTU}, Claim: Claim{LLAddr: t.LLAddr}}
	s.Tap = s.silentLink(req.Tap.Name, KindTun, t.LLAddr)
	s.Tap.PodGroup = false
	s.Tap.addTap(&req.Tap)
	s.Tap.AltNames = []string{AttachmentName(req.ContainerID, req.IfName), TapNetworkName(s.Tap.Name, req.Network)}
	s.Tap.Alias = cut(req.VMName, maxAlias)
	s.Taken = Link{Name: req.IfName, Pod: true, Foreign: true, LLAddr: t.LLAddr, Ingress: []Filter{{Redirect: s.Tap.Name}}}
	s.Tap.Ingress = []Filter{{Redirect: s.Taken.Name}}
	return s
}
