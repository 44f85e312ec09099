package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Apply makes all of a State but the host link, which Claim made, and the
// tap's persistence, which is Finish's.
func (s *Session) Apply(state *plan.State) error {
	for _, step := range []func(*plan.State) error{
		s.createGateway,
		s.createLimiter,
		s.createTap,
		s.setUpPod,
		s.setUpHost,
		s.connectHost,
		s.connectPod,
	} {
		if err := step(state); err != nil {
			return err
		}
	}
	return nil
}

// createGateway makes the gateway: never before its host link, so that one
// without is known to be dead.
func (s *Session) createGateway(state *plan.State) error {
	if state.Gateway.Name == "" {
		return nil
	}
	return s.createPair(&state.Gateway, &state.GatewayPeer, s.index.gateway, s.index.gatewayPeer)
}

// createTap makes the tap in the pod. It is gone with its last file descriptor
// until Finish, so that a crash leaves none.
func (s *Session) createTap(state *plan.State) error {
	tap := &state.Tap
	if tap.Name == "" {
		return nil
	}
	s.undo.add("close tap "+tap.Name, s.closeTun)
	return s.tun.create(tap, s.index.tap)
}

// setUpPod silences the pod's links and joins them.
func (s *Session) setUpPod(state *plan.State) error {
	var setUp []*message
	for _, n := range state.Links() {
		if !n.Pod || n.Name == "" || n.Foreign {
			continue
		}
		c := change{alias: n.Alias, noARP: n.NoARP, noAutoLL: s.hasIPv6(n.Link) && n.NoAutoLL}
		if n.Kind == plan.KindTun {
			// The others got these when they were made.
			c.lladdr, c.mtu, c.group = n.LLAddr, n.MTU, s.groupOf(n.Link)
		}
		index := s.indexOf(n.Name, true, state)
		setUp = append(setUp, setLink(index, n.Name, c))
		if len(n.AltNames) > 0 {
			setUp = append(setUp, addAltNames(index, n.Name, n.AltNames))
		}
	}
	return s.pod.do(concat(setUp, s.qdiscs(state, true))...)
}

// qdiscs returns what filters and shapes frames on the links of one namespace:
// all qdiscs first, since the first filter after a new one waits.
func (s *Session) qdiscs(state *plan.State, pod bool) []*message {
	var qdiscs, filters []*message
	for _, n := range state.Links() {
		if n.Pod != pod || n.Name == "" || n.Kind == plan.KindBridge {
			continue
		}
		index := s.indexOf(n.Name, pod, state)
		qdiscs = append(qdiscs, qdiscsOf(index, n.Link)...)
		for p, f := range n.Ingress {
			filters = append(filters, addFilter(index, n.Name, p+1, f, s.indexOf(f.Redirect, pod, state), false))
		}
		for p, f := range n.Egress {
			filters = append(filters, addFilterAt(egressParent, index, n.Name, plan.FirstEgress+p, f, s.indexOf(f.Redirect, pod, state), false))
		}
	}
	return append(qdiscs, filters...)
}

// setUpHost puts the host link on its switch and sets what the layer 3 link
// answers and refuses, after what cycles the link. What filters its frames
// comes before it has a master.
func (s *Session) setUpHost(state *plan.State) error {
	if state.HostLink.Name == "" {
		return nil
	}
	// Two sends: the kernel goes on after a message that fails, and without its
	// guard a link must have no master.
	if err := s.host.do(s.qdiscs(state, false)...); errors.Is(err, unix.ENOENT) {
		return errNoClassifier(err)
	} else if err != nil {
		return err
	}
	var batch []*message
	for _, l := range []*plan.Link{&state.HostLink, &state.Gateway, &state.GatewayPeer} {
		if l.Name == "" || l.Pod {
			continue
		}
		batch = append(batch, setLink(s.indexOf(l.Name, false, state), l.Name, change{
			alias:    l.Alias,
			master:   s.indexOf(l.Master, false, state),
			noARP:    l.NoARP,
			noAutoLL: s.hasIPv6(l) && l.NoAutoLL,
			sysctls:  l.Sysctls,
		}))
	}
	port := s.indexOf(state.HostLink.Name, false, state)
	batch = append(batch, bridgePort(port, &state.HostLink)...)
	layer3 := state.Layer3()
	var l *link
	err := s.host.do(append(batch, getLink(s.indexOf(layer3.Name, false, state), "", &l))...)
	switch {
	case errors.Is(err, unix.EXFULL):
		return config.Errorf(config.CodeTryAgainLater, "attach %s to switch %s: its 1023 ports are used up: %w", state.HostLink.Name, state.Bridge.Name, err)
	case err != nil:
		return err
	}
	if err := s.settleVLANs(port, &state.HostLink); err != nil || l == nil {
		return err
	}
	return s.settleIPv6(l, layer3, writeSysctl)
}

