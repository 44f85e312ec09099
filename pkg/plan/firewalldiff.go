package plan

import (
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
)

// SameFirewall reports whether two tables are the same in all that vmtap
// makes.
func SameFirewall(a, b *Firewall) bool {
	var d differences
	d.compareFirewall(a, b)
	return len(d.lines) == 0
}

func (d *differences) compareFirewall(want, have *Firewall) {
	same := func(s string) string { return s }
	missing(d, "set", want.Sets, have.Sets, same)
	missing(d, "element of @links", want.Links, have.Links, same)
	missing(d, "ipMasq for", want.Masq, have.Masq, netip.Prefix.String)
	missing(d, "limited hostAccess of", want.Closed, have.Closed, netip.Prefix.String)
	missing(d, "hostAccess", want.Open, have.Open, Opening.String)
	missing(d, "chain", want.Chains, have.Chains, func(c Chain) string { return c.Name })
	for _, w := range want.Chains {
		i := slices.IndexFunc(have.Chains, func(c Chain) bool { return c.Name == w.Name })
		if i < 0 {
			continue
		}
		h := &have.Chains[i]
		if w.Hook != h.Hook {
			d.addf("%s: chain %s is %q, want %q", d.link, w.Name, h.Hook, w.Hook)
		}
		d.compareRules(&w, h)
	}
}

// compareRules compares rules one by one: their order is their meaning.
func (d *differences) compareRules(want, have *Chain) {
	for i := range max(len(want.Rules), len(have.Rules)) {
		switch {
		case i >= len(have.Rules):
			d.addf("%s: chain %s: rule %d, %s, is missing", d.link, want.Name, i+1, want.Rules[i])
		case i >= len(want.Rules):
			d.addf("%s: chain %s: rule %d, %s, should not be there", d.link, want.Name, i+1, have.Rules[i])
		case !slices.Equal(want.Rules[i], have.Rules[i]):
			d.addf("%s: chain %s: rule %d is %s, want %s", d.link, want.Name, i+1, have.Rules[i], want.Rules[i])
		}
	}
}

// checkBridgeAccess refuses limits that a guest could go round: the address of
// a bridge that somebody else made is the host's, too, and what comes in there
// is not known to be a guest's.
func checkBridgeAccess(req *config.Request, b *Bridge) error {
	if !req.HostAccess.Limited || b.Name == "" || b.Ours {
		return nil
	}
	return config.Errorf(config.CodeInvalidConfig, "use hostAccess %.64q on switch %q: not supported yet on a bridge that is not vmtap's, since guests may reach the host by its own address, let vmtap make one (switch.create)", req.HostAccess.String(), b.Name)
}
