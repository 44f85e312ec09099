package control

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Plan prints what an ADD would make: first in words, as comments, then as the
// lines that a person would type.
func Plan(w io.Writer, req *config.Request, f *plan.Foreseen) error {
	var b strings.Builder
	note := func(format string, args ...any) { fmt.Fprintf(&b, "# "+format+"\n", args...) }
	note("network %s, container %s, interface %s", req.Network, req.ContainerID, req.IfName)
	if req.Placement == config.PlacementChained {
		note("VM %s, placement chained: a tap %s, joined to %s", req.VMName, req.Tap.Name, req.IfName)
	} else {
		noteClaim(note, req, f)
	}
	if len(f.There) > 0 {
		note("there already, and given what it lacks: %s", strings.Join(f.There, ", "))
	}
	for _, u := range f.Unknown {
		note("not known: %s", u)
	}
	if f.Forward4 {
		b.WriteString("sysctl net.ipv4.ip_forward=1\n")
	}
	if f.Forward6 {
		b.WriteString("sysctl net.ipv6.conf.all.forwarding=1\n")
	}
	b.WriteString(f.State.String())
	_, err := io.WriteString(w, b.String())
	return err
}

// noteClaim says who gets what.
func noteClaim(note func(string, ...any), req *config.Request, f *plan.Foreseen) {
	c, g := &f.Claim, &f.Guest
	preferred := ""
	if !f.Preferred && c.Idx == 0 {
		preferred = fmt.Sprintf(", since %d is taken", vmid.Slot(req.VMName, req.VMID.Min, req.VMID.Max))
	}
	note("VM %s: vmid %d%s, interface %d, lladdr %s, mtu %d", req.VMName, c.VMID, preferred, c.Idx, c.LLAddr, g.MTU)
	if g.Addrs.Guest4.IsValid() {
		note("guest %s, host %s", g.Addrs.Guest4, g.Addrs.Host4)
	}
	if g.Addrs.Guest6.IsValid() {
		note("guest %s, host %s", g.Addrs.Guest6, g.Addrs.Host6)
	}
	if f.Bridge.Name != "" {
		note("switch %s", f.Bridge.Name)
	}
	if f.RDomain.Name != "" {
		note("rdomain %d, table %d", req.RDomain, f.RDomain.Table)
	}
	if len(req.Groups) > 0 {
		note("groups %s", strings.Join(req.Groups, ", "))
	}
	if req.DANDir != "" {
		note("listed for Kata in %s/%s.json", req.DANDir, req.ContainerID)
	}
	switch {
	case req.Guard != nil:
		note("guarded: the guest can only use its own lladdr and addresses")
	case req.Locked:
		note("locked: the guest can only use its own lladdr")
	}
	for _, dead := range []string{c.DeadGateway, c.OwnDeadGateway} {
		if dead != "" {
			note("deletes the gateway %s first, which lost its host link", dead)
		}
	}
}
