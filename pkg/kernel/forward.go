package kernel

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// CheckForwarding refuses a local interface for which the host would have to
// forward at the cost of a default route.
func (s *Session) CheckForwarding(req *config.Request, o *Observation) error {
	if !o.enables6(req) {
		return nil
	}
	return s.checkDefaultRoutes()
}

// EnsureForwarding makes the host forward, where a local interface wants it
// and the host does not. It is not undone: others may count on it by then.
// Interfaces with forward false stay as they are: Linux turns IPv4 forwarding on
// for all links there are.
func (s *Session) EnsureForwarding(req *config.Request, o *Observation) error {
	if o.enables6(req) {
		if err := writeSysctl("ipv6/conf/all/forwarding", "1"); err != nil {
			return err
		}
	}
	if req.Local == nil || !req.Forward || o.forwarding4 {
		return nil
	}
	if err := writeSysctl("ipv4/ip_forward", "1"); err != nil {
		return err
	}
	return s.closeAgain()
}

// closeAgain turns IPv4 forwarding off again for all of vmtap's links that are
// tagged as closed. Looked up once the host forwards, no link can be missed: one
// that is tagged later is closed in the same message. The tag and not their
// forwarding tells them: that of a link that another ADD is making is 0, too.
func (s *Session) closeAgain() error {
	links, err := s.linksOfVMs()
	if err != nil {
		return err
	}
	var off []*message
	for _, l := range links {
		if _, ours := plan.HostLinkOfMember(l.name); ours && l.sysctl(plan.ClosedTag) == 1 {
			c := change{sysctls: []plan.Sysctl{{Name: "forwarding", Value: 0}}}
			off = append(off, setLink(l.index, l.name, c).allow(unix.ENODEV))
		}
	}
	return s.host.do(off...)
}

// enables6 reports whether a request makes the host begin to forward IPv6.
func (o *Observation) enables6(req *config.Request) bool {
	return req.Local != nil && req.Forward && req.Local.Scheme.Prefix6().IsValid() && !o.forwarding6
}

// checkDefaultRoutes refuses IPv6 forwarding where it would cost the host a
// default route: Linux removes those learnt from router advertisements, but
// on links with accept_ra 2.
func (s *Session) checkDefaultRoutes() error {
	var learnt []*route
	if err := s.host.do(getDefaultRoutes6(&learnt)); err != nil {
		return err
	}
	for _, r := range learnt {
		var l *link
		if err := s.host.do(getLink(r.oif, "", &l)); err != nil {
			return err
		}
		if l == nil {
			continue
		}
		accept, err := readSysctl(fmt.Sprintf("ipv6/conf/%s/accept_ra", l.name))
		if err != nil {
			return err
		}
		if accept != "2" {
			return config.Errorf(config.CodeInvalidConfig, "enable IPv6 forwarding: it would remove the default route that %s has from router advertisements, set net.ipv6.conf.%s.accept_ra to 2 or forward to false", l.name, l.name)
		}
	}
	return nil
}

// getDefaultRoutes6 asks for the IPv6 default routes that router
// advertisements brought.
func getDefaultRoutes6(into *[]*route) *message {
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "look up IPv6 default routes")
	m.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET6, Protocol: unix.RTPROT_RA}})
	m.receive = func(data []byte) error {
		r, err := parseRoute(data)
		if err == nil && r.prot == unix.RTPROT_RA && r.dst == netip.PrefixFrom(netip.IPv6Unspecified(), 0) {
			*into = append(*into, r)
		}
		return err
	}
	return m
}
