package kernel

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// claimAttempts is how often a claim is tried against somebody who takes
// names without holding the lock.
const claimAttempts = 5

// Claim decides, under the lock of all claims, what the attachment gets, and
// makes its host link, which is the claim. It returns the State to apply.
func (s *Session) Claim(req *config.Request, o *Observation) (*plan.State, error) {
	if err := s.lockVM(req.ContainerID); err != nil {
		return nil, err
	}
	state, err := s.claimLocked(req, o)
	return state, errors.Join(err, s.unlockVM(req.ContainerID))
}

func (s *Session) claimLocked(req *config.Request, o *Observation) (*plan.State, error) {
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return nil, err
	}
	state, err := s.claim(req, o)
	return state, errors.Join(err, s.lock.unlock(claimsByte))
}

func (s *Session) claim(req *config.Request, o *Observation) (*plan.State, error) {
	var err error
	for range claimAttempts {
		var state *plan.State
		if state, err = s.decide(req, o); err != nil {
			return nil, err
		}
		if err = s.createHostLink(req.ContainerID, state); err == nil {
			return state, nil
		}
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EBUSY) {
			return nil, err
		}
		// A name that was free a moment ago is not: decide anew.
	}
	return nil, config.Errorf(config.CodeTryAgainLater, "claim an interface: somebody takes the names without vmtap's lock: %w", err)
}

// decide looks everything up that is to be claimed and changes nothing. The
// bridge, too, is looked at once more: bridges are made under the claims lock,
// so that nobody who holds it sees one half-made.
func (s *Session) decide(req *config.Request, o *Observation) (*plan.State, error) {
	if req.Switch != nil {
		if _, err := s.observeSwitch(req, o); err != nil {
			return nil, err
		}
	}
	claim, err := plan.Choose(req, plan.BridgeName(req, &o.Node), s.find)
	if err != nil {
		return nil, err
	}
	state, err := plan.New(req, &o.Node, claim)
	if err != nil {
		return nil, err
	}
	if err := s.checkRoutes(req, state); err != nil {
		return nil, err
	}
	if err := s.checkPinned(req, state); err != nil {
		return nil, err
	}
	return state, s.drawIndexes(state)
}

// drawIndexes draws an ifindex for each link that is to be made.
func (s *Session) drawIndexes(state *plan.State) error {
	i := &s.index
	var host, pod []*int32
	for _, d := range []struct {
		link *plan.Link
		into *int32
	}{
		{&state.HostLink, &i.hostLink},
		{&state.Gateway, &i.gateway},
		{&state.HostPeer, &i.hostPeer},
		{&state.GatewayPeer, &i.gatewayPeer},
		{&state.Tap, &i.tap},
		{&state.Limiter, &i.limiter},
	} {
		switch {
		case d.link.Name == "":
		case d.link.Pod:
			pod = append(pod, d.into)
		default:
			host = append(host, d.into)
		}
	}
	if err := freeIndexes(s.host, host...); err != nil {
		return err
	}
	return freeIndexes(s.pod, pod...)
}

// checkRoutes refuses a local prefix that the host routes elsewhere:
// Tailscale, OVN-Kubernetes and clouds use 100.64.0.0/10 too. The kernel is
// asked for the route, in the rdomain, not for its main table, since theirs may
// stand in another.
func (s *Session) checkRoutes(req *config.Request, state *plan.State) error {
	if req.Local == nil || state.RDomain.Name != "" && s.index.rdomain == 0 {
		return nil // or there is no VRF yet
	}
	checks := []struct {
		guest  netip.Addr
		prefix netip.Prefix
		key    string
		found  *route
	}{
		{state.Guest.Addrs.Guest4, req.Local.Scheme.Prefix4(), "local.prefix", nil},
		{state.Guest.Addrs.Guest6, req.Local.Scheme.Prefix6(), "local.prefix6", nil},
	}
	var batch []*message
	for i := range checks {
		if c := &checks[i]; c.guest.IsValid() {
			batch = append(batch, matchRoute(c.guest, s.index.rdomain, &c.found))
		}
	}
	if err := s.host.do(batch...); err != nil {
		return err
	}
	for _, c := range checks {
		if c.found == nil || c.found.dst.Bits() < c.prefix.Bits() {
			continue
		}
		if err := s.refuseRoute(c.found, c.prefix, c.key); err != nil {
			return err
		}
	}
	return nil
}