// settleIPv6 sees to it that a link takes its IPv6 addresses, and that one
// whose addresses are given takes no others by router advertisements.
func (s *Session) settleIPv6(have *link, want *plan.Link, write func(name, value string) error) error {
	if want.HasIPv6Addr() && have.noIPv6() {
		if err := write("ipv6/conf/"+want.Name+"/disable_ipv6", "0"); err != nil {
			return err
		}
	}
	if want.HasGivenAddrs() && have.acceptsRA() {
		return write("ipv6/conf/"+want.Name+"/accept_ra", "0")
	}
	return nil
}

// connectHost addresses the layer 3 link and brings the host's links up, the
// gateway first: before the pod's ends, since a link that gains carrier walks
// its namespace's whole IPv6 table, and the host's is the large one.
func (s *Session) connectHost(state *plan.State) error {
	var addrs, ups, routes, neighbours []*message
	for _, l := range []*plan.Link{&state.Gateway, &state.GatewayPeer, &state.HostLink} {
		if l.Name == "" || l.Pod {
			continue
		}
		index := s.indexOf(l.Name, false, state)
		for _, a := range l.Addrs {
			addrs = append(addrs, addAddr(index, l.Name, a))
		}
		if l.Up {
			ups = append(ups, setUp(index, l.Name, true))
		}
		for _, r := range l.Routes {
			routes = append(routes, addRoute(index, l.Name, r, state.RDomain.Table))
		}
		for _, n := range l.Neighbours {
			neighbours = append(neighbours, addNeighbour(index, l.Name, n))
		}
	}
	return s.host.do(concat(addrs, ups, routes, neighbours)...)
}

// connectPod brings the pod's links up, the one to the switch last: the guest
// is connected when all else stands.
func (s *Session) connectPod(state *plan.State) error {
	if err := s.addressPod(state); err != nil {
		return err
	}
	var batch []*message
	for _, l := range []*plan.Link{&state.Limiter, &state.Tap, &state.GatewayPeer, &state.HostPeer} {
		if l.Name != "" && l.Pod {
			batch = append(batch, setUp(s.indexOf(l.Name, true, state), l.Name, l.Up))
		}
	}
	if err := s.pod.do(batch...); err != nil {
		return err
	}
	return s.routePod(state)
}

// Finish makes the tap persistent, the last step.
func (s *Session) Finish() error {
	if s.tun == nil {
		return nil // the guest is at a veth
	}
	s.undo.add("make the tap go with its file descriptor", func() error { return s.tun.persist(false) })
	return s.tun.persist(true)
}

// hasIPv6 reports whether a link knows of IPv6 at all: else the kernel
// refuses to set it up.
func (s *Session) hasIPv6(l *plan.Link) bool { return s.ipv6 && l.MTU >= plan.MinMTU6 }

// indexOf returns the ifindex of a link of a State, 0 for no link.
func (s *Session) indexOf(name string, pod bool, state *plan.State) int32 {
	indexes := []int32{s.index.rdomain, s.index.switchRDomain, s.index.bridge, s.index.hostLink, s.index.gateway, s.index.hostPeer, s.index.gatewayPeer, s.index.taken, s.index.tap, s.index.limiter}
	for i, n := range state.Links() {
		if name != "" && n.Name == name && n.Pod == pod {
			return indexes[i]
		}
	}
	return 0
}

func concat(batches ...[]*message) []*message {
	var all []*message
	for _, b := range batches {
		all = append(all, b...)
	}
	return all
}
