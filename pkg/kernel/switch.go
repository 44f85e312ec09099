package kernel

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// EnsureSwitch makes the switch's bridge if it is missing and to be made, and
// gives an existing one what vmd gives it. It is not undone: what it sets is
// the switch's, not the attachment's, and others may count on it by then.
//
// The bridge comes up last. So one that was left half-made is seen by the
// next call, which finishes it, and one that two calls make at once is made
// once.
//
// The State gets what the bridge turned out to be.
func (s *Session) EnsureSwitch(req *config.Request, o *Observation, state *plan.State) error {
	if req.Switch == nil {
		return nil
	}
	if o.Node.Bridge.Name == "" {
		if err := s.createSwitch(plan.SwitchLink(req, &o.Node)); err != nil {
			return err
		}
	}
	// Somebody else may have been faster, with another mtu.
	bridge, err := s.observeSwitch(req, o)
	switch {
	case err != nil:
		return err
	case bridge == nil:
		return config.Errorf(config.CodeTryAgainLater, "create bridge %s: somebody deleted it", req.Switch.Interface)
	case state.Guest.MTU < bridge.mtu:
		return config.Errorf(config.CodeTryAgainLater, "attach to switch %q: somebody made it with mtu %d just now", bridge.name, bridge.mtu)
	}
	want := plan.SwitchLink(req, &o.Node)
	if err := state.UseSwitch(req, want); err != nil {
		return err
	}
	state.HostLink.Port = plan.SwitchPort(req, &o.Node, state.Claim.LLAddr)
	master := s.indexOf(want.Master, false, state)
	if !want.Foreign {
		if err := s.finishSwitch(bridge, &want); err != nil {
			return err
		}
	}
	batch := describeSwitch(bridge, &want, master)
	if want.Foreign && !want.LLAddr.IsZero() && !s.isPinned(bridge, want.LLAddr) {
		batch = append(batch, setLink(bridge.index, bridge.name, change{lladdr: want.LLAddr}))
	}
	return s.host.do(batch...)
}

// createSwitch makes a bridge, down, with its mark, under the claims lock.
// That there is one by now is fine.
func (s *Session) createSwitch(want plan.Link) error {
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	return errors.Join(s.createSwitchLocked(want), s.lock.unlock(claimsByte))
}

func (s *Session) createSwitchLocked(want plan.Link) error {
	var index int32
	if err := freeIndexes(s.host, &index); err != nil {
		return err
	}
	create := createBridge(index, &want)
	mark := addAltNames(index, want.Name, want.AltNames).allow(unix.ENODEV)
	mtu := setLink(index, want.Name, change{mtu: want.MTU}).allow(unix.ENODEV)
	// One send: a bridge is never without its mark and its mtu. Those fail
	// with the bridge, as no link has the index then.
	err := s.host.do(create, mark, mtu)
	switch {
	case err == nil:
		return nil
	case create.err == nil:
		return joinUndo(err, s.host.do(deleteLink(index, want.Name)))
	case errors.Is(create.err, unix.EEXIST):
		return s.takeBack(index, &want)
	}
	return joinUndo(err, s.takeBack(index, &want))
}

// finishSwitch gives a bridge of ours what it lacks.
func (s *Session) finishSwitch(have *link, want *plan.Link) error {
	var filters []installed
	if err := s.host.do(getFilters(have.index, have.name, &filters)); err != nil {
		return err
	}
	var batch []*message
	drop := want.Ingress[0]
	if len(filters) != 1 || !sameProgram(filters[0], drop) {
		batch = append(batch,
			addIngress(have.index, have.name, true),
			addFilter(have.index, have.name, 1, drop, 0, true))
	}
	var c change
	if have.lladdr != want.LLAddr {
		c.lladdr = want.LLAddr
	}
	if have.mtu != want.MTU {
		c.mtu = want.MTU
	}
	for _, v := range want.Sysctls {
		if have.sysctl(v.Name) != v.Value {
			c.sysctls = append(c.sysctls, v)
		}
	}
	if !c.lladdr.IsZero() || c.mtu != 0 || len(c.sysctls) > 0 {
		batch = append(batch, setLink(have.index, have.name, c))
	}
	if err := s.host.do(batch...); err != nil {
		return err
	}
	if s.ipv6 && !have.noIPv6() {
		return writeSysctl("ipv6/conf/"+have.name+"/disable_ipv6", "1")
	}
	return nil
}

// describeSwitch returns what vm_priv_brconfig does: the rdomain, then the
// description, then up or down. master is the rdomain's VRF. A bridge that is
// in another one, or in one and should not be, was refused.
func describeSwitch(have *link, want *plan.Link, master int32) []*message {
	var batch []*message
	if have.master != master && master != 0 {
		batch = append(batch, setLink(have.index, have.name, change{master: master}))
	}
	if have.alias != want.Alias {
		batch = append(batch, setLink(have.index, have.name, change{alias: want.Alias}))
	}
	if have.up != want.Up {
		batch = append(batch, setUp(have.index, have.name, want.Up))
	}
	return batch
}

// isPinned reports whether somebody else's bridge has an address and keeps it,
// whatever ports it gets, as far as /sys tells. To set it would be no harm, but
// the bridge would forget all its neighbours.
func (s *Session) isPinned(have *link, want vmid.LLAddr) bool {
	const set = "3\n" // NET_ADDR_SET of linux/netdevice.h: somebody chose it
	dir := sysDir(have.name, have.index)
	if dir == "" || have.lladdr != want {
		return false
	}
	assigned, err := os.ReadFile(dir + "/addr_assign_type")
	return err == nil && string(assigned) == set
}
