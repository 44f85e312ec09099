package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Look looks at the node for a person. It changes nothing. It dumps links, so it
// is nothing for what is called often.
func (s *Session) Look() (plan.Host, error) {
	var h plan.Host
	h.NoTun = checkTun()
	var forwarding6 *uint32
	if err := s.host.do(getForwarding(unix.AF_INET6, &forwarding6)); err != nil {
		return h, err
	}
	h.NoIPv6 = forwarding6 == nil
	links, err := s.linksOfVMs()
	if err != nil {
		return h, err
	}
	h.DeadGateways = deadGateways(links)
	var vrfs []*link
	if err := s.host.do(getLinksOfKind(plan.KindVRF, &vrfs)); err != nil {
		return h, err
	}
	if len(vrfs) == 0 {
		h.NoVRF, err = s.lacksVRF()
		return h, err
	}
	for _, l := range vrfs {
		h.VRFs = append(h.VRFs, plan.VRF{Name: l.name, Kind: l.kind, Table: l.table})
	}
	if err := s.host.do(getRules(&h.Rules)); err != nil {
		return h, err
	}
	h.Rules.Accepts, err = readAccepts()
	return h, err
}

// lacksVRF reports whether the kernel has no VRFs. Who may not ask is not told.
func (s *Session) lacksVRF() (bool, error) {
	err := s.probeVRF()
	var coded *config.Error
	switch {
	case errors.Is(err, unix.EPERM):
		return false, nil
	case errors.As(err, &coded) && coded.Code == config.CodeNotAvailable:
		return true, nil
	}
	return false, err
}

// deadGateways returns the names of gateways whose attachment has no host link.
func deadGateways(links []*link) []string {
	alive := withHostLink(links)
	var dead []string
	for _, l := range links {
		if attachment, ok := plan.GatewayOf(l.altNames); ok && !alive[attachment] {
			dead = append(dead, l.name)
		}
	}
	return dead
}
