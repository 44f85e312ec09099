package kernel

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// EnsureRDomains makes the VRFs that an attachment needs, gives those that
// are there what they lack, and sees to it that the host's rules keep them
// apart. It is not undone: what it sets is the rdomain's, not the
// attachment's, and others may count on it by then.
func (s *Session) EnsureRDomains(req *config.Request, o *Observation, state *plan.State) error {
	if !plan.UsesRDomains(req) {
		return nil
	}
	made := false
	for _, v := range s.vrfs(state) {
		if v.want.Name == "" {
			continue
		}
		var err error
		if *v.index != 0 {
			err = s.mendVRF(v)
		} else {
			made = true
			err = s.createVRF(req, o, v)
		}
		if err != nil {
			return err
		}
	}
	if err := s.mendPolicy(req, o); err != nil {
		return err
	}
	if made { // nobody could be asked before
		return s.checkRoutes(req, state)
	}
	return nil
}

// vrf is a VRF of a State, and where its ifindex is kept, 0 if it was not
// there.
type vrf struct {
	want  *plan.Link
	index *int32
}

func (s *Session) vrfs(state *plan.State) []vrf {
	return []vrf{{&state.RDomain, &s.index.rdomain}, {&state.SwitchRDomain, &s.index.switchRDomain}}
}

// mendVRF gives a VRF that is there what it lacks.
func (s *Session) mendVRF(v vrf) error {
	var batch []*message
	for _, dst := range v.want.Unreachable {
		batch = append(batch, addUnreachable(v.want, dst).allow(unix.EEXIST))
	}
	return s.host.do(append(batch, setUp(*v.index, v.want.Name, true))...)
}

// createVRF makes a VRF, under the claims lock: so that of two calls only one
// does, and none takes back what the other counts on.
func (s *Session) createVRF(req *config.Request, o *Observation, v vrf) error {
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	return errors.Join(s.createVRFLocked(req, o, v), s.lock.unlock(claimsByte))
}

func (s *Session) createVRFLocked(req *config.Request, o *Observation, v vrf) error {
	if err := s.observeRDomains(req, o); err != nil {
		return err
	}
	if err := plan.CheckRDomains(req, &o.Node); err != nil || *v.index != 0 {
		return err // or somebody was faster
	}
	var undo undoStack
	err := s.makeVRF(v, &undo)
	if err == nil {
		err = s.observeRDomains(req, o)
	}
	if err == nil {
		err = plan.CheckRDomains(req, &o.Node) // what is there now may be another's
	}
	if err != nil {
		return joinUndo(err, undo.run())
	}
	return nil
}

// makeVRF makes the routes that end a VRF's table, and then the VRF, up: no
// packet is ever looked up in a table that passes it on to the main one.
func (s *Session) makeVRF(v vrf, undo *undoStack) error {
	var index int32
	if err := freeIndexes(s.host, &index); err != nil {
		return err
	}
	for _, dst := range v.want.Unreachable {
		err := s.host.do(addUnreachable(v.want, dst))
		switch {
		case errors.Is(err, unix.EEXIST):
			continue
		case err != nil:
			return err
		}
		undo.add("delete unreachable route "+dst.String(), func() error { return s.host.do(deleteUnreachable(v.want, dst)) })
	}
	err := s.host.do(newVRF(index, v.want))
	switch {
	case errors.Is(err, unix.EEXIST): // made by a call without our lock, which counts on the routes
		*undo = undoStack{}
		return nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return errNoVRF(v.want.Name, err)
	case err != nil:
		return err
	}
	undo.add("delete "+v.want.Name, func() error { return s.host.do(deleteLink(index, v.want.Name)) })
	return nil
}

// newVRF makes a VRF, up.
func newVRF(index int32, l *plan.Link) *message {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "create VRF %s", l.Name)
	h := ifinfo(index)
	h.Flags, h.Change = unix.IFF_UP, unix.IFF_UP
	m.AddData(h)
	m.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, text(l.Name)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindVRF))
	info.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(vrfTable, nl.Uint32Attr(l.Table))
	m.AddData(info)
	return m
}

// addUnreachable adds a route that ends a VRF's table.
func addUnreachable(l *plan.Link, dst netip.Prefix) *message {
	return unreachable(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add", l.Table, dst)
}

func deleteUnreachable(l *plan.Link, dst netip.Prefix) *message {
	return unreachable(unix.RTM_DELROUTE, 0, "delete", l.Table, dst)
}

func unreachable(kind, flags int, verb string, table uint32, dst netip.Prefix) *message {
	m := newMessage(kind, flags, "%s unreachable route %s of table %d", verb, dst, table)
	h := nl.NewRtMsg()
	h.Family = family(dst.Addr())
	h.Protocol = unix.RTPROT_STATIC
	h.Type = unix.RTN_UNREACHABLE
	m.AddData(h)
	m.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(table)))
	m.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(plan.UnreachableMetric)))
	return m
}

// mendPolicy closes the raw sockets of rdomain 0 to other rdomains, which
// Linux leaves open, and moves the local rule, if that is asked for.
func (s *Session) mendPolicy(req *config.Request, o *Observation) error {
	if slices.Contains(o.Node.Rules.Accepts, "raw") {
		if err := writeSysctl("ipv4/raw_l3mdev_accept", "0"); err != nil {
			return err
		}
	}
	r := &o.Node.Rules
	if !req.RDomains.MoveLocalRule || !plan.HasFirstLocal(r.IPv4) && !plan.HasFirstLocal(r.IPv6) {
		return nil
	}
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	return errors.Join(s.moveLocalRules(), s.lock.unlock(claimsByte))
}

// moveLocalRules runs under the claims lock: of two calls only one deletes,
// since the other's message would take the next rule that it fits.
func (s *Session) moveLocalRules() error {
	var now plan.Rules
	if err := s.host.do(getRules(&now)); err != nil {
		return err
	}
	if err := s.moveLocalRule(unix.AF_INET, now.IPv4); err != nil {
		return err
	}
	return s.moveLocalRule(unix.AF_INET6, now.IPv6)
}

// probeVRF asks for a VRF without a table. A kernel that has VRFs refuses that
// for another reason than one that has none; either way nothing is made.
func (s *Session) probeVRF() error {
	m := newVRF(0, &plan.Link{Name: "vmtap-probe"}).allow(unix.EINVAL)
	if err := s.host.do(m); errors.Is(err, unix.EOPNOTSUPP) {
		return errNoVRF("vmtap-probe", err)
	} else if err != nil {
		return err
	}
	return nil
}

func errNoVRF(name string, err error) error {
	return config.Errorf(config.CodeNotAvailable, "create VRF %s: this kernel has no VRFs, load the module vrf: %w", name, err)
}