// refuseRoute says which route stands in the way, unless it is vmtap's.
func (s *Session) refuseRoute(r *route, prefix netip.Prefix, key string) error {
	var l *link
	if err := s.host.do(getLink(r.oif, "", &l)); err != nil {
		return err
	}
	device := "no device"
	if l != nil {
		device = "device " + l.name
		if plan.IsOwned(l.altNames) {
			return nil
		}
	}
	return config.Errorf(config.CodeInvalidConfig, "use %s %s: the host routes %s to %s, choose another prefix", key, prefix, r.dst, device)
}

// createHostLink makes the host link, which is the claim.
func (s *Session) createHostLink(containerID string, state *plan.State) error {
	for _, dead := range []string{state.Claim.DeadGateway, state.Claim.OwnDeadGateway} {
		if err := s.deleteDeadGateway(dead); err != nil {
			return err
		}
	}
	if len(state.Memberships) > 0 { // after the link, whose name then is free
		s.undo.add("leave the sets of groups", func() error { return s.leaveGroups(state.HostLink.Name) })
	}
	// The undo locks the VM until the link is gone.
	s.undo.add("unlock the VM", func() error { return s.unlockVM(containerID) })
	if err := s.createClaim(state); err != nil {
		return err
	}
	s.undo.add("hand on the VM's claims", func() error { return s.releaseOwnClaims(containerID) })
	return nil
}

func (s *Session) createClaim(state *plan.State) error {
	if state.HostLink.Kind == plan.KindTun {
		return s.createHostTap(state)
	}
	return s.createPair(&state.HostLink, &state.HostPeer, s.index.hostLink, s.index.hostPeer)
}

// createHostTap makes a tap in the host's namespace with all its altnames. If
// this process is killed the tap goes with its file descriptor.
func (s *Session) createHostTap(state *plan.State) error {
	var err error
	if s.tun == nil { // it was closed with a tap that could not have its altnames
		if s.tun, err = openTun(); err != nil {
			return err
		}
	}
	l := &state.HostLink
	if err := s.tun.create(l, s.index.hostLink); err != nil {
		return joinUndo(err, s.closeTun())
	}
	err = s.host.do(
		setLink(s.index.hostLink, l.Name, change{lladdr: l.LLAddr, mtu: l.MTU, group: l.Group}),
		addAltNames(s.index.hostLink, l.Name, l.AltNames))
	if err != nil {
		return joinUndo(err, s.closeTun())
	}
	s.undo.add("close tap "+l.Name, s.closeTun)
	return nil
}

// releaseOwnClaims hands on what the host link of this session holds of the
// VM's: by now the VM may have another interface.
func (s *Session) releaseOwnClaims(containerID string) error {
	if err := s.lockVM(containerID); err != nil {
		return err
	}
	var l *link
	if err := s.host.do(getLink(s.index.hostLink, "", &l)); err != nil || l == nil {
		return err
	}
	return s.releaseClaims(containerID, l, nil)
}

// deleteDeadGateway deletes a gateway that lost its host link, after a look
// at what it is.
func (s *Session) deleteDeadGateway(name string) error {
	if name == "" {
		return nil
	}
	var l *link
	if err := s.host.do(getLink(0, name, &l)); err != nil || l == nil {
		return err
	}
	if l.kind != plan.KindVeth || !plan.IsOwned(l.altNames) {
		return config.Errorf(config.CodeTaken, "create gateway %s: a link of somebody else's has this name", name)
	}
	return s.host.do(deleteLink(l.index, l.name))
}
